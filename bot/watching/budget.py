"""How often messages are drawn again, so that Slack still takes what people click."""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

_WINDOW = timedelta(minutes=1)


class Budget:
    """Count what was drawn in the last minute, by this process.

    Slack takes about 50 changes of messages a minute in a workspace.
    https://docs.slack.dev/apis/web-api/rate-limits

    Args:
        now: an aware clock.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._drawn: deque[datetime] = deque()

    def spend(self) -> None:
        """Count one."""
        self._drawn.append(self._now())

    def wait(self, most: int) -> float:
        """Return the seconds until there are less than so many in the last minute."""
        now = self._now()
        # A clock that was set back counts as a new minute.
        while self._drawn and not timedelta(0) <= now - self._drawn[0] < _WINDOW:
            self._drawn.popleft()
        if len(self._drawn) < most:
            return 0.0
        return (self._drawn[-most] + _WINDOW - now).total_seconds()
