"""The limit on message updates, which leaves room for the updates after clicks."""

from collections import defaultdict, deque
from collections.abc import Callable
from datetime import datetime, timedelta

_WINDOW = timedelta(minutes=1)


class UpdateRateLimiter:
    """Count this process's updates of the last minute, and give the others a place in a queue.

    Slack takes about 50 changes of messages a minute in a workspace.
    https://docs.slack.dev/apis/web-api/rate-limits

    A message without room gets a time of its own. Without it, a thousand messages would keep the
    bot busy with repeated checks. A message that is late for its time loses its place.

    Args:
        now: an aware clock.
        gap: seconds between two updates of one message.
    """

    def __init__(self, now: Callable[[], datetime], gap: float) -> None:
        self._now = now
        self._gap = timedelta(seconds=gap)
        self._last = now()
        self._drawn: deque[datetime] = deque()
        self._drawn_by_message: dict[str, datetime] = {}  # the earliest first
        # By limit per minute, then by message; the earliest time first.
        self._queues: defaultdict[int, dict[str, datetime]] = defaultdict(dict)

    def acquire(self, message: str) -> None:
        """Count an update of a message, and free its place in the queue."""
        for queue in self._queues.values():
            queue.pop(message, None)
        now = self._tidied()
        self._drawn.append(now)
        self._drawn_by_message.pop(message, None)
        self._drawn_by_message[message] = now

    def delay(self, message: str, most: int) -> float:
        """Return the seconds until a message can be updated; 0: now.

        Args:
            message: the key of the message; it has one place in the queue.
            most: the limit of updates a minute.
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
        """Drop expired entries, or all if the clock was set back; return the time."""
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
