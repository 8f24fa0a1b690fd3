"""Limit the log lines that a stranger can cause."""

import time


class Pace:
    """Allow a number of log lines in a period, and count the rest.

    Args:
        most: lines in one period.
        seconds: the length of a period.
    """

    def __init__(self, most: int = 10, seconds: float = 10.0) -> None:
        self._most = most
        self._seconds = seconds
        self._began = float("-inf")
        self._lines = 0
        self._left_out = 0

    def more(self) -> int | None:
        """Return the number of lines left out since the last one; None if this one is too many."""
        now = time.monotonic()
        if now - self._began >= self._seconds:
            self._began, self._lines = now, 0
        if self._lines >= self._most:
            self._left_out += 1
            return None
        self._lines += 1
        left_out, self._left_out = self._left_out, 0
        return left_out
