"""The words around the list of current jobs: its help, unknown names, and the two buttons."""

from bot.baseten.models import TrainingJob
from bot.projects.job_scope import AmbiguousScope, UnknownScope
from bot.projects.request import UsageError, command_text, is_typeable
from bot.slack.message import Message
from bot.views.blocks import plain
from bot.views.installation import Installation
from bot.views.job import job_name, status
from bot.views.text import bold, code, listing, say, to_copy
from bot.views.usage import usage_message

_MOST_COMMAND = 250  # characters


def job_list_help(installation: Installation) -> Message:
    """Return the help: the purpose and the syntax of the command."""
    command = installation.jobs_command
    quoted_example = code(f'{command} "Platform Team"')
    return plain(
        f"*{command}* lists the jobs that run or wait, and those that ended in the last day. Only "
        "you see the list, and nothing is created or changed.",
        f"{code(command)} lists the jobs of all projects.",
        f"{code(f'{command} <team>')} or {code(f'{command} <project>')} lists fewer, and "
        f"{code(f'{command} <team> <project>')} those of one project.",
        f"Put quotes around a name of several words: {quoted_example}",
        "*Show here* posts a project for everyone in the channel. *Watch* follows a job in your "
        "direct messages.",
    )


def job_list_usage(error: UsageError, installation: Installation) -> Message:
    """Return the error of the command; the correct form has only the names that were understood."""
    command = installation.jobs_command
    again = _command(command, error.team, error.name) if error.team else command
    return usage_message(error, installation, to_copy(again, _MOST_COMMAND) or code(command))


def unknown_scope(unknown: UnknownScope, installation: Installation) -> Message:
    """Say that the words name nothing that the person can view, with similar names."""
    command = installation.jobs_command
    if unknown.team:
        said = f"I don't know a project called {bold(unknown.asked)} in {bold(unknown.team)}."
        commands = [_command(command, unknown.team, name) for name in unknown.near]
        commands = commands or [_command(command, unknown.team)]
    else:
        said = f"I don't know a team or a project called {bold(unknown.asked)}."
        commands = [_command(command, name) for name in unknown.near]
    if unknown.near:
        said += f" Did you mean {listing([bold(name) for name in unknown.near], 'or')}?"
    return plain(f"{said} Nothing was created.", _try(commands) or _try([command]))


def ambiguous_scope(ambiguous: AmbiguousScope, installation: Installation) -> Message:
    """Say that several teams have this project, with a command for each."""
    teams = ambiguous.teams[:5]
    more = len(ambiguous.teams) - len(teams)
    names = [bold(team, 40) for team in teams] + ([f"{more} more"] if more else [])
    commands = [_command(installation.jobs_command, team, ambiguous.name) for team in teams]
    return plain(f"{listing(names)} have a project {bold(ambiguous.name)}.", _try(commands))


def job_ended(job: TrainingJob) -> Message:
    """Say that a job ended before its watch began."""
    now = status(job)
    return plain(
        f"{now.mark} {bold(job_name(job))} has ended: {say(now.words, 44)}. There is nothing to "
        "watch any more."
    )


def watching_in_direct_messages(job_name_: str, project: str) -> Message:
    """Say where the news of a job will be posted."""
    return plain(
        f"I'll keep you posted on {bold(job_name_)} in {bold(project)} in your direct messages."
    )


def unconfirmed(project: str, *, direct: bool) -> Message:
    """Say that Slack did not confirm a message."""
    where = "in your direct messages" if direct else "in the channel"
    return plain(
        f"⚠️ Slack did not confirm my message about {bold(project)}, so it may or may not be "
        f"{where}.",
        "If it isn't, list the jobs again and press the button there.",
    )


def clicked_already(installation: Installation) -> Message:
    """Say that a second click on a button of the same list does nothing."""
    return plain(
        "You have pressed this button before, so I did nothing more.",
        f"To do it again, press it in a new list: {code(installation.jobs_command)}",
    )


def _try(commands: list[str]) -> str:
    shown = [shown for each in commands if each and (shown := to_copy(each, _MOST_COMMAND))]
    return f"Try {listing(shown, 'or')}" if shown else ""


def _command(command: str, team: str, name: str = "") -> str:
    """Return the command for a team or a project by its name; empty if it cannot be typed."""
    if not is_typeable(team, name or "x"):
        return ""
    words = command_text(team, name) if name else command_text(team, "x").removesuffix(" x")
    return f"{command} {words}"
