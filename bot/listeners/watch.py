"""The *Watch*, *Watch … too* and *Stop watching* buttons."""

from dataclasses import dataclass
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.access.rules import checked_id
from bot.handlers.services import Services
from bot.handlers.watch import STOP_WATCH, WATCH_MESSAGE, WATCH_ONE_JOB, WatchTask
from bot.listeners.payloads import carried, click, message_state
from bot.projects.message_state import WatchJobChoice


@dataclass(frozen=True, slots=True)
class Watching:
    """The listeners for the buttons. Each acks once the task is on disk."""

    services: Services

    async def watch(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Start to watch the message, or join its watchers."""
        await self._enqueue(WATCH_MESSAGE, body)
        await ack()

    async def watch_job(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Watch the job that the button names, in the message of the button."""
        clicked = click(body)
        choice = carried(WatchJobChoice, clicked.value)
        checked_id(choice.message_state.project_id)
        task = WatchTask(
            place=clicked.place,
            ts=clicked.ts,
            message_state=choice.message_state,
            job_id=checked_id(choice.job_id),
        )
        task_id = f"{WATCH_ONE_JOB}:{clicked.trigger_id}"
        await self.services.enqueue(task_id, WATCH_ONE_JOB, task.state(), clicked.place)
        await ack()

    async def stop(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Take the person off the watchers."""
        await self._enqueue(STOP_WATCH, body)
        await ack()

    async def _enqueue(self, kind: str, body: dict[str, Any]) -> None:
        clicked = click(body)
        state = message_state(clicked)
        task = WatchTask(place=clicked.place, ts=clicked.ts, message_state=state)
        await self.services.enqueue(
            f"{kind}:{clicked.trigger_id}", kind, task.state(), clicked.place
        )
