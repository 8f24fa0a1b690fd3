"""The *Jobs* button: the project's last ten jobs, for the clicker alone."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.handlers.services import Desk
from bot.handlers.slow_notice import patience
from bot.listeners.payloads import Click, click
from bot.views.failure import looking
from bot.views.jobs import jobs_message
from bot.views.notice import still_looking
from bot.views.project import Card


@dataclass(frozen=True, slots=True)
class Jobs:
    """List the jobs. https://docs.slack.dev/reference/interaction-payloads/block_actions-payload"""

    desk: Desk

    async def handle(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Ack at once; the list follows."""
        clicked = click(body)
        self.desk.start(clicked.place, looking(), lambda: self._list(clicked))
        await ack()

    async def _list(self, clicked: Click) -> None:
        card = Card.model_validate_json(clicked.value)
        async with patience(
            partial(self.desk.poster.send_privately, clicked.place), still_looking()
        ):
            listed = await self.desk.projects.list_jobs(card.project_id)
        await self.desk.poster.send_privately(clicked.place, jobs_message(listed))
