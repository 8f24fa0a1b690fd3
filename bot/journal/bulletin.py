"""Who wants to hear of what, within this process."""

from collections.abc import Callable

Callback = Callable[[], object]


class Bulletin:
    """Call back those who listen to a topic."""

    def __init__(self) -> None:
        self._listeners: list[tuple[str, Callback]] = []

    def listen(self, topic: str, callback: Callback) -> Callable[[], None]:
        """Add a listener; return what takes it away again."""
        listener = (topic, callback)
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def tell(self, topic: str | None = None) -> None:
        """Call those who listen to a topic; without one, everybody."""
        for wanted, callback in list(self._listeners):
            if topic in (None, wanted):
                callback()
