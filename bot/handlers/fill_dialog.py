"""A dialog that is open already, and is filled in later."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from slack_sdk.models.views import View

from bot.handlers.failures import Failures
from bot.slack.message import Message, ReplyTarget, SlackCallFailed
from bot.slack.messages import Poster
from bot.slack.modals import Modals
from bot.views.failure import READING
from bot.views.more import notice_view, waiting_view


@dataclass(frozen=True, slots=True)
class FilledDialogs:
    """Open a dialog within the 3 seconds of its trigger, and show the result in it later."""

    poster: Poster
    modals: Modals
    failures: Failures

    async def open(
        self, trigger_id: str, place: ReplyTarget, title: str, found: Callable[[], Awaitable[View]]
    ) -> None:
        """Open a dialog at once, and then show the result or the failure in it."""
        view_id = await self.modals.open(trigger_id, waiting_view(title))
        await self.fill(view_id, place, title, found)

    async def fill(
        self, view_id: str, place: ReplyTarget, title: str, found: Callable[[], Awaitable[View]]
    ) -> None:
        """Show the result or the failure in an open dialog."""

        async def send(message: Message) -> None:
            try:
                await self.modals.update(view_id, notice_view(title, message))
            except SlackCallFailed:
                await self.poster.send_privately(place, message)

        async def work() -> None:
            await self.modals.update(view_id, await found())

        await self.failures.report_failures(READING, send, work, place=place)
