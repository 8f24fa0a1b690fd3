"""The *Jobs* button: the project's last ten jobs, for the clicker alone."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.handlers.services import Services
from bot.handlers.slow_notice import notify_if_slow
from bot.listeners.payloads import Click, click
from bot.projects.message_state import MessageState
from bot.views.failure import READING
from bot.views.jobs import jobs_message
from bot.views.notice import still_looking


@dataclass(frozen=True, slots=True)
class Jobs:
    """List the jobs. https://docs.slack.dev/reference/interaction-payloads/block_actions-payload"""

    services: Services

    async def handle(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Ack at once; the list follows."""
        clicked = click(body)
        self.services.run_in_background(clicked.place, READING, lambda: self._list(clicked))
        await ack()

    async def _list(self, clicked: Click) -> None:
        card = MessageState.model_validate_json(clicked.value)
        async with notify_if_slow(
            partial(self.services.poster.send_privately, clicked.place), still_looking()
        ):
            listed = await self.services.projects.list_jobs(card.project_id)
        await self.services.poster.send_privately(clicked.place, jobs_message(listed))
