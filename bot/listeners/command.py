"""``/training-project <team> <name>``"""

from dataclasses import dataclass
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.arguments import HelpRequest, ProjectRequest, UsageError, parse
from bot.listeners.desk import Desk
from bot.listeners.failures import Failures
from bot.posting import Place
from bot.views.usage import help_message, usage_message
from bot.work import BusyError, Work


@dataclass(frozen=True, slots=True)
class ProjectCommand:
    """Answer the slash command.

    https://docs.slack.dev/interactivity/implementing-slash-commands
    """

    desk: Desk
    work: Work
    failures: Failures

    async def handle(self, ack: AsyncAck, command: dict[str, Any]) -> None:
        """Ack at once; help and usage errors go back with the ack, the rest is accepted work."""
        place = Place(
            channel_id=command.get("channel_id", ""),
            user_id=command.get("user_id", ""),
            response_url=command.get("response_url"),
        )
        match parse(command.get("text") or ""):
            case HelpRequest():
                await ack(**help_message().payload())
            case UsageError() as error:
                await ack(**usage_message(error).payload())
            case ProjectRequest() as request:
                try:
                    self.work.start(self.desk.open(request, place))
                except BusyError as error:
                    await ack(**self.failures.words(error, request).payload())
                else:
                    await ack()
