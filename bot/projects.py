"""What the bot does for people: find the team, open the project."""

import difflib
import re
import time
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from bot.arguments import ProjectRequest
from bot.baseten.client import Baseten, Upserted
from bot.baseten.errors import Refused
from bot.baseten.models import Team, TrainingProject
from bot.cache import Cached

TEAMS_ARE_GOOD_FOR = 300.0  # seconds
_REMEMBERED = 10_000  # projects that this process has opened
_ID = re.compile(r"[A-Za-z0-9_-]+")


class UnknownTeamError(Exception):
    """No team of that id or name.

    Attributes:
        asked: what the person gave.
        near: up to three names that are written nearly so.
        teams: every team the key may see; empty when the list was refused.
    """

    def __init__(self, asked: str, near: list[str], teams: list[Team]) -> None:
        super().__init__(asked)
        self.asked = asked
        self.near = near
        self.teams = teams


class AmbiguousTeamError(Exception):
    """Several teams have that name; ``teams`` are they."""

    def __init__(self, asked: str, teams: list[Team]) -> None:
        super().__init__(asked)
        self.asked = asked
        self.teams = teams


class Outcome(Enum):
    """What is known of where the project came from."""

    CREATED = "created"
    EXISTED = "existed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Opened:
    """A project that is there now, and how it came to be.

    Attributes:
        project: as the API returned it.
        team: where it is; its name is the id where the list of teams was refused.
        outcome: created by this request, there before, or not known.
    """

    project: TrainingProject
    team: Team
    outcome: Outcome


class Projects:
    """Open projects in teams.

    Raises, from every method: the errors of ``bot.baseten.errors``.
    """

    def __init__(self, baseten: Baseten) -> None:
        self._baseten = baseten
        self._teams = Cached(baseten.list_teams, TEAMS_ARE_GOOD_FOR)
        self._opened: dict[str, None] = {}

    async def open_project(self, request: ProjectRequest) -> Opened:
        """Create the project in the team, or find it there.

        Raises:
            UnknownTeamError: nothing was done.
            AmbiguousTeamError: nothing was done.
        """
        team = await self.find_team(request.team)
        upserted = await self._baseten.upsert_training_project(team.id, request.name)
        outcome = Outcome.EXISTED if self._seen(upserted.project.id) else judge(upserted)
        return Opened(upserted.project, team, outcome)

    async def find_team(self, asked: str) -> Team:
        """Find a team by its id, else by its name; an exact name beats one in another case."""
        asked_at = time.monotonic()
        try:
            teams = await self._teams.get()
            found = _match(asked, teams)
            if not found:
                teams = await self._teams.get(asked_since=asked_at)
                found = _match(asked, teams)
        except Refused as error:
            if error.status not in {403, 404}:
                raise
            return _as_id(asked)
        if not found:
            raise UnknownTeamError(asked, _near(asked, teams), teams)
        if len(found) > 1:
            raise AmbiguousTeamError(asked, found)
        return found[0]

    def _seen(self, project_id: str) -> bool:
        """Whether this process has opened the project before; from now on it has."""
        seen = project_id in self._opened
        self._opened[project_id] = None
        if len(self._opened) > _REMEMBERED:
            del self._opened[next(iter(self._opened))]
        return seen


def judge(upserted: Upserted) -> Outcome:
    """Tell whether this upsert created the project, claiming nothing that is not known.

    The API does not say. A job proves that the project was there before. Otherwise its creation
    lies within the time of this very request, by the server's own clock, or before it.
    """
    if upserted.project.latest_job is not None:
        return Outcome.EXISTED
    if upserted.answered_at is None:
        return Outcome.UNKNOWN
    # ``Date`` is cut to the second, so the request began up to a second later than this; a second
    # more is for clocks behind one API that differ a little.
    began = upserted.answered_at - timedelta(seconds=upserted.took + 1)
    return Outcome.CREATED if upserted.project.created_at >= began else Outcome.EXISTED


def _match(asked: str, teams: list[Team]) -> list[Team]:
    """Return the teams that are meant, by the first rule that finds any."""
    return (
        [team for team in teams if team.id == asked]
        or [team for team in teams if team.name == asked]
        or [team for team in teams if team.name.casefold() == asked.casefold()]
    )


def _near(asked: str, teams: list[Team]) -> list[str]:
    """Return up to three names that are written nearly so, nearest first."""
    names = {team.name.casefold(): team.name for team in teams}
    return [names[name] for name in difflib.get_close_matches(asked.casefold(), names, n=3)]


def _as_id(asked: str) -> Team:
    """Take the words as an id, where they can be one: they become a part of the request's path."""
    if not _ID.fullmatch(asked):
        raise UnknownTeamError(asked, [], [])
    return Team(id=asked, name=asked)
