"""The team or the project whose jobs a person wants to see.

A team is known here by its name, because Baseten's projects carry no other mark of their team.
"""

import asyncio
import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from bot.baseten.models import Team
from bot.baseten.project_heads import ProjectHead
from bot.projects.request import DialogRequest, ProjectRequest, without_marks
from bot.projects.service import match_team
from bot.projects.similar_names import SimilarNames

_YIELD_EVERY = 200  # names, between two yields to the event loop


@dataclass(frozen=True, slots=True)
class JobScope:
    """The jobs that a list shows.

    Attributes:
        team: the name of their team; empty: of any team.
        project: their project; None: any project.
    """

    team: str = ""
    project: ProjectHead | None = None


@dataclass(frozen=True, slots=True)
class UnknownScope:
    """The person's words name nothing that the person can view.

    Attributes:
        team: the team that the words name; empty if they name none that is known.
        asked: the words that name no team or project.
        near: similar names: of projects if the team is known, otherwise of teams and projects.
    """

    team: str
    asked: str
    near: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AmbiguousScope:
    """Several teams have a project of this name.

    Attributes:
        name: the name of the projects.
        teams: the names of their teams.
    """

    name: str
    teams: tuple[str, ...]


def team_digest(team: str) -> str:
    """Return a digest of a team's name, which can be too long for a button; empty for no team.

    It is not called a key, because the redactor takes what is called so for a secret.
    """
    return sha256(team.encode(errors="replace")).hexdigest()[:16] if team else ""


async def find_scope(
    asked: DialogRequest | ProjectRequest, teams: Sequence[Team], projects: Sequence[ProjectHead]
) -> JobScope | UnknownScope | AmbiguousScope:
    """Return the team or the project that a person's words name.

    A team is preferred to a project of the same name. Without quotes, the words before the last
    can belong to a name of several words.

    Args:
        asked: the words, as a team and a project, or as a team alone.
        teams: the teams that the person can view.
        projects: the projects that the person can view.
    """
    if isinstance(asked, DialogRequest):
        if not asked.team:
            return JobScope()
        return await _find_phrase(asked.team, teams, projects)
    found = match_team(asked.team, list(teams))
    team = found[0].name if found else ""
    ours = [project for project in projects if team and project.team_name == team]
    if matching := _named(asked.name, ours):
        return JobScope(team, matching[0])
    phrase = without_marks(f"{asked.team} {asked.name}")
    whole = await _find_phrase(phrase, teams, projects)
    if not isinstance(whole, UnknownScope):
        return whole
    if found:
        return UnknownScope(team, asked.name, await _near_projects(asked.name, ours))
    return UnknownScope("", asked.team, _near_teams(asked.team, teams))


async def _find_phrase(
    phrase: str, teams: Sequence[Team], projects: Sequence[ProjectHead]
) -> JobScope | UnknownScope | AmbiguousScope:
    """Return the team, or else the project, of this name."""
    if found := match_team(phrase, list(teams)):
        return JobScope(found[0].name)
    match _named(phrase, projects):
        case []:
            near = (*_near_teams(phrase, teams), *await _near_projects(phrase, projects))
            return UnknownScope("", phrase, near)
        case [project]:
            return JobScope(project.team_name, project)
        case several:
            names = tuple(sorted({each.team_name for each in several if each.team_name}))
            return AmbiguousScope(several[0].name, names)


async def _near_projects(name: str, projects: Iterable[ProjectHead]) -> tuple[str, ...]:
    """Return up to two names of projects that the person might mean."""
    names = SimilarNames()
    for number, project in enumerate(projects):
        names.add(project.name)
        if number % _YIELD_EVERY == _YIELD_EVERY - 1:
            await asyncio.sleep(0)
    similar = names.find_similar(name)
    return tuple(dict.fromkeys(near for near in (similar.near, similar.beginning_of) if near))


def _near_teams(asked: str, teams: Iterable[Team]) -> tuple[str, ...]:
    names = {team.name.casefold(): team.name for team in teams}
    wanted = asked.casefold()
    starting = [name for name in names if name.startswith(wanted)]
    near = [*starting, *difflib.get_close_matches(wanted, names, n=2)]
    return tuple(names[name] for name in dict.fromkeys(near))[:2]


def _named(name: str, projects: Sequence[ProjectHead]) -> list[ProjectHead]:
    """Return the projects with this id; else of exactly this name; else of it in any case."""
    folded = name.casefold()
    return (
        [project for project in projects if project.id == name]
        or [project for project in projects if project.name == name]
        or [project for project in projects if project.name.casefold() == folded]
    )
