"""The home tab of the bot."""

from dataclasses import dataclass
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.handlers.services import Services
from bot.slack.message import ReplyTarget
from bot.views.failure import READING


@dataclass(frozen=True, slots=True)
class Home:
    """The listener for the home tab. https://docs.slack.dev/surfaces/app-home"""

    services: Services

    async def opened(self, ack: AsyncAck, event: dict[str, Any]) -> None:
        """Publish the tab each time a person opens it. Event ``app_home_opened``."""
        await ack()
        if event.get("tab") != "home":
            return
        user_id, published = event["user"], bool(event.get("view"))
        failures, publish = self.services.failures, self.services.home.publish
        self.services.in_flight.start(
            lambda: failures.run_and_report(
                ReplyTarget(user_id), READING, lambda: publish(user_id, published=published)
            )
        )
