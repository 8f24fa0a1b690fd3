"""Stop the calls of a server that keeps failing, and notice when it works again."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

log = structlog.stdlib.get_logger(__name__)

FAILURES = 10  # in a row
_SHORTEST = 3.0  # seconds that these failures last, at least
_FORGOTTEN = 30.0  # seconds without a failure, after which the count begins again
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 30.0  # seconds; each failed probe doubles the pause
_PROBING = 2.0  # seconds to wait while a probe is under way
PATIENCE = 4.0  # seconds after which a cancelled call counts as a failure


class CircuitOpenError(Exception):
    """The server keeps failing, so the call was not sent.

    Attributes:
        retry_after: seconds until the next call can be sent.
    """

    def __init__(self, server: str, retry_after: float) -> None:
        super().__init__(f"{server} keeps failing; the next check is in {retry_after:.0f} s")
        self.retry_after = retry_after


@dataclass(slots=True, eq=False)
class Call:
    """A call under way.

    Attributes:
        began: its start, on the circuit's clock.
        failed: the caller sets this after an answer such as a 500.
    """

    began: float
    failed: bool = False


class Circuit:
    """Count the failures of one server; refuse calls after ten in a row.

    A single blip does not open the circuit: the failures must last for 3 seconds, so that the
    repeats of the calls are among them. While it is open, no call is sent for a pause. Then one
    call at a time is sent as a probe, and the first success closes the circuit.

    Args:
        server: the name of the server in the log.
        patience: seconds after which a call that its caller cancels counts as a failure.
        clock: a monotonic clock.
    """

    def __init__(
        self,
        server: str,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._server = server
        self._patience = patience
        self._clock = clock
        self._failures = 0  # in a row
        self._failing_since = self._failed_at = self._succeeded_at = float("-inf")
        self._pause = 0.0  # seconds; 0 while the circuit is closed
        self._opens_at = 0.0
        self._probe: Call | None = None

    def check(self) -> None:
        """Let a caller go on.

        Raises:
            CircuitOpenError: no call can be sent now.
        """
        if not self._pause:
            return
        if (left := self._opens_at - self._clock()) > 0:
            raise CircuitOpenError(self._server, left)
        if self._probe is not None:
            raise CircuitOpenError(self._server, _PROBING)

    @contextmanager
    def call(self, *failures: type[Exception]) -> Iterator[Call]:
        """Surround one call, and count its result.

        Args:
            failures: the errors that are failures of the server. After any other error the server
                has answered, as after a normal end.

        Raises:
            CircuitOpenError: the call must not be sent.
        """
        self.check()
        call = Call(self._clock())
        if self._pause:
            self._probe = call
        try:
            yield call
        except failures:
            self._count_failure(call)
            raise
        except asyncio.CancelledError:
            if self._clock() - call.began >= self._patience:
                self._count_failure(call)
            raise
        except Exception:
            self._count_success()
            raise
        else:
            if call.failed:
                self._count_failure(call)
            else:
                self._count_success()
        finally:
            if self._probe is call:
                self._probe = None

    def _count_success(self) -> None:
        self._succeeded_at = self._clock()
        self._failures = 0
        if self._pause:
            self._pause = 0.0
            log.info("a server works again; calls to it are sent", server=self._server)

    def _count_failure(self, call: Call) -> None:
        now = self._clock()
        if self._pause:
            if self._probe is call:
                self._open(now, min(_LONGEST_PAUSE, 2 * self._pause))
            return
        if call.began < self._succeeded_at:
            return  # the server has answered a later call
        if not self._failures or now - self._failed_at > _FORGOTTEN:
            self._failures, self._failing_since = 0, call.began
        self._failures += 1
        self._failed_at = now
        if self._failures >= FAILURES and now - self._failing_since >= _SHORTEST:
            log.warning("a server keeps failing; calls to it pause", server=self._server)
            self._open(now, _FIRST_PAUSE)

    def _open(self, now: float, pause: float) -> None:
        self._pause, self._opens_at = pause, now + pause
        self._failures = 0
