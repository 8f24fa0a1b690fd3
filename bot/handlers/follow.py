"""The tasks that start and end follows."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256

import structlog
from pydantic import BaseModel, ConfigDict

from bot.access.rules import NotAllowedError, Verb
from bot.baseten.errors import BasetenError
from bot.baseten.models import Moment, TrainingProject
from bot.durable.context import TaskContext
from bot.durable.model import Done, Outcome, RunAgain, State
from bot.follows.model import FarewellTask, Follow, Kind, Level, Scope
from bot.follows.store import Follows
from bot.handlers.failures import Failures, Wording
from bot.handlers.home import HomeHandler
from bot.handlers.open_task import reject_if_expired, retry_later
from bot.handlers.permissions import Permissions
from bot.handlers.posting import LOOKS, TaskPost
from bot.projects.follow_choice import FollowChoice, FollowReference
from bot.projects.job_list import CurrentJobs, JobList, ListedJob
from bot.projects.job_scope import team_digest
from bot.projects.service import Projects
from bot.slack.message import Message, ReplyTarget, SlackCallFailed
from bot.slack.messages import Poster
from bot.slack.people import People
from bot.views.failure import READING, FailureWording
from bot.views.follow import (
    cannot_list,
    following_message,
    no_email,
    no_such_follow,
    not_followed,
    now_following,
    stopped_message,
    unconfirmed_follow,
    unfollowed_message,
    you_stopped,
)
from bot.views.installation import Installation
from bot.views.job import status
from bot.watches.tracked import TrackedJobs, tracked

log = structlog.stdlib.get_logger(__name__)

FOLLOW = "follow/1"
UNFOLLOW = "unfollow/1"
FOLLOWING = FailureWording(
    what="that", nothing="Nothing is followed.", unsure="Perhaps nothing is followed."
)
_Send = Callable[[Message], Awaitable[None]]


class FollowTask(BaseModel):
    """The state of the task that starts a follow.

    Attributes:
        place: the person, and the place of the click.
        target: the project or the team; None: the jobs that the person starts.
        channel_id: the channel to post in; empty for the person's direct messages.
        level: the events that are posted.
        mentions: a person, a user group, or both.
        home: the click was in the home tab, which is published again.
        since: the time from which events count, by Baseten's clock, once it is known.
        looks: the number of searches for a post with an unknown outcome; None: none is in doubt.
        tries: the number of temporary failures of Slack in a row.
    """

    model_config = ConfigDict(frozen=True)

    place: ReplyTarget
    target: FollowChoice | None
    channel_id: str = ""
    level: Level = Level.ENDS
    mentions: tuple[str, ...] = ()
    home: bool = False
    since: Moment | None = None
    looks: int | None = None
    tries: int = 0

    def state(self) -> State:
        """Return it as JSON."""
        return self.model_dump(mode="json")

    @property
    def is_direct(self) -> bool:
        """Whether the follow is for the person alone."""
        return not self.channel_id or self.channel_id.startswith("D")

    @property
    def follow_place(self) -> ReplyTarget:
        """The place to post in. Slack takes a person's id for the direct message."""
        if self.is_direct:
            return ReplyTarget(self.place.user_id, self.place.user_id)
        return ReplyTarget("", self.channel_id)


class UnfollowTask(BaseModel):
    """The state of the tasks that end a follow.

    Attributes:
        place: the person, and the place of the click.
        follow: the follow; None: the one of the person's own jobs.
        home: the click was in the home tab, which is published again.
    """

    model_config = ConfigDict(frozen=True)

    place: ReplyTarget
    follow: FollowReference | None
    home: bool = False

    def state(self) -> State:
        """Return it as JSON."""
        return self.model_dump(mode="json")


@dataclass(frozen=True, slots=True)
class FollowHandler:
    """Start and end follows.

    Attributes:
        looks: seconds before each search for a post with an unknown outcome.
    """

    projects: Projects
    job_list: JobList
    poster: Poster
    failures: Failures
    follows: Follows
    tracked: TrackedJobs
    people: People
    permissions: Permissions
    home: HomeHandler
    installation: Installation
    now: Callable[[], datetime]
    looks: tuple[float, ...] = LOOKS

    async def begin(self, context: TaskContext) -> Outcome:
        """Start the follow with its first message; if Slack refuses that, nothing is kept."""
        task = FollowTask.model_validate(context.task.state)
        reject = partial(reject_if_expired, "begin", context.task)
        return await self._report(
            context, FOLLOWING, task.place, lambda send: self._begin(task, context, send), reject
        )

    async def end(self, context: TaskContext) -> Outcome:
        """End a follow; its creator gets a message, if another person has ended it."""
        task = UnfollowTask.model_validate(context.task.state)
        return await self._report(
            context, READING, task.place, lambda send: self._end(task, context, send)
        )

    async def say_farewell(self, context: TaskContext) -> Outcome:
        """Send the creator of an ended follow a direct message.

        An unknown outcome counts as sent.
        """
        task = FarewellTask.model_validate(context.task.state)
        message = unfollowed_message(task.follow, task.reason, task.by)
        try:
            await self.poster.post(
                ReplyTarget(task.follow.created_by, task.follow.created_by),
                message,
                context.task.id,
                guard=context.may_post,
            )
        except SlackCallFailed as refused:
            return Done() if refused.outcome_unknown else retry_later(context, refused)
        return Done()

    async def of(self, user_id: str) -> list[Follow]:
        """Return a person's follows of projects and teams that they can still view, by name."""
        place = ReplyTarget(user_id)
        return [
            follow
            for follow in await self.follows.of(user_id)
            if follow.scope.kind is not Kind.MINE
            and self.permissions.can_view(place, follow.scope.team)
        ]

    async def tells(self, user_id: str) -> bool:
        """Return whether the bot tells a person about the jobs that they start."""
        return await self._mine(user_id) is not None

    async def _report(
        self,
        context: TaskContext,
        wording: Wording,
        place: ReplyTarget,
        work: Callable[[_Send], Awaitable[Outcome]],
        before: Callable[[], None] = lambda: None,
    ) -> Outcome:
        send = partial(self.poster.send_privately, place, guard=context.may_post)

        async def run() -> Outcome:
            before()
            return await work(send)

        try:
            outcome = await self.failures.report_failures(wording, send, run, retryable=True)
        except SlackCallFailed as refused:
            return retry_later(context, refused)
        return Done() if outcome is None else outcome

    async def _begin(self, task: FollowTask, context: TaskContext, send: _Send) -> Outcome:
        scope = await self._scope(task, send)
        if scope is None:
            return Done()
        current = await self.job_list.current(fresh=True)
        if current.projects_refused:
            await send(cannot_list())
            return Done()
        if task.since is None:
            task = task.model_copy(update={"since": _latest_moment(current, self.now())})
        follow = Follow(
            id=sha256(context.task.id.encode()).hexdigest()[:32],
            scope=scope,
            channel_id=task.channel_id,
            created_by=task.place.user_id,
            level=task.level,
            mentions=task.mentions,
            since=task.since or self.now(),
        )
        live = _live_jobs(current, scope)
        posted = await self._post(task, follow, len(live), context, send)
        if not isinstance(posted, Follow):
            return posted
        additions = [
            self.tracked.addition(tracked(_project(each), each.job, self.now())) for each in live
        ]
        await self.follows.begin(posted, *additions)
        if posted.channel_id != task.place.channel_id:
            await send(now_following(posted))
        await self._show_home(task.place.user_id, home=task.home)
        return Done()

    async def _post(
        self, task: FollowTask, follow: Follow, live: int, context: TaskContext, send: _Send
    ) -> Follow | Outcome:
        """Post the first message; return the follow with its place, or the end of this attempt."""

        def searching(looks: int) -> State:
            return task.model_copy(update={"looks": looks}).state()

        place = task.follow_place
        # Slack makes the id of a direct message known only with the first post.
        shown = follow if not task.is_direct else follow.model_copy(update={"channel_id": "D"})
        message = following_message(shown, live, self.installation)
        try:
            posted = await TaskPost(self.poster, context, self.looks, task.looks, searching).post(
                place, message
            )
        except SlackCallFailed as refused:
            if refused.retryable:
                raise
            log.info("a follow did not start", slack_error=refused.error)
            await send(
                unconfirmed_follow()
                if refused.outcome_unknown
                else not_followed(refused.error, direct=task.is_direct)
            )
            return Done()
        if isinstance(posted, RunAgain):
            return posted
        if task.is_direct:
            update = {"channel_id": posted.channel_id, "ts": posted.ts}
            return follow.model_copy(update=update)
        return follow.model_copy(update={"ts": posted.ts})

    async def _scope(self, task: FollowTask, send: _Send) -> Scope | None:
        """Return the jobs to follow; None: the person got the reason why there are none."""
        place = ReplyTarget(task.place.user_id, "" if task.is_direct else task.channel_id)
        if task.target is None:
            email = await self.people.email_of(task.place.user_id)
            if not email:
                await send(no_email(scope_missing=email is None))
                return None
            return Scope(kind=Kind.MINE, email=email)
        if task.target.project_id:
            project = await self.projects.get_project(task.target.project_id)
            self.permissions.require(place, Verb.VIEW, project.team_name)
            return Scope(
                kind=Kind.PROJECT,
                project_id=project.id,
                name=project.name,
                team=project.team_name or "",
            )
        names = {head.team_name for head in await self.job_list.projects(fresh=False)}
        with suppress(BasetenError):  # the projects name their teams, too
            names |= {team.name for team in await self.projects.teams()}
        for name in names:
            if name and team_digest(name) == task.target.team_digest:
                self.permissions.require(place, Verb.VIEW, name)
                return Scope(kind=Kind.TEAM, team=name)
        raise NotAllowedError(Verb.VIEW.value)

    async def _end(self, task: UnfollowTask, context: TaskContext, send: _Send) -> Outcome:
        person = task.place.user_id
        if task.follow is None:
            follow = await self._mine(person)
        else:
            follow = await self.follows.get(task.follow.digest, task.follow.id)
        if follow is None:
            await send(no_such_follow())
            await self._show_home(person, home=task.home)
            return Done()
        if follow.scope.kind is Kind.MINE and follow.created_by != person:
            raise NotAllowedError(Verb.VIEW.value)
        if follow.scope.kind is not Kind.MINE and follow.created_by != person:
            self.permissions.require(task.place, Verb.VIEW, follow.scope.team)
        await self.follows.end(follow, by=person)
        if follow.ts:
            with suppress(SlackCallFailed):  # the follow has ended, whatever its message shows
                await context.may_post()
                await self.poster.update(
                    ReplyTarget("", follow.channel_id), follow.ts, stopped_message(follow, person)
                )
        await send(you_stopped(follow))
        await self._show_home(person, home=task.home)
        return Done()

    async def _mine(self, user_id: str) -> Follow | None:
        found = [each for each in await self.follows.of(user_id) if each.scope.kind is Kind.MINE]
        return found[0] if found else None

    async def _show_home(self, user_id: str, *, home: bool) -> None:
        if home:
            with suppress(SlackCallFailed):  # the tab is published again when it is opened
                await self.home.publish(user_id)


def _latest_moment(current: CurrentJobs, now: datetime) -> datetime:
    """Return a time by Baseten's clock that no event until now is later than.

    It is the last change of a job. Older jobs are not listed, so without one it is a day ago.
    """
    moments = (
        moment for each in current.jobs for moment in (each.job.created_at, each.job.updated_at)
    )
    return max(moments, default=now - timedelta(days=1))


def _live_jobs(current: CurrentJobs, scope: Scope) -> list[ListedJob]:
    return [
        each
        for each in current.jobs
        if not status(each.job).ended and scope.includes(_project(each), each.job)
    ]


def _project(listed: ListedJob) -> TrainingProject:
    """Return the project of a listed job. A poll that finds the job's end has its times."""
    job, head = listed.job, listed.project
    return TrainingProject(
        id=head.id,
        name=head.name,
        created_at=job.created_at,
        updated_at=job.updated_at,
        team_name=head.team_name or None,
        latest_job=job,
    )
