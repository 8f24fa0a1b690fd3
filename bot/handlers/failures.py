"""Where failures are caught: each is logged, and reaches the person in words."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import structlog

from bot.durable.in_flight import ShutdownError
from bot.durable.model import DurableError
from bot.slack.message import Message, ReplyTarget, SlackCallFailed
from bot.slack.messages import Poster
from bot.views.failure import FailureWording, failure_message, is_foreseen

LAST_WORDS = 3.0  # seconds to tell a person that the bot is ending

Result = TypeVar("Result")

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Failures:
    """Turn whatever is raised into words for the person who asked."""

    poster: Poster

    async def run_and_report(
        self, place: ReplyTarget, attempt: FailureWording, work: Callable[[], Awaitable[None]]
    ) -> None:
        """Do a piece of light work; tell the person if it fails."""
        await self.report(attempt, lambda words: self.poster.send_privately(place, words), work)

    async def report(
        self,
        attempt: FailureWording,
        tell: Callable[[Message], Awaitable[None]],
        work: Callable[[], Awaitable[Result]],
        *,
        kept: bool = False,
    ) -> Result | None:
        """Return what the work returns; None after a failure that the person was told of.

        Args:
            attempt: what the work tries.
            tell: takes the words to the person.
            work: what might fail.
            kept: the work is a task's: errors after which the task goes on later, or in another
                process, are raised and not told.
        """
        try:
            return await work()
        except asyncio.CancelledError:
            if not kept:
                # The process is ending, and this did not finish in the time allowed.
                with suppress(TimeoutError, SlackCallFailed):
                    async with asyncio.timeout(LAST_WORDS):
                        await tell(self.failure_text(ShutdownError(), attempt))
            raise
        except Exception as error:
            if kept and _can_be_done_later(error):
                raise
            words = self.failure_text(error, attempt)
            try:
                await tell(words)
            except SlackCallFailed as refused:
                if kept and refused.retryable:
                    raise
                log.error("no way to tell of a failure", slack_error=refused.error)  # noqa: TRY400
            return None

    def failure_text(self, error: Exception, attempt: FailureWording) -> Message:
        """Log a failure and say it in words; an unforeseen one gets a reference to the log."""
        reference = secrets.token_hex(4)
        if is_foreseen(error, attempt):
            log.warning("told the person what failed", error=f"{type(error).__name__}: {error}")
        else:
            log.error("unforeseen failure", reference=reference, exc_info=error)
        return failure_message(error, attempt, reference)


def _can_be_done_later(error: Exception) -> bool:
    if isinstance(error, SlackCallFailed):
        return error.retryable
    return isinstance(error, DurableError)
