"""The question that keeps a typo from making a twin."""

from bot.projects.message_state import NameChoice
from bot.projects.service import Found
from bot.slack.message import Message
from bot.views.blocks import actions, button, section
from bot.views.text import bold, code, shorten

USE_EXISTING = "use_existing"
CREATE_ANYWAY = "create_anyway"
_LONGEST_NAME = 800  # characters; a button's value holds 2,000 bytes of JSON


def can_ask(found: Found) -> bool:
    """Tell whether there is anything to ask, and whether its buttons can hold it."""
    other = _other(found)
    return other is not None and max(len(found.name), len(other)) <= _LONGEST_NAME


def near_name_message(found: Found, thread_ts: str | None) -> Message:
    """Ask which of two names is meant; nothing has been done yet.

    Args:
        found: the team, the name that was asked for, and the one that might be meant.
        thread_ts: where the answer will go.
    """
    near = _other(found) or ""
    asked = (
        f"There is already a project {code(near)} in team {bold(found.team.name)}. "
        f"Did you mean that one, or do you want a new {code(found.name)}? Nothing was done yet."
    )
    use, create = (
        NameChoice(team_id=found.team.id, name=name, thread_ts=thread_ts).model_dump_json()
        for name in (near, found.name)
    )
    buttons = actions(
        button(shorten(f"Use {near}", 75), USE_EXISTING, value=use, style="primary"),
        button(shorten(f"Create {found.name}", 75), CREATE_ANYWAY, value=create),
    )
    return Message(asked, [section(asked), buttons])


def _other(found: Found) -> str | None:
    return found.near or found.beginning_of
