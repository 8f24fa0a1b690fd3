"""The task that ends a question without a project."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from bot.durable.context import TaskContext
from bot.durable.model import Done, Outcome
from bot.durable.task_state import TaskState
from bot.handlers.failures import Failures, Send
from bot.slack.message import ReplyTarget
from bot.views.failure import READING
from bot.views.installation import Installation
from bot.views.notice import canceled
from bot.views.usage import help_message

DISMISS = "dismiss/1"
Shown: TypeAlias = Literal["canceled", "help"]


class DismissTask(TaskState):
    """The state of the task.

    Attributes:
        place: the person, and the channel of the question.
        shown: the message that follows the question.
    """

    place: ReplyTarget
    shown: Shown


@dataclass(frozen=True, slots=True)
class DismissHandler:
    """Say that nothing was created, or show the help."""

    failures: Failures
    installation: Installation

    async def handle(self, context: TaskContext) -> Outcome:
        """Send the message to the person alone."""
        task = DismissTask.model_validate(context.task.state)
        message = help_message(self.installation) if task.shown == "help" else canceled()

        async def work(answer: Send) -> Outcome:
            await answer(message)
            return Done()

        return await self.failures.run_task(context, task.place, READING, work) or Done()
