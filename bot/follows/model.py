"""A follow: the jobs that it covers, its place, and its level. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from enum import StrEnum
from hashlib import sha256

from pydantic import BaseModel, ConfigDict, Field

from bot.baseten.models import LIVE, Moment, TrainingJob, TrainingProject
from bot.durable.task_state import TaskState

JOB_POST = "followed/1"  # the kind of the task that posts the message of a followed job
FAREWELL = "unfollowed/1"  # the kind of the task that reports the end of a follow to its creator
# The reasons for the end of a follow that the bot itself finds:
RIGHTS = "rights"  # its creator lost the right
GONE = "gone"  # Baseten no longer has the project


class Kind(StrEnum):
    """The scope of a follow: a project, all projects of a team, or one person's jobs."""

    PROJECT = "project"
    TEAM = "team"
    MINE = "mine"


class Level(StrEnum):
    """The events that are posted."""

    FAILURES = "failures"
    ENDS = "ends"
    ALL = "starts and ends"


class Scope(BaseModel):
    """The jobs that a follow covers.

    Attributes:
        kind: the kind of scope.
        project_id: the project; empty for the other kinds.
        name: the project's name at the start of the follow; empty for the other kinds.
        team: the name of the team; of the project's team at the start of the follow.
        email: the lower-case address that starts the jobs; empty unless they are a person's.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    project_id: str = ""
    name: str = ""
    team: str = ""
    email: str = ""

    def covers(self, project_id: str, team: str) -> bool:
        """Return whether jobs of this project can be in the scope."""
        if self.kind is Kind.PROJECT:
            return project_id == self.project_id
        return self.kind is Kind.MINE or team == self.team

    def includes(self, project: TrainingProject, job: TrainingJob) -> bool:
        """Return whether a job of this project is in the scope."""
        if self.kind is Kind.MINE:
            return email_of(job) == self.email
        return self.covers(project.id, project.team_name or "")


class Follow(BaseModel):
    """A follow. There is one for each scope and place.

    Attributes:
        id: new for each follow, also of a scope that the place followed before.
        scope: the jobs.
        channel_id: the channel, or the direct message with the creator.
        created_by: the person whose rights the follow lives on.
        level: the events that are posted.
        mentions: a person's id, a user group's id, or both; they are mentioned on a failure.
        since: a time by Baseten's clock. Events until then are not posted.
        changed_at: the same for the last change of its level; None if there was none.
        ts: the message that announced the follow; empty if its id is unknown.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    scope: Scope
    channel_id: str
    created_by: str
    level: Level = Level.ENDS
    mentions: tuple[str, ...] = ()
    since: Moment
    changed_at: Moment | None = None
    ts: str = Field(default="")

    @property
    def key(self) -> str:
        """The key of its document: the same for each follow of this scope in this place.

        The id of a direct message is unknown until the first post, whose button holds the key.
        """
        place = self.created_by if self.is_direct else self.channel_id
        meant = self.scope.model_dump_json(include={"kind", "project_id"})
        if self.scope.kind is Kind.TEAM:
            meant += self.scope.team
        return sha256(f"{place} {meant}".encode(errors="replace")).hexdigest()[:32]

    @property
    def level_since(self) -> Moment:
        """The time of its present level. The starts of jobs until then are not posted."""
        return self.changed_at or self.since

    @property
    def version(self) -> str:
        """Its id, with the time of the last change if there was one."""
        return f"{self.id} {self.changed_at.isoformat()}" if self.changed_at else self.id

    @property
    def is_direct(self) -> bool:
        """Whether the follow posts to its creator alone."""
        return self.channel_id.startswith("D")

    def wants_start(self, project: TrainingProject, job: TrainingJob) -> bool:
        """Return whether the start of a job is posted."""
        return (
            self.level is Level.ALL
            and job.created_at > self.level_since
            and self.scope.includes(project, job)
        )

    def wants_end(self, project: TrainingProject, job: TrainingJob, *, failed: bool) -> bool:
        """Return whether the end of a job is posted; its start might have been posted already."""
        return (
            (failed or self.level is not Level.FAILURES)
            and job.updated_at > self.since
            and self.scope.includes(project, job)
        )

    def wants_loss(self, project: TrainingProject, job: TrainingJob, *, gone: bool) -> bool:
        """Return whether the loss of a live job is posted; ``gone``: its project is lost, too.

        The end of a project's own follow says that the project is gone.
        """
        ends = gone and self.scope.kind is Kind.PROJECT
        return self.level is not Level.FAILURES and not ends and self.scope.includes(project, job)


class Follower(BaseModel):
    """The follow that a watch belongs to; see `Follow`.

    Attributes:
        key: the key of the follow's document.
        id: the id of the follow.
        created_by: the person whose rights the follow lives on.
        mentions: the person and the user group to mention on a failure.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    id: str
    created_by: str
    mentions: tuple[str, ...] = ()


class JobPostTask(TaskState):
    """The state of the task that posts the message of one job for one follow.

    Attributes:
        key: the key of the follow's document.
        follow_id: the follow.
        channel_id: its channel.
        others: the keys and ids of the other follows of the channel that want the post.
        mentions: the people and groups to mention on a failure, of all follows of the channel.
        project: the project, with the job as its latest job.
        ran: the seconds for which the job ran, if it has ended and they are known.
        lost: Baseten no longer has the job.
        at: the time of the poll.
        looks: the number of searches for a post with an unknown outcome; None: none is in doubt.
        repeated: the report of an end was posted again after an unconfirmed post.
        tries: the number of temporary failures of Slack in a row.
    """

    key: str
    follow_id: str
    channel_id: str = ""
    others: tuple[tuple[str, str], ...] = ()
    mentions: tuple[str, ...] = ()
    project: TrainingProject
    ran: float | None = None
    lost: bool = False
    at: Moment
    looks: int | None = None
    repeated: bool = False
    tries: int = 0

    @property
    def id(self) -> str:
        """The id of the task: a follow posts one message for each job.

        After a start that Slack did not confirm, its end is one more.
        """
        job = self.project.latest_job
        goes_on = job is not None and job.current_status in LIVE and not self.lost
        said = "" if job is None else job.id if goes_on else f"{job.id} ended"
        digest = sha256(said.encode(errors="replace")).hexdigest()[:16]
        return f"followed:{self.follow_id}:{digest}"

    @property
    def follows(self) -> tuple[tuple[str, str], ...]:
        """The keys and ids of the follows that want the post."""
        return ((self.key, self.follow_id), *self.others)


class FarewellTask(TaskState):
    """The state of the task that reports the end of a follow to its creator.

    Attributes:
        follow: the follow.
        reason: Slack's error code, ``rights``, ``gone``, or empty if a person ended it.
        by: the person who ended it; empty if the bot did.
    """

    follow: Follow
    reason: str = ""
    by: str = ""


def job_posts(  # noqa: PLR0913 - the parts of a post
    wanting: Iterable[Follow],
    follows: Sequence[Follow],
    project: TrainingProject,
    ran: float | None,
    at: Moment,
    *,
    lost: bool = False,
) -> list[JobPostTask]:
    """Return the tasks that post a project's latest job, one for each channel.

    Args:
        wanting: the follows that want the post; the oldest one of a channel posts it.
        follows: all follows.
        project: the project.
        ran: the seconds for which the job ran, if it has ended and they are known.
        at: the time of the poll.
        lost: whether Baseten no longer has the job.
    """
    job = project.latest_job
    if job is None:
        return []
    by_channel: defaultdict[str, list[Follow]] = defaultdict(list)
    for follow in sorted(wanting, key=lambda each: (each.since, each.id)):
        by_channel[follow.channel_id].append(follow)
    mentions: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    for follow in follows:
        if follow.mentions and follow.scope.includes(project, job):
            mentions[follow.channel_id] += follow.mentions
    return [
        JobPostTask(
            key=first.key,
            follow_id=first.id,
            channel_id=channel_id,
            others=tuple((each.key, each.id) for each in others),
            mentions=mentions[channel_id],
            project=project,
            ran=ran,
            lost=lost,
            at=at,
        )
        for channel_id, (first, *others) in by_channel.items()
    ]


def email_of(job: TrainingJob) -> str:
    """Return the lower-case address of the person who started a job; empty if unknown."""
    return ((job.user.email if job.user else None) or "").strip().casefold()


class ScopeIndex:
    """The projects that follows cover, and since when: quick also for thousands of projects."""

    def __init__(self, follows: Iterable[Follow]) -> None:
        self._since: dict[tuple[Kind, str], Moment] = {}
        for follow in follows:
            scope = follow.scope
            named = {Kind.PROJECT: scope.project_id, Kind.TEAM: scope.team}.get(scope.kind, "")
            known = self._since.setdefault((scope.kind, named), follow.since)
            self._since[scope.kind, named] = min(known, follow.since)

    def since(self, project_id: str, team: str) -> Moment | None:
        """Return the start of the first follow that covers a project; None: it is not followed."""
        keys = ((Kind.PROJECT, project_id), (Kind.TEAM, team), (Kind.MINE, ""))
        return min((self._since[key] for key in keys if key in self._since), default=None)

    def covers(self, project_id: str, team: str) -> bool:
        """Return whether a follow covers the project."""
        return self.since(project_id, team) is not None
