"""The help, and the messages about invalid commands and workflow steps."""

from bot.projects.request import UsageError, Wrong
from bot.slack.message import Message
from bot.views.blocks import actions, button, plain, section
from bot.views.installation import Installation
from bot.views.text import code, listing

EXAMPLE_NAME = "llama-3-finetune"
OPEN_DIALOG = "open_dialog"
_KINDS = {  # https://docs.slack.dev/reference/interaction-payloads
    "command": "command",
    "block_actions": "button",
    "shortcut": "shortcut",
    "message_action": "shortcut",
    "view_submission": "dialog",
    "function_executed": "step",
}
_WRONG = {
    Wrong.EMPTY_TEAM: "there is nothing between the quotes of the team",
    Wrong.UNCLOSED_TEAM: "the quote before the team is never closed",
    Wrong.UNCLOSED_NAME: "the quote before the project's name is never closed",
    Wrong.CONTROL_CHARACTER: "there is a line break or another invisible control character in it",
}


def help_message(installation: Installation) -> Message:
    """Return the help: the ways to open a project, each with an example, and the dialog."""
    text = help_text(installation)
    return Message(text, [section(text), actions(button("Open the dialog", OPEN_DIALOG))])


def help_text(installation: Installation) -> str:
    """Return the ways to look at a project, with examples, and the person to ask."""
    command = installation.command
    quoted = code(f'{command} "Platform Team" {EXAMPLE_NAME}')
    return (
        f"*{command}* shows a Baseten training project and its latest job to everyone in the "
        "channel. If the team has no project of this name, I create it.\n"
        f"• Type a team and a name: {code(f'{command} research {EXAMPLE_NAME}')}. If the name "
        "is close to one that exists, I ask first.\n"
        f"• Put quotes around a team of several words: {quoted}. To choose the team in a dialog, "
        f"type {code(command)} alone.\n"
        "• On the message, *Watch* tells you how the job ends, and *Follow…* in the menu posts "
        "about every job. My home tab lists your projects.\n"
        f"• To look without posting, type {code(installation.jobs_command)}: it lists the jobs "
        "that run or wait, for you alone.\n"
        f"Questions? Ask {installation.operator}."
    )


def usage_message(error: UsageError, installation: Installation, again: str = "") -> Message:
    """Return the error of a command, the parts that the parser understood, and a correct form.

    Args:
        error: the error.
        installation: the names of the commands.
        again: the correct form, as code; empty: the command with a team and a name.
    """
    understood = []
    if error.team:
        understood.append(f"the team {code(error.team)}")
    if error.name:
        understood.append(f"the project {code(error.name)}")
    said = f" I understood {listing(understood)}." if understood else ""
    name = error.name or EXAMPLE_NAME
    shown = again or installation.command_for(error.team or "research", name)
    return plain(
        f"I couldn't read that: {_WRONG[error.wrong]}.{said} Nothing was done.",
        f"Try {shown}" if shown else "",
    )


def unknown_request_message(kind: str, installation: Installation) -> Message:
    """Say that a request belongs to nothing that the bot does.

    Args:
        kind: ``command``, or the ``type`` of the payload or of the event.
        installation: the names of the commands.
    """
    return plain(
        f"I don't know this {_KINDS.get(kind, 'request')}. Nothing was done.",
        f"Type {code(f'{installation.command} help')} to see what I can do.",
    )


def incomplete_step_message() -> Message:
    """Return the message for a workflow step without a team or a name."""
    return plain(
        "The step needs a team and a name for the project, and one of them is empty.",
        "Fill in both in Workflow Builder. Nothing was done.",
    )


def unreadable_step_message() -> Message:
    """Return the message for a workflow step with a control character in its team or its name."""
    return plain(
        "The step's team or name has a line break or another invisible control character in it.",
        "Remove it in Workflow Builder. Nothing was done.",
    )
