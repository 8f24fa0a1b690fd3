"""The question that prevents a second project because of a typo."""

from bot.projects.message_state import NameChoice
from bot.projects.service import ExistingProjects
from bot.slack.message import Message
from bot.views.blocks import actions, button, section
from bot.views.text import bold, code, shorten

USE_EXISTING = "use_existing"
CREATE_ANYWAY = "create_anyway"
_LONGEST_NAME = 800  # characters; a button's value holds 2,000 bytes of JSON


def can_ask(found: ExistingProjects) -> bool:
    """Return whether a similar name exists and both names fit into the buttons."""
    other = _other(found)
    return other is not None and max(len(found.name), len(other)) <= _LONGEST_NAME


def near_name_message(found: ExistingProjects, thread_ts: str | None) -> Message:
    """Return the question which of two names the person means.

    Args:
        found: the team, the name that the person typed, and the similar name.
        thread_ts: the thread that the project's message goes to.
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


def _other(found: ExistingProjects) -> str | None:
    return found.near or found.beginning_of
