"""The messages for news, with the details that Baseten and Slack can add."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from bot.access.rules import Actor, Verb
from bot.access.standing import StandingRights
from bot.baseten.client import Baseten
from bot.baseten.errors import BasetenError
from bot.baseten.measures import Checkpoint, GpuCapacity
from bot.baseten.models import TrainingJob, TrainingProject
from bot.projects.message_state import WatchJobChoice
from bot.slack.message import Message
from bot.slack.people import People
from bot.telemetry.redaction import Redactor
from bot.views.installation import Installation
from bot.views.job import status
from bot.views.job_end import STEPS, Findings, ended_message
from bot.views.log_tail import log_lines
from bot.views.watch import (
    expired_message,
    farewell_message,
    first_job_message,
    gone_message,
    lost_message,
    mentions_message,
    moved_message,
    newer_job_message,
    waiting_message,
)
from bot.watches.changes import LONGEST
from bot.watches.model import Watch
from bot.watches.news import (
    Ended,
    Expired,
    Farewell,
    FirstJob,
    Gone,
    Lost,
    Mentions,
    Moved,
    NewerJob,
    News,
    StillWaiting,
)

# The redactor gets more lines than a message shows. A secret can begin far above the shown lines:
# only the first line of a private key identifies it.
_MOST_READ = 200
_MOST_TEXT = 100_000  # characters; far more than a message shows, and fast to search

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NewsMessages:
    """Build the messages for news.

    Attributes:
        baseten: returns log lines, checkpoints, the use of GPUs and the capacity.
        redactor: redacts log lines.
        people: finds the person who started a job.
        rights: tells whether the follow's creator, or the first watcher, can see log lines.
        installation: the names of the commands.
    """

    baseten: Baseten
    redactor: Redactor
    people: People
    rights: StandingRights = field(default_factory=StandingRights)
    installation: Installation = field(default_factory=Installation)

    async def build(  # noqa: C901 - a case for each kind of news
        self, news: News, watch: Watch, watchers: Sequence[str], *, message_updated: bool
    ) -> Message:
        """Return the message for a piece of news.

        Args:
            news: the news.
            watch: the watch after the news.
            watchers: the people whom the news are for.
            message_updated: whether the message shows the news, with the matching buttons.
        """
        project = watch.project
        match news:
            case Moved(job=job, again=again):
                return moved_message(project, job, again=again)
            case Ended(job=job, ran=ran):
                found = await self._findings(job, ran, watch, watchers)
                return ended_message(project, job, ran, watchers, found)
            case StillWaiting(job=job, since=since, waited=waited):
                capacity = await self._capacity(project, job)
                return waiting_message(project, job, since, waited, capacity)
            case NewerJob(job=job, followed=followed):
                choice = WatchJobChoice(message_state=watch.message_state, job_id=job.id)
                starter = await self._starter(job)
                return newer_job_message(project, choice, job, followed, watchers, starter)
            case FirstJob(job=job):
                return first_job_message(project, job, watchers, await self._starter(job))
            case Expired():
                return expired_message(
                    project, LONGEST.days, watchers, message_updated=message_updated
                )
            case Lost(job=job):
                return lost_message(project, job, watchers)
            case Gone():
                return gone_message(project, watchers)
            case Mentions(user_ids=user_ids):
                return mentions_message(project.name, user_ids)
            case Farewell(slack_error=slack_error, unanswerable=unanswerable):
                return farewell_message(
                    project,
                    project.team_name or watch.message_state.team,
                    watch.channel_id,
                    slack_error,
                    self.installation,
                    unanswerable=unanswerable,
                )

    async def _findings(
        self, job: TrainingJob, ran: float | None, watch: Watch, watchers: Sequence[str]
    ) -> Findings:
        """Return the details about a job that has ended."""
        project_id, name = watch.project.id, job.current_status
        starter = await self._starter(job)
        first = watch.follow.created_by if watch.follow else next(iter(watchers), "")
        reader = Actor(id=first, channel_id=watch.channel_id)
        if status(job).failed:
            if not await self.rights.has(reader, Verb.LOGS, watch.project.team_name or ""):
                return Findings(logs=None, starter=starter)
            return Findings(logs=await self._last_lines(project_id, job), starter=starter)
        if not name.endswith(("COMPLETED", "PREEMPTED")):
            return Findings(starter=starter)
        checkpoints, used = await asyncio.gather(
            self._checkpoints(project_id, job), self._gpu_use(project_id, job, ran)
        )
        return Findings(checkpoints=checkpoints, gpu_use=used, starter=starter)

    async def _starter(self, job: TrainingJob) -> str:
        email = (job.user.email if job.user else None) or ""
        return email and (await self.people.find(email) or email)

    async def _last_lines(self, project_id: str, job: TrainingJob) -> list[str] | None:
        """Return the last log lines of a job, redacted; None if they cannot be read."""
        try:
            logs = await self.baseten.get_training_job_logs(
                project_id, job.id, _MOST_READ, ended_at=job.updated_at
            )
        except BasetenError as error:
            log.info("cannot read the logs of a job that failed", error=str(error))
            return None
        # Redact the whole text before cutting it: the redactor cannot recognize half a secret.
        shown = "\n".join(log_lines((line.message for line in logs), _MOST_READ))
        return self.redactor.text(shown[-_MOST_TEXT:]).splitlines()

    async def _checkpoints(self, project_id: str, job: TrainingJob) -> list[Checkpoint] | None:
        try:
            return await self.baseten.get_checkpoints(project_id, job.id)
        except BasetenError as error:
            log.info("cannot read the checkpoints of a job", error=str(error))
            return None

    async def _gpu_use(
        self, project_id: str, job: TrainingJob, ran: float | None
    ) -> Sequence[float]:
        end = job.updated_at
        start = job.created_at if ran is None else end - timedelta(seconds=ran)
        try:
            metrics = await self.baseten.get_metrics(project_id, job.id, start, end)
        except BasetenError as error:
            log.info("cannot read the metrics of a job", error=str(error))
            return ()
        return metrics.gpu_use(STEPS)

    async def _capacity(self, project: TrainingProject, job: TrainingJob) -> GpuCapacity | None:
        """Return the capacity of the job's type of GPU, if the key can read it."""
        gpu_type = job.instance_type.gpu_type if job.instance_type else None
        if not gpu_type:
            return None
        try:
            capacities = await self.baseten.get_capacity()
        except BasetenError as error:
            log.info("cannot see the capacity in use", error=str(error))
            return None
        return capacities.of(gpu_type, project.team_name or "")
