"""Where every door ends: open the project, and say so in Slack."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog

from bot.arguments import ProjectRequest
from bot.listeners.failures import Failures
from bot.message import Message
from bot.posting import Place, Poster
from bot.projects import Found, Opened, Projects
from bot.recents import Recent, Recents
from bot.remembered import Remembered
from bot.views.failure import Attempt, opening
from bot.views.near_name import can_ask, near_name_message
from bot.views.notice import invite, still_opening
from bot.views.project import card_of, project_message
from bot.work import Work

log = structlog.stdlib.get_logger(__name__)

SLOW = 2.0  # seconds until the person is told that it takes longer


@dataclass(frozen=True, slots=True)
class Desk:
    """Open a project for a person, and post the answer where they asked.

    Attributes:
        work: what is accepted here is done there.
        ask_near_names: whether to ask before a project is made whose name is near another's.
    """

    projects: Projects
    poster: Poster
    failures: Failures
    recents: Recents
    work: Work
    ask_near_names: bool
    _invited: Remembered = field(default_factory=Remembered)

    def accept(self, request: ProjectRequest, place: Place, *, sure: bool = False) -> None:
        """Take on opening a project; whatever fails reaches the person in words.

        Args:
            request: the team and the name.
            place: who asked, and where.
            sure: the name is meant as it is, so nothing is asked.

        Raises:
            BusyError: there is too much to do already; nothing was taken on.
        """
        self.start(place, opening(request), lambda: self._open(request, place, sure=sure))

    def start(
        self, place: Place, attempt: Attempt, work: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        """Take on any work for a person; whatever fails reaches them in words.

        Raises:
            BusyError: there is too much to do already; nothing was taken on.
        """
        self.work.start(lambda: self.failures.told(place, attempt, work))

    async def open(self, found: Found, place: Place) -> Opened:
        """Open the project, and post it if there is a channel to post in."""
        opened = await self._open_project(found, place)
        await self._post(opened, place)
        return opened

    async def _open(self, request: ProjectRequest, place: Place, *, sure: bool) -> None:
        async with self.patience(place, still_opening(request)):
            found = await self.projects.look(request)
            ask = self.ask_near_names and not sure and can_ask(found)
            opened = None if ask else await self._open_project(found, place)
        if opened is None:
            await self.poster.tell(place, near_name_message(found, place.thread_ts))
        else:
            await self._post(opened, place)

    async def _open_project(self, found: Found, place: Place) -> Opened:
        started = time.monotonic()
        opened = await self.projects.open_project(found)
        log.info(
            "project opened",
            project=opened.project.id,
            team=found.team.id,
            outcome=opened.outcome.value,
            user=place.user_id,
            seconds=round(time.monotonic() - started, 3),
        )
        project = opened.project
        if place.user_id:
            recent = Recent(project.id, project.name, opened.team, datetime.now(UTC))
            self.recents.add(place.user_id, recent)
        return opened

    async def _post(self, opened: Opened, place: Place) -> None:
        if not place.channel_id:
            return
        message = project_message(opened.project, card_of(opened, place.user_id))
        as_member = await self.poster.post(place, message)
        if not as_member and place.response_url:
            await self._ask_in(place)

    async def _ask_in(self, place: Place) -> None:
        """Say once a channel how to make the bot a member; nobody can be added to a DM."""
        if place.channel_id.startswith("D") or place.channel_id in self._invited:
            return
        self._invited.add(place.channel_id)
        await self.poster.tell(place, invite())

    @asynccontextmanager
    async def patience(self, place: Place, notice: Message) -> AsyncIterator[None]:
        """Tell the person once, if what is done in this block takes long."""

        async def tell_later() -> None:
            await asyncio.sleep(SLOW)
            await self.poster.tell(place, notice)

        telling = asyncio.create_task(tell_later())
        try:
            yield
        finally:
            telling.cancel()
            await asyncio.wait([telling])
