"""The *Open the dialog* button under the help."""

from dataclasses import dataclass
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.handlers.services import Services
from bot.listeners.payloads import click


@dataclass(frozen=True, slots=True)
class Help:
    """The listener for the button.

    https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
    """

    services: Services

    async def open_dialog(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Ack at once, and open the dialog; the project's message goes to the help's channel."""
        clicked = click(body)
        self.services.open_dialog(clicked.trigger_id, clicked.place)
        await ack()
