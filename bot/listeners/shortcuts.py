"""The shortcuts: a global one, and one on a message, which also works in a thread."""

from dataclasses import dataclass
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.handlers.services import Services
from bot.listeners.payloads import reply_target_of

FROM_ANYWHERE = "open_project_from_anywhere"
FROM_MESSAGE = "open_project_from_message"


@dataclass(frozen=True, slots=True)
class Shortcuts:
    """The listener for both. https://docs.slack.dev/interactivity/implementing-shortcuts"""

    services: Services

    async def handle(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Ack at once, and open the dialog; from a global shortcut it asks for a channel."""
        self.services.open_dialog(body["trigger_id"], reply_target_of(body))
        await ack()
