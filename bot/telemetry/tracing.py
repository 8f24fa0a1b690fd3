"""Traces in OpenTelemetry's format. Imported only if an OTLP endpoint is configured.

The standard ``OTEL_*`` variables of the environment choose the endpoint, its headers, the sampling
and the names of the resource. A span has the fields of its request's log lines, and no others.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from structlog.contextvars import get_contextvars

from bot.telemetry.redaction import Redactor

_LAST_EXPORT = 3.0  # seconds at the end of the process
_TRACEPARENT = "traceparent"  # https://www.w3.org/TR/trace-context/
_KINDS = {"request": SpanKind.SERVER, "task": SpanKind.CONSUMER, "call": SpanKind.CLIENT}


class Tracing:
    """Create spans, and send them to the OTLP endpoint in a thread.

    Args:
        version: the version of the bot.
        redactor: redacts the values of attributes, as in the log.
    """

    def __init__(self, version: str, redactor: Redactor) -> None:
        ours = Resource({"service.name": "training-project-bot", "service.version": version})
        self._provider = TracerProvider(
            resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("bot", version)
        self._format = TraceContextTextMapPropagator()
        self._redactor = redactor

    @contextmanager
    def span(self, kind: str, name: str, parent: str | None = None) -> Iterator[None]:
        """Open a span for a block.

        Args:
            kind: ``request``, ``task`` or ``call``.
            name: from a fixed list.
            parent: the stored `traceparent` of the parent; empty for none; None for the
                enclosing span.
        """
        context = None
        if parent is not None:
            context = self._format.extract({_TRACEPARENT: parent}, context=Context())
        with self._tracer.start_as_current_span(
            name,
            context=context,
            kind=_KINDS[kind],
            record_exception=False,  # the text of an exception can hold secrets and bodies
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except BaseException as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise
            finally:
                if kind != "call":
                    self.describe(get_contextvars())

    def describe(self, fields: dict[str, object]) -> None:
        """Add fields to the current span."""
        span = get_current_span()
        for name, value in fields.items():
            if value is not None:
                span.set_attribute(name, self._redactor.text(str(value)))

    def fail(self, error: str) -> None:
        """Mark the current span as failed."""
        get_current_span().set_status(Status(StatusCode.ERROR, error))

    def traceparent(self) -> str:
        """Return the current span in the format of the header of this name."""
        carrier: dict[str, str] = {}
        self._format.inject(carrier)
        return carrier.get(_TRACEPARENT, "")

    async def close(self) -> None:
        """Send the last spans, for up to `_LAST_EXPORT` seconds."""
        loop, closed = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            loop.call_soon_threadsafe(closed.set)

        # The end of the process waits for no daemon thread, such as one without an endpoint.
        threading.Thread(target=shut_down, daemon=True).start()
        try:
            async with asyncio.timeout(_LAST_EXPORT):
                await closed.wait()
        except TimeoutError:
            return
