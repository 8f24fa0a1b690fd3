"""What the bot does for people: find the team, open the project."""

import asyncio
import difflib
import re
import time
from dataclasses import dataclass
from datetime import datetime

from bot.baseten.client import Baseten
from bot.baseten.errors import BasetenError, Refused
from bot.baseten.models import ProjectJobs, Team, TrainingProject
from bot.durable.store import Store
from bot.projects.creation import Creations, Outcome
from bot.projects.request import ProjectRequest
from bot.projects.similar_names import ProjectNames
from bot.projects.ttl_cache import TtlCache

TEAMS_ARE_GOOD_FOR = 300.0  # seconds
_TEAMS = "teams"  # what replicas tell each other of
NAMES_ARE_GOOD_FOR = 60.0  # seconds
NAMES_PATIENCE = 1.0  # seconds that an answer waits for the names of projects
_ID = re.compile(r"[A-Za-z0-9_-]+")


class UnknownTeamError(Exception):
    """No team of that id or name.

    Attributes:
        asked: what the person gave.
        near: up to three names that are written nearly so.
        teams: every team the key may see.
    """

    def __init__(self, asked: str, near: list[str], teams: list[Team]) -> None:
        super().__init__(asked)
        self.asked = asked
        self.near = near
        self.teams = teams


class TeamsUnavailableError(Exception):
    """The list of teams could not be had, for which ``cause`` is why; nothing else was asked."""

    def __init__(self, cause: BasetenError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class AmbiguousTeamError(Exception):
    """Several teams have that name; ``teams`` are they."""

    def __init__(self, asked: str, teams: list[Team]) -> None:
        super().__init__(asked)
        self.asked = asked
        self.teams = teams


@dataclass(frozen=True, slots=True)
class Found:
    """What is known before a project is opened.

    Attributes:
        team: where it will be; its name is the id where the list of teams was refused.
        name: the name that was asked for.
        listed: whether the team has a project of exactly that name; None when that is not known.
        near: the name of a project of the team that might be meant instead.
        beginning_of: the name of a project of the team that begins with this name.
        also_in: the other teams that have a project of exactly that name.
    """

    team: Team
    name: str
    listed: bool | None = None
    near: str | None = None
    beginning_of: str | None = None
    also_in: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenedProject:
    """A project that is there now, and how it came to be.

    Attributes:
        project: as the API returned it.
        team: the name of its team, or the id where the list of teams was refused.
        outcome: created by this request, there before, or not known.
        also_in: the other teams that have a project of this name.
    """

    project: TrainingProject
    team: str
    outcome: Outcome
    also_in: tuple[str, ...] = ()


class Projects:
    """Find teams, and open and show their projects.

    Every method raises the errors of ``bot.baseten.errors``.

    Args:
        baseten: the management API.
        store: keeps which task created a project, and tells replicas that the teams changed.
    """

    def __init__(self, baseten: Baseten, store: Store) -> None:
        self._baseten = baseten
        self._store = store
        self._teams = TtlCache(baseten.list_teams, TEAMS_ARE_GOOD_FOR)
        self._names = TtlCache(self._list_names, NAMES_ARE_GOOD_FOR)
        self._creations = Creations(store)
        store.subscribe(_TEAMS, self._teams.forget)

    async def look(self, request: ProjectRequest) -> Found:
        """Find the team, and the existing projects of that name or a similar one.

        The list of projects is refreshed in the background; a slow one is not waited for.

        Raises: as :meth:`find_team`; nothing was done yet in any case.
        """
        wait_until = asyncio.get_running_loop().time() + NAMES_PATIENCE
        self._names.refresh()  # while the team is looked up
        team = await self.find_team(request.team)
        try:
            async with asyncio.timeout_at(wait_until):
                names = await self._names.get()
        except (BasetenError, TimeoutError):
            return Found(team, request.name)
        return find(request.name, team, names)

    async def open_project(
        self, found: Found, task_id: str, *, begun_at: datetime | None = None
    ) -> OpenedProject:
        """Create the project in the team, or return it as it is.

        Args:
            found: the team and the name.
            task_id: the task that asks.
            begun_at: when the task first asked, if that attempt might have created the project.
        """
        upserted = await self._baseten.upsert_training_project(found.team.id, found.name)
        project = upserted.project
        outcome = await self._creations.outcome(
            upserted, task_id, listed=found.listed, begun_at=begun_at
        )
        self._names.update(lambda names: names.add(project.team_name, project.name))
        return OpenedProject(project, project.team_name or found.team.name, outcome, found.also_in)

    async def get_project(self, project_id: str) -> TrainingProject:
        """Return a project as it is now."""
        return await self._baseten.get_training_project(project_id)

    async def list_jobs(self, project_id: str) -> ProjectJobs:
        """Return a project and its jobs, newest first."""
        listed = await self._baseten.list_training_jobs(project_id)
        newest_first = sorted(listed.training_jobs, key=lambda job: job.created_at, reverse=True)
        return listed.model_copy(update={"training_jobs": newest_first})

    async def find_team(self, asked: str) -> Team:
        """Find a team by its id, else by its name; an exact name beats one in another case.

        Raises:
            UnknownTeamError: nothing was done.
            AmbiguousTeamError: nothing was done.
            TeamsUnavailableError: nothing was done.
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
            # Where the list is refused, an id works all the same; other words become no path.
            if isinstance(error, Refused) and error.status in {403, 404} and _ID.fullmatch(asked):
                return Team(id=asked, name=asked)
            raise TeamsUnavailableError(error) from error
        if not found:
            raise UnknownTeamError(asked, near_teams(asked, teams), teams)
        if len(found) > 1:
            raise AmbiguousTeamError(asked, found)
        return found[0]

    async def teams(self) -> list[Team]:
        """List the teams, the default one first, then by name."""

        def default_first(team: Team) -> tuple[bool, str, str]:
            return not team.default, team.name.casefold(), team.id

        return sorted(await self._teams.get(), key=default_first)

    async def _list_names(self) -> ProjectNames:
        names = ProjectNames()
        async for project in self._baseten.list_project_names():
            names.add(project.team_name, project.name)
        return names


def find(name: str, team: Team, names: ProjectNames) -> Found:
    """Compare a name with those of all projects."""
    if team.name == team.id:  # projects name their team; its name is not known here
        return Found(team, name)
    also_in = tuple(other for other in names.teams_with(name) if other != team.name)
    ours = names.of(team.name)
    if name in ours:
        return Found(team, name, listed=True, also_in=also_in)
    similar = ours.find_similar(name)
    return Found(
        team,
        name,
        listed=False,
        near=similar.near,
        beginning_of=similar.beginning_of,
        also_in=also_in,
    )


def match_team(asked: str, teams: list[Team]) -> list[Team]:
    """Return the teams that are meant, by the first rule that finds any."""
    return (
        [team for team in teams if team.id == asked]
        or [team for team in teams if team.name == asked]
        or [team for team in teams if team.name.casefold() == asked.casefold()]
    )


def near_teams(asked: str, teams: list[Team]) -> list[str]:
    """Return up to three names that start so, or are written nearly so, nearest first."""
    names = {team.name.casefold(): team.name for team in teams}
    wanted = asked.casefold()
    starting = [name for name in names if name.startswith(wanted)]
    near = difflib.get_close_matches(wanted, names, n=3)
    return [names[name] for name in dict.fromkeys([*starting, *near])][:3]
