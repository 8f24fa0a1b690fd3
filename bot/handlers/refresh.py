"""Bring a project's message up to date."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from bot.access.rules import Verb
from bot.handlers.permissions import Permissions
from bot.handlers.slow_notice import notify_if_slow
from bot.projects.message_state import MessageState
from bot.projects.service import Projects
from bot.slack.message import ReplyTarget
from bot.slack.messages import Poster
from bot.views.notice import still_looking
from bot.views.project import Refreshed, project_message
from bot.watches.model import Watch
from bot.watches.redraw import redraw
from bot.watches.store import Watches


@dataclass(frozen=True, slots=True)
class RefreshHandler:
    """Update a message to the present state of its project and of the latest job."""

    projects: Projects
    poster: Poster
    watches: Watches
    permissions: Permissions
    _under_way: set[tuple[str, str]] = field(default_factory=set)

    async def refresh(self, place: ReplyTarget, ts: str, state: MessageState) -> None:
        """Update the message, unless a refresh of it is under way."""
        message = (place.channel_id, ts)
        if message in self._under_way:
            return
        self._under_way.add(message)
        try:
            read = partial(self.watches.get, *message)
            await redraw(await read(), read, partial(self._draw, place, ts, state))
        finally:
            self._under_way.discard(message)

    async def _draw(
        self, place: ReplyTarget, ts: str, state: MessageState, watch: Watch | None
    ) -> None:
        async with notify_if_slow(partial(self.poster.send_privately, place), still_looking):
            if watch is not None and watch.job is not None:
                project = await self.projects.get_project_with_job(state.project_id, watch.job.id)
            else:
                project = await self.projects.get_project(state.project_id)
        self.permissions.require(place, Verb.VIEW, project.team_name)
        refreshed = Refreshed(by=place.user_id, at=datetime.now(UTC))
        summary = watch.summary() if watch else None
        await self.poster.update(place, ts, project_message(project, state, refreshed, summary))
