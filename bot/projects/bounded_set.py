"""A set of limited size."""

from collections.abc import Hashable

MOST = 10_000


class BoundedSet:
    """A set that drops its oldest item when it is full.

    Args:
        most: the number of items that fit.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._items: dict[Hashable, None] = {}

    def __contains__(self, item: Hashable) -> bool:
        return item in self._items

    def add(self, item: Hashable) -> None:
        """Add an item. An item that is already in the set keeps its age."""
        self._items[item] = None
        if len(self._items) > self._most:
            del self._items[next(iter(self._items))]
