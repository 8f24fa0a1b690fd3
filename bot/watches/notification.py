"""The state of a notification: its content, and its progress."""

import random
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from bot.durable.model import RunAgain, State, Task
from bot.slack.message import SlackCallFailed
from bot.watches.changes import Gone, News
from bot.watches.model import Watch

NOTIFY = "notification"


class Notification(BaseModel):
    """A change of a watched message, as the state of a task.

    Attributes:
        version: the version of this class, for processes of another version.
        step: the next step: update the message, reply in the thread, update the message without
            the watch that cannot go on, or send direct messages to the watchers.
        done: the number of posted replies, or of direct messages.
        may_be_posted: the next action might be done already.
        looks: the number of searches for an unconfirmed reply.
        repeated: the end of a job was posted again after an unconfirmed post.
        tries: the number of times that this step was rescheduled.
        message_updated: the message shows the news.
        slack_error: Slack's error code that ends the watch; empty if no Slack call failed.
        unanswerable: Slack refuses replies in the thread, not updates of the message.
        watch: the watch after the change.
        news: the news for the thread.
        changed: the content of the message changes.
        ended: the watch ends with this.
    """

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = 1
    step: Literal["update", "reply", "close", "direct"] = "update"
    done: int = 0
    may_be_posted: bool = False
    looks: int = 0
    repeated: bool = False
    tries: int = 0
    message_updated: bool = False
    slack_error: str = ""
    unanswerable: bool = False
    watch: Watch
    news: tuple[News, ...] = ()
    changed: bool = True
    ended: bool = False

    @property
    def id(self) -> str:
        """The id of its task, the same for each attempt to create it."""
        return notification_id(self.watch, self.watch.notifications)

    @property
    def next_id(self) -> str:
        """The id of the next reply, the same for each attempt to post it."""
        return f"{self.id}:{self.done}"

    @property
    def needs_update(self) -> bool:
        """Whether the message needs an update; at the end, the update removes the button."""
        return self.changed or self.ended

    @property
    def project_missing(self) -> bool:
        """Whether the project no longer exists."""
        return any(isinstance(said, Gone) for said in self.news)

    def state(self) -> State:
        """Return it as JSON."""
        return self.model_dump(mode="json")


class RetryLaterError(Exception):
    """Slack cannot take the next step now.

    Attributes:
        notification: the state for the next attempt.
        wait: seconds that Slack asked for.
        in_seconds: the exact delay of the next attempt; None: a delay that grows.
    """

    def __init__(
        self, notification: Notification, failure: SlackCallFailed, in_seconds: float | None = None
    ) -> None:
        super().__init__(failure.error)
        self.notification = notification
        self.wait = failure.retry_after
        self.in_seconds = in_seconds


class NoRoomError(Exception):
    """No room for an update is left.

    Attributes:
        notification: the state for the next attempt.
        seconds: the delay of that attempt.
    """

    def __init__(self, notification: Notification, seconds: float) -> None:
        super().__init__(seconds)
        self.notification = notification
        self.seconds = seconds


def notification_id(watch: Watch, number: int) -> str:
    """Return the id of a notification of a watch, by its number."""
    return f"notification:{watch.id}:{number}"


def read_notification(task: Task) -> Notification | None:
    """Read a notification; None for a state of another version that is unreadable."""
    try:
        return Notification.model_validate(task.state)
    except ValidationError:
        return None


def again(notification: Notification, first: float, longest: float) -> RunAgain:
    """Reschedule a notification; the delay starts at ``first`` and doubles up to ``longest``."""
    seconds = min(longest, first * 2.0 ** min(notification.tries, 9))
    tried = notification.model_copy(update={"tries": notification.tries + 1})
    return RunAgain(spread(seconds), tried.state())


def spread(seconds: float) -> float:
    """Return a randomly longer delay, which spreads tasks that were rescheduled together."""
    return seconds * random.uniform(1.0, 1.5)  # noqa: S311 - no secret
