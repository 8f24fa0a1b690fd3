"""The news of a watched job, and their place in the outbox of a watch."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.baseten.models import Moment, TrainingJob


class _News(BaseModel):
    model_config = ConfigDict(frozen=True)


class Moved(_News):
    """The job is in another stage; ``again``: in an earlier one."""

    kind: Literal["moved"] = "moved"
    job: TrainingJob
    again: bool = False


class Ended(_News):
    """The job has ended; ``ran``: its seconds of running, if its start is known."""

    kind: Literal["ended"] = "ended"
    job: TrainingJob
    ran: float | None = None


class StillWaiting(_News):
    """The job has waited too long; ``waited``: for how many seconds."""

    kind: Literal["still_waiting"] = "still_waiting"
    job: TrainingJob
    since: Moment
    waited: float


class NewerJob(_News):
    """The project has a newer job; the watch goes on with its own job.

    Attributes:
        job: the newer job.
        followed: the watched job; None if it has ended.
        also: watchers of other messages in the thread, whose watches do not announce the job.
    """

    kind: Literal["newer_job"] = "newer_job"
    job: TrainingJob
    followed: TrainingJob | None
    also: tuple[str, ...] = ()


class FirstJob(_News):
    """The project has its first job."""

    kind: Literal["first_job"] = "first_job"
    job: TrainingJob


class Expired(_News):
    """The watch has reached the longest duration."""

    kind: Literal["expired"] = "expired"


class Gone(_News):
    """The project no longer exists."""

    kind: Literal["gone"] = "gone"


class Lost(_News):
    """The job no longer exists, but its project does."""

    kind: Literal["lost"] = "lost"
    job: TrainingJob


class Mentions(_News):
    """The reply before this one had no room to mention these people."""

    kind: Literal["mentions"] = "mentions"
    user_ids: tuple[str, ...]


class Farewell(_News):
    """Slack takes no more replies or updates, or the person lost their right; a direct message.

    Attributes:
        user_id: the watcher.
        slack_error: Slack's error code, or `NO_RIGHT`; empty if no Slack call failed.
        unanswerable: Slack refuses replies in the thread, not updates of the message.
    """

    kind: Literal["farewell"] = "farewell"
    user_id: str
    slack_error: str
    unanswerable: bool = False


ENDS = (Ended, Expired, Gone, Lost)  # a watch ends with one of these
MENTIONING = (*ENDS, NewerJob, FirstJob)  # these mention the watchers

News = Annotated[
    Moved
    | Ended
    | StillWaiting
    | NewerJob
    | FirstJob
    | Expired
    | Gone
    | Lost
    | Mentions
    | Farewell,
    Field(discriminator="kind"),
]


class OutboxItem(BaseModel):
    """A piece of news that is not delivered yet.

    Attributes:
        id: the id of its post, the same for each attempt to post it.
        at: the time of the poll that found it.
        news: the news.
        to: the people to mention, if they are not the present watchers.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    at: Moment
    news: News
    to: tuple[str, ...] | None = None
