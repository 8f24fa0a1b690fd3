"""Signed requests that were seen before: each acts once in a process."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from slack_bolt.response import BoltResponse

log = structlog.stdlib.get_logger(__name__)

_TOLERATED = 301.0  # seconds around its timestamp in which a signature is accepted
_MOST = 50_000  # requests that are remembered; the oldest is forgotten first
_LONGEST = 1000  # characters of an answer that is remembered


@dataclass(frozen=True, slots=True)
class _Seen:
    """A request.

    Attributes:
        until: the time from which its signature is no longer accepted.
        answer: its answer, once there is one; None if the request did nothing.
    """

    until: float
    answer: asyncio.Future[BoltResponse | None]


class Replays:
    """Remember the answers to signed requests for as long as their signatures are accepted.

    Args:
        clock: returns seconds since the epoch.
        most: the number of requests to remember.
    """

    def __init__(self, clock: Callable[[], float] = time.time, most: int = _MOST) -> None:
        self._clock = clock
        self._most = most
        self._seen: OrderedDict[str, _Seen] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of requests in memory."""
        return len(self._seen)

    async def answer(
        self, signature: str, timestamp: int, act: Callable[[], Awaitable[BoltResponse]]
    ) -> BoltResponse:
        """Return the answer to a request; a repeated one gets the first answer and does nothing.

        A request that ended with an error of the server did nothing, and is forgotten: Slack and
        load balancers send it again.

        Args:
            signature: valid for this request alone.
            timestamp: of the signature, in seconds since the epoch.
            act: executes the request.
        """
        if (seen := self._seen.get(signature)) is not None:
            log.info("a request was repeated; it is not executed again")
            return await asyncio.shield(seen.answer) or BoltResponse(status=503)
        seen = _Seen(timestamp + _TOLERATED, asyncio.get_running_loop().create_future())
        self._remember(signature, seen)
        kept: BoltResponse | None = None
        try:
            response = await act()
            if response.status < 500:  # noqa: PLR2004 - HTTP's own class
                kept = _kept(response)
        finally:
            seen.answer.set_result(kept)
            if kept is None:
                self._seen.pop(signature, None)
        return response

    def _remember(self, signature: str, seen: _Seen) -> None:
        now = self._clock()
        while self._seen:
            oldest = next(iter(self._seen))
            if len(self._seen) < self._most and self._seen[oldest].until > now:
                break
            del self._seen[oldest]
        self._seen[signature] = seen


def _kept(response: BoltResponse) -> BoltResponse:
    """Return the answer to remember; of a long one, such as a list of teams, only the status."""
    long = len(response.body) > _LONGEST
    return BoltResponse(status=response.status) if long else response
