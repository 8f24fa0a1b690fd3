"""The rule by which failed requests are repeated."""

from collections.abc import Callable

import structlog

from bot.baseten.errors import Paused, Refused, Throttled, Unreachable

log = structlog.stdlib.get_logger(__name__)


class RetryPolicy:
    """Decide for each failed attempt of one call whether to repeat it.

    Attributes:
        last_error: the error of the last attempt.
        sent: whether the API might have executed an attempt.

    Args:
        left: returns the seconds that remain for the call.
    """

    def __init__(self, left: Callable[[], float]) -> None:
        self._left = left
        self.last_error: Exception | None = None
        self.sent = False

    def should_retry(self, error: Exception) -> bool | float:
        """Return whether to repeat the call, or the seconds to wait before the repeat.

        No answer, a 5xx, a 408 and a 429 are repeated; any other refusal is final. A wait that the
        API names is kept, and a wait that exceeds the remaining time ends the call.
        """
        match error:
            case Paused() | Throttled():  # the bot's own limits: the person is told at once
                again: bool | float = False
            case Unreachable(sent=sent):
                self.sent = self.sent or sent
                again = True
            case Refused(status=status) if status not in {408, 429} and status < 500:  # noqa: PLR2004
                again = False
            case Refused(status=status, retry_after=wait):
                self.sent = self.sent or status != 429  # noqa: PLR2004 - the API might execute a request and still answer 5xx
                again = True if wait is None else (wait if wait < self._left() else False)
            case _:
                again = False
        self.last_error = error
        if again:
            log.info("retrying a Baseten request", error=str(error))
        return again
