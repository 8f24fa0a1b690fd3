"""Where failures are caught: each is logged, and reaches the person in words."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import structlog
from slack_bolt.response import BoltResponse

from bot.journal.journal import JournalUnavailableError, LostLeaseError
from bot.listeners.inputs import place_of
from bot.message import Message, NotTakenError
from bot.posting import Place, Poster
from bot.views.failure import Attempt, failure_message, is_foreseen, looking
from bot.work import InterruptedWorkError

_CANNOT_GO_ON = (LostLeaseError, JournalUnavailableError)
LAST_WORDS = 3.0  # seconds to tell a person that the bot is ending

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Failures:
    """Turn whatever is raised into words for the person who asked."""

    poster: Poster

    async def told(
        self, place: Place, attempt: Attempt, work: Callable[[], Awaitable[None]]
    ) -> None:
        """Do a piece of accepted work; tell the person if it fails."""
        async with self.caught(attempt, lambda words: self.poster.tell(place, words)):
            await work()

    @asynccontextmanager
    async def caught(
        self,
        attempt: Attempt,
        tell: Callable[[Message], Awaitable[object]],
        *,
        kept: bool = False,
    ) -> AsyncIterator[None]:
        """Hand the words to ``tell`` if anything in this block fails.

        Args:
            attempt: what is tried in the block.
            tell: takes the words to the person.
            kept: the journal keeps this work: where this process cannot go on, another will.
        """
        try:
            yield
        except _CANNOT_GO_ON as error:
            if kept:
                raise
            await self._tell(error, attempt, tell)
        except asyncio.CancelledError:
            if kept:
                raise
            # The process is ending, and this did not finish in the time allowed.
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORDS):
                    await tell(self.words(InterruptedWorkError(), attempt))
            raise
        except Exception as error:  # noqa: BLE001 - the one place where all failures end
            await self._tell(error, attempt, tell)

    async def _tell(
        self, error: Exception, attempt: Attempt, tell: Callable[[Message], Awaitable[object]]
    ) -> None:
        words = self.words(error, attempt)
        try:
            await tell(words)
        except NotTakenError as refused:
            log.error("no way to tell of a failure", slack_error=refused.error)  # noqa: TRY400

    def words(self, error: Exception, attempt: Attempt) -> Message:
        """Log a failure and say it in words; an unforeseen one gets a reference to the log."""
        reference = secrets.token_hex(4)
        if is_foreseen(error, attempt):
            log.warning("told the person what failed", error=f"{type(error).__name__}: {error}")
        else:
            log.error("unforeseen failure", reference=reference, exc_info=error)
        return failure_message(error, attempt, reference)

    async def before_ack(self, error: Exception, body: dict[str, Any]) -> BoltResponse:
        """Answer for a listener that failed before it acked.

        Slack shows the words in the ack of a command; after anything else they are sent.
        """
        words = self.words(error, looking())
        if "command" not in body:
            await self.poster.tell(place_of(body), words)
            return BoltResponse(status=200)
        return BoltResponse(
            status=200,
            body=json.dumps(words.payload()),
            headers={"content-type": "application/json"},
        )
