"""The buttons of the question about a similar name."""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.access.rules import checked_id
from bot.durable.in_flight import BusyError
from bot.handlers.services import Services
from bot.listeners.payloads import carried, checked, click
from bot.projects.message_state import NameChoice
from bot.projects.request import ProjectRequest


@dataclass(frozen=True, slots=True)
class NearName:
    """The listener for both buttons: each opens the project that it stands for."""

    services: Services

    async def handle(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Ack once the task is on disk; delete the question."""
        clicked = click(body)
        choice = carried(NameChoice, clicked.value)
        place = checked(replace(clicked.place, thread_ts=choice.thread_ts))
        # The same id for each click: the first one counts.
        task_id = f"near name:{clicked.place.channel_id}:{clicked.ts}"
        request = ProjectRequest(checked_id(choice.team_id), choice.name)
        await self.services.enqueue_open_project(task_id, request, place, sure=True)
        # A later click deletes it too: a kill can come between the task and the first deletion.
        with suppress(BusyError):  # then the question stays, and a click on it changes nothing
            # It is not judged: a refusal of the task has sent its words already.
            self.services.in_flight.start(
                lambda: self.services.poster.delete_ephemeral(clicked.place)
            )
        await ack()
