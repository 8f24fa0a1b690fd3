"""The task that acts on a job: check, call Baseten once, wait for the end, report."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from bot.access.rules import NotAllowedError, Verb
from bot.baseten.client import Baseten
from bot.baseten.errors import BasetenError, Refused, RequestOutcome, Unreachable, outcome_of
from bot.baseten.models import TrainingJob, TrainingProject
from bot.durable.context import TaskContext
from bot.durable.model import Done, Outcome, RunAgain, StoreUnavailableError
from bot.handlers.act_report import ActReports
from bot.handlers.act_task import ActTask, note_act
from bot.handlers.failures import Failures, Send
from bot.handlers.permissions import Permissions
from bot.handlers.task_age import reject_if_expired
from bot.projects.acts_under_way import ActsUnderWay
from bot.projects.job_acts import Act, can_act, has_effect, has_ended
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
_Send = Callable[[Message], Awaitable[None]]


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

        outcome = await self.failures.run_task(
            context, task.place, wording, lambda answer: self._noted(task, context, answer)
        )
        return outcome or self._over(task, context)

    async def _noted(self, task: ActTask, context: TaskContext, answer: Send) -> Outcome:
        """Run the task; note for the audit log that Baseten might have done the act."""
        try:
            return await self._run(task, context, answer)
        except BasetenError as error:
            now = ActTask.model_validate(context.now().state)
            if now.step == "settle":
                note_act(self.failures.audit, context, now)
            elif now.step != "check" and outcome_of(error) is RequestOutcome.UNKNOWN:
                note_act(self.failures.audit, context, now, perhaps=True)
            raise

    async def _run(self, task: ActTask, context: TaskContext, answer: Send) -> Outcome:
        """Continue with the present step."""
        match task.step:
            case "settle":
                return await self._settle(task, context)
            case "look":
                return await self._look(task, context, answer)
            case "report" | "end":
                return await self.reports.report(task, context) or self._over(task, context)
            case "call" if context.task.step_may_have_run and task.act is Act.RUN_AGAIN:
                return await self._look_later(task, context)
            case "call" if not context.task.step_may_have_run:  # nothing was sent
                task = task.model_copy(update={"step": "check"})
        return await self._check(task, context, answer)

    async def _check(self, task: ActTask, context: TaskContext, answer: Send) -> Outcome:
        """Call Baseten if the person has the right, and if the job still allows the act."""
        if task.step == "check":
            reject_if_expired(task.step, context.task)
        project, _ = await self._read(task)
        person = task.place.user_id
        self.permissions.require(task.place, Verb.VIEW, project.team_name)
        try:
            self.permissions.require(task.place, Verb.STOP, project.team_name)
        except NotAllowedError as error:
            self.failures.audit.refused(context, error)
            await answer(no_right_to_act(project.team_name or "", person, self.installation))
            return self._over(task, context)
        if other := await self.under_way.begin(task.job_id, context.task.id, person, task.act):
            await answer(under_way(other))
            return Done()
        project, job = await self._read(task)  # again, because another act might have ended now
        if task.step == "call" and has_effect(task.act, job, task.priority):
            return await self._ended(task, context, project, job)
        if not can_act(task.act, job):
            await answer(does_not_fit(task.act, project, job))
            return self._over(task, context)
        task = task.model_copy(update={"step": "call", "project": project, "job": job})
        if task.act is Act.RUN_AGAIN:
            return await self._run_again(task, context, answer)
        return await self._change(task, context, answer)

    async def _change(self, task: ActTask, context: TaskContext, answer: Send) -> Outcome:
        """Stop or change the job. A repeat is safe, so the client repeats failed requests."""
        await context.checkpoint(
            task.state()
        )  # a repeat must not take its own effect for another's
        ids = task.project_id, task.job_id
        try:
            if task.act is Act.STOP:
                await self.baseten.stop_training_job(*ids)
                settling = task.model_copy(update={"step": "settle"})
                return RunAgain(self.settles[0], settling.state())
            await self.baseten.update_training_job(*ids, _change_of(task))
        except Refused as refused:
            if outcome_of(refused) is not RequestOutcome.REFUSED:
                raise
            project, job = await self._read(task)
            if has_effect(task.act, job, task.priority):  # of a repeat
                return await self._ended(task, context, project, job)
            if can_act(task.act, job):
                raise
            await answer(does_not_fit(task.act, project, job))
            return self._over(task, context)
        project, job = await self._read(task)
        return await self._ended(task, context, project, job)

    async def _settle(self, task: ActTask, context: TaskContext) -> Outcome:
        """Read a job again until it has stopped, for some minutes."""
        last = task.reads + 1 >= len(self.settles)
        try:
            project, job = await self._read(task)
        except BasetenError as error:
            if last or outcome_of(error) is RequestOutcome.REFUSED:
                raise
            log.info("cannot read a job that stops", error=str(error))
        else:
            if has_ended(job):
                return await self._ended(task, context, project, job)
            if last:
                waited = task.model_copy(update={"waited": sum(self.settles)})
                return await self._ended(waited, context, project, job)
            if task.reads == 1:
                await self._notice(task, context, stopping(job_name(job)))
        reads = task.reads + 1
        return RunAgain(self.settles[reads], task.model_copy(update={"reads": reads}).state())

    async def _run_again(self, task: ActTask, context: TaskContext, answer: Send) -> Outcome:
        """Start a new job once, whatever happens: a second call would start a second job."""
        jobs = (await self.projects.list_jobs(task.project_id)).training_jobs
        newest = jobs[0] if jobs else None
        if newest is not None and task.project is not None and task.newest not in {"", newest.id}:
            await answer(newer_job_exists(task.project, newest))
            return self._over(task, context)
        again = task.model_copy(update={"step": "check", "refusals": task.refusals + 1})
        task = task.model_copy(update={"known": tuple(job.id for job in jobs)})
        try:
            await context.checkpoint(task.state())
        except StoreUnavailableError:
            return RunAgain(_REPEATS[0], again.state())  # nothing was sent
        await context.may_post()
        try:
            new = await self.baseten.recreate_training_job(task.project_id, task.job_id)
        except BasetenError as error:
            match outcome_of(error):
                case RequestOutcome.NOT_TAKEN:
                    return await self._not_taken(again, error, context, answer)
                case RequestOutcome.REFUSED:
                    raise
            log.warning("Baseten did not confirm a new job", error=str(error))
            return await self._look_later(task, context)
        return await self._ended(
            task.model_copy(update={"new_job": new}), context, task.project, task.job
        )

    async def _not_taken(
        self, again: ActTask, error: BasetenError, context: TaskContext, answer: Send
    ) -> Outcome:
        """Try again later; after several refusals, report that nothing was started."""
        wait = 0.0
        if isinstance(error, Refused | Unreachable):
            wait = error.retry_after or 0.0
        if again.refusals <= len(_REPEATS) and wait <= _LONGEST_WAIT:
            log.info("Baseten did not take a call; it is repeated", error=str(error))
            return RunAgain(max(wait, _REPEATS[again.refusals - 1]), again.state())
        await answer(self.failures.failure_text(error, act_wording(again.act, sent=False)))
        return self._over(again, context)

    async def _notice(self, task: ActTask, context: TaskContext, message: Message) -> None:
        with suppress(SlackCallFailed):  # the log has it; the report follows
            await self.poster.send_privately(task.place, message, guard=context.may_post)

    async def _look_later(self, task: ActTask, context: TaskContext) -> Outcome:
        if task.job is not None:
            await self._notice(task, context, looking_for_new_job(job_name(task.job)))
        return RunAgain(self.looks[0], task.model_copy(update={"step": "look"}).state())

    async def _look(self, task: ActTask, context: TaskContext, answer: Send) -> Outcome:
        """Search the project for the new job after an unknown outcome."""
        jobs: Sequence[TrainingJob] = ()
        try:
            jobs = (await self.projects.list_jobs(task.project_id)).training_jobs
        except BasetenError as error:
            log.info("cannot look for a new job", error=str(error))
        if (new := _new_job(jobs, task)) is not None:
            found = task.model_copy(update={"new_job": new})
            return await self._ended(found, context, task.project, task.job)
        if task.reads + 1 < len(self.looks):
            reads = task.reads + 1
            return RunAgain(self.looks[reads], task.model_copy(update={"reads": reads}).state())
        note_act(self.failures.audit, context, task, perhaps=True)
        if task.project is not None and task.job is not None:
            await answer(new_job_unknown(task.project, task.job))
        return self._over(task, context)

    async def _ended(
        self,
        task: ActTask,
        context: TaskContext,
        project: TrainingProject | None,
        job: TrainingJob | None,
    ) -> Outcome:
        """Report the end. It is saved first: a repeat would not find it out again."""
        task = task.model_copy(update={"step": "report", "project": project, "job": job})
        note_act(self.failures.audit, context, task)
        await context.checkpoint(task.state())
        return await self.reports.report(task, context) or self._over(task, context)

    async def _read(self, task: ActTask) -> tuple[TrainingProject, TrainingJob]:
        found = await self.baseten.get_job_in_project(task.project_id, task.job_id)
        project = found.training_project or await self.projects.get_project(task.project_id)
        return project, found.training_job

    def _over(self, task: ActTask, context: TaskContext) -> Done:
        return Done((self.under_way.end(task.job_id, context.task.id),))


def _change_of(task: ActTask) -> dict[str, str | int]:
    if task.act is Act.USE_SPOT:
        return {"availability_model": "spot"}
    return {"priority": task.priority or 0}


def _new_job(jobs: Sequence[TrainingJob], task: ActTask) -> TrainingJob | None:
    """Return the one new job that is like the old one; None without one, or if there are two."""
    old = task.job
    new = [
        job
        for job in jobs
        if old is not None
        and job.id not in task.known
        and job.instance_type == old.instance_type
        and job.node_count == old.node_count
    ]
    named = [job for job in new if old is not None and job.name == old.name]
    found = named or new
    return found[0] if len(found) == 1 else None
