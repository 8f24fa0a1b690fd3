"""The buttons of the questions: which project, or which team, the person means."""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.access.rules import checked_id
from bot.durable.in_flight import BusyError
from bot.handlers.dismiss import DISMISS, DismissTask, Shown
from bot.handlers.services import Services
from bot.listeners.payloads import Click, carried, checked, click
from bot.projects.message_state import NameChoice, TeamChoice
from bot.projects.request import ProjectRequest
from bot.views.failure import READING


@dataclass(frozen=True, slots=True)
class Question:
    """The listeners for the buttons. Each deletes the question.

    Only the first click on a question counts: the tasks of all its buttons have the same id. The
    button that opens the dialog has no task, because it changes nothing.
    """

    services: Services

    async def open(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Open the chosen project; the person has seen its name and its team."""
        await self._open(ack, body, sure=True)

    async def use_team(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Go on with the chosen team; the name was not compared with the team's projects yet."""
        await self._open(ack, body, sure=False)

    async def choose_team(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Open the dialog with the typed words; the question stays if the dialog does not open."""
        clicked = click(body)
        choice = carried(TeamChoice, clicked.value)
        place = checked(replace(clicked.place, thread_ts=choice.thread_ts))
        trigger, dialog = clicked.trigger_id, self.services.dialog

        async def open_dialog() -> None:
            await dialog.open(trigger, place, choice.team, choice.name)
            await self.services.poster.delete_ephemeral(clicked.place)

        self.services.run_in_background(place, READING, open_dialog)
        await ack()

    async def help(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Show the help; no project is opened."""
        await self._dismiss(ack, body, "help")

    async def cancel(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Say that nothing was created."""
        await self._dismiss(ack, body, "canceled")

    async def _open(self, ack: AsyncAck, body: dict[str, Any], *, sure: bool) -> None:
        """Ack once the task is on disk."""
        clicked = click(body)
        choice = carried(NameChoice, clicked.value)
        place = checked(replace(clicked.place, thread_ts=choice.thread_ts))
        request = ProjectRequest(checked_id(choice.team_id), choice.name)
        await self.services.enqueue_open_project(_task_id(clicked), request, place, sure=sure)
        self._delete(clicked)
        await ack()

    async def _dismiss(self, ack: AsyncAck, body: dict[str, Any], shown: Shown) -> None:
        clicked = click(body)
        task = DismissTask(place=clicked.place, shown=shown)
        await self.services.enqueue(_task_id(clicked), DISMISS, task.state(), clicked.place)
        self._delete(clicked)
        await ack()

    def _delete(self, clicked: Click) -> None:
        """Delete the question. A later click deletes it too: a kill can come before a deletion."""
        with suppress(BusyError):  # then the question stays, and a click on it changes nothing
            self.services.in_flight.start(
                lambda: self.services.poster.delete_ephemeral(clicked.place)
            )


def _task_id(clicked: Click) -> str:
    """Return the same id for each click on one question."""
    return f"near name:{clicked.place.channel_id}:{clicked.ts}"
