"""The dialog that asks for the team and the name of a project."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slack_sdk.models.blocks import (
    ConversationFilter,
    ConversationSelectElement,
    ExternalDataSelectElement,
    InputBlock,
    Option,
    PlainTextInputElement,
    PlainTextObject,
)
from slack_sdk.models.views import View

from bot.baseten.models import Team
from bot.projects.message_state import DialogState
from bot.projects.request import has_control_character
from bot.projects.service import match_team
from bot.projects.similar_names import SimilarNames, fold
from bot.views.blocks import context, section
from bot.views.text import bold, isolated, shorten
from bot.views.usage import EXAMPLE_NAME

DIALOG = "open_project_dialog"
TEAM, NAME, CHANNEL = "team", "name", "channel"  # each is the id of a block and of its element
PROJECT = "project"  # the id of an element; the id of its block is PROJECT_OF and the team
PROJECT_OF = "project:"
MOST_OPTIONS = 100
_MOST_OPTION_TEXT = 75  # characters
_LONGEST_VALUE = 150  # characters of an option's value
_LONGEST_INPUT = 3000  # characters of a text field
_HINT = "Opens it if it exists, creates it if not."
_TITLE = PlainTextObject(text="Open training project")


def loading_view() -> View:
    """Return the view to open at once, because a trigger is valid for 3 seconds.

    The dialog replaces it when the teams are there.
    https://docs.slack.dev/surfaces/modals
    """
    return View(
        type="modal",
        callback_id=DIALOG,
        title=_TITLE,
        close=PlainTextObject(text="Cancel"),
        blocks=[section("One moment, I'm asking Baseten for your teams…")],
    )


@dataclass(frozen=True, slots=True)
class Prefilled:
    """The content of the fields before a person changes them.

    Attributes:
        team: the team to select; None if the person has to choose it.
        asked: the team as it was typed, or empty. Without a list of teams, it is the content.
        name: the name of the project, or empty.
        exists: the team has a project of this name; None if unknown.
        near: a team with a name similar to the project's, which the person might have meant.
    """

    team: Team | None = None
    asked: str = ""
    name: str = ""
    exists: bool | None = None
    near: str = ""


def dialog_view(place: DialogState, teams: list[Team] | None, filled: Prefilled) -> View:
    """Return the dialog.

    Args:
        place: the chosen team, and the place that the message goes to.
        teams: the teams to choose from. None if Baseten refuses the list: the person types the
            team. Empty if the list did not arrive in time.
        filled: the content of the fields.
    """
    blocks: list[dict[str, Any] | InputBlock] = []
    if teams and filled.team is None and (asked := _which_team(filled, teams)):
        blocks.append(context(asked))
    if teams is None:
        blocks.append(_typed_team(filled.asked))
        blocks.append(_name_input(filled.name, alone=True))
    else:
        typed = [] if teams else typed_option(filled.asked)
        initial = [_option(filled.team)] if filled.team else typed
        blocks.append(_team_select(initial[0] if initial else None))
        fits = len(filled.name) <= _LONGEST_VALUE
        chosen = _name_option(filled.name, filled.exists) if filled.name and fits else None
        blocks.append(_project_select(place.team, chosen))
        blocks.append(_name_input("" if fits else filled.name, alone=False))
    if not place.channel_id:
        blocks.append(_channel_select())
    return View(
        type="modal",
        callback_id=DIALOG,
        private_metadata=place.model_dump_json(),
        title=_TITLE,
        submit=PlainTextObject(text="Open"),
        close=PlainTextObject(text="Cancel"),
        blocks=blocks,
    )


def _which_team(filled: Prefilled, teams: list[Team]) -> str:
    """Return the sentence above the fields; empty if the person typed nothing."""
    if filled.asked:
        known = match_team(filled.asked, teams)
        event = "Several teams are called" if known else "There's no team called"
        return f"{event} {bold(filled.asked)}. Choose one of these."
    if not filled.name:
        return ""
    near = (
        f" If you meant the team {bold(filled.near)}, choose it and change the project."
        if filled.near
        else ""
    )
    return f"Which team is {bold(filled.name)} in?{near}"


def team_options(typed: str, teams: Sequence[Team]) -> list[Option]:
    """Return up to 100 teams that match the typed text. Teams that begin with it come first."""
    wanted = typed.strip().casefold()
    matching = [t for t in teams if wanted in t.name.casefold() or t.id.startswith(wanted)]
    matching.sort(key=lambda team: not team.name.casefold().startswith(wanted))
    return [_option(team) for team in matching[:MOST_OPTIONS]]


def typed_option(typed: str) -> list[Option]:
    """Return the typed text as the only option, for use without a list of teams."""
    typed = typed.strip()
    if not typed:
        return []
    label = f"{isolated(shorten(typed, 60))} (as typed)"
    return [Option(text=_plain(label), value=shorten(typed, 150))]


def project_options(
    typed: str, names: SimilarNames | None, recent: Sequence[str] = ()
) -> list[Option]:
    """Return up to 100 options for the project: a new one of the typed name, then existing ones.

    An option cannot hold a name of more than 150 characters.

    Args:
        typed: the typed text; empty if the person has only opened the select.
        names: the names of the team's projects; None if they are unknown.
        recent: names of the projects that the person opened last, which come first.
    """
    exists = None if names is None else typed in names
    new = [typed] if typed and not exists and not has_control_character(typed) else []
    options = [_name_option(name, exists) for name in new if len(name) <= _LONGEST_VALUE]
    if names is None:
        return options
    wanted = fold(typed)
    first = [name for name in recent if name in names and wanted in fold(name)]
    first = [typed, *first] if exists else first
    found = dict.fromkeys([*first, *names.matching(typed, 2 * MOST_OPTIONS)])
    there = [name for name in found if len(name) <= _LONGEST_VALUE]
    return [*options, *(_name_option(name, exists=True) for name in there)][:MOST_OPTIONS]


def _name_option(name: str, exists: bool | None) -> Option:  # noqa: FBT001 - private
    if exists:
        label = shorten(name, _MOST_OPTION_TEXT)
    else:
        word = "Create" if exists is False else "Use"
        label = f"{word} “{shorten(name, _MOST_OPTION_TEXT - len(word) - 3)}”"
    return Option(text=_plain(label or "…"), value=name)


def _option(team: Team) -> Option:
    label = f" ({shorten(team.id, 30)})"
    name = isolated(shorten(team.name, _MOST_OPTION_TEXT - len(label) - 2))
    return Option(text=_plain(f"{name}{label}"), value=team.id[:150])


def _team_select(initial: Option | None) -> InputBlock:
    """Return the input for the team. Slack reports a choice at once, for the list of projects."""
    return InputBlock(
        block_id=TEAM,
        label=_plain("Team"),
        dispatch_action=True,
        element=ExternalDataSelectElement(
            action_id=TEAM,
            placeholder=_plain("Choose a team"),
            min_query_length=0,
            initial_option=initial,
        ),
    )


def _project_select(team: str, initial: Option | None) -> InputBlock:
    """Return the input for the project. A new block id for each team clears an old choice.

    https://docs.slack.dev/reference/methods/views.update
    """
    return InputBlock(
        block_id=f"{PROJECT_OF}{team[:150]}",
        label=_plain("Project"),
        hint=_plain(_HINT),
        optional=True,
        element=ExternalDataSelectElement(
            action_id=PROJECT,
            placeholder=_plain("Choose a project or type a new name"),
            min_query_length=0,
            initial_option=initial,
        ),
    )


def _typed_team(asked: str) -> InputBlock:
    return InputBlock(
        block_id=TEAM,
        label=_plain("Team"),
        hint=_plain("Enter the team's ID. The bot's key can't list teams."),
        element=PlainTextInputElement(action_id=TEAM, initial_value=asked[:150] or None),
    )


def _name_input(name: str, *, alone: bool) -> InputBlock:
    """Return the input for a name; beside the list of projects it serves a long name."""
    return InputBlock(
        block_id=NAME,
        label=_plain("Name of the project" if alone else "Or type the name here"),
        hint=_plain(_HINT if alone else f"For a name of more than {_LONGEST_VALUE} characters."),
        optional=not alone,
        element=PlainTextInputElement(
            action_id=NAME,
            placeholder=_plain(EXAMPLE_NAME),
            initial_value=name[:_LONGEST_INPUT] or None,
        ),
    )


def _channel_select() -> InputBlock:
    """Return the input for the channel. Its submission has a response URL for that channel.

    https://docs.slack.dev/reference/block-kit/block-elements/select-menu-element
    """
    return InputBlock(
        block_id=CHANNEL,
        label=_plain("Show it in"),
        element=ConversationSelectElement(
            action_id=CHANNEL,
            default_to_current_conversation=True,
            response_url_enabled=True,
            filter=ConversationFilter(exclude_bot_users=True),
        ),
    )


def _plain(text: str) -> PlainTextObject:
    return PlainTextObject(text=text, emoji=False)
