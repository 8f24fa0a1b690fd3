"""The log lines of a training job, and the query that selects them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.sandbox.faults import Json

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LONGEST_WINDOW = timedelta(days=7)
DEFAULT_WINDOW = timedelta(minutes=30)
MOST_LINES = 1000


@dataclass(frozen=True, slots=True)
class Line:
    """A line that a job logged."""

    at: datetime
    message: str
    level: str | None = None

    def json(self) -> dict[str, Json]:
        """The line as the API shows it: its time in nanoseconds, as a string."""
        return {
            "timestamp": str(int(self.at.timestamp() * 1_000_000) * 1_000),
            "message": self.message,
            "replica": None,
            "request_id": None,
            "level": self.level,
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """A parsed query for log lines; its times are epoch milliseconds."""

    begin: int
    end: int
    limit: int
    newest_first: bool
    levels: tuple[str, ...] | None

    def of(self, lines: Iterable[Line]) -> list[Line]:
        """Return the lines that match. A query for a level leaves out lines without a level."""
        chosen = [
            line
            for line in lines
            if self.begin <= _millis(line.at) <= self.end
            and (self.levels is None or line.level in self.levels)
        ]
        chosen.sort(key=lambda line: line.at, reverse=self.newest_first)
        return chosen[: self.limit]


def asked(query: Mapping[str, str], now: datetime) -> Asked:
    """Read the query of the logs' endpoint.

    Raises:
        ValueError: the API refuses this query; the text names the reason.
    """
    limit = _whole_number(query, "limit", 500)
    end = _whole_number(query, "end_epoch_millis", _millis(now))
    begin = _whole_number(query, "start_epoch_millis", end - _length(DEFAULT_WINDOW))
    direction = query.get("direction", "asc")
    level = query.get("min_level")
    wrong = {
        f"limit: Input should be from 1 to {MOST_LINES}": not 1 <= limit <= MOST_LINES,
        "The window must not exceed 7 days": not 0 <= end - begin <= _length(LONGEST_WINDOW),
        "direction: Input should be 'asc' or 'desc'": direction not in {"asc", "desc"},
        f"min_level: Input should be one of {LEVELS}": level not in {None, *LEVELS},
    }
    for problem, is_so in wrong.items():
        if is_so:
            raise ValueError(problem)
    levels = None if level is None else LEVELS[LEVELS.index(level) :]
    return Asked(begin, end, limit, direction == "desc", levels)


def _whole_number(query: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(query.get(name, default))
    except ValueError:
        problem = f"{name}: Input should be a valid integer"
        raise ValueError(problem) from None


def _millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _length(window: timedelta) -> int:
    return int(window.total_seconds() * 1000)
