"""What has been seen before, up to a number of things."""

from collections.abc import Hashable

MOST = 10_000


class BoundedSet:
    """A set that forgets its oldest things rather than grow for ever.

    Args:
        most: how many things are remembered.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._things: dict[Hashable, None] = {}

    def __contains__(self, thing: Hashable) -> bool:
        return thing in self._things

    def add(self, thing: Hashable) -> None:
        """Remember a thing."""
        self._things[thing] = None
        if len(self._things) > self._most:
            del self._things[next(iter(self._things))]
