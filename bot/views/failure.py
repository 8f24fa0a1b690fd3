"""The message for each failure: the event, whether anything was done, and the next step."""

from dataclasses import dataclass, field, replace

from bot.access.limits import PersonLimitError
from bot.baseten.errors import BasetenError
from bot.durable.in_flight import BusyError, ShutdownError, TaskExpiredError
from bot.durable.model import StoreUnavailableError
from bot.projects.approval import AlreadyWaitsError
from bot.projects.request import ProjectRequest
from bot.projects.team_errors import AmbiguousTeamError, TeamsUnavailableError, UnknownTeamError
from bot.slack.message import Message, ReplyTarget, SlackCallFailed
from bot.slack.web_api import PAUSED
from bot.views.approval import already_waits
from bot.views.baseten_failure import baseten_failure, teams_failure
from bot.views.blocks import plain
from bot.views.installation import Installation
from bot.views.limits import paused
from bot.views.no_access import NO_ACCESS, no_access, no_team
from bot.views.team_question import team_question
from bot.views.text import ago, bold, code, duration, listing, say
from bot.views.watch import CLOSED

_MOST_TEAMS = 20


@dataclass(frozen=True, slots=True)
class FailureWording:
    """The sentences about one kind of attempt, which the failure messages contain.

    Attributes:
        nothing: the sentence for a failure after which nothing was done.
        unsure: the sentence for a failure after which the outcome is unknown.
        request: the project to open; None for any other attempt.
        installation: the command, and the person to ask.
        place: the place of a person's request, who can be asked which team they mean; None if
            nobody can be asked.
        workflow: the words are for a step, whose reader cannot type the command.
        remedy: the way to try again, as in "choose *Refresh*"; by default the command.
    """

    nothing: str
    unsure: str
    request: ProjectRequest | None = None
    installation: Installation = field(default_factory=Installation)
    place: ReplyTarget | None = None
    workflow: bool = False
    remedy: str = ""

    @property
    def again(self) -> str:
        """The clause that follows "Try again …"."""
        if self.remedy:
            return f": {self.remedy}."
        if self.request is None or self.workflow:
            return "."
        command = self.installation.command_for(self.request.team, self.request.name)
        return f": {command}" if command else "."


def attempt_to_open(
    request: ProjectRequest, place: ReplyTarget | None = None, *, workflow: bool = False
) -> FailureWording:
    """Return the wording for an attempt to open a project; see `FailureWording`."""
    name = bold(request.name)
    return FailureWording(
        nothing="Nothing was created or changed.",
        unsure=(
            f"{name} may or may not have been created. It's safe to try again: you won't get a "
            "duplicate."
        ),
        request=request,
        place=place,
        workflow=workflow,
    )


# The wording for an attempt that only reads: a button on a message, a dialog, the home tab.
READING = FailureWording(nothing="Nothing was changed.", unsure="Nothing was changed.")
# The wordings for the end of a watch. The watch ends first, so only later steps can fail.
_STOPPED = "You've stopped watching, but I couldn't update the message."
_ENDED = "The watch has ended for everyone, but I couldn't update the message."
_REFRESH = "choose *Refresh* in the menu of the message"
STOPPING = FailureWording(nothing=_STOPPED, unsure=_STOPPED, remedy=_REFRESH)
STOPPING_FOR_EVERYONE = FailureWording(nothing=_ENDED, unsure=_ENDED, remedy=_REFRESH)


@dataclass(frozen=True, slots=True)
class _Words:
    """The two parts of a failure message.

    Attributes:
        happened: the event, and whether anything was done.
        do: the next step.
    """

    happened: str
    do: str


def failure_message(
    error: Exception, attempt: FailureWording, reference: str, installation: Installation
) -> Message:
    """Return the message for an error.

    Args:
        error: any error.
        attempt: the wording of the attempt that failed.
        reference: the id of the error in the log. Only unforeseen errors show it.
        installation: the command, and the person to ask.
    """
    attempt = replace(attempt, installation=installation)
    if (asked := _question(error, attempt)) is not None:
        return asked
    words = _words(error, attempt) or _Words(
        f"Something went wrong in the bot itself. {attempt.unsure}",
        f"If it happens again, tell {installation.operator} the reference {code(reference)}.",
    )
    return plain(f"⚠️ {words.happened}", words.do)


def _question(error: Exception, attempt: FailureWording) -> Message | None:
    """Return the question to a person which team they mean; None: the plain words are right."""
    if not isinstance(error, UnknownTeamError | AmbiguousTeamError):
        return None
    if attempt.request is None or attempt.place is None:
        return None
    thread_ts = attempt.place.thread_ts
    return team_question(error, attempt.request, thread_ts, attempt.installation)


def is_foreseen(error: Exception, attempt: FailureWording) -> bool:
    """Return whether the error has a message of its own."""
    return _words(error, attempt) is not None


def _words(error: Exception, attempt: FailureWording) -> _Words | None:
    match error:
        case UnknownTeamError(needed_by=actor_id) if actor_id:
            return _Words(*no_team(error.asked, actor_id, attempt.installation))
        case UnknownTeamError():
            return _unknown_team(error, attempt)
        case AmbiguousTeamError():
            return _ambiguous_team(error, attempt)
        case SlackCallFailed():
            return _not_posted(error, attempt)
        case TeamsUnavailableError(cause=cause):
            return _optional(teams_failure(cause, replace(attempt, unsure=attempt.nothing)))
        case BasetenError():
            return _optional(baseten_failure(error, attempt))
        case AlreadyWaitsError():
            return _Words(*already_waits(error, workflow=attempt.workflow))
        case _ if isinstance(error, NO_ACCESS):
            return _Words(*no_access(error, attempt.nothing, attempt.unsure, attempt.installation))
        case _:
            return _the_bots_own(error, attempt)


def _optional(words: tuple[str, str] | None) -> _Words | None:
    return None if words is None else _Words(*words)


def _the_bots_own(error: Exception, attempt: FailureWording) -> _Words | None:
    """Return the words for a limit or a fault of the bot itself; None for other errors."""
    match error:
        case PersonLimitError(waiting=waiting, retry_after=wait):
            sent = (
                f"have {waiting} requests waiting" if waiting else "sent many requests in a minute"
            )
            return _Words(
                f"You {sent}, so I didn't take this one. {attempt.nothing}",
                f"Try again in {duration(wait)}{attempt.again}",
            )
        case BusyError():
            return _Words(
                f"I'm overloaded right now. {attempt.nothing}",
                f"Wait a minute, then try again{attempt.again}",
            )
        case ShutdownError():
            return _Words(
                f"I was restarted before I could finish. {attempt.unsure}",
                f"Try again in a moment{attempt.again}",
            )
        case TaskExpiredError(at=at):
            return _Words(
                f"I couldn't answer your request ({ago(at)}) until now. {attempt.unsure}",
                f"If you still want it, try again{attempt.again}",
            )
        case StoreUnavailableError(outcome_unknown=True):
            return _Words(
                "Saving your request took too long, so I might have taken this; you'll hear from "
                "me if I did.",
                f"If you hear nothing within a minute, try again{attempt.again}",
            )
        case StoreUnavailableError():
            return _Words(
                f"I can't save requests right now. {attempt.nothing}",
                "Try again in a minute. If it keeps happening, tell "
                f"{attempt.installation.operator}.",
            )
        case _:
            return None


def _unknown_team(error: UnknownTeamError, attempt: FailureWording) -> _Words:
    happened = f"I don't know a team called {bold(error.asked)}. {attempt.nothing}"
    if error.near:
        near = listing([bold(name) for name in error.near], "or")
        correct = "If so, correct the team in Workflow Builder." if attempt.workflow else ""
        do = correct or _instead(error.near[0], attempt)
        return _Words(f"{happened} Did you mean {near}?", do)
    if error.teams:
        names = [say(team.name, 25) for team in error.teams[:_MOST_TEAMS]]
        more, command = len(error.teams) - len(names), attempt.installation.command
        names += [f"{more} more"] if more else []
        help_ = f" For help, type {code(f'{command} help')}." if error.asked == "help" else ""
        correct = "Correct the team in Workflow Builder. " if attempt.workflow else ""
        return _Words(happened, f"{correct}The teams I can see: {listing(names)}.{help_}")
    ask = attempt.installation.operator
    return _Words(happened, f"The bot's API key can't see any team. Ask {ask}.")


def _ambiguous_team(error: AmbiguousTeamError, attempt: FailureWording) -> _Words:
    ids = listing([code(team.id) for team in error.teams[:_MOST_TEAMS]], "or")
    where = " in Workflow Builder" if attempt.workflow else ""
    return _Words(
        f"{len(error.teams)} teams are called {bold(error.asked)}, so I can't tell which one you "
        f"mean. {attempt.nothing}",
        f"Enter the team's ID{where}: {ids}. {_instead(error.teams[0].id, attempt)}".rstrip(),
    )


def _instead(team: str, attempt: FailureWording) -> str:
    """Return the command with another team; empty for a workflow.

    Without quotes, a part of the team's name can be in the project's name. It is removed there.
    """
    if attempt.request is None or attempt.workflow:
        return ""
    asked, name = attempt.request.team, attempt.request.name
    words = f"{asked} {name}"
    if words.casefold().startswith(f"{team} ".casefold()):
        name = words[len(team) :].strip()
    command = attempt.installation.command_for(team, name)
    return f"Try {command}" if command else "Run the command again with that team."


def _not_posted(error: SlackCallFailed, attempt: FailureWording) -> _Words:
    """Return the words without Slack's code, which is in the log."""
    if "trigger" in error.error:  # expired, or used already
        return _Words(
            f"That took too long and Slack closed the dialog. {attempt.nothing}",
            f"Try again{attempt.again}",
        )
    if error.error == PAUSED and attempt.request is None:
        return _Words(*paused("Slack", error.retry_after, attempt.nothing, attempt.again))
    if attempt.request is None:
        return _Words(
            f"Slack refused what I wanted to show you. {attempt.nothing}",
            f"Try again{attempt.again}",
        )
    ready = f"{bold(attempt.request.name)} is ready in Baseten, but"
    run = f"run the {'workflow' if attempt.workflow else 'command'} again"
    if error.outcome_unknown:
        return _Words(
            f"{ready} Slack did not confirm my message about it, so it may or may not be in the "
            "channel.",
            f"If it isn't, {run}; that won't make a duplicate.",
        )
    elsewhere = (
        "choose another channel in Workflow Builder"
        if attempt.workflow
        else f"{run} in another channel"
    )
    if error.error in CLOSED:
        happened = f"{ready} I can't post about it here: this channel is archived."
    elif error.error.startswith("restricted_action"):
        happened = f"{ready} I'm not allowed to post in this channel."
    else:
        return _Words(
            f"{ready} Slack refused my message about it.",
            f"To show it, {elsewhere}, or `/invite` me to this one.",
        )
    return _Words(happened, f"To show it, {elsewhere}.")
