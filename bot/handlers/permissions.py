"""The places where handlers and lists ask for a person's rights on a team."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bot.access.rules import Actor, ActorKind, Allows, NotAllowedError, Verb, allows
from bot.baseten.errors import BasetenError
from bot.baseten.models import Team
from bot.baseten.project_heads import ProjectHead
from bot.projects.job_list import CurrentJobs
from bot.projects.request import ProjectRequest
from bot.projects.service import (
    AmbiguousTeamError,
    ExistingProjects,
    Projects,
    UnknownTeamError,
    near_teams,
)
from bot.slack.message import ReplyTarget


def actor_at(place: ReplyTarget, workflow_id: str = "", execution_id: str = "") -> Actor:
    """Return the person or the workflow that asked; the middleware has judged its workspace."""
    return Actor(
        ActorKind.WORKFLOW if execution_id else ActorKind.PERSON,
        workflow_id or place.user_id,
        channel_id=place.channel_id,
        execution_id=execution_id,
    )


@dataclass(frozen=True, slots=True)
class Permissions:
    """Ask for rights. A forbidden team gets the same words as an unknown one.

    Attributes:
        allows: decides.
    """

    allows: Allows = allows

    def require(self, place: ReplyTarget, verb: Verb, team: str | None) -> None:
        """Let a handler go on with a project of this team.

        Raises:
            NotAllowedError: the person has no right to it.
        """
        if not self.allows(actor_at(place), verb, team or ""):
            raise NotAllowedError(verb.value)

    def can_view(self, place: ReplyTarget, team: str) -> bool:
        """Return whether a list for this person can name the team."""
        return self.allows(actor_at(place), Verb.VIEW, team)

    def visible_projects(
        self, place: ReplyTarget, heads: Iterable[ProjectHead]
    ) -> list[ProjectHead]:
        """Return the projects that the person can view; each team is judged once."""
        heads = list(heads)
        teams = self._visible_teams(place, (head.team_name for head in heads))
        return [head for head in heads if head.team_name in teams]

    def visible_jobs(self, place: ReplyTarget, current: CurrentJobs, team: str = "") -> CurrentJobs:
        """Return the jobs that the person can view, of one team or of all."""
        named = (listed.project.team_name for listed in current.jobs)
        teams = self._visible_teams(place, (each for each in named if each == team or not team))
        jobs = [listed for listed in current.jobs if listed.project.team_name in teams]
        return replace(current, jobs=tuple(jobs))

    def _visible_teams(self, place: ReplyTarget, teams: Iterable[str]) -> set[str]:
        return {team for team in set(teams) if self.can_view(place, team)}

    def usable(self, actor: Actor, teams: Iterable[Team]) -> list[Team]:
        """Return the teams that the actor can view and create projects in, in their order."""
        return [team for team in teams if self._usable(actor, team)]

    def _usable(self, actor: Actor, team: Team) -> bool:
        return all(self.allows(actor, verb, team.name) for verb in (Verb.VIEW, Verb.CREATE))

    async def find_team(self, actor: Actor, projects: Projects, asked: str) -> Team:
        """Find the team that the actor wants to create a project in.

        Raises: as `Projects.find_team`.
        """
        with self._only_visible(actor):
            try:
                team = await projects.find_team(asked)
            except AmbiguousTeamError as error:
                team = self._only_one(actor, error)
        await self._require_create(actor, projects, asked, team)
        return team

    async def find_existing(
        self, actor: Actor, projects: Projects, request: ProjectRequest
    ) -> ExistingProjects:
        """Find the team and the similar projects that the actor can view.

        Raises: as `Projects.find_existing`.
        """
        with self._only_visible(actor):
            try:
                found = await projects.find_existing(request)
            except AmbiguousTeamError as error:
                team = self._only_one(actor, error)
                found = await projects.find_existing(replace(request, team=team.id))
        await self._require_create(actor, projects, request.team, found.team)
        also_in = tuple(team for team in found.also_in if self.allows(actor, Verb.VIEW, team))
        readings = tuple(each for each in found.readings if self._usable(actor, each.team))
        found = replace(found, also_in=also_in, readings=readings)
        if self.allows(actor, Verb.VIEW, found.team.name):
            return found
        return replace(found, near=None, beginning_of=None)

    def _only_one(self, actor: Actor, error: AmbiguousTeamError) -> Team:
        """Return the only team of this name that the actor can use, else raise the error."""
        usable = self.usable(actor, error.teams)
        if len(usable) != 1:
            raise error
        return usable[0]

    @contextmanager
    def _only_visible(self, actor: Actor) -> Iterator[None]:
        """Take the teams that the actor cannot use out of an error."""
        try:
            yield
        except UnknownTeamError as error:
            raise self._unknown(actor, error.asked, error.teams) from None
        except AmbiguousTeamError as error:
            usable = self.usable(actor, error.teams)
            if not usable:
                raise self._unknown(actor, error.asked, ()) from None
            raise AmbiguousTeamError(error.asked, usable) from None

    async def _require_create(
        self, actor: Actor, projects: Projects, asked: str, team: Team
    ) -> None:
        if self.allows(actor, Verb.CREATE, team.name):
            return
        try:
            teams = await projects.teams()
        except BasetenError:
            teams = []
        raise self._unknown(actor, asked, teams)

    def _unknown(self, actor: Actor, asked: str, teams: Iterable[Team]) -> UnknownTeamError:
        usable = self.usable(actor, teams)
        return UnknownTeamError(asked, near_teams(asked, usable), usable)
