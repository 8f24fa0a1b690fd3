"""Which failed requests are worth another try."""

from collections.abc import Callable

import structlog

from bot.baseten.errors import Refused, Unreachable

log = structlog.stdlib.get_logger(__name__)


class Trouble:
    """What went wrong so far in one call, and whether it is worth another try."""

    def __init__(self, left: Callable[[], float]) -> None:
        self._left = left
        self.last: Exception | None = None
        self.sent = False

    def worth_another_try(self, error: Exception) -> bool | float:
        """Return whether to repeat the call, or the seconds until then."""
        match error:
            case Unreachable(sent=sent):
                self.sent = self.sent or sent
                again: bool | float = True
            case Refused(status=status) if status not in {408, 429} and status < 500:  # noqa: PLR2004
                again = False
            case Refused(status=status, retry_after=wait):
                self.sent = self.sent or status != 429  # noqa: PLR2004 - a 5xx may come too late
                again = True if wait is None else (wait if wait < self._left() else False)
            case _:
                again = False
        self.last = error
        if again:
            log.info("Baseten did not answer well; asking again", error=str(error))
        return again
