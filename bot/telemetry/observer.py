"""Count, time and trace the work of the bot, each only if the operator wants it."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from structlog.contextvars import get_contextvars

from bot.telemetry.redaction import Redactor

if TYPE_CHECKING:
    from bot.telemetry.metrics import Metrics
    from bot.telemetry.tracing import Tracing

log = structlog.stdlib.get_logger(__name__)

NO_ANSWER = "none"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


@dataclass(slots=True)
class Call:
    """A request to another server.

    Attributes:
        status: from a fixed list; `NO_ANSWER` until the answer is read.
    """

    status: str = NO_ANSWER


@dataclass(frozen=True, slots=True)
class Observer:
    """Receives each event of a request's life.

    Attributes:
        metrics: None if the operator wants none.
        tracing: likewise.
    """

    metrics: "Metrics | None" = None
    tracing: "Tracing | None" = None

    def request_span(self) -> AbstractContextManager[None]:
        """Return the context manager for a request."""
        return nullcontext() if self.tracing is None else self.tracing.span("request", "request")

    def request(self, entry_point: str, outcome: str, seconds: float) -> None:
        """Record the end of a request; its fields are in the log context."""
        if self.metrics is not None:
            self.metrics.request(entry_point, outcome, seconds)
        if self.tracing is not None:
            self.tracing.describe(get_contextvars() | {"outcome": outcome})

    def task_span(self, kind: str, traceparent: str) -> AbstractContextManager[None]:
        """Return the context manager for an attempt at a task of the request with that trace."""
        if self.tracing is None:
            return nullcontext()
        return self.tracing.span("task", f"task {kind}", traceparent)

    def traceparent(self) -> str:
        """Return the trace of the current request; empty without traces."""
        return "" if self.tracing is None else self.tracing.traceparent()

    def answer(self, seconds: float, channel: str, ts: str = "") -> None:
        """Record that the answer to a request is posted.

        Args:
            seconds: since the request was accepted.
            channel: the channel of the answer; empty for the home tab.
            ts: the message; empty if Slack returns none, as for an answer to one person.
        """
        seconds = max(0.0, seconds)  # the clocks of the database and of the bot can differ
        log.info("answer posted", channel=channel or None, ts=ts or None, seconds=round(seconds, 3))
        if self.metrics is not None:
            self.metrics.answer(get_contextvars().get("entry_point", ""), seconds)

    def failure(self, error: Exception, *, foreseen: bool) -> None:
        """Record a failure that a person or a workflow is told about."""
        if self.metrics is not None:
            self.metrics.failure(foreseen=foreseen)
        if self.tracing is not None:
            self.tracing.fail(type(error).__name__)

    @contextmanager
    def call(self, service: str, method: str) -> Iterator[Call]:
        """Record a request to ``slack`` or ``baseten``; the block sets the call's status.

        Args:
            service: names the metric.
            method: from a fixed list.
        """
        call = Call()
        span = nullcontext() if self.tracing is None else self.tracing.span("call", method)
        with span:
            try:
                yield call
            finally:
                if self.metrics is not None:
                    self.metrics.call(service, method, call.status)
                if self.tracing is not None:
                    self.tracing.describe({"peer.service": service, "status": call.status})


@asynccontextmanager
async def open_observer(
    version: str, redactor: Redactor, *, metrics: bool
) -> AsyncIterator[Observer]:
    """Open the observer, and send its last spans at the end.

    Args:
        version: the version of the bot.
        redactor: redacts the fields of spans.
        metrics: count. Traces depend on the environment: see `bot.telemetry.tracing`.
    """
    counting = _metrics(version) if metrics else None
    if not _wants_traces():
        yield Observer(counting)
        return
    try:
        from bot.telemetry.tracing import Tracing  # noqa: PLC0415 - as above
    except ImportError:
        log.warning("no traces: the extra `tracing` is not installed")
        yield Observer(counting)
        return
    tracing = Tracing(version, redactor)
    try:
        yield Observer(counting, tracing)
    finally:
        await tracing.close()


def _metrics(version: str) -> "Metrics":
    from bot.telemetry.metrics import Metrics  # noqa: PLC0415 - costs time and memory

    return Metrics(version)


def _wants_traces() -> bool:
    """Return whether the environment has an endpoint for traces."""
    off = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if off or os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none":
        return False
    return any(os.environ.get(name, "").strip() for name in _ENDPOINTS)
