"""A clock that moves only when told to."""

from datetime import UTC, datetime, timedelta


class Clock:
    """Give it to a sandbox as `now`; `advance` lets time pass without waiting.

    Attributes:
        time: the time it shows.
    """

    def __init__(self, time: datetime | None = None) -> None:
        """Set it.

        Args:
            time: aware; None is the real time now.
        """
        self.time = time or datetime.now(UTC)

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Let this many seconds pass."""
        self.time += timedelta(seconds=seconds)
