"""What there is to report of a watch, and how far that is."""

import random
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from bot.durable.model import RunAgain, State, Task
from bot.slack.message import SlackCallFailed
from bot.watches.changes import Gone, News
from bot.watches.model import Watch

REPORT = "report"


class Report(BaseModel):
    """A change of a watched answer, on its way to Slack.

    Attributes:
        version: of this class, for whoever takes up what another version wrote.
        step: what to do next: draw the message again, reply in the thread, draw the message without
            the watch that cannot go on, or tell the watchers that it cannot.
        done: how many replies are posted, or how many watchers are told.
        unsure: what is next may have been done already.
        looks: how many times the thread was searched for an unconfirmed reply.
        repeated: the end of a job was posted again, as nobody could tell whether it was there.
        tries: how often this step was put off.
        drawn: the message shows what is told.
        why: Slack's code for why the watch cannot go on; empty if it was no fault of Slack's.
        unanswerable: it is the thread that Slack takes no more of, not the message.
        watch: as it is from here on.
        news: what the thread is told.
        changed: the message would not look as it did.
        over: the watch ends with this.
    """

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = 1
    step: Literal["update", "reply", "close", "farewell"] = "update"
    done: int = 0
    unsure: bool = False
    looks: int = 0
    repeated: bool = False
    tries: int = 0
    drawn: bool = False
    why: str = ""
    unanswerable: bool = False
    watch: Watch
    news: tuple[News, ...] = ()
    changed: bool = True
    over: bool = False

    @property
    def id(self) -> str:
        """What makes it the same report, however often it is made."""
        return report_id(self.watch, self.watch.reports)

    @property
    def next_id(self) -> str:
        """What makes the next reply the same, however often it is posted."""
        return f"{self.id}:{self.done}"

    @property
    def draws(self) -> bool:
        """Whether the message is to be drawn again; at the end, to take its button away."""
        return self.changed or self.over

    @property
    def gone(self) -> bool:
        """Whether the project is no longer there."""
        return any(isinstance(said, Gone) for said in self.news)

    def state(self) -> State:
        """Return it as JSON."""
        return self.model_dump(mode="json")


class PutOffError(Exception):
    """Slack cannot take it now.

    Attributes:
        report: where to go on.
        wait: seconds that Slack asked for.
        in_seconds: exactly when to go on; None: later each time.
    """

    def __init__(
        self, report: Report, why: SlackCallFailed, in_seconds: float | None = None
    ) -> None:
        super().__init__(why.error)
        self.report = report
        self.wait = why.retry_after
        self.in_seconds = in_seconds


class NoRoomError(Exception):
    """Others took the room for a picture; ``report`` is where to go on in so many seconds."""

    def __init__(self, report: Report, seconds: float) -> None:
        super().__init__(seconds)
        self.report = report
        self.seconds = seconds


def report_id(watch: Watch, number: int) -> str:
    """Name a report of a watch, by its number."""
    return f"report:{watch.id}:{number}"


def read_report(task: Task) -> Report | None:
    """Read a report; None for one that another version wrote, and this one cannot read."""
    try:
        return Report.model_validate(task.state)
    except ValidationError:
        return None


def again(report: Report, first: float, longest: float) -> RunAgain:
    """Put a report off, the first time for so many seconds, and for longer each time."""
    seconds = min(longest, first * 2.0 ** min(report.tries, 9))
    tried = report.model_copy(update={"tries": report.tries + 1})
    return RunAgain(spread(seconds), tried.state())


def spread(seconds: float) -> float:
    """Return a longer wait, so that what was put off together does not come back together."""
    return seconds * random.uniform(1.0, 1.5)  # noqa: S311 - no secret
