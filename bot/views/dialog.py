"""The dialog that asks for the team and the name of a project."""

from collections.abc import Sequence
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
from bot.projects.service import match_team
from bot.views.blocks import context, section
from bot.views.text import bold, shorten
from bot.views.usage import EXAMPLE_NAME

DIALOG = "open_project_dialog"
TEAM, NAME, CHANNEL = "team", "name", "channel"  # each is the id of a block and of its element
MOST_OPTIONS = 100
_MOST_OPTION_TEXT = 75  # characters
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


def dialog_view(
    place: DialogState, teams: list[Team] | None, asked: str, chosen: Team | None
) -> View:
    """Return the dialog.

    Args:
        place: the place that the message goes to.
        teams: the teams to choose from. None if Baseten refuses the list: the person types the
            team. Empty if the list did not arrive in time.
        asked: the team that was typed after the command, or empty.
        chosen: the team that the dialog selects at first.
    """
    blocks: list[dict[str, Any] | InputBlock] = []
    if asked and teams and chosen is None:
        known = (
            "Several teams are called" if match_team(asked, teams) else "I don't know a team called"
        )
        blocks.append(context(f"{known} {bold(asked)}. Choose one of these."))
    if teams is None:
        blocks.append(_typed_team(asked))
    else:
        initial = [_option(chosen)] if chosen else [] if teams else typed_option(asked)
        blocks.append(_team_select(initial[0] if initial else None))
    blocks.append(_name_input())
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
    return [Option(text=_plain(f"{shorten(typed, 60)} (as typed)"), value=shorten(typed, 150))]


def _option(team: Team) -> Option:
    label = f" ({shorten(team.id, 30)})"
    name = shorten(team.name, _MOST_OPTION_TEXT - len(label))
    return Option(text=_plain(f"{name}{label}"), value=team.id[:150])


def _team_select(initial: Option | None) -> InputBlock:
    return InputBlock(
        block_id=TEAM,
        label=_plain("Team"),
        element=ExternalDataSelectElement(
            action_id=TEAM,
            placeholder=_plain("Type to search"),
            min_query_length=0,
            initial_option=initial,
        ),
    )


def _typed_team(asked: str) -> InputBlock:
    return InputBlock(
        block_id=TEAM,
        label=_plain("Team"),
        hint=_plain("The team's id; I'm not allowed to list the teams."),
        element=PlainTextInputElement(action_id=TEAM, initial_value=asked[:150] or None),
    )


def _name_input() -> InputBlock:
    return InputBlock(
        block_id=NAME,
        label=_plain("Name of the project"),
        hint=_plain("If the team has a project of this name, it is shown; else it is created."),
        element=PlainTextInputElement(action_id=NAME, placeholder=_plain(EXAMPLE_NAME)),
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
