"""The tasks that show and tell the end of a request for approval."""

from dataclasses import dataclass

import structlog

from bot.durable.context import TaskContext
from bot.durable.model import Done, Outcome
from bot.handlers.failures import Failures
from bot.handlers.open_task import OpenProjectTask
from bot.handlers.posting import post_once
from bot.handlers.task_age import retry_later
from bot.projects.approval import OutcomeTask
from bot.slack.message import PostedMessage, ReplyTarget, SlackCallFailed
from bot.slack.messages import Poster
from bot.slack.workflow_steps import WorkflowSteps
from bot.views.approval import closed_card, outcome, step_outcome

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OutcomeHandler:
    """Show the end in the question, and tell it the requester.

    Attributes:
        looks: seconds before each search for a post with an unknown outcome.
    """

    poster: Poster
    failures: Failures
    steps: WorkflowSteps
    looks: tuple[float, ...]

    async def show(self, context: TaskContext) -> Outcome:
        """Replace the buttons of the question by the decision. A repeat is safe."""
        task = OutcomeTask.model_validate(context.task.state)
        place = ReplyTarget("", task.request.channel_id)
        try:
            closed = closed_card(task.request, task.decision)
            await self.poster.update(place, task.request.card_ts, closed)
        except SlackCallFailed as refused:
            return retry_later(context, refused)
        self.failures.answered(context, place.channel_id, task.request.card_ts)
        return Done()

    async def tell(self, context: TaskContext) -> Outcome:
        """Send the requester a direct message, or fail the workflow's step."""
        task = OutcomeTask.model_validate(context.task.state)
        order = OpenProjectTask.model_validate(task.request.order)
        try:
            if order.execution_id:
                await self.steps.fail(order.execution_id, step_outcome(task))
                return Done()
            return await self._tell(task, order, context)
        except SlackCallFailed as refused:
            return retry_later(context, refused)

    async def _tell(
        self, task: OutcomeTask, order: OpenProjectTask, context: TaskContext
    ) -> Outcome:
        person = task.request.requester
        words = self.failures.installation.command_for(order.request.team, order.request.name)
        place, message = ReplyTarget(person, person), outcome(task, words)
        posted = await post_once(self.poster, context, self.looks, place, message)
        return Done() if isinstance(posted, PostedMessage) else posted
