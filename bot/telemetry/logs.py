"""Structured logs on standard error, from the bot and from its libraries.

The formatter redacts each rendered line as a whole, including its traceback. This covers every
logger.
"""

import logging
import sys
from contextlib import suppress
from typing import TextIO

import structlog
from structlog.typing import Processor

from bot.telemetry.redaction import Redactor


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Render a line, then redact it."""

    def __init__(self, redactor: Redactor, processors: list[Processor]) -> None:
        super().__init__(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *processors],
            foreign_pre_chain=_processors(),
        )
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor.text(super().format(record))


class _Handler(logging.StreamHandler[TextIO]):
    """Write lines; for one that cannot be rendered, write only the name of its logger.

    A line that cannot be written, because the disk is full or the reader of a pipe has gone, is
    lost: the work goes on.
    """

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        if not isinstance(sys.exc_info()[1], OSError):
            line = f'{{"event": "a log line of {record.name} could not be rendered"}}\n'
            with suppress(OSError):
                self.stream.write(line)


def _processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


# Debug lines of these libraries contain whole bodies, and their info lines repeat the bot's. Bolt
# warns of a token in the environment that it correctly ignores, and of requests that the bot logs.
_QUIET = {"slack_bolt": logging.ERROR} | dict.fromkeys(
    (
        *("slack_sdk", "aiohttp", "httpx", "asyncio"),
        "asyncpg",
    ),
    logging.WARNING,
)


def _severe_enough(record: logging.LogRecord) -> bool:
    """Return whether a line reaches the level of its library in `_QUIET`."""
    return record.levelno >= _QUIET.get(record.name.partition(".")[0], logging.NOTSET)


def configure_logs(
    level: str, log_format: str | None, redactor: Redactor, stream: TextIO = sys.stderr
) -> None:
    """Send the process's logs to ``stream``.

    Args:
        level: the least severe level to write, such as ``info``.
        log_format: ``json``, ``console``, or None for ``console`` on a terminal and else ``json``.
        redactor: redacts each line.
        stream: the output.
    """
    console = log_format == "console" or (log_format is None and stream.isatty())
    renderers: list[Processor] = (
        [
            structlog.dev.ConsoleRenderer(
                colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
        if console
        else [
            # The locals of a frame can hold secrets and bodies.
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
            ),
            structlog.processors.JSONRenderer(sort_keys=False),
        ]
    )
    handler = _Handler(stream)
    handler.setFormatter(_RedactingFormatter(redactor, renderers))
    handler.addFilter(_severe_enough)
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(least)  # cheaper than a dropped line
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)  # else Python writes them to standard error as they are
    # The formats use none of these fields, and logging computes them for each line.
    # https://docs.python.org/3/howto/logging.html#optimization
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 - the documentation above gives this name
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
