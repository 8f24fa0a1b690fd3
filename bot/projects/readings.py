"""The ways to read the words of a command, and the reasons to ask which one is meant. Pure."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.baseten.models import Team
from bot.projects.request import ProjectRequest, reads_like_help, without_marks_and_quotes

if TYPE_CHECKING:
    from bot.projects.service import ExistingProjects


@dataclass(frozen=True, slots=True)
class Question:
    """The reasons to ask before the bot creates a project; at least one applies.

    Attributes:
        found: the team and the name as the command says them, and a similar name.
        other: the same words with a team of a longer name; None without such a team.
        several: more than one team has that longer name.
        help: the name reads like a request for help.
    """

    found: "ExistingProjects"
    other: "ExistingProjects | None" = None
    several: bool = False
    help: bool = False


def question_about(found: "ExistingProjects") -> Question | None:
    """Return the question about a request; None if the bot can open the project.

    A name that exists exactly is never asked about.
    """
    if found.listed:
        return None
    asks_help = reads_like_help(found.name)
    if not (found.readings or asks_help or similar_to(found)):
        return None
    other = found.readings[0] if found.readings else None
    several = other is not None and any(
        reading.team.name == other.team.name for reading in found.readings[1:]
    )
    return Question(found, other, several, asks_help)


def similar_to(found: "ExistingProjects") -> str | None:
    """Return the existing name that the person might mean; None if there is none."""
    return None if found.listed else found.near or found.beginning_of


def longer_readings(request: ProjectRequest, teams: list[Team]) -> list[tuple[Team, str]]:
    """Return the readings with teams of longer names, the longest first.

    Args:
        request: a request; without quotes around its team, a part of the name can belong to it.
        teams: all teams.
    """
    if not request.unquoted:
        return []
    readings = [
        (team, name)
        for team in teams
        if len(team.name) > len(request.team) and (name := _rest(request, team.name)) is not None
    ]
    return sorted(readings, key=lambda reading: (-len(reading[0].name), reading[0].id))


def name_with(request: ProjectRequest, team: str) -> str:
    """Return the project's name if this team is meant; empty if the team is all of the words."""
    rest = _rest(request, team) if request.unquoted and len(team) > len(request.team) else None
    return request.name if rest is None else rest


def _rest(request: ProjectRequest, team: str) -> str | None:
    """Return the words after the team's name; None if the words do not begin with it."""
    words = f"{request.team} {request.name}"
    begin, rest = words[: len(team)], words[len(team) :]
    if begin.casefold() != team.casefold() or rest[:1] not in {"", " "}:
        return None
    return without_marks_and_quotes(rest.strip())
