"""The *Jobs* button: the project's last jobs, in a message to one person."""

from dataclasses import dataclass
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.handlers.services import Services
from bot.listeners.payloads import click, message_state
from bot.views.failure import READING


@dataclass(frozen=True, slots=True)
class Jobs:
    """The listener for the button.

    https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
    """

    services: Services

    async def handle(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Ack at once; the list follows."""
        clicked = click(body)
        self.services.run_in_background(
            clicked.place,
            READING,
            lambda: self.services.jobs.send_jobs(clicked.place, message_state(clicked)),
        )
        await ack()
