"""The tasks that start and end follows."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import structlog

from bot.access.grants import UNKNOWN_TEAM
from bot.access.rules import Actor, NotAllowedError, Verb
from bot.baseten.models import TrainingProject
from bot.durable.context import TaskContext
from bot.durable.model import Done, Outcome, RunAgain
from bot.follows.model import Follow, Kind, Scope
from bot.follows.store import Follows
from bot.handlers.failures import Failures, Send
from bot.handlers.follow_tasks import FollowTask
from bot.handlers.home import HomeHandler
from bot.handlers.permissions import Permissions, actor_at
from bot.handlers.posting import post_once
from bot.handlers.task_age import reject_if_expired
from bot.projects.job_list import CurrentJobs, JobList, ListedJob
from bot.projects.job_scope import team_digest
from bot.projects.service import Projects
from bot.slack.message import ReplyTarget, SlackCallFailed
from bot.slack.messages import Poster
from bot.slack.people import People
from bot.slack.post_search import LOOKS
from bot.views.failure import FailureWording
from bot.views.follow import (
    cannot_list,
    changed_message,
    following_message,
    no_email,
    not_followed,
    now_following,
    unconfirmed_follow,
)
from bot.views.installation import Installation
from bot.views.job import status
from bot.watches.tracked import TrackedJobs, tracked

log = structlog.stdlib.get_logger(__name__)

FOLLOWING = FailureWording(nothing="Nothing is followed.", unsure="Perhaps nothing is followed.")


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
        begun = await self.failures.run_task(
            context, task.place, FOLLOWING, lambda answer: self._begin(task, context, answer)
        )
        return begun or Done()

    async def _begin(self, task: FollowTask, context: TaskContext, answer: Send) -> Outcome:
        reject_if_expired("begin", context.task)
        scope = await self._scope(task, answer)
        if scope is None:
            return Done()
        current = await self.job_list.current(fresh=True)
        if current.projects_refused:
            await answer(cannot_list())
            return Done()
        if task.since is None:
            task = task.model_copy(update={"since": _latest_moment(current, self.now())})
            await context.checkpoint(task.state())  # after a kill, the first message is older
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
        posted = await self._post(task, follow, len(live), context, answer)
        if not isinstance(posted, Follow):
            return posted
        additions = [
            self.tracked.addition(tracked(_project(each), each.job, self.now())) for each in live
        ]
        before = await self.follows.begin(posted, *additions)
        self.failures.audit.acted(
            context,
            Verb.VIEW,
            "followed",
            team=scope.team,
            project=scope.project_id,
            name=scope.name,
            actor=Actor(id=follow.created_by, channel_id=posted.channel_id),
        )
        if before is not None and before.ts not in {"", posted.ts}:
            with suppress(SlackCallFailed):  # the follow has changed, whatever that message shows
                await context.may_post()
                there, message = ReplyTarget("", before.channel_id), changed_message(posted)
                await self.poster.update(there, before.ts, message)
        in_home = task.is_direct and not task.place.channel_id  # then words would go there, too
        if posted.channel_id != task.place.channel_id and not in_home:
            await self.poster.send_privately(
                task.place, now_following(posted), guard=context.may_post
            )
        if task.home:
            self.home.redraw(task.place.user_id)
        return Done()

    async def _post(
        self, task: FollowTask, follow: Follow, live: int, context: TaskContext, answer: Send
    ) -> Follow | Outcome:
        """Post the first message; return the follow with its place, or the end of this attempt."""
        place = task.follow_place
        # Slack makes the id of a direct message known only with the first post.
        shown = follow if not task.is_direct else follow.model_copy(update={"channel_id": "D"})
        message = following_message(shown, live, self.installation)
        try:
            posted = await post_once(self.poster, context, self.looks, place, message)
        except SlackCallFailed as refused:
            if refused.retryable:
                raise
            log.info("a follow did not start", slack_error=refused.error)
            await answer(
                unconfirmed_follow()
                if refused.outcome_unknown
                else not_followed(refused.error, direct=task.is_direct)
            )
            return Done()
        if isinstance(posted, RunAgain):
            return posted
        self.failures.answered(context, posted.channel_id, posted.ts)
        if task.is_direct:
            update = {"channel_id": posted.channel_id, "ts": posted.ts}
            return follow.model_copy(update=update)
        return follow.model_copy(update={"ts": posted.ts})

    async def _scope(self, task: FollowTask, answer: Send) -> Scope | None:
        """Return the jobs to follow; None: the person got the reason why there are none."""
        place = ReplyTarget(task.place.user_id, "" if task.is_direct else task.channel_id)
        await self.permissions.prepare(actor_at(place))
        self.permissions.admit(actor_at(place))
        if task.target is None:
            email = await self.people.email_of(task.place.user_id)
            if not email:
                await answer(no_email(scope_missing=email is None))
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
        heads = await self.job_list.projects(fresh=False)
        for name in await self.projects.team_names(heads):
            if team_digest(name) == task.target.team_digest:
                self.permissions.require(place, Verb.VIEW, name)
                return Scope(kind=Kind.TEAM, team=name)
        raise NotAllowedError(Verb.VIEW, rule=UNKNOWN_TEAM)


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
