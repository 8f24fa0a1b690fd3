"""The *Watch* and *Stop watching* buttons."""

from dataclasses import dataclass
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.handlers.services import Services
from bot.handlers.watch import STOP_WATCH, WATCH_MESSAGE, WatchTask
from bot.listeners.payloads import click, message_state


@dataclass(frozen=True, slots=True)
class Watching:
    """The listeners for the two buttons. Both ack once the task is on disk."""

    services: Services

    async def watch(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Start to watch the message, or join its watchers."""
        await self._enqueue(WATCH_MESSAGE, body)
        await ack()

    async def stop(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """End the watch, for everybody."""
        await self._enqueue(STOP_WATCH, body)
        await ack()

    async def _enqueue(self, kind: str, body: dict[str, Any]) -> None:
        clicked = click(body)
        state = message_state(clicked)
        task = WatchTask(place=clicked.place, ts=clicked.ts, message_state=state)
        await self.services.enqueue(
            f"{kind}:{clicked.trigger_id}", kind, task.state(), clicked.place
        )
