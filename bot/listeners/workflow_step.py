"""The workflow step "Open a training project", for Workflow Builder."""

from dataclasses import dataclass
from html import unescape
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext

from bot.durable.context import TaskContext
from bot.durable.model import Done, Outcome, RunAgain
from bot.handlers.open_project import (
    OpenProjectHandler,
    OpenProjectTask,
    reject_if_expired,
    retry_later,
)
from bot.handlers.services import Services
from bot.projects.creation import Outcome as Creation
from bot.projects.request import (
    ProjectRequest,
    UsageError,
    Wrong,
    has_control_character,
    plain_characters,
)
from bot.projects.service import OpenedProject
from bot.slack.message import Message, ReplyTarget, SlackCallFailed
from bot.slack.workflow_steps import WorkflowSteps
from bot.views.failure import opening
from bot.views.job import logs_url, status
from bot.views.usage import incomplete_step_message, usage_message

STEP = "open_training_project"
WORKFLOW_STEP = "workflow step/2"
_PROJECTS_PAGE = "https://app.baseten.co/training"


@dataclass(frozen=True, slots=True)
class WorkflowStep:
    """Open a project within a workflow, and hand its data to the next step.

    https://docs.slack.dev/workflows/workflow-steps
    """

    services: Services
    opening: OpenProjectHandler
    ends: WorkflowSteps

    async def handle(self, ack: AsyncAck, event: dict[str, Any], context: AsyncBoltContext) -> None:
        """Ack what is on disk. Event ``function_executed``."""
        execution_id, inputs = event["function_execution_id"], event.get("inputs", {})
        workflow_id = context["actor"].id
        order = OpenProjectTask(
            request=ProjectRequest(_words(inputs, "team"), _words(inputs, "name")),
            place=ReplyTarget("", channel_id=_words(inputs, "channel")),
            execution_id=execution_id,
            workflow_id=workflow_id,
            for_person=_words(inputs, "person"),
        )
        await self.services.enqueue(
            f"step:{execution_id}", WORKFLOW_STEP, order.state(), order.place, workflow_id
        )
        await ack()

    async def run(self, context: TaskContext) -> Outcome:
        """End the step in every case; nobody can be asked anything within a workflow."""
        order = OpenProjectTask.model_validate(context.task.state)

        async def fail(words: Message) -> None:
            await self.ends.fail(order.execution_id, unescape(words.text))

        async def work() -> Outcome:
            reject_if_expired(order.step, context.task)
            return await self._go_on(order, context)

        try:
            if (wrong := _wrong(order.request)) is not None:
                await fail(wrong)
                return Done()
            outcome = await self.services.failures.report(
                opening(order.request), fail, work, kept=True
            )
        except SlackCallFailed as refused:
            return retry_later(context, refused)
        return Done(self.opening.remembered(context.now().state)) if outcome is None else outcome

    async def _go_on(self, order: OpenProjectTask, context: TaskContext) -> Outcome:
        if order.step == "open":
            found = await self.opening.look(order)
            order = await self.opening.open(order, found, context)
        if order.step == "post":
            posted = await self.opening.post(order, context)
            if isinstance(posted, RunAgain):
                return posted
            order = order.model_copy(update={"step": "end", "posted": posted})
            await context.checkpoint(order.state())
        if order.opened is not None:
            await self.ends.complete(order.execution_id, _outputs(order.opened))
        return Done(self.opening.remembered(order.state()))


def _wrong(request: ProjectRequest) -> Message | None:
    """Say what is wrong with the inputs."""
    if not request.team or not request.name:
        return incomplete_step_message()
    if has_control_character(request.team + request.name):
        return usage_message(UsageError(Wrong.CONTROL_CHARACTER))
    return None


def _words(inputs: dict[str, Any], name: str) -> str:
    return plain_characters(str(inputs.get(name) or ""))


def _outputs(opened: OpenedProject) -> dict[str, Any]:
    project, job = opened.project, opened.project.latest_job
    return {
        "project_id": project.id,
        "name": project.name,
        "team": opened.team,
        "created": opened.outcome is Creation.CREATED,
        "latest_job_status": status(job).words if job else "No job yet",
        "link": logs_url(project.id, job.id) if job else _PROJECTS_PAGE,
    }
