"""The dialog that starts a follow."""

from collections.abc import Iterable, Sequence

from slack_sdk.models.blocks import (
    ConversationFilter,
    ConversationSelectElement,
    ExternalDataSelectElement,
    InputBlock,
    Option,
    PlainTextObject,
    RadioButtonsElement,
    UserSelectElement,
)
from slack_sdk.models.views import View

from bot.baseten.project_heads import ProjectHead
from bot.follows.model import Level
from bot.projects.follow_choice import FollowChoice, FollowDialogState
from bot.projects.job_choice import fits_a_button
from bot.projects.job_scope import team_digest
from bot.views.dialog import MOST_OPTIONS
from bot.views.text import isolated, shorten

FOLLOW_DIALOG = "follow_dialog"
FOLLOW_TITLE = "Follow jobs"
TARGET, PLACE, LEVEL = "follow_target", "follow_place", "follow_level"
PERSON, GROUP = "follow_person", "follow_group"  # each is the id of a block and of its element
_MOST_LABEL = 75  # characters
LEVELS = {  # in the words of a choice
    Level.ENDS: "Each job that ends",
    Level.FAILURES: "Failures only",
    Level.ALL: "Starts and ends",
}


def follow_view(state: FollowDialogState, initial: Option | None, *, groups: bool) -> View:
    """Return the dialog.

    Args:
        state: the place that it was opened from.
        initial: the project or the team that is chosen at first.
        groups: whether the bot can list user groups.
    """
    channel = state.channel_id if state.channel_id.startswith(("C", "G")) else None
    levels = [Option(text=_plain(words), value=level.value) for level, words in LEVELS.items()]
    blocks = [
        InputBlock(
            block_id=TARGET,
            label=_plain("What"),
            element=ExternalDataSelectElement(
                action_id=TARGET,
                placeholder=_plain("Choose a project or a team"),
                min_query_length=0,
                initial_option=initial,
            ),
        ),
        InputBlock(
            block_id=LEVEL,
            label=_plain("Post"),
            element=RadioButtonsElement(action_id=LEVEL, options=levels, initial_option=levels[0]),
        ),
        InputBlock(
            block_id=PLACE,
            label=_plain("Channel"),
            hint=_plain("Leave it empty to get direct messages from me."),
            optional=True,
            element=ConversationSelectElement(
                action_id=PLACE,
                initial_conversation=channel,
                filter=ConversationFilter(include=["public", "private"]),
            ),
        ),
        InputBlock(
            block_id=PERSON,
            label=_plain("Mention a person on failure"),
            optional=True,
            element=UserSelectElement(action_id=PERSON),
        ),
    ]
    if groups:
        blocks.append(
            InputBlock(
                block_id=GROUP,
                label=_plain("Mention a user group on failure"),
                optional=True,
                element=ExternalDataSelectElement(
                    action_id=GROUP,
                    placeholder=_plain("Choose a user group"),
                    min_query_length=0,
                ),
            )
        )
    return View(
        type="modal",
        callback_id=FOLLOW_DIALOG,
        private_metadata=state.model_dump_json(),
        title=_plain(FOLLOW_TITLE),
        submit=_plain("Follow"),
        close=_plain("Cancel"),
        blocks=blocks,
    )


def project_option(project_id: str, name: str, team: str) -> Option:
    """Return the option for one project."""
    end = f" ({shorten(team, 30)})" if team else ""
    label = f"{isolated(shorten(name, _MOST_LABEL - len(end) - 2)) or '…'}{end}"
    return Option(text=_plain(label), value=FollowChoice(project_id=project_id).option())


def team_option(team: str) -> Option:
    """Return the option for all projects of a team."""
    label = f"All projects of {shorten(team, _MOST_LABEL - 16)}"
    return Option(text=_plain(label), value=FollowChoice(team_digest=team_digest(team)).option())


def target_options(typed: str, teams: Iterable[str], heads: Iterable[ProjectHead]) -> list[Option]:
    """Return up to 100 teams and projects that match the typed text, the teams first."""
    wanted = typed.strip().casefold()
    options = [team_option(team) for team in sorted(set(teams)) if wanted in team.casefold()]
    for head in heads:
        if len(options) >= MOST_OPTIONS:
            break
        if wanted in head.name.casefold() and fits_a_button(head.id):
            options.append(project_option(head.id, head.name, head.team_name))
    return options[:MOST_OPTIONS]


def group_options(typed: str, groups: Sequence[tuple[str, str]]) -> list[Option]:
    """Return up to 100 user groups, each with its id and its name, that match the typed text."""
    wanted = typed.strip().lstrip("@").casefold()
    return [
        Option(text=_plain(shorten(name, _MOST_LABEL) or "…"), value=group_id)
        for group_id, name in groups
        if wanted in name.casefold()
    ][:MOST_OPTIONS]


def _plain(text: str) -> PlainTextObject:
    return PlainTextObject(text=text, emoji=False)
