"""Where failures are caught: each is logged, and reaches the person in words."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from html import unescape
from typing import Any, TypeVar

import structlog
from slack_bolt.response import BoltResponse

from bot.durable.model import DurableError
from bot.listeners.inputs import place_of
from bot.message import Message, SlackCallFailed
from bot.person_limits import PersonLimitError
from bot.posting import Place, Poster
from bot.step_ends import StepEnds
from bot.views.dialog import NAME
from bot.views.failure import Attempt, failure_message, is_foreseen, looking
from bot.work import BusyError, InterruptedWorkError, Work

LAST_WORDS = 3.0  # seconds to tell a person that the bot is ending

Result = TypeVar("Result")

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Failures:
    """Turn whatever is raised into words for the person who asked."""

    poster: Poster
    work: Work
    ends: StepEnds

    async def told(
        self, place: Place, attempt: Attempt, work: Callable[[], Awaitable[None]]
    ) -> None:
        """Do a piece of light work; tell the person if it fails."""
        await self.report(attempt, lambda words: self.poster.send_privately(place, words), work)

    async def report(
        self,
        attempt: Attempt,
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
                        await tell(self.words(InterruptedWorkError(), attempt))
            raise
        except Exception as error:
            if kept and _can_be_done_later(error):
                raise
            words = self.words(error, attempt)
            try:
                await tell(words)
            except SlackCallFailed as refused:
                if kept and refused.retryable:
                    raise
                log.error("no way to tell of a failure", slack_error=refused.error)  # noqa: TRY400
            return None

    def words(self, error: Exception, attempt: Attempt) -> Message:
        """Log a failure and say it in words; an unforeseen one gets a reference to the log."""
        reference = secrets.token_hex(4)
        if is_foreseen(error, attempt):
            log.warning("told the person what failed", error=f"{type(error).__name__}: {error}")
        else:
            log.error("unforeseen failure", reference=reference, exc_info=error)
        return failure_message(error, attempt, reference)

    async def before_ack(self, error: Exception, body: dict[str, Any]) -> BoltResponse:
        """Answer for a request that failed before it was acked, as its kind needs it.

        A command and a dialog show the words in the ack, a step fails with them, and after a click
        they are sent.
        """
        words = self.words(error, looking())
        if body.get("type") == "event_callback":
            event = body.get("event", {})
            if not isinstance(error, PersonLimitError):
                return BoltResponse(status=503)  # Slack repeats it, at once and after some minutes
            execution_id = event.get("function_execution_id", "")
            await self._start(lambda: self._fail(execution_id, words))
            return BoltResponse(status=200)
        if "command" in body:
            return _json(words.payload())
        if body.get("type") == "view_submission":
            return _json({"response_action": "errors", "errors": {NAME: unescape(words.text)}})
        await self._start(lambda: self._tell(place_of(body), words))
        return BoltResponse(status=200)

    async def _start(self, answer: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            self.work.start(answer)
        except BusyError:
            await answer()

    async def _fail(self, execution_id: str, words: Message) -> None:
        with suppress(SlackCallFailed):  # it is in the log
            await self.ends.fail(execution_id, unescape(words.text))

    async def _tell(self, place: Place, words: Message) -> None:
        with suppress(SlackCallFailed):  # which is in the log
            await self.poster.send_privately(place, words)


def _can_be_done_later(error: Exception) -> bool:
    if isinstance(error, SlackCallFailed):
        return error.retryable
    return isinstance(error, DurableError)


def _json(answer: dict[str, Any]) -> BoltResponse:
    return BoltResponse(
        status=200, body=json.dumps(answer), headers={"content-type": "application/json"}
    )
