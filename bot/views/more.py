"""The dialogs behind the message's overflow menu."""

from collections.abc import Sequence
from typing import Any

from slack_sdk.models.blocks import PlainTextObject
from slack_sdk.models.views import View

from bot.baseten.models import TrainingProject
from bot.projects.message_state import StopState
from bot.projects.request import command_text, is_typeable
from bot.slack.message import Block, Message
from bot.telemetry.redaction import redact
from bot.views.blocks import section
from bot.views.installation import Installation
from bot.views.mentions import people
from bot.views.text import bold, code

STOP_DIALOG = "stop_for_everyone"
COMMAND_TITLE, STOP_TITLE, NOTICE_TITLE = "Command", "Stop for everyone", "Training project"
_MOST_COMMAND = 2500  # characters; a text of Slack's has 3,000
_MOST_WATCHERS = 20


def waiting_view(title: str) -> View:
    """Return the view to open at once, because a trigger is valid for 3 seconds."""
    return modal(title, [section("One moment…")])


def notice_view(title: str, message: Message) -> View:
    """Return a message, such as one about a failure, as a dialog that the person closes."""
    return modal(title, list(message.blocks))


def command_view(project: TrainingProject, team: str, installation: Installation) -> View:
    """Return the command that shows a project, and the project's id, for the person to copy."""
    command = f"{installation.command} {command_text(team, project.name)}"
    shown = [section(f"To show {bold(project.name)} again, in any channel:"), _copyable(command)]
    if len(command) > _MOST_COMMAND:
        shown = [section(f"The command for {bold(project.name)} is too long to show here.")]
    elif not is_typeable(team, project.name) or redact(command) != command:
        why = "it would change some characters of the name, or the name has a secret in it"
        dialog = f"Choose the project in the dialog: {code(installation.command)}"
        shown = [section(f"No command can open {bold(project.name)}: {why}. {dialog}")]
    return modal(
        COMMAND_TITLE, [*shown, section("The project's ID in Baseten:"), _copyable(project.id)]
    )


def stop_view(name: str, watchers: Sequence[str], clicker: str, state: StopState) -> View:
    """Return the question whether to end a watch for everyone.

    Args:
        name: the project's name.
        watchers: the user ids of the watchers.
        clicker: the person who is asked.
        state: the message with the watch.
    """
    by = people(watchers, _MOST_WATCHERS)
    asked = f"Stop watching {bold(name)} for everyone?"
    others = set(watchers) - {clicker}
    told = " The others get a message that you stopped it." if others else ""
    return modal(
        STOP_TITLE,
        [section(f"{asked}\nWatched by {by}.{told}" if by else asked)],
        callback_id=STOP_DIALOG,
        private_metadata=state.model_dump_json(),
        submit=PlainTextObject(text="Stop for everyone"),
    )


def not_watched_view() -> View:
    """Return the note that there is no watch to end."""
    return modal(STOP_TITLE, [section("Nobody is watching this message any more.")])


def _copyable(text: str) -> Block:
    """Return a block that shows a text exactly, without markup.

    https://docs.slack.dev/reference/block-kit/blocks/rich-text-block
    """
    shown = {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "elements": [shown]}


def modal(title: str, blocks: list[Block], **more: Any) -> View:  # noqa: ANN401 - of View
    """Return a dialog, which a person closes or cancels."""
    close = "Cancel" if "submit" in more else "Close"
    return View(
        type="modal",
        title=PlainTextObject(text=title),
        close=PlainTextObject(text=close),
        blocks=blocks,
        **more,
    )
