"""The question that prevents a project because of a typo, another team, or a request for help."""

from typing import Any

from bot.projects.message_state import NameChoice, TeamChoice, button_value
from bot.projects.readings import Question, similar_to
from bot.projects.service import ExistingProjects
from bot.projects.similar_names import fold, odd_characters
from bot.slack.message import Message
from bot.views.blocks import actions, button, section
from bot.views.text import bold, code, listing, shorten

USE_EXISTING, CREATE_ANYWAY = "use_existing", "create_anyway"
USE_IN_OTHER_TEAM, CREATE_IN_OTHER_TEAM = "use_in_other_team", "create_in_other_team"
CHOOSE_TEAM, SHOW_HELP, CANCEL = "choose_team", "show_help", "cancel"
_MOST_ODD = 3
NOTHING_YET = "Nothing has been created yet."
_TOO_LONG = "A name is too long for a button, so a choice is missing here: use a shorter name."


def question_message(question: Question, thread_ts: str | None) -> Message:
    """Return the question which project the person means.

    A choice with a name that is too long for a button is missing, and the words say so.

    Args:
        question: the reasons to ask.
        thread_ts: the thread that the project's message goes to.
    """
    found, other = question.found, question.other
    elements: list[dict[str, Any] | None] = []
    if other is not None and (question.several or not other.name):
        elements.append(_choose(other, thread_ts, several=question.several))
    elif other is not None:
        elements += _buttons(
            other, thread_ts, (USE_IN_OTHER_TEAM, CREATE_IN_OTHER_TEAM), with_team=True
        )
    own = _buttons(found, thread_ts, (USE_EXISTING, CREATE_ANYWAY), with_team=other is not None)
    if question.help:
        own.insert(-1, button("Show help", SHOW_HELP))
    elements += own
    shown = [element for element in elements if element is not None]
    asked = _words(question)
    if len(shown) < len(elements):
        asked += f" {_TOO_LONG}"
    asked += _odd_characters(found)
    if shown:
        shown[0]["style"] = "primary"
    row = actions(*shown, cancel_button())
    return Message(asked, [section(asked), row])


def cancel_button() -> dict[str, Any]:
    """Return the button that ends a question without a project."""
    return button("Cancel", CANCEL)


def choose_button(choice: TeamChoice, label: str = "Choose a team…") -> dict[str, Any] | None:
    """Return the button that opens the dialog; None if the choice is too long for it."""
    value = button_value(choice)
    return None if value is None else button(label, CHOOSE_TEAM, value=value)


def _words(question: Question) -> str:
    """Return the sentences: each reason, and the choice."""
    found, other, near = question.found, question.other, similar_to(question.found)
    team = bold(found.team.name)
    if other is None:
        means = " or ".join(
            (["that one"] if near else []) + (["help"] if question.help else []),
        )
        there = f"There is already a project {code(near)} in team {team}. " if near else ""
        return (
            f"{there}Did you mean {means}, or do you want a new {code(found.name)}"
            f"{'' if near else f' in team {team}'}? {NOTHING_YET}"
        )
    if other.name:
        reading = f"project {code(other.name)} in team {bold(other.team.name)}"
    else:
        reading = f"team {bold(other.team.name)}, without a project"
    own = f"project {code(found.name)} in team {team}"
    sentences = [f"I can read that in two ways: {reading}, or {own}."]
    sentences += [
        f"There is already a project {code(existing)} in {bold(each.team.name)}."
        for each in (other, found)
        if (existing := each.name if each.listed else similar_to(each)) and each.name
    ]
    return " ".join([*sentences, f"Which one do you mean? {NOTHING_YET}"])


def _odd_characters(found: ExistingProjects) -> str:
    """Return why two names that look the same differ; empty if a reader can see it."""
    near = similar_to(found)
    if near is None or fold(near) != fold(found.name):
        return ""
    for whose, name, other in (
        ("the new name", found.name, near),
        ("the name of the existing project", near, found.name),
    ):
        if odd := odd_characters(name, other):
            return f" Take care: {whose} has {listing(odd[:_MOST_ODD])}."
    return ""


def _buttons(
    found: ExistingProjects,
    thread_ts: str | None,
    action_ids: tuple[str, str],
    *,
    with_team: bool,
) -> list[dict[str, Any] | None]:
    """Return the buttons for an existing project and for a new one, as far as there are such."""
    near, name = found.name if found.listed else similar_to(found), found.name
    choices = [("Use {}", action_ids[0], near)] if near else []
    choices += [] if found.listed else [("Create {}", action_ids[1], name)]
    made: list[dict[str, Any] | None] = []
    for label, action_id, chosen in choices:
        in_team = f"{shorten(chosen, 35)} in {shorten(found.team.name, 28)}"
        words = in_team if with_team else chosen
        choice = NameChoice(team_id=found.team.id, name=chosen, thread_ts=thread_ts)
        value = button_value(choice)
        text = shorten(label.format(words), 75)
        made.append(None if value is None else button(text, action_id, value=value))
    return made


def _choose(
    other: ExistingProjects, thread_ts: str | None, *, several: bool
) -> dict[str, Any] | None:
    choice = TeamChoice(team=other.team.name, name=other.name, thread_ts=thread_ts)
    if several:
        return choose_button(choice)
    choice = choice.model_copy(update={"team": other.team.id})
    return choose_button(choice, f"Choose a project in {shorten(other.team.name, 50)}…")
