"""The list of current jobs, for one person alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from bot.access.grants import UNKNOWN_TEAM
from bot.access.rules import NotAllowedError, Verb
from bot.baseten.errors import BasetenError
from bot.baseten.models import Team
from bot.baseten.project_heads import ProjectHead
from bot.handlers.permissions import Permissions, actor_at
from bot.handlers.slow_notice import notify_if_slow
from bot.projects.job_choice import JobListPage
from bot.projects.job_list import JobList
from bot.projects.job_scope import (
    AmbiguousScope,
    JobScope,
    UnknownScope,
    find_scope,
    team_digest,
)
from bot.projects.request import DialogRequest, ProjectRequest
from bot.projects.service import Projects
from bot.slack.message import Message, ReplyTarget
from bot.slack.messages import Poster
from bot.views.installation import Installation
from bot.views.job_list import job_list_message
from bot.views.job_list_words import ambiguous_scope, unknown_scope
from bot.views.notice import still_looking


@dataclass(frozen=True, slots=True)
class JobListHandler:
    """Send the list, and turn its pages. Nothing is created or changed in Baseten.

    A list costs two requests: the list of projects and the search, or for one project the list of
    projects and its jobs. If the person typed words, the teams are a third one every 5 minutes. A
    page of one project costs one request, any other page none within 30 seconds.
    """

    job_list: JobList
    projects: Projects
    poster: Poster
    permissions: Permissions
    installation: Installation

    async def send(self, place: ReplyTarget, asked: DialogRequest | ProjectRequest) -> None:
        """Send the first page, visible to this person only.

        Raises:
            RightsUnknownError: nothing can be listed, and it is unknown what the person can view.
        """
        send = partial(self.poster.send_privately, place)
        async with notify_if_slow(send, still_looking):
            message = await self._first_page(place, asked)
        await send(message)

    async def turn(self, place: ReplyTarget, page: JobListPage) -> None:
        """Replace the list that was clicked by another page of it.

        Raises:
            NotAllowedError: the person cannot view the team or the project any more.
        """
        async with notify_if_slow(partial(self.poster.send_privately, place), still_looking):
            scope = await self._scope_of(place, page)
            message = await self._page(place, scope, page.page)
        await self.poster.replace_ephemeral(place, message)

    async def _first_page(
        self, place: ReplyTarget, asked: DialogRequest | ProjectRequest
    ) -> Message:
        if asked == DialogRequest():
            return await self._page(place, JobScope(), 0, fresh=True)
        heads = self.permissions.visible_projects(place, await self.job_list.projects(fresh=True))
        teams = self._visible_teams(place, await self._teams(), heads)
        match await find_scope(asked, teams, heads):
            case UnknownScope() as unknown:
                self.permissions.require_facts(actor_at(place))
                return unknown_scope(unknown, self.installation)
            case AmbiguousScope() as ambiguous:
                return ambiguous_scope(ambiguous, self.installation)
            case scope:
                return await self._page(place, scope, 0, fresh=True, listed=True)

    async def _page(
        self,
        place: ReplyTarget,
        scope: JobScope,
        page: int,
        *,
        fresh: bool = False,
        listed: bool = False,
    ) -> Message:
        if scope.project is not None:
            project, current = await self.job_list.of_project(scope.project.id)
            self.permissions.require(place, Verb.VIEW, project.team_name)
            scope = JobScope(project.team_name, project)
        else:
            current = await self.job_list.current(fresh=fresh, listed=listed)
            shown = self.permissions.visible_jobs(place, current, scope.team)
            if current.jobs and not shown.jobs:
                self.permissions.require_facts(actor_at(place))
            current = shown
        return job_list_message(current, scope, page, self.installation)

    async def _scope_of(self, place: ReplyTarget, page: JobListPage) -> JobScope:
        if page.project_id:
            return JobScope(project=ProjectHead(page.project_id, "", ""))
        if not page.team_digest:
            return JobScope()
        heads = self.permissions.visible_projects(place, await self.job_list.projects(fresh=False))
        for team in self._visible_teams(place, await self._teams(), heads):
            if team_digest(team.name) == page.team_digest:
                return JobScope(team.name)
        raise NotAllowedError(Verb.VIEW, rule=UNKNOWN_TEAM)

    async def _teams(self) -> list[Team]:
        """Return the teams; none if Baseten refuses or does not answer."""
        try:
            return await self.projects.teams()
        except BasetenError:  # the projects name their teams, too
            return []

    def _visible_teams(
        self, place: ReplyTarget, teams: Iterable[Team], heads: Iterable[ProjectHead]
    ) -> list[Team]:
        """Return the teams that the person can view, with those that only projects name."""
        visible = [team for team in teams if self.permissions.can_view(place, team.name)]
        names = {team.name for team in visible}
        more = {head.team_name for head in heads if head.team_name} - names
        return visible + [Team(id=name, name=name) for name in sorted(more)]
