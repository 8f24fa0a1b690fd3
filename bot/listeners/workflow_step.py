"""The workflow step "Open a training project", for Workflow Builder."""

from dataclasses import dataclass
from functools import partial
from html import unescape
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.arguments import (
    ProjectRequest,
    UsageError,
    Wrong,
    has_control_character,
    plain_characters,
)
from bot.journal.journal import Entry, JournalUnavailableError
from bot.journal.steps import Done, Next, Steps
from bot.listeners.desk import Desk
from bot.listeners.opening import Opening, Order, check_in_time
from bot.message import Message
from bot.posting import Place
from bot.projects import Opened, Outcome
from bot.step_ends import StepEnds
from bot.views.failure import looking, opening
from bot.views.job import logs_url, status
from bot.views.usage import incomplete_step_message, usage_message

STEP = "open_training_project"
WORKFLOW_STEP = "workflow step"
_PROJECTS_PAGE = "https://app.baseten.co/training"


@dataclass(frozen=True, slots=True)
class WorkflowStep:
    """Open a project within a workflow, and hand its data to the next step.

    https://docs.slack.dev/workflows/workflow-steps
    """

    desk: Desk
    opening: Opening
    ends: StepEnds

    async def handle(self, ack: AsyncAck, event: dict[str, Any]) -> None:
        """Ack at once. Event ``function_executed``."""
        execution_id, inputs = event["function_execution_id"], event.get("inputs", {})
        order = Order(
            request=ProjectRequest(_words(inputs, "team"), _words(inputs, "name")),
            place=Place(user_id=_words(inputs, "person"), channel_id=_words(inputs, "channel")),
            execution_id=execution_id,
        )
        try:
            await self.desk.runner.accept(f"step:{execution_id}", WORKFLOW_STEP, order.state())
        except JournalUnavailableError as error:
            await self._fail(execution_id, self.desk.failures.words(error, looking()))
        await ack()

    async def run(self, entry: Entry, steps: Steps) -> Next:
        """End the step in every case; nobody can be asked anything within a workflow."""
        order = Order.model_validate(entry.state)
        request, fail = order.request, partial(self._fail, order.execution_id)
        if not request.team or not request.name:
            await fail(incomplete_step_message())
        elif has_control_character(request.team + request.name):
            await fail(usage_message(UsageError(Wrong.CONTROL_CHARACTER)))
        else:
            async with self.desk.failures.caught(opening(request), fail, kept=True):
                check_in_time(order, entry)
                await self._go_on(order, steps)
        return Done()

    async def _go_on(self, order: Order, steps: Steps) -> None:
        if order.step == "open":
            found = await self.desk.projects.look(order.request)
            order = await self.opening.open(order, found, steps)
        if order.step == "post":
            order = await self.opening.post(order, steps)
            await steps.keep(order.state())
        if order.opened is not None:
            await self.ends.complete(order.execution_id, _outputs(order.opened))

    async def _fail(self, execution_id: str, words: Message) -> None:
        await self.ends.fail(execution_id, unescape(words.text))


def _words(inputs: dict[str, Any], name: str) -> str:
    return plain_characters(str(inputs.get(name) or ""))


def _outputs(opened: Opened) -> dict[str, Any]:
    project, job = opened.project, opened.project.latest_job
    return {
        "project_id": project.id,
        "name": project.name,
        "team": opened.team,
        "created": opened.outcome is Outcome.CREATED,
        "latest_job_status": status(job).words if job else "No job yet",
        "link": logs_url(project.id, job.id) if job else _PROJECTS_PAGE,
    }
