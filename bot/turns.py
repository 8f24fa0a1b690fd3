"""One thing at a time, for each of many keys."""

import asyncio
from weakref import WeakValueDictionary


class Turns:
    """Locks by key; one that nobody has or waits for is forgotten."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, key: str) -> asyncio.Lock:
        """Return the lock of a key, to be held by ``async with``."""
        return self._locks.setdefault(key, asyncio.Lock())
