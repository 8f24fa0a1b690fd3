"""Find teams, and open and read projects."""

import asyncio
import difflib
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from bot.baseten.client import Baseten
from bot.baseten.errors import BasetenError, Refused
from bot.baseten.models import ProjectJobs, Team, TrainingProject
from bot.baseten.project_heads import ProjectHead
from bot.durable.store import Store
from bot.projects.creation import CreationOutcome, Creations
from bot.projects.readings import longer_readings
from bot.projects.request import ProjectRequest
from bot.projects.similar_names import ProjectNames, SimilarNames
from bot.projects.team_errors import AmbiguousTeamError, TeamsUnavailableError, UnknownTeamError
from bot.projects.ttl_cache import TtlCache

TEAMS_TTL = 300.0  # seconds
_TEAMS = "teams"  # the topic that replicas publish a changed list of teams to
NAMES_TTL = 60.0  # seconds
_NAMES_TIMEOUT = 1.0  # seconds that a request waits for the names of the projects
_ID = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class ExistingProjects:
    """The team of a request, and the existing projects with the same or a similar name.

    Attributes:
        team: the team. If Baseten refuses the list of teams, the team's name is its id.
        name: the name that the person asked for.
        listed: whether the team has a project of exactly this name; None if unknown.
        near: a similar name of a project in the team, which the person might mean.
        beginning_of: the name of a project in the team that begins with this name.
        also_in: the other teams that have a project of exactly this name.
        readings: the same words, read with each team of a longer name that they begin with; the
            longest name is first. The name of a reading is empty if the team's name is all of the
            words.
        project: the existing project, for a person who cannot create one; else None.
    """

    team: Team
    name: str
    listed: bool | None = None
    near: str | None = None
    beginning_of: str | None = None
    also_in: tuple[str, ...] = ()
    readings: tuple["ExistingProjects", ...] = ()
    project: TrainingProject | None = None


@dataclass(frozen=True, slots=True)
class OpenedProject:
    """A project that the bot opened.

    Attributes:
        project: the project, as the API returned it.
        team: the name of its team; the team's id if Baseten refuses the list of teams.
        outcome: created by this task, existed before, or unknown.
        also_in: the other teams that have a project of this name.
    """

    project: TrainingProject
    team: str
    outcome: CreationOutcome
    also_in: tuple[str, ...] = ()


class Projects:
    """Find teams, and open and read their projects.

    Every method raises the errors of ``bot.baseten.errors``.

    Args:
        baseten: the management API.
        store: holds the task that created each project, and publishes changes of the list of teams
            to the other replicas.
    """

    def __init__(self, baseten: Baseten, store: Store) -> None:
        self._baseten = baseten
        self._store = store
        self._teams = TtlCache(baseten.list_teams, TEAMS_TTL)
        self._names = TtlCache(self._list_names, NAMES_TTL)
        self._creations = Creations(store)
        store.subscribe(_TEAMS, self._teams.invalidate)

    async def find_existing(self, request: ProjectRequest) -> ExistingProjects:
        """Return the team, and the existing projects of the same or a similar name.

        This method changes nothing in Baseten. It waits at most one second for the list of
        projects. After that it returns the team alone, and the fetch goes on in the background.

        Raises:
            UnknownTeamError: no team has this id or name.
            AmbiguousTeamError: several teams have this name.
            TeamsUnavailableError: Baseten did not return the list of teams.
        """
        wait_until = asyncio.get_running_loop().time() + _NAMES_TIMEOUT
        self._names.refresh()  # runs while the team is fetched
        team = await self.find_team(request.team)
        longer = await self._longer_teams(request, team)
        try:
            async with asyncio.timeout_at(wait_until):
                names = await self._names.get()
        except (BasetenError, TimeoutError):
            found = ExistingProjects(team, request.name)
            readings = [ExistingProjects(*reading) for reading in longer]
        else:
            found = existing_projects(request.name, team, names)
            readings = [existing_projects(name, other, names) for other, name in longer]
        return replace(found, readings=tuple(readings))

    async def open_project(
        self, found: ExistingProjects, task_id: str, *, begun_at: datetime | None = None
    ) -> OpenedProject:
        """Create the project in its team, or return the existing project unchanged.

        ``POST /v1/teams/{team_id}/training_projects``

        Args:
            found: the team and the name.
            task_id: the task that opens the project.
            begun_at: the time of the task's first request, if an earlier attempt might have
                created the project.
        """
        if found.project is not None:
            team = found.project.team_name or found.team.name
            return OpenedProject(found.project, team, CreationOutcome.EXISTED, found.also_in)
        upserted = await self._baseten.upsert_training_project(found.team.id, found.name)
        project = upserted.project
        outcome = await self._creations.outcome(
            upserted, task_id, listed=self._proved(found), begun_at=begun_at
        )
        self._names.update(lambda names: names.add(project.team_name, project.name))
        return OpenedProject(project, project.team_name or found.team.name, outcome, found.also_in)

    def _proved(self, found: ExistingProjects) -> bool | None:
        """Return whether the list held the project; None if it cannot tell.

        The list names teams by their names alone: it cannot tell two teams of one name apart.
        """
        teams = self._teams.peek() or ()
        alone = sum(team.name == found.team.name for team in teams) == 1
        return found.listed if alone else None

    async def get_project(self, project_id: str) -> TrainingProject:
        """Return one project. ``GET /v1/training_projects/{training_project_id}``"""
        return await self._baseten.get_training_project(project_id)

    async def get_project_with_job(self, project_id: str, job_id: str) -> TrainingProject:
        """Return a project with this job in the place of its latest one.

        ``GET /v1/training_projects/{training_project_id}/jobs/{training_job_id}``
        """
        found = await self._baseten.get_job_in_project(project_id, job_id)
        project = found.training_project or await self.get_project(project_id)
        return project.model_copy(update={"latest_job": found.training_job})

    async def list_jobs(self, project_id: str) -> ProjectJobs:
        """Return a project and its jobs, newest first.

        ``GET /v1/training_projects/{training_project_id}/jobs``
        """
        listed = await self._baseten.list_training_jobs(project_id)
        newest_first = sorted(listed.training_jobs, key=lambda job: job.created_at, reverse=True)
        return listed.model_copy(update={"training_jobs": newest_first})

    async def find_team(self, asked: str) -> Team:
        """Return the team with this id, else with this name.

        An exact name is preferred to a name that differs in case.

        Raises:
            UnknownTeamError: no team has this id or name.
            AmbiguousTeamError: several teams have this name.
            TeamsUnavailableError: Baseten did not return the list of teams.
        """
        asked_at = time.monotonic()
        try:
            teams = await self._teams.get()
            found = match_team(asked, teams)
            if not found:
                before, teams = teams, await self._teams.get(asked_since=asked_at)
                found = match_team(asked, teams)
                if teams != before:
                    self._store.publish(_TEAMS)
        except BasetenError as error:
            # An id works even if Baseten refuses the list. Other text must not become a path.
            if isinstance(error, Refused) and error.status in {403, 404} and _ID.fullmatch(asked):
                return Team(id=asked, name=asked)
            raise TeamsUnavailableError(error) from error
        if not found:
            raise UnknownTeamError(asked, near_teams(asked, teams), teams)
        if len(found) > 1:
            raise AmbiguousTeamError(asked, found)
        return found[0]

    async def names_in(self, team: Team) -> SimilarNames:
        """Return the names of a team's projects; many calls share one list of projects."""
        return (await self._names.get()).of(team.name)

    async def _longer_teams(self, request: ProjectRequest, team: Team) -> list[tuple[Team, str]]:
        """Return the readings of a request with teams of longer names, from the list at hand."""
        if not request.unquoted or team.name == team.id:  # or Baseten refuses the list
            return []
        return longer_readings(request, await self._teams.get())

    async def teams(self) -> list[Team]:
        """Return the teams that the API key can see: the default team, then the others by name."""

        def default_first(team: Team) -> tuple[bool, str, str]:
            return not team.default, team.name.casefold(), team.id

        return sorted(await self._teams.get(), key=default_first)

    async def team_names(self, heads: Iterable[ProjectHead]) -> set[str]:
        """Return the names of the teams that have these projects, or that the API key can see.

        If Baseten does not return the list of teams, the projects name theirs.
        """
        names = {head.team_name for head in heads if head.team_name}
        with suppress(BasetenError):
            names |= {team.name for team in await self._teams.get()}
        return names

    def known_teams(self) -> list[Team] | None:
        """Return the teams of the last list, without a request; None if it is too old."""
        return self._teams.peek()

    def refresh_teams(self) -> None:
        """Start to fetch the list of teams if it expires soon."""
        self._teams.refresh()

    async def find_project(self, team: Team, name: str) -> TrainingProject | None:
        """Return the team's project of exactly this name; None if it has none.

        The upsert would create a missing one. This method reads the whole list instead. The list
        names teams by their names alone, so two teams of one name have no known projects.
        """
        known = team.name != team.id  # otherwise Baseten refuses the list of teams
        if known and sum(each.name == team.name for each in await self._teams.get()) > 1:
            return None
        named = self._baseten.list_projects_named(name)
        found = [each async for each in named if each is not None and each.team_name == team.name]
        return found[0] if len(found) == 1 else None

    async def _list_names(self) -> ProjectNames:
        names = ProjectNames()
        async for project in self._baseten.list_project_names():
            names.add(project.team_name, project.name)
        return names


def existing_projects(name: str, team: Team, names: ProjectNames) -> ExistingProjects:
    """Return the projects of the same or a similar name, in this team and in the others."""
    if team.name == team.id:  # the team's name is unknown, and projects carry only that name
        return ExistingProjects(team, name)
    also_in = tuple(other for other in names.teams_with(name) if other != team.name)
    ours = names.of(team.name)
    if name in ours:
        return ExistingProjects(team, name, listed=True, also_in=also_in)
    similar = ours.find_similar(name)
    return ExistingProjects(
        team,
        name,
        listed=False,
        near=similar.near,
        beginning_of=similar.beginning_of,
        also_in=also_in,
    )


def match_team(asked: str, teams: list[Team]) -> list[Team]:
    """Return the teams with this id; else with this exact name; else with this name in any case."""
    return (
        [team for team in teams if team.id == asked]
        or [team for team in teams if team.name == asked]
        or [team for team in teams if team.name.casefold() == asked.casefold()]
    )


def near_teams(asked: str, teams: list[Team]) -> list[str]:
    """Return up to three names of teams: those that begin with the text, then similar ones."""
    names = {team.name.casefold(): team.name for team in teams}
    wanted = asked.casefold()
    starting = [name for name in names if name.startswith(wanted)]
    near = difflib.get_close_matches(wanted, names, n=3)
    return [names[name] for name in dict.fromkeys([*starting, *near])][:3]
