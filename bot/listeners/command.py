"""``/training-project <team> <name>``"""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.handlers.services import Services
from bot.listeners.dialog import Dialog
from bot.listeners.payloads import reply_target_of
from bot.projects.request import DialogRequest, HelpRequest, ProjectRequest, UsageError, parse
from bot.views.usage import help_message, usage_message


@dataclass(frozen=True, slots=True)
class ProjectCommand:
    """Answer the slash command.

    https://docs.slack.dev/interactivity/implementing-slash-commands
    """

    services: Services
    dialog: Dialog

    async def handle(self, ack: AsyncAck, command: dict[str, Any]) -> None:
        """Ack what is on disk; help and usage errors go back with the ack."""
        place = reply_target_of(command)
        match parse(command.get("text") or ""):
            case HelpRequest():
                await ack(**help_message().payload())
            case UsageError() as error:
                await ack(**usage_message(error).payload())
            case DialogRequest(team):
                self.dialog.accept(command.get("trigger_id", ""), place, team)
                await ack()
            case ProjectRequest() as request:
                work_id = f"command:{command.get('trigger_id') or uuid4().hex}"
                await self.services.enqueue_open_project(work_id, request, place)
                await ack()
