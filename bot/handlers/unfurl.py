"""Attach previews to the links to training projects and jobs that people post."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from bot.baseten.errors import BasetenError
from bot.baseten.models import TrainingProject
from bot.handlers.failures import Failures
from bot.handlers.permissions import Permissions, actor_at
from bot.projects.bounded_set import BoundedSet
from bot.projects.links import TrainingLink
from bot.projects.service import Projects
from bot.slack.message import Block, Message, ReplyTarget, SlackCallFailed
from bot.slack.unfurls import LinkPlace, Unfurls
from bot.views.failure import READING
from bot.views.unfurl import unfurl_blocks

log = structlog.stdlib.get_logger(__name__)

MOST_LINKS = 5  # of one message
_MOST_MESSAGES = 20  # at once; the limits of a person do not count pasted links


async def _tell_nobody(message: Message) -> None:
    """Send nothing: a person who pastes a link has asked for nothing."""


@dataclass(frozen=True, slots=True)
class UnfurlHandler:
    """Attach previews. Nobody gets a message about a failure; the log has it.

    A link costs one request.

    Attributes:
        now: an aware clock.
    """

    projects: Projects
    unfurls: Unfurls
    permissions: Permissions
    failures: Failures
    now: Callable[[], datetime]
    _seen: BoundedSet = field(default_factory=BoundedSet)
    _free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_MOST_MESSAGES))

    async def unfurl(
        self, event_id: str, author: str, place: LinkPlace, links: Sequence[TrainingLink]
    ) -> None:
        """Attach a preview to each link whose project its author can view.

        Slack repeats an event that it takes for lost; this method ignores the repeats.
        """
        if event_id in self._seen:
            return
        self._seen.add(event_id)
        if self._free.locked():
            log.info("too many links at once; these get no preview", links=len(links))
            return
        async with self._free:
            await self.failures.report_failures(
                READING, _tell_nobody, lambda: self._unfurl(author, place, links[:MOST_LINKS])
            )

    async def _unfurl(self, author: str, place: LinkPlace, links: Sequence[TrainingLink]) -> None:
        asker = ReplyTarget(author, place.channel_id)
        await self.permissions.prepare(actor_at(asker))
        shown = await asyncio.gather(*(self._preview(asker, link) for link in links))
        previews = {link.url: blocks for link, blocks in zip(links, shown, strict=True) if blocks}
        if not previews:
            return
        try:
            await self.unfurls.attach(place, previews)
        except SlackCallFailed as refused:
            log.info("cannot attach a preview", slack_error=refused.error)

    async def _preview(self, asker: ReplyTarget, link: TrainingLink) -> list[Block]:
        """Return the preview of a link; an empty one if the author cannot view its project."""
        try:
            project = await self._read(link)
        except BasetenError as error:
            log.info("cannot read what a link names", error=f"{type(error).__name__}: {error}")
            return []
        if not self.permissions.can_view(asker, project.team_name or ""):
            return []
        return unfurl_blocks(project, self.now())

    async def _read(self, link: TrainingLink) -> TrainingProject:
        if link.job_id:
            return await self.projects.get_project_with_job(link.project_id, link.job_id)
        return await self.projects.get_project(link.project_id)
