"""The progress of a delivery, and the reasons for which it goes on later."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from bot.durable.context import TaskContext
from bot.durable.model import RunAgain
from bot.durable.task_state import TaskState
from bot.slack.message import SlackCallFailed
from bot.slack.post_search import LOOKS

log = structlog.stdlib.get_logger(__name__)

_AGAIN, _LONGEST_AGAIN = 30.0, 600.0  # seconds until the next attempt after a failed call


class Progress(TaskState):
    """The state of the task.

    Attributes:
        channel_id: the channel of the message.
        ts: the message.
        doubtful: the id of an item whose post has an unknown outcome.
        searches: the number of searches for it.
        repeated: it was posted again after an unconfirmed post.
        tries: the number of times that this step was rescheduled.
        not_drawn: Slack refused the last update of the message.
        drawn: the revision that the message shows, if the watch does not know it yet.
    """

    channel_id: str
    ts: str
    doubtful: str = ""
    searches: int = 0
    repeated: bool = False
    tries: int = 0
    not_drawn: bool = False
    drawn: int = 0

    def fresh(self) -> "Progress":
        """Return the progress at the next step."""
        kept = {"channel_id", "ts", "not_drawn", "drawn"}
        return Progress.model_validate(self.model_dump(include=kept))


class LaterError(Exception):
    """The delivery goes on later.

    Attributes:
        outcome: the outcome of this attempt.
    """

    def __init__(self, outcome: RunAgain) -> None:
        super().__init__(outcome.in_seconds)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class DeliveryTiming:
    """The times of deliveries.

    Attributes:
        now: an aware clock, close to the database's.
        gap: seconds between two updates of one message. The news wait for them, because the
            replies follow the update.
        searches: seconds before each search for a reply with an unknown outcome.
    """

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    gap: float = 15.0
    searches: tuple[float, ...] = LOOKS


@dataclass(slots=True)
class Attempt:
    """One attempt at the task; it takes many steps.

    Attributes:
        context: the context of the task.
        progress: the progress now.
        began: whether an earlier attempt might have taken this step.
    """

    context: TaskContext
    progress: Progress
    began: bool

    def later(self, seconds: float, **changes: object) -> LaterError:
        """Return the reschedule of this step, with these changes of the progress."""
        state = self.progress.state(**changes)
        return LaterError(RunAgain(seconds, state, step_may_have_run=self.began))

    def retry_later(self, refused: SlackCallFailed) -> LaterError:
        """Return the reschedule of a step that Slack does not take now; the delay doubles."""
        log.info("cannot deliver a notification now", slack_error=refused.error)
        tries = self.progress.tries
        return self.later(backoff(tries, refused.retry_after), tries=tries + 1)


def backoff(tries: int, retry_after: float) -> float:
    """Return the seconds until the next attempt.

    Args:
        tries: the number of temporary failures before this one.
        retry_after: the seconds that Slack asks for; 0 if it asks for none.
    """
    first, longest = (max(each, retry_after) for each in (_AGAIN, _LONGEST_AGAIN))
    seconds = min(longest, first * 2.0 ** min(tries, 9))
    return seconds * random.uniform(1.0, 1.5)  # noqa: S311 - no secret
