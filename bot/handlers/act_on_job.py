"""The task that acts on a job: check, call Baseten once, wait for the end, report."""

from contextlib import suppress
from dataclasses import dataclass

import structlog

from bot.access.rules import NotAllowedError, Verb
from bot.baseten.client import Baseten
from bot.baseten.errors import BasetenError, Refused, RequestOutcome, Unreachable, outcome_of
from bot.baseten.models import TrainingJob, TrainingProject
from bot.durable.context import TaskContext
from bot.durable.model import Done, Outcome, StoreUnavailableError
from bot.handlers.act_report import ActReports
from bot.handlers.act_task import ActAttempt, ActTask, note_act
from bot.handlers.failures import Failures, Send
from bot.handlers.permissions import Permissions
from bot.handlers.task_age import reject_if_expired
from bot.projects.acts_under_way import ActsUnderWay
from bot.projects.job_acts import (
    Act,
    can_act,
    changed_fields,
    has_effect,
    has_ended,
    new_job_like,
)
from bot.projects.service import Projects
from bot.slack.message import Message, SlackCallFailed
from bot.slack.messages import Poster
from bot.views.act_words import (
    act_wording,
    does_not_fit,
    looking_for_new_job,
    new_job_unknown,
    newer_job_exists,
    no_right_to_act,
    stopping,
    under_way,
)
from bot.views.failure import FailureWording
from bot.views.installation import Installation
from bot.views.job import job_name

log = structlog.stdlib.get_logger(__name__)

SETTLES = (2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 60.0)  # seconds before each read of a job that stops
_REPEATS = (2.0, 5.0, 15.0)  # seconds before each repeat of a call that Baseten has not taken
_LONGEST_WAIT = 60.0  # seconds; the person gets a longer wait of Baseten's in words


@dataclass(frozen=True, slots=True)
class ActHandler:
    """Act on a job.

    Attributes:
        looks: seconds before each search for a new job after an unknown outcome.
        settles: seconds before each read of a job that stops.
    """

    baseten: Baseten
    projects: Projects
    poster: Poster
    failures: Failures
    permissions: Permissions
    under_way: ActsUnderWay
    reports: ActReports
    installation: Installation
    looks: tuple[float, ...]
    settles: tuple[float, ...] = SETTLES

    async def handle(self, context: TaskContext) -> Outcome:
        """Run the task; the person gets a message about each failure."""
        task = ActTask.model_validate(context.task.state)
        if task.step in {"report", "end"}:
            note_act(self.failures.audit, context, task)

        def wording() -> FailureWording:
            return act_wording(task.act, sent=context.now().state["step"] != "check")

        async def work(answer: Send) -> Outcome:
            try:
                return await self._step(ActAttempt(context, task, answer))
            except BasetenError as error:  # which might have done the act
                now = ActTask.model_validate(context.now().state)
                if now.step == "settle":
                    note_act(self.failures.audit, context, now)
                elif now.step != "check" and outcome_of(error) is RequestOutcome.UNKNOWN:
                    note_act(self.failures.audit, context, now, perhaps=True)
                raise

        outcome = await self.failures.run_task(context, task.place, wording, work)
        return outcome or self._over(task, context)

    async def _step(self, attempt: ActAttempt) -> Outcome:
        """Take the present step."""
        begun = attempt.context.task.step_may_have_run
        match attempt.task.step:
            case "settle":
                return await self._settle(attempt)
            case "look":
                return await self._look(attempt)
            case "report" | "end":
                return await self._report(attempt)
            case "call" if begun and attempt.task.act is Act.RUN_AGAIN:
                return await self._look_later(attempt)
            case "call" if not begun:  # nothing was sent
                attempt.update(step="check")
        return await self._check(attempt)

    async def _check(self, attempt: ActAttempt) -> Outcome:
        """Call Baseten if the person has the right, and if the job still allows the act."""
        task, person = attempt.task, attempt.task.place.user_id
        if task.step == "check":
            reject_if_expired(task.step, attempt.context.task)
        project, _ = await self._read(attempt)
        self.permissions.require(task.place, Verb.VIEW, project.team_name)
        try:
            self.permissions.require(task.place, Verb.STOP, project.team_name)
        except NotAllowedError as error:
            self.failures.audit.refused(attempt.context, error)
            words = no_right_to_act(project.team_name or "", person, self.installation)
            return await self._refuse(attempt, words)
        other = await self.under_way.begin(task.job_id, attempt.context.task.id, person, task.act)
        if other is not None:
            await attempt.answer(under_way(other))
            return Done()
        project, job = await self._read(attempt)  # again, because another act might have ended now
        if task.step == "call" and has_effect(task.act, job, task.priority):
            return await self._ended(attempt)
        if not can_act(task.act, job):
            return await self._refuse(attempt, does_not_fit(task.act, project, job))
        attempt.update(step="call")
        work = self._run_again if task.act is Act.RUN_AGAIN else self._change
        return await work(attempt)

    async def _change(self, attempt: ActAttempt) -> Outcome:
        """Stop or change the job. A repeat is safe, so the client repeats failed requests."""
        task = attempt.task
        await attempt.save()  # a repeat must not take its own effect for another's
        ids = task.project_id, task.job_id
        try:
            if task.act is Act.STOP:
                await self.baseten.stop_training_job(*ids)
                return attempt.again(self.settles[0], step="settle")
            await self.baseten.update_training_job(*ids, changed_fields(task.act, task.priority))
        except Refused as refused:
            if outcome_of(refused) is not RequestOutcome.REFUSED:
                raise
            project, job = await self._read(attempt)
            if not has_effect(task.act, job, task.priority):  # of a repeat
                if can_act(task.act, job):
                    raise
                return await self._refuse(attempt, does_not_fit(task.act, project, job))
        else:
            await self._read(attempt)
        return await self._ended(attempt)

    async def _settle(self, attempt: ActAttempt) -> Outcome:
        """Read a job again until it has stopped, for some minutes."""
        settles, reads = self.settles, attempt.task.reads + 1
        last = reads >= len(settles)
        try:
            _, job = await self._read(attempt)
        except BasetenError as error:
            if last or outcome_of(error) is RequestOutcome.REFUSED:
                raise
            log.info("cannot read a job that stops", error=str(error))
        else:
            if has_ended(job):
                return await self._ended(attempt)
            if last:
                return await self._ended(attempt, waited=sum(settles))
            if attempt.task.reads == 1:
                await self._notice(attempt, stopping(job_name(job)))
        return attempt.again(settles[reads], reads=reads)

    async def _run_again(self, attempt: ActAttempt) -> Outcome:
        """Start a new job once, whatever happens: a second call would start a second job."""
        task = attempt.task
        jobs = (await self.projects.list_jobs(task.project_id)).training_jobs
        newest = jobs[0] if jobs else None
        if newest is not None and task.project is not None and task.newest not in {"", newest.id}:
            return await self._refuse(attempt, newer_job_exists(task.project, newest))
        attempt.update(known=tuple(job.id for job in jobs))
        try:
            await attempt.save()
        except StoreUnavailableError:  # nothing was sent
            return attempt.again(_REPEATS[0], step="check", refusals=task.refusals + 1)
        await attempt.context.may_post()
        try:
            new = await self.baseten.recreate_training_job(task.project_id, task.job_id)
        except BasetenError as error:
            match outcome_of(error):
                case RequestOutcome.NOT_TAKEN:
                    return await self._not_taken(attempt, error)
                case RequestOutcome.REFUSED:
                    raise
            log.warning("Baseten did not confirm a new job", error=str(error))
            return await self._look_later(attempt)
        return await self._ended(attempt, new_job=new)

    async def _not_taken(self, attempt: ActAttempt, error: BasetenError) -> Outcome:
        """Try again later; after several refusals, report that nothing was started."""
        refusals, wait = attempt.task.refusals + 1, 0.0
        if isinstance(error, Refused | Unreachable):
            wait = error.retry_after or 0.0
        if refusals <= len(_REPEATS) and wait <= _LONGEST_WAIT:
            log.info("Baseten did not take a call; it is repeated", error=str(error))
            wait = max(wait, _REPEATS[refusals - 1])
            return attempt.again(wait, step="check", refusals=refusals)
        wording = act_wording(attempt.task.act, sent=False)
        return await self._refuse(attempt, self.failures.failure_text(error, wording))

    async def _look_later(self, attempt: ActAttempt) -> Outcome:
        if attempt.task.job is not None:
            await self._notice(attempt, looking_for_new_job(job_name(attempt.task.job)))
        return attempt.again(self.looks[0], step="look")

    async def _look(self, attempt: ActAttempt) -> Outcome:
        """Search the project for the new job after an unknown outcome."""
        task, looks, reads = attempt.task, self.looks, attempt.task.reads + 1
        new = None
        try:
            jobs = (await self.projects.list_jobs(task.project_id)).training_jobs
            new = new_job_like(task.job, jobs, task.known)
        except BasetenError as error:
            log.info("cannot look for a new job", error=str(error))
        if new is not None:
            return await self._ended(attempt, new_job=new)
        if reads < len(looks):
            return attempt.again(looks[reads], reads=reads)
        note_act(self.failures.audit, attempt.context, task, perhaps=True)
        if task.project is not None and task.job is not None:
            await attempt.answer(new_job_unknown(task.project, task.job))
        return self._over(task, attempt.context)

    async def _ended(self, attempt: ActAttempt, **found: object) -> Outcome:
        """Report the end. It is saved first: a repeat would not find it out again."""
        attempt.update(step="report", **found)
        note_act(self.failures.audit, attempt.context, attempt.task)
        await attempt.save()
        return await self._report(attempt)

    async def _refuse(self, attempt: ActAttempt, message: Message) -> Outcome:
        """End with the reason why nothing was done."""
        await attempt.answer(message)
        return self._over(attempt.task, attempt.context)

    async def _report(self, attempt: ActAttempt) -> Outcome:
        waits = await self.reports.report(attempt.task, attempt.context)
        return waits or self._over(attempt.task, attempt.context)

    async def _notice(self, attempt: ActAttempt, message: Message) -> None:
        with suppress(SlackCallFailed):  # the log has it; the report follows
            await self.poster.send_privately(
                attempt.task.place, message, guard=attempt.context.may_post
            )

    async def _read(self, attempt: ActAttempt) -> tuple[TrainingProject, TrainingJob]:
        """Read the project and the job; the task keeps them."""
        project_id = attempt.task.project_id
        found = await self.baseten.get_job_in_project(project_id, attempt.task.job_id)
        project = found.training_project or await self.projects.get_project(project_id)
        attempt.update(project=project, job=found.training_job)
        return project, found.training_job

    def _over(self, task: ActTask, context: TaskContext) -> Done:
        return Done((self.under_way.end(task.job_id, context.task.id),))
