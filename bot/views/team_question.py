"""The question which team a person means, after a name that no team or that several teams have."""

from collections.abc import Sequence
from typing import Any

from bot.baseten.models import Team
from bot.projects.message_state import NameChoice, TeamChoice, button_value
from bot.projects.readings import name_with
from bot.projects.request import ProjectRequest, reads_like_help
from bot.projects.team_errors import AmbiguousTeamError, UnknownTeamError
from bot.slack.message import Message
from bot.views.blocks import actions, button, section
from bot.views.installation import Installation
from bot.views.no_access import no_team
from bot.views.question import SHOW_HELP, choose_button
from bot.views.text import bold, isolated, listing, shorten

USE_TEAM = ("use_team_1", "use_team_2", "use_team_3", "use_team_4")
_MOST_NEAR = 2


def team_question(
    error: UnknownTeamError | AmbiguousTeamError,
    request: ProjectRequest,
    thread_ts: str | None,
    installation: Installation,
) -> Message | None:
    """Return the question; None if it has no button, or if a button would be too long.

    Args:
        error: the team that was not found, and the teams that the person can use.
        request: the words of the person.
        thread_ts: the thread that the project's message goes to.
        installation: the person to ask for a right.
    """
    if not error.teams:
        return None
    nothing = "Nothing was created or changed."
    if isinstance(error, UnknownTeamError):
        event = f"⚠️ There's no team called {bold(error.asked)}. {nothing}"
        if error.needed_by:
            event = f"⚠️ {' '.join(no_team(error.asked, error.needed_by, installation))}"
        near = [team for name in error.near for team in error.teams if team.name == name]
        buttons = _buttons(near[:_MOST_NEAR], request, thread_ts)
        names = [bold(name) for name in dict.fromkeys(team.name for team in near[:_MOST_NEAR])]
        more = f" Did you mean {listing(names, 'or')}?" if names else ""
        asked = ""
    else:
        event = f"⚠️ {len(error.teams)} teams are called {bold(error.asked)}. {nothing}"
        buttons = _buttons(error.teams[: len(USE_TEAM)], request, thread_ts)
        more, asked = " Which one do you mean?", error.asked
    buttons.append(choose_button(TeamChoice(team=asked, name=request.name, thread_ts=thread_ts)))
    shown = {each["action_id"]: each for each in reversed(buttons) if each is not None}
    if any(each is None for each in buttons):
        return None
    row = [*reversed(shown.values())]  # with one button for the dialog, the first of them
    if reads_like_help(request.team):
        row.insert(0, button("Show help", SHOW_HELP))
    first, *others = row
    blocks = [section(event + more), actions(first | {"style": "primary"}, *others)]
    return Message(event + more, blocks)


def _buttons(
    teams: Sequence[Team], request: ProjectRequest, thread_ts: str | None
) -> list[dict[str, Any] | None]:
    """Return a button for each team; None in place of one that is too long.

    The id distinguishes teams of the same name.
    """
    names = [team.name for team in teams]
    made: list[dict[str, Any] | None] = []
    for team, action_id in zip(teams, USE_TEAM, strict=False):
        default = ", default" if team.default else ""
        id_ = f" ({shorten(team.id, 20)}{default})" if names.count(team.name) > 1 else ""
        label = f"Use {isolated(shorten(team.name, 68 - len(id_)))}{id_}"
        name = name_with(request, team.name)
        if not name:  # the words are only the team's name
            choice = TeamChoice(team=team.id, thread_ts=thread_ts)
            made.append(choose_button(choice, shorten(f"Choose a project in {team.name}…", 75)))
            continue
        value = button_value(NameChoice(team_id=team.id, name=name, thread_ts=thread_ts))
        made.append(None if value is None else button(label, action_id, value=value))
    return made
