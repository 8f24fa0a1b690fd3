"""The home tab of the bot, and the button in it."""

from dataclasses import dataclass
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.durable.model import StoreUnavailableError
from bot.listeners.dialog import Dialog
from bot.listeners.payloads import click
from bot.slack.message import ReplyTarget
from bot.slack.modals import Modals
from bot.views.failure import looking
from bot.views.home import home_view


@dataclass(frozen=True, slots=True)
class Home:
    """Show how to use the bot, and what the person opened lately.

    https://docs.slack.dev/surfaces/app-home
    """

    dialog: Dialog
    modals: Modals

    async def opened(self, ack: AsyncAck, event: dict[str, Any]) -> None:
        """Publish the tab anew each time it is looked at. Event ``app_home_opened``."""
        await ack()
        if event.get("tab") != "home":
            return
        user_id = event["user"]
        self.dialog.services.run_in_background(
            ReplyTarget(user_id), looking(), lambda: self._publish(user_id)
        )

    async def _publish(self, user_id: str) -> None:
        try:
            recents = await self.dialog.services.recents.of(user_id)
        except StoreUnavailableError:
            recents = []  # the rest of the tab can be shown all the same
        can_view, place = self.dialog.services.permissions.can_view, ReplyTarget(user_id)
        recents = [recent for recent in recents if can_view(place, recent.team)]
        await self.modals.publish(user_id, home_view(recents))

    async def open_dialog(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Open the dialog, which asks for a channel."""
        clicked = click(body)
        self.dialog.accept(clicked.trigger_id, clicked.place)
        await ack()
