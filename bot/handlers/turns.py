"""The order in which work for the same person takes effect."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Line:
    """The turns of one person.

    Attributes:
        latest: the number of the last turn.
        open: the number of turns that have not ended.
        lock: held while a turn does something.
    """

    latest: int = 0
    open: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class Turn:
    """One piece of work for a person; a later one replaces it."""

    _line: _Line
    _number: int

    async def act(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Do the work, after that of earlier turns; return False, without it, after a later turn.

        The last state therefore wins, also if several turns overlap.
        """
        async with self._line.lock:
            if self._line.latest != self._number:
                return False
            await work()
            return True


class Turns:
    """The turns of all people."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    @asynccontextmanager
    async def begin(self, user_id: str) -> AsyncIterator[Turn]:
        """Begin a turn of a person; earlier turns of the same person do nothing more."""
        line = self._lines.setdefault(user_id, _Line())
        line.latest += 1
        line.open += 1
        try:
            yield Turn(line, line.latest)
        finally:
            line.open -= 1
            if not line.open:
                del self._lines[user_id]
