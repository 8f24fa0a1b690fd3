"""The buttons of the question whether a name is a slip of another."""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.access.rules import checked_id
from bot.durable.in_flight import BusyError
from bot.handlers.services import Services
from bot.listeners.payloads import checked, click
from bot.projects.request import ProjectRequest
from bot.views.failure import looking
from bot.views.near_name import NameChoice


@dataclass(frozen=True, slots=True)
class NearName:
    """Open the project that was chosen, whichever button it was."""

    services: Services

    async def handle(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Ack what is on disk; open what was chosen first, and take the question away."""
        clicked = click(body)
        choice = NameChoice.model_validate_json(clicked.value)
        place = checked(replace(clicked.place, thread_ts=choice.thread_ts))
        # One question is answered once, however often and whatever is clicked.
        work_id = f"near name:{clicked.place.channel_id}:{clicked.ts}"
        request = ProjectRequest(checked_id(choice.team_id), choice.name)
        await self.services.enqueue_open_project(work_id, request, place, sure=True)
        # Also after a click that came before: a process may have died before it took it away.
        with suppress(BusyError):  # then the question stays, and is answered all the same
            self.services.run_in_background(
                place, looking(), lambda: self.services.poster.delete_ephemeral(clicked.place)
            )
        await ack()
