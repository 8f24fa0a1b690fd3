"""Every failure in a person's words: what happened, whether anything was done, what to do next."""

from dataclasses import dataclass

from bot.arguments import ProjectRequest, command_text
from bot.baseten.errors import BasetenError, RateLimited, Refused, Unreachable, Unreadable
from bot.message import Message, NotPostedError
from bot.projects import AmbiguousTeamError, UnknownTeamError
from bot.views.blocks import plain
from bot.views.text import COMMAND, bold, code, duration, listing, say
from bot.work import BusyError, InterruptedWorkError

_MOST_TEAMS = 20


@dataclass(frozen=True, slots=True)
class _Words:
    """What happened and whether anything was done; what to do next."""

    happened: str
    do: str


def failure_message(error: Exception, request: ProjectRequest | None, reference: str) -> Message:
    """Say what went wrong with a request.

    Args:
        error: whatever was raised.
        request: what the person asked for; None where it failed before that was known.
        reference: finds the error in the log; shown only for what was not foreseen.
    """
    words = _words(error, request) if request else None
    words = words or _unforeseen(request, reference)
    return plain(f"⚠️ {words.happened}", words.do)


def is_foreseen(error: Exception, request: ProjectRequest | None) -> bool:
    """Tell whether the error has words of its own."""
    return request is not None and _words(error, request) is not None


def _words(error: Exception, request: ProjectRequest) -> _Words | None:
    name = bold(request.name)
    again = code(f"{COMMAND} {command_text(request.team, request.name)}", 300)
    match error:
        case UnknownTeamError():
            return _unknown_team(error, request)
        case AmbiguousTeamError(teams=teams):
            ids = listing([code(team.id) for team in teams[:_MOST_TEAMS]], "or")
            return _Words(
                f"{len(teams)} teams are called {bold(error.asked)}, so I can't tell which one "
                "you mean. Nothing was opened.",
                f"Give the team's id instead, one of {ids}: "
                + code(f"{COMMAND} {command_text(teams[0].id, request.name)}", 300),
            )
        case BusyError():
            return _Words(
                "I have more to do than I can take on right now. Nothing was opened.",
                f"Wait a minute, then try again: {again}",
            )
        case InterruptedWorkError():
            return _Words(
                f"I am being restarted and could not finish. I can't tell whether {name} was "
                "opened.",
                f"Try again in a moment; it never makes a second one: {again}",
            )
        case NotPostedError():
            return _posting(error, name)
        case BasetenError():
            return _baseten(error, name, again)
        case _:
            return None


def _baseten(error: BasetenError, name: str, again: str) -> _Words | None:
    match error:
        case RateLimited(retry_after=wait):
            when = f"in {duration(wait)}" if wait is not None else "in a minute"
            return _Words(
                f"Baseten is getting more requests than it allows, and did not open {name}.",
                f"Try again {when}: {again}",
            )
        case Refused():
            return _refused(error, name, again)
        case Unreachable(sent=False):
            return _Words(
                f"I can't reach Baseten. Nothing was done about {name}.",
                f"Try again in a few minutes: {again}",
            )
        case Unreachable():
            return _Words(
                f"Baseten did not answer. I can't tell whether {name} was opened.",
                f"Try again; it never makes a second one: {again}",
            )
        case Unreadable():
            return _Words(
                "The answer I got is not one of Baseten's; a firewall or proxy may have given it. "
                f"I can't tell whether {name} was opened.",
                f"Try again; it never makes a second one. If it happens again, tell whoever runs "
                f"this bot: {again}",
            )
        case _:
            return None


def _unknown_team(error: UnknownTeamError, request: ProjectRequest) -> _Words:
    happened = f"I don't know a team called {bold(error.asked)}. Nothing was opened."
    if error.near:
        near = listing([bold(name) for name in error.near], "or")
        return _Words(
            f"{happened} Did you mean {near}?",
            "Try " + code(f"{COMMAND} {command_text(error.near[0], request.name)}", 300),
        )
    if error.teams:
        names = [say(team.name, 80) for team in error.teams[:_MOST_TEAMS]]
        more = len(error.teams) - len(names)
        names += [f"{more} more"] if more else []
        return _Words(happened, f"The teams I can see: {listing(names)}.")
    return _Words(
        happened,
        "I may not list the teams, so give the team's id, which is in the address of its page "
        "in Baseten.",
    )


def _posting(error: NotPostedError, name: str) -> _Words:
    if error.maybe:
        return _Words(
            f"{name} is open in Baseten, but Slack did not confirm my message about it, so it may "
            "or may not be in the channel.",
            "If it isn't, run the command again; that never makes a second project.",
        )
    return _Words(
        f"{name} is open in Baseten, but Slack did not take my message about it "
        f"({code(error.error)}).",
        "Run the command again later, or in another channel, to show it.",
    )


def _refused(error: Refused, name: str, again: str) -> _Words:
    said = f" It says: “{say(error.message, 300)}”" if error.message.strip() else ""
    match error.status:
        case 403 if "training" in error.message.lower():
            return _Words(
                "Training is not enabled for this Baseten organisation, so nothing was opened. "
                "The bot's API key itself works.",
                "An admin of the organisation can ask Baseten to enable training.",
            )
        case 401 | 403 if error.status == 401 or "authorization" in error.message.lower():  # noqa: PLR2004
            return _Words(
                "Baseten does not accept the bot's API key. Nothing was opened.",
                "Whoever runs this bot needs to give it a working key in `BASETEN_API_KEY`.",
            )
        case 403:
            return _Words(
                f"The bot's API key may not do this. Nothing was opened.{said}",
                "Whoever runs this bot can give its key the right, or use another key.",
            )
        case 404:
            return _Words(
                f"Baseten does not find that team. Nothing was opened.{said}",
                "Check the team; it may have been renamed or removed.",
            )
        case 409:
            return _Words(
                f"Something else is changing {name} right now. Nothing was opened.{said}",
                f"Try again in a moment: {again}",
            )
        case status if status >= 500 or status == 408:  # noqa: PLR2004
            return _Words(
                f"Baseten has a problem of its own (it answered {status}). I can't tell whether "
                f"{name} was opened.{said}",
                f"Try again in a few minutes; it never makes a second one: {again}",
            )
        case status:
            return _Words(
                f"Baseten did not accept {name} (it answered {status}). Nothing was opened.{said}",
                "Change the name or the team, and try again.",
            )


def _unforeseen(request: ProjectRequest | None, reference: str) -> _Words:
    name = f"{bold(request.name)}" if request else "anything"
    return _Words(
        f"Something went wrong in the bot itself. I can't tell whether {name} was opened.",
        "Try again; it never makes a second one. If it happens again, tell whoever runs this bot "
        f"the reference {code(reference)}.",
    )
