"""Where every door ends: open the project, and say so in Slack."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from bot.arguments import ProjectRequest
from bot.listeners.failures import Failures
from bot.posting import Place, Poster
from bot.projects import Projects
from bot.views.notice import invite, still_working
from bot.views.project import project_message

log = structlog.stdlib.get_logger(__name__)

SLOW = 2.0  # seconds until the person is told that it takes longer
_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class Desk:
    """Open a project for a person, and post the answer where they asked."""

    projects: Projects
    poster: Poster
    failures: Failures
    _invited: dict[str, None] = field(default_factory=dict)

    async def open(self, request: ProjectRequest, place: Place) -> None:
        """Open the project and post it; whatever fails reaches the person in words."""
        started = time.monotonic()
        async with self.failures.told(place, request), self._patience(request, place):
            opened = await self.projects.open_project(request)
            log.info(
                "project opened",
                project=opened.project.id,
                team=opened.team.id,
                outcome=opened.outcome.value,
                user=place.user_id,
                seconds=round(time.monotonic() - started, 3),
            )
            at_home = await self.poster.post(place, project_message(opened, place.user_id))
            if not at_home:
                await self._ask_in(place)

    async def _ask_in(self, place: Place) -> None:
        """Say once a channel how to make the bot a member; nobody can be added to a DM."""
        if place.channel_id.startswith("D") or place.channel_id in self._invited:
            return
        if len(self._invited) >= _REMEMBERED:
            self._invited.clear()
        self._invited[place.channel_id] = None
        await self.poster.tell(place, invite())

    @asynccontextmanager
    async def _patience(self, request: ProjectRequest, place: Place) -> AsyncIterator[None]:
        """Tell the person once, if what is done here takes long."""

        async def tell_later() -> None:
            await asyncio.sleep(SLOW)
            await self.poster.tell(place, still_working(request))

        notice = asyncio.create_task(tell_later())
        try:
            yield
        finally:
            notice.cancel()
            await asyncio.wait([notice])
