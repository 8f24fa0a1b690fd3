"""``/training-project <team> <name>``"""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.handlers.services import Services
from bot.listeners.payloads import reply_target_of
from bot.projects.request import DialogRequest, HelpRequest, ProjectRequest, UsageError, parse
from bot.views.usage import help_message, usage_message


@dataclass(frozen=True, slots=True)
class ProjectCommand:
    """The listener for the slash command.

    https://docs.slack.dev/interactivity/implementing-slash-commands
    """

    services: Services

    async def handle(self, ack: AsyncAck, command: dict[str, Any]) -> None:
        """Ack once the task is on disk; the ack carries the help and the usage errors."""
        place = reply_target_of(command)
        match parse(command.get("text") or ""):
            case HelpRequest():
                await ack(**help_message(self.services.installation).payload())
            case UsageError() as error:
                await ack(**usage_message(error, self.services.installation).payload())
            case DialogRequest(team):
                self.services.open_dialog(command.get("trigger_id", ""), place, team)
                await ack()
            case ProjectRequest() as request:
                task_id = f"command:{command.get('trigger_id') or uuid4().hex}"
                await self.services.enqueue_open_project(task_id, request, place)
                await ack()
