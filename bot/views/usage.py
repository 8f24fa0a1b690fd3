"""The help, and the messages about invalid commands and workflow steps."""

from bot.projects.request import UsageError, Wrong, command_text
from bot.slack.message import Message
from bot.views.blocks import plain
from bot.views.installation import Installation
from bot.views.text import code, listing

EXAMPLE_NAME = "llama-3-finetune"
_WRONG = {
    Wrong.EMPTY_TEAM: "there is nothing between the quotes of the team",
    Wrong.UNCLOSED_TEAM: "the quote before the team is never closed",
    Wrong.UNCLOSED_NAME: "the quote before the project's name is never closed",
    Wrong.CONTROL_CHARACTER: "there is a line break or another invisible control character in it",
}


def help_message(installation: Installation) -> Message:
    """Return the help: the purpose and the syntax of the command."""
    command = installation.command
    example = code(f"{command} research {EXAMPLE_NAME}")
    quoted_example = code(f'{command} "Platform Team" {EXAMPLE_NAME}')
    return plain(
        f"*{command}* opens a Baseten training project and shows it to everyone in the channel, "
        "with its latest job. If the project is already there, nothing about it changes.",
        f"Type {code(f'{command} <team> <name>')}, for example {example}",
        f"Or type {code(command)} alone, and choose the team in a dialog.",
        f"Put quotes around a team of several words: {quoted_example}",
        "On the answer, *Watch* follows the latest job and *Refresh* asks again; the shortcut "
        "*Open training project* opens the dialog from any message.",
    )


def usage_message(error: UsageError, installation: Installation) -> Message:
    """Return the error of a command, the parts that the parser understood, and a correct form."""
    understood = []
    if error.team:
        understood.append(f"the team {code(error.team)}")
    if error.name:
        understood.append(f"the project {code(error.name)}")
    said = f" I understood {listing(understood)}." if understood else ""
    form = command_text(error.team or "research", error.name or EXAMPLE_NAME)
    return plain(
        f"I can't open that: {_WRONG[error.wrong]}.{said} Nothing was done.",
        f"Try {code(f'{installation.command} {form}', 300)}",
    )


def unknown_command_message(installation: Installation) -> Message:
    """Say that the command belongs to nothing that the bot does."""
    return plain(
        "I don't know this command. Nothing was done.",
        f"Type {code(f'{installation.command} help')} to see what I can do.",
    )


def incomplete_step_message() -> Message:
    """Return the message for a workflow step without a team or a name."""
    return plain(
        "The step needs a team and a name for the project, and one of them is empty.",
        "Fill in both in Workflow Builder. Nothing was done.",
    )
