"""A clock that moves only when a test advances it."""

from datetime import UTC, datetime, timedelta


class Clock:
    """A clock for a sandbox's `now`; `advance` moves it without a wait.

    Attributes:
        time: the current time of this clock.
    """

    def __init__(self, time: datetime | None = None) -> None:
        """Set the time.

        Args:
            time: aware; None is the real time now.
        """
        self.time = time or datetime.now(UTC)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self.time += timedelta(seconds=seconds)
