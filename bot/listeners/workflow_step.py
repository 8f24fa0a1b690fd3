"""The workflow step "Open a training project", for Workflow Builder."""

from dataclasses import dataclass
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext

from bot.handlers.open_task import OpenProjectTask
from bot.handlers.services import Services
from bot.handlers.workflow_step import RUN_WORKFLOW_STEP
from bot.projects.request import ProjectRequest, plain_characters
from bot.slack.message import ReplyTarget

STEP = "open_training_project"


@dataclass(frozen=True, slots=True)
class WorkflowStep:
    """The listener for the step. https://docs.slack.dev/workflows/workflow-steps"""

    services: Services

    async def handle(self, ack: AsyncAck, event: dict[str, Any], context: AsyncBoltContext) -> None:
        """Ack once the task is on disk. Event ``function_executed``."""
        execution_id, inputs = event["function_execution_id"], event.get("inputs", {})
        workflow_id = context["actor"].id
        task = OpenProjectTask(
            request=ProjectRequest(_input(inputs, "team"), _input(inputs, "name")),
            place=ReplyTarget("", channel_id=_input(inputs, "channel")),
            execution_id=execution_id,
            workflow_id=workflow_id,
            for_person=_input(inputs, "person"),
        )
        await self.services.enqueue(
            f"step:{execution_id}", RUN_WORKFLOW_STEP, task.state(), task.place, workflow_id
        )
        await ack()


def _input(inputs: dict[str, Any], name: str) -> str:
    return plain_characters(str(inputs.get(name) or ""))
