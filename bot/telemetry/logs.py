"""Structured logs on standard error, from this code and from every library.

A line is redacted as a whole after it is rendered, tracebacks included, so that no secret can
pass, whoever logged it.
"""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import Processor

from bot.telemetry.redaction import Redactor


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Render a line, then take the secrets out of it."""

    def __init__(self, redactor: Redactor, processors: list[Processor]) -> None:
        super().__init__(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *processors],
            foreign_pre_chain=_shared(),
        )
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor.text(super().format(record))


class _Handler(logging.StreamHandler[TextIO]):
    """Write lines; one that cannot be rendered is told of without what is in it."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        self.stream.write(f'{{"event": "a log line of {record.name} could not be rendered"}}\n')


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


# Their debug lines repeat whole bodies, and their information adds nothing to ours. Bolt warns of
# the token in the environment, which it is right not to use, and of requests that are logged here.
_QUIET = {"slack_bolt": logging.ERROR} | dict.fromkeys(
    (
        *("slack_sdk", "aiohttp", "httpx", "asyncio"),
        "asyncpg",
    ),
    logging.WARNING,
)


def _worth_reading(record: logging.LogRecord) -> bool:
    """Let a library's line through only from some severity on, whatever level it gave itself."""
    return record.levelno >= _QUIET.get(record.name.partition(".")[0], logging.NOTSET)


def configure_logs(
    level: str, log_format: str | None, redactor: Redactor, stream: TextIO = sys.stderr
) -> None:
    """Send the process's logs to ``stream``.

    Args:
        level: the least severe level written, such as ``info``.
        log_format: ``json``, ``console``, or None: ``console`` on a terminal, else ``json``.
        redactor: takes the secrets out of each line.
        stream: where the lines go.
    """
    console = log_format == "console" or (log_format is None and stream.isatty())
    drawn: list[Processor] = (
        [
            structlog.dev.ConsoleRenderer(
                colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
        if console
        else [
            # Without the locals of each frame, which hold what no log should.
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
            ),
            structlog.processors.JSONRenderer(sort_keys=False),
        ]
    )
    handler = _Handler(stream)
    handler.setFormatter(_RedactingFormatter(redactor, drawn))
    handler.addFilter(_worth_reading)
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(least)  # cheaper than to make lines and drop them
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # The fields that logging looks up for each line, and that ours leave out.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
