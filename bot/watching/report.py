"""What there is to report of a watch, and how far that is; the journal keeps it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from bot.journal.journal import State
from bot.watching.rules import Gone, News
from bot.watching.watches import Watch

REPORT = "report"


class Report(BaseModel):
    """A change of a watched answer, on its way to Slack.

    Attributes:
        version: of this class, for whoever takes up what another version wrote.
        step: what to do next: draw the message again, reply in the thread, or tell the watchers
            that the watch cannot go on.
        done: how many replies are posted, or how many watchers are told.
        unsure: the next reply may have been posted already.
        why: Slack's code for why the watch cannot go on.
        watch: as it is from here on.
        news: what the thread is told.
        over: the watch ends with this.
    """

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = 1
    step: Literal["update", "reply", "farewell"] = "update"
    done: int = 0
    unsure: bool = False
    why: str = ""
    watch: Watch
    news: tuple[News, ...] = ()
    over: bool = False

    @property
    def id(self) -> str:
        """What makes it the same report, however often it is made."""
        return report_id(self.watch, self.watch.reports)

    @property
    def gone(self) -> bool:
        """Whether the project is no longer there."""
        return any(isinstance(said, Gone) for said in self.news)

    def state(self) -> State:
        """Return it as JSON."""
        return self.model_dump(mode="json")


def report_id(watch: Watch, number: int) -> str:
    """Name a report of a watch, by its number."""
    return f"report:{watch.id}:{number}"
