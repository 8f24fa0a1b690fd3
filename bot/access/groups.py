"""The facts that only Slack knows, kept for five minutes: members of groups, guests, channels."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

Fact = TypeVar("Fact")

LIFE = 300.0  # seconds
_REFRESH_AT = 0.75  # the share of its life after which a fact is fetched again in the background
_RETRY = 10.0  # seconds after a fetch without an answer
_MOST = 10_000  # facts of a kind; the ones that nobody has needed for longest are forgotten


class Directory(Protocol):
    """Ask Slack; each method returns None if Slack cannot tell."""

    async def members(self, group_id: str) -> frozenset[str] | None:
        """Return the people of a user group."""

    async def is_guest(self, user_id: str) -> bool | None:
        """Return whether a person is a guest."""

    async def is_shared(self, channel_id: str) -> bool | None:
        """Return whether a channel is shared with another company."""


@dataclass(frozen=True, slots=True)
class _Held(Generic[Fact]):
    fact: Fact
    asked_at: float


class FactCache(Generic[Fact]):
    """One kind of fact, by id. Concurrent callers share a fetch.

    Args:
        fetch: returns the fact of an id; None if Slack cannot tell.
        clock: returns the time in seconds.
    """

    def __init__(
        self,
        fetch: Callable[[str], Awaitable[Fact | None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._held: OrderedDict[str, _Held[Fact]] = OrderedDict()
        self._fetching: dict[str, asyncio.Task[None]] = {}
        self._failed_at: OrderedDict[str, float] = OrderedDict()

    def get(self, key: str) -> Fact | None:
        """Return the fact, at most five minutes old; None if it is unknown."""
        held = self._held.get(key)
        if held is None or self._clock() - held.asked_at > LIFE:
            return None
        self._held.move_to_end(key)
        return held.fact

    def refresh(self, key: str) -> asyncio.Task[None] | None:
        """Fetch the fact if it is old; return the fetch if there is nothing to use until then."""
        held, now = self._held.get(key), self._clock()
        age = float("inf") if held is None else now - held.asked_at
        if age <= LIFE * _REFRESH_AT:
            return None
        fetching = self._fetching.get(key)
        if fetching is None and now - self._failed_at.get(key, float("-inf")) >= _RETRY:
            fetching = self._fetching[key] = asyncio.create_task(self._fill(key))
            # Read the error, so asyncio does not log it if no caller waits any more.
            fetching.add_done_callback(lambda done: done.cancelled() or done.exception())
        return fetching if age > LIFE else None

    async def _fill(self, key: str) -> None:
        asked_at, fact = self._clock(), None
        try:
            fact = await self._fetch(key)
        finally:
            del self._fetching[key]
            if fact is None:
                _keep(self._failed_at, key, self._clock())
            else:
                self._failed_at.pop(key, None)
                _keep(self._held, key, _Held(fact, asked_at))


def _keep(kept: OrderedDict[str, Fact], key: str, value: Fact) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > _MOST:
        kept.popitem(last=False)
