"""The task that runs the workflow step "Open a training project"."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from bot.durable.context import TaskContext
from bot.durable.model import Done, Outcome, RunAgain
from bot.handlers.approved import run_approved
from bot.handlers.failures import Failures, Send
from bot.handlers.open_project import OpenProjectHandler
from bot.handlers.open_task import OpenProjectTask
from bot.handlers.task_age import reject_if_expired
from bot.projects.creation import CreationOutcome
from bot.projects.request import ProjectRequest, has_control_character
from bot.projects.service import OpenedProject
from bot.slack.message import Message
from bot.slack.workflow_steps import WorkflowSteps
from bot.views.failure import attempt_to_open
from bot.views.job import logs_url, status
from bot.views.text import without_markup
from bot.views.usage import incomplete_step_message, unreadable_step_message

RUN_WORKFLOW_STEP = "workflow step/2"
_PROJECTS_PAGE = "https://app.baseten.co/training"


@dataclass(frozen=True, slots=True)
class WorkflowStepHandler:
    """Open a project within a workflow, and return its data to the workflow."""

    failures: Failures
    open_project: OpenProjectHandler
    steps: WorkflowSteps

    async def handle(self, context: TaskContext) -> Outcome:
        """Complete or fail the step, in every case; a workflow cannot answer a question."""
        task = OpenProjectTask.model_validate(context.task.state)
        self.open_project.note(task, context)

        async def fail(message: Message) -> None:
            await self.steps.fail(task.execution_id, without_markup(message.text))

        async def nobody_waits() -> None:
            """Send nothing: the step stays open."""

        async def work(answer: Send) -> Outcome:
            if (wrong := _input_error(task.request)) is not None:
                await answer(wrong)
                return Done()
            run = partial(self._run, task, context)
            if task.approved_by:  # the workflow has waited for hours
                return await run_approved(context, run, nobody_waits)
            reject_if_expired(task.step, context.task)
            return await run()

        wording = partial(attempt_to_open, task.request, workflow=True)
        outcome = await self.failures.run_task(context, task.place, wording, work, fail)
        if outcome is None:
            return Done(self.open_project.remembered(context.now().state))
        return outcome

    async def _run(self, task: OpenProjectTask, context: TaskContext) -> Outcome:
        if task.step == "open":
            found = await self.open_project.find_existing(task)
            admitted = await self.open_project.gate.admit(task, found, context)
            if admitted is None:  # the step stays open
                return Done()
            task = await self.open_project.open(task, admitted, context)
        if task.step == "post":
            posted = await self.open_project.post(task, context)
            if isinstance(posted, RunAgain):
                return posted
            task = task.model_copy(update={"step": "end", "posted": posted})
            await context.checkpoint(task.state())
        if task.opened is not None:
            await self.steps.complete(task.execution_id, _outputs(task.opened))
        if task.posted is None:  # the workflow is the only reader of the answer
            self.failures.answered(context, "")
        return Done(self.open_project.remembered(task.state()))


def _input_error(request: ProjectRequest) -> Message | None:
    """Return the message about wrong inputs; None if they are right."""
    if not request.team or not request.name:
        return incomplete_step_message()
    if has_control_character(request.team + request.name):
        return unreadable_step_message()
    return None


def _outputs(opened: OpenedProject) -> dict[str, Any]:
    project, job = opened.project, opened.project.latest_job
    no_job = "Unknown" if project.job_unreadable else "No job yet"
    return {
        "project_id": project.id,
        "name": project.name,
        "team": opened.team,
        "created": opened.outcome is CreationOutcome.CREATED,
        "latest_job_status": status(job).words if job else no_job,
        "link": logs_url(project.id, job.id) if job else _PROJECTS_PAGE,
    }
