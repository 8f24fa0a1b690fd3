"""The *Refresh* button: the answer brought up to date in place."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.handlers.services import Services
from bot.handlers.slow_notice import notify_if_slow
from bot.listeners.payloads import Click, click
from bot.views.failure import looking
from bot.views.notice import still_looking
from bot.views.project import MessageState, Refreshed, project_message
from bot.watches.model import Watch
from bot.watches.redraw import redraw


@dataclass(frozen=True, slots=True)
class Refresh:
    """Show the project and its latest job as they are now.

    https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
    """

    services: Services
    _under_way: set[tuple[str, str]] = field(default_factory=set)

    async def handle(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Ack at once; a second click on a message that is being refreshed changes nothing."""
        clicked = click(body)
        self.services.run_in_background(clicked.place, looking(), lambda: self._refresh(clicked))
        await ack()

    async def _refresh(self, clicked: Click) -> None:
        message = (clicked.place.channel_id, clicked.ts)
        if message in self._under_way:
            return
        self._under_way.add(message)
        try:
            draw = partial(self._draw, clicked, MessageState.model_validate_json(clicked.value))
            await redraw(await self._read(clicked), partial(self._read, clicked), draw)
        finally:
            self._under_way.discard(message)

    async def _read(self, clicked: Click) -> tuple[Watch | None]:
        return (await self.services.watches.of(clicked.place.channel_id, clicked.ts),)

    async def _draw(self, clicked: Click, card: MessageState, watched: tuple[Watch | None]) -> None:
        (watch,) = watched
        async with notify_if_slow(
            partial(self.services.poster.send_privately, clicked.place), still_looking()
        ):
            project = await self.services.projects.get_project(card.project_id)
        refreshed = Refreshed(by=clicked.place.user_id, at=datetime.now(UTC))
        followed = watch.followed() if watch else None
        drawn = project_message(project, card, refreshed, followed)
        await self.services.poster.update(clicked.place, clicked.ts, drawn)
