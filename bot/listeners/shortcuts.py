"""The shortcuts: one from anywhere, one from a message, which is the way in from a thread."""

from dataclasses import dataclass
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.listeners.dialog import Dialog
from bot.listeners.payloads import reply_target_of

FROM_ANYWHERE = "open_project_from_anywhere"
FROM_MESSAGE = "open_project_from_message"


@dataclass(frozen=True, slots=True)
class Shortcuts:
    """Open the dialog. https://docs.slack.dev/interactivity/implementing-shortcuts"""

    dialog: Dialog

    async def handle(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Ack at once; a shortcut on a message knows its channel, one from anywhere asks for it."""
        self.dialog.accept(body["trigger_id"], reply_target_of(body))
        await ack()
