"""How often messages are drawn again, so that Slack still takes what people click."""

from collections import defaultdict, deque
from collections.abc import Callable
from datetime import datetime, timedelta

_WINDOW = timedelta(minutes=1)


class Budget:
    """Count what was drawn in the last minute, by this process, and keep places in a queue.

    Slack takes about 50 changes of messages a minute in a workspace.
    https://docs.slack.dev/apis/web-api/rate-limits

    Whatever finds no room is given a moment of its own, so that it need not ask again and again:
    a thousand that do would keep the bot busy. Who does not come in time has lost the place.

    Args:
        now: an aware clock.
        gap: seconds between two times that one message is drawn.
    """

    def __init__(self, now: Callable[[], datetime], gap: float) -> None:
        self._now = now
        self._gap = timedelta(seconds=gap)
        self._last = now()
        self._drawn: deque[datetime] = deque()
        self._drawn_by_message: dict[str, datetime] = {}  # the earliest is the first
        # By how many are drawn a minute, and then by message; the earliest moment is the first.
        self._queues: defaultdict[int, dict[str, datetime]] = defaultdict(dict)

    def spend(self, message: str) -> None:
        """Count one, which needs its place no longer."""
        for queue in self._queues.values():
            queue.pop(message, None)
        now = self._tidied()
        self._drawn.append(now)
        self._drawn_by_message.pop(message, None)
        self._drawn_by_message[message] = now

    def wait(self, message: str, most: int) -> float:
        """Return the seconds until it is a message's turn; 0: there is room for it.

        Args:
            message: which; however often it asks, it has one place.
            most: how many may be drawn in a minute.
        """
        now = self._tidied()
        queue = self._queues[most]
        full = len(self._drawn) >= most
        at = queue.get(message)
        if at is None or (full and at <= now):
            queue.pop(message, None)
            at = self._drawn[-most] + _WINDOW if full else now
            last = next(reversed(queue.values()), None)
            if last is not None and last > now:
                at = max(at, last + _WINDOW / most)
        if at > now:
            queue[message] = at
        if (drawn := self._drawn_by_message.get(message)) is not None:
            at = max(at, drawn + self._gap)
        return max(0.0, (at - now).total_seconds())

    def _tidied(self) -> datetime:
        """Forget what is over, and return the time; a clock that was set back begins anew."""
        now = self._now()
        if now < self._last:
            self._drawn.clear()
            self._drawn_by_message.clear()
            self._queues.clear()
        self._last = now
        while self._drawn and now - self._drawn[0] >= _WINDOW:
            self._drawn.popleft()
        _forget(self._drawn_by_message, now - self._gap)
        for queue in self._queues.values():
            _forget(queue, now - _WINDOW)
        return now


def _forget(moments: dict[str, datetime], until: datetime) -> None:
    while moments and next(iter(moments.values())) <= until:
        del moments[next(iter(moments))]
