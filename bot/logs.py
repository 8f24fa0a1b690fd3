"""Structured logs on standard error, from this code and from every library.

A line is redacted as a whole after it is rendered, tracebacks included, so that no secret can
pass, whoever logged it.
"""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import Processor

from bot.redaction import Redactor


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


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


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
        [structlog.dev.ConsoleRenderer(colors=stream.isatty())]
        if console
        else [
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(sort_keys=False),
        ]
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_RedactingFormatter(redactor, drawn))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Their debug lines repeat whole bodies; their information adds nothing to ours.
    for noisy in ("slack_bolt", "slack_sdk", "aiohttp", "httpx", "stamina", "asyncio"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
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
