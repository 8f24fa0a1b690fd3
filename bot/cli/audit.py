"""``python -m bot audit``: print the audit log, also beside a running bot."""

import argparse
import json
import os
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from bot.access.audit import Event, event_of
from bot.cli.lines import encodable
from bot.durable.model import DatabaseError, State
from bot.durable.reader import read_events
from bot.settings import Settings
from bot.telemetry.redaction import escaped

_AGO = re.compile(r"([0-9]{1,6})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_COLUMNS = ("time", "actor", "outcome", "team", "project", "job", "channel", "entry point", "rule")
_NONE = "-"


def since(text: str, now: datetime | None = None) -> datetime:
    """Return the time that ``--since`` names.

    Args:
        text: a duration such as 7d, 12h or 30m, or a date such as 2026-11-23, in UTC.
        now: the present time.

    Raises:
        ArgumentTypeError: it is neither.
    """
    try:
        if (ago := _AGO.fullmatch(text)) is not None:
            return (now or datetime.now(UTC)) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except (OverflowError, ValueError):
        why = f"{escaped(text)[:50]!r} is neither a duration, such as 7d, 12h or 30m, nor a date"
        raise argparse.ArgumentTypeError(f"{why}, such as 2026-11-23") from None


async def audit(settings: Settings, start: datetime, *, as_json: bool) -> int:
    """Print the events since a time, and return 0; 1 if the database cannot be read."""
    widths: list[int] = []
    url = settings.database_url.get_secret_value()
    try:
        async for page in read_events(url, start.timestamp()):
            if as_json:
                _write(json.dumps(event) for event in page)
                continue
            rows = [_cells(event) for event in page]
            if not widths:
                widths = [max(map(len, cells)) for cells in zip(_COLUMNS, *rows, strict=True)]
                rows = [_COLUMNS, *rows]
            _write(_row(cells, widths) for cells in rows)
    except DatabaseError as error:
        sys.stderr.write(f"{encodable(escaped(str(error)), sys.stderr.encoding)}\n")
        return 1
    except BrokenPipeError:  # `audit | head -1`; without this, the exit writes a traceback
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if not widths and not as_json:
        _write([f"The audit log has nothing since {start:%Y-%m-%d %H:%M} UTC."])
    return 0


def _cells(fields: State) -> tuple[str, ...]:
    event: Event = event_of(fields)
    time = event.time[:19].replace("T", " ")
    project = event.name or event.project
    place = event.channel, event.entry_point, event.rule
    cells = (time, event.actor, event.outcome, event.team, project, event.job, *place)
    return tuple(escaped(cell) or _NONE for cell in cells)


def _row(cells: tuple[str, ...], widths: list[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()


def _write(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{encodable(line, sys.stdout.encoding)}\n" for line in lines)
    sys.stdout.flush()
