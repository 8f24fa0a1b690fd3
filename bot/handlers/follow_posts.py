"""The task that posts the message of one job for one follow."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import structlog

from bot.access.rules import RightsUnknownError
from bot.durable.context import TaskContext
from bot.durable.model import Change, Done, Outcome, RunAgain
from bot.follows.model import Follow, Follower, JobPostTask
from bot.follows.store import Follows
from bot.handlers.posting import post_once
from bot.projects.creation import CreationOutcome
from bot.projects.message_state import MessageState
from bot.slack.message import PostedMessage, ReplyTarget, SlackCallFailed
from bot.slack.messages import Poster
from bot.slack.post_search import LOOKS
from bot.slack.refusals import PLACE_ENDINGS, takes_later
from bot.views.follow import lost_job_message
from bot.views.job import status
from bot.watches.model import Watch
from bot.watches.news import Ended
from bot.watches.progress import backoff
from bot.watches.store import Watches
from bot.watches.tracked import TrackedJobs, tracked

log = structlog.stdlib.get_logger(__name__)

_LONGEST = timedelta(days=14)  # for which a post is tried


@dataclass(frozen=True, slots=True)
class JobPostHandler:
    """Post the message of a followed job, and start its watch.

    A job that has ended gets a watch that has ended, whose outbox holds the report for the thread.
    The watch and the end of the task are one unit. A job that Baseten no longer has gets no watch.

    Attributes:
        looks: seconds before each search for a post with an unknown outcome.
    """

    poster: Poster
    follows: Follows
    watches: Watches
    tracked: TrackedJobs
    now: Callable[[], datetime]
    looks: tuple[float, ...] = LOOKS

    async def handle(self, context: TaskContext) -> Outcome:
        """Post the job, if the follow goes on and its creator can view the project now."""
        task = JobPostTask.model_validate(context.task.state)
        try:
            follow = await self._allowed(task)
        except RightsUnknownError as unknown:
            return self._later(task, context, str(unknown))
        if follow is None:
            return Done()
        watch = self._watch(follow, task, context.task.id)
        message = watch.message()
        if task.lost and watch.job is not None:
            message = lost_job_message(watch.project, watch.job)
        place = ReplyTarget("", follow.channel_id)
        try:
            posted = await post_once(self.poster, context, self.looks, place, message)
        except SlackCallFailed as refused:
            return await self._refused(task, context, refused)
        if isinstance(posted, RunAgain):
            return posted
        return Done() if task.lost else self._done(watch, posted)

    async def _allowed(self, task: JobPostTask) -> Follow | None:
        """Return the first follow of the channel whose creator can view the project now."""
        for key, follow_id in task.follows:
            team = task.project.team_name or ""
            if (follow := await self.follows.allowed(key, follow_id, team)) is not None:
                return follow
        return None

    def _watch(self, follow: Follow, task: JobPostTask, task_id: str) -> Watch:
        """Return the watch of the message, which has no place yet."""
        project, job = task.project, task.project.latest_job
        ended = job is not None and status(job).ended
        watch = Watch(
            id=sha256(task_id.encode()).hexdigest()[:32],
            channel_id=follow.channel_id,
            ts="",
            thread_ts="",
            watchers=(),
            message_state=MessageState(
                project_id=project.id,
                team=project.team_name or "",
                outcome=CreationOutcome.EXISTED,
                asked_by=follow.created_by,
                follow_digest=follow.key,
                follow_id=follow.id,
            ),
            project=project,
            started_at=self.now(),
            follow=Follower(
                key=follow.key,
                id=follow.id,
                created_by=follow.created_by,
                mentions=tuple(dict.fromkeys((*follow.mentions, *task.mentions))),
            ),
            ended=ended,
        )
        if job is None or not ended:
            return watch
        if task.ran is not None:
            since = job.updated_at - timedelta(seconds=task.ran)
            watch = watch.model_copy(update={"running_since": since})
        return watch.with_news(task.at, [Ended(job=job, ran=task.ran)])

    def _done(self, watch: Watch, posted: PostedMessage) -> Outcome:
        """End the task together with the start of the watch, or of the delivery of its report."""
        place = {"channel_id": posted.channel_id, "ts": posted.ts, "thread_ts": posted.ts}
        watch = watch.model_copy(update=place)
        return Done(self.watches.beginning(watch))

    async def _refused(
        self, task: JobPostTask, context: TaskContext, refused: SlackCallFailed
    ) -> Outcome:
        """Return the next step after an error of Slack."""
        job = task.project.latest_job
        if refused.outcome_unknown:
            if job is not None and status(job).ended and not task.repeated:
                # A lost end is worse than a double one.
                return RunAgain(0.0, task.state(looks=None, repeated=True))
            log.warning("an unconfirmed message counts as posted", slack_error=refused.error)
            return Done(self._awaited_end(task))
        if refused.error in PLACE_ENDINGS:
            for key, follow_id in task.follows:
                if (kept := await self.follows.get(key, follow_id)) is not None:
                    await self.follows.end(kept, refused.error)
            return Done()
        if not takes_later(refused):
            log.error("Slack refuses a part of a notification", slack_error=refused.error)
            return Done()
        return self._later(task, context, refused.error, refused.retry_after)

    def _awaited_end(self, task: JobPostTask) -> tuple[Change, ...]:
        """Return the change that keeps a job whose start is unconfirmed: no watch reports its end.

        An end is not posted again: the id of its task is the same.
        """
        project, job = task.project, task.project.latest_job
        if job is None:
            return ()
        ids = tuple(follow_id for _, follow_id in task.follows)
        return (self.tracked.addition(tracked(project, job, self.now(), only_for=ids)),)

    def _later(
        self, task: JobPostTask, context: TaskContext, why: str, retry_after: float = 0.0
    ) -> Outcome:
        """Try again after at least these seconds, and later after each further failure."""
        if self.now() - task.at > _LONGEST:
            log.error("dropped a notification", error=why)
            return Done()
        log.info("cannot post a followed job now", error=why)
        state = task.state(tries=task.tries + 1)
        seconds = backoff(task.tries, retry_after)
        return RunAgain(seconds, state, step_may_have_run=context.task.step_may_have_run)
