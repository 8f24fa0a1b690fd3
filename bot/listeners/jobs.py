"""The *Jobs* button: the project's last ten jobs, for the clicker alone."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.access.rules import Verb
from bot.handlers.services import Services
from bot.handlers.slow_notice import notify_if_slow
from bot.listeners.payloads import Click, click, message_state
from bot.views.failure import looking
from bot.views.jobs import jobs_message
from bot.views.notice import still_looking


@dataclass(frozen=True, slots=True)
class Jobs:
    """List the jobs. https://docs.slack.dev/reference/interaction-payloads/block_actions-payload"""

    services: Services

    async def handle(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Ack at once; the list follows."""
        clicked = click(body)
        self.services.run_in_background(clicked.place, looking(), lambda: self._list(clicked))
        await ack()

    async def _list(self, clicked: Click) -> None:
        card = message_state(clicked)
        async with notify_if_slow(
            partial(self.services.poster.send_privately, clicked.place), still_looking()
        ):
            listed = await self.services.projects.list_jobs(card.project_id)
        team = listed.training_project.team_name
        self.services.permissions.require(clicked.place, Verb.VIEW, team)
        await self.services.poster.send_privately(clicked.place, jobs_message(listed))
