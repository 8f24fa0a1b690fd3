"""The messages for news, with current log lines and capacity from Baseten."""

from typing import assert_never

import structlog

from bot.access.rules import Actor, Allows, Verb, allows
from bot.baseten.client import Baseten
from bot.baseten.errors import BasetenError
from bot.baseten.models import GpuCapacity, TrainingJob
from bot.slack.message import Message
from bot.telemetry.redaction import Redactor
from bot.views.job import status
from bot.views.watch import (
    ended_message,
    expired_message,
    first_job_message,
    gone_message,
    log_lines,
    lost_message,
    moved_message,
    taken_over_message,
    waiting_message,
)
from bot.watches.changes import (
    LONGEST,
    Ended,
    Expired,
    FirstJob,
    Gone,
    Lost,
    Moved,
    News,
    StillWaiting,
    TakenOver,
)
from bot.watches.model import Watch

# The redactor gets more lines than a message shows. A secret can begin far above the shown lines:
# only the first line of a private key identifies it.
_MOST_READ = 200
_MOST_TEXT = 100_000  # characters; far more than a message shows, and fast to search

log = structlog.stdlib.get_logger(__name__)


class NewsMessages:
    """Build the messages for news.

    Args:
        baseten: returns the last log lines of a failed job, and the capacity in use.
        redactor: redacts those lines.
        allows: decides whether the first watcher can see them.
    """

    def __init__(self, baseten: Baseten, redactor: Redactor, allows: Allows = allows) -> None:
        self._baseten = baseten
        self._redactor = redactor
        self._allows = allows

    async def build(self, news: News, watch: Watch, *, message_updated: bool) -> Message:
        """Return the reply for a piece of news.

        Args:
            news: the news.
            watch: the watch after the news.
            message_updated: whether the message shows the news, with the matching buttons.
        """
        project, watchers = watch.project, watch.watchers
        match news:
            case Moved(job=job, again=again):
                return moved_message(project.id, job, again=again)
            case Ended(job=job, ran=ran):
                reader = Actor(id=next(iter(watchers), ""), channel_id=watch.channel_id)
                shown = self._allows(reader, Verb.LOGS, project.team_name or "")
                failed = shown and status(job).failed
                logs = await self._last_lines(project.id, job) if failed else ()
                return ended_message(project, job, ran, watchers, logs)
            case StillWaiting(job=job, since=since):
                return waiting_message(project.id, job, since, await self._capacity(job))
            case TakenOver(old=old, new=new, seen=seen):
                return taken_over_message(project.id, old, new, seen=seen)
            case FirstJob(job=job):
                return first_job_message(project.id, job)
            case Expired():
                return expired_message(
                    project, LONGEST.days, watchers, message_updated=message_updated
                )
            case Lost(job=job):
                return lost_message(project, job, watchers)
            case Gone():
                return gone_message(project, watchers)
            case _:  # pragma: no cover - all kinds are above
                assert_never(news)

    async def _last_lines(self, project_id: str, job: TrainingJob) -> list[str] | None:
        """Return the last log lines of a job, redacted; None if they cannot be read."""
        try:
            logs = await self._baseten.get_training_job_logs(
                project_id, job.id, _MOST_READ, ended_at=job.updated_at
            )
        except BasetenError as error:
            log.info("cannot read the logs of a job that failed", error=str(error))
            return None
        # Redact the whole text before cutting it: the redactor cannot recognise half a secret.
        shown = "\n".join(log_lines((line.message for line in logs), _MOST_READ))
        return self._redactor.text(shown[-_MOST_TEXT:]).splitlines()

    async def _capacity(self, job: TrainingJob) -> GpuCapacity | None:
        """Return the capacity of the job's type of GPU, if the key can read it."""
        gpu_type = job.instance_type.gpu_type if job.instance_type else None
        if not gpu_type:
            return None
        try:
            capacities = await self._baseten.get_capacity()
        except BasetenError as error:
            log.info("cannot see the capacity in use", error=str(error))
            return None
        return next((each for each in capacities if each.gpu_type == gpu_type), None)
