"""The buttons *Approve* and *Decline* of a question about a new project."""

from dataclasses import dataclass
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.access.rules import checked_id
from bot.handlers.decide_approval import DECIDE_APPROVAL, DecideTask
from bot.handlers.services import Services
from bot.listeners.payloads import carried, click
from bot.projects.approval import ApprovalChoice
from bot.views.approval import APPROVE


@dataclass(frozen=True, slots=True)
class Approval:
    """The listener for both buttons."""

    services: Services

    async def decide(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Ack once the task is on disk.

        Each click has a task of its own: a click of a person who cannot decide blocks nobody.

        Raises:
            MalformedIdError: the button names no request.
        """
        clicked = click(body)
        choice = carried(ApprovalChoice, clicked.value)
        for each in (choice.project, choice.id):
            checked_id(each)
        approve = body["actions"][0]["action_id"] == APPROVE
        task = DecideTask(place=clicked.place, choice=choice, approve=approve, ts=clicked.ts)
        task_id = f"{DECIDE_APPROVAL}:{clicked.trigger_id}"
        await self.services.enqueue(task_id, DECIDE_APPROVAL, task.state(), clicked.place)
        await ack()
