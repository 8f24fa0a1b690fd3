"""The words for a failed request to Baseten: the event, and the next step."""

from typing import TYPE_CHECKING

from bot.baseten.errors import (
    BasetenError,
    RateLimited,
    Refused,
    TooLarge,
    Unreachable,
    Unreadable,
)
from bot.views.limits import paused, too_large
from bot.views.text import bold, duration, say

if TYPE_CHECKING:
    from bot.views.failure import FailureWording


def baseten_failure(error: BasetenError, attempt: "FailureWording") -> tuple[str, str] | None:
    """Return the event, with the outcome, and the next step; None for an unforeseen error."""
    ask = attempt.installation.operator
    match error:
        case RateLimited(retry_after=wait):
            when = f"in {duration(wait)}" if wait is not None else "in a minute"
            return (
                f"Baseten is rate-limiting the bot. {attempt.nothing}",
                f"Try again {when}{attempt.again}",
            )
        case Refused():
            return _refused(error, attempt)
        case Unreachable(sent=False, retry_after=float(wait)):
            return paused("Baseten", wait, attempt.nothing, attempt.again)
        case Unreachable(sent=False):
            return (
                f"I can't reach Baseten. {attempt.nothing}",
                f"Try again in a few minutes{attempt.again}",
            )
        case Unreachable():
            return (
                f"Baseten did not answer. {attempt.unsure}",
                f"Try again in a few minutes{attempt.again}",
            )
        case TooLarge(most=most):
            return too_large(most, attempt.unsure, ask)
        case Unreadable():
            return (
                (
                    "I got an answer that doesn't look like Baseten's, perhaps from a firewall or "
                    f"a proxy. {attempt.unsure}"
                ),
                f"If it keeps happening, tell {ask}. Try again{attempt.again}",
            )
        case _:
            return None


def teams_failure(error: BasetenError, attempt: "FailureWording") -> tuple[str, str] | None:
    """Return the words for a failed request for the list of teams.

    A refusal such as 404 is about the list, not about the name or the team of the person.
    """
    ask = attempt.installation.operator
    match error:
        case Refused(status=status) if status in {401, 403, 408, 429} or status >= 500:  # noqa: PLR2004
            return baseten_failure(error, attempt)
        case Refused():
            return (
                f"I couldn't list the teams. {attempt.nothing}{_said(error)}",
                f"Try again in a minute. If it keeps happening, tell {ask}.",
            )
        case _:
            return baseten_failure(error, attempt)


def _refused(error: Refused, attempt: "FailureWording") -> tuple[str, str]:
    said = _said(error)
    what = bold(attempt.request.name) if attempt.request else "this project"
    match error.status:
        case 401 | 403:
            return _not_permitted(error, attempt)
        case 404 if attempt.request is None:
            return (
                (
                    "I can't find that project in Baseten any more: it was deleted, or the bot's "
                    f"key can't see it.{said}"
                ),
                "If you need it, run the command again: it creates a new project.",
            )
        case 404:
            return (
                f"Baseten can't find that team. {attempt.nothing}{said}",
                "Check the team: it might have been renamed or removed.",
            )
        case 409:
            return (
                f"Something else is changing {what} right now. {attempt.nothing}{said}",
                f"Try again in a moment{attempt.again}",
            )
        case status if status >= 500 or status == 408:  # noqa: PLR2004
            return (
                f"Baseten is having problems (error {status}). {attempt.unsure}{said}",
                f"Try again in a few minutes{attempt.again}",
            )
        case _:
            return _rejected(error, attempt)


def _not_permitted(error: Refused, attempt: "FailureWording") -> tuple[str, str]:
    """Return the words for a key that is wrong, or that has not the right to this."""
    ask, message = attempt.installation.operator, error.message.lower()
    if error.status == 403 and "baseten training" in message:  # noqa: PLR2004
        return (
            (
                f"Training is not enabled for this Baseten organization. {attempt.nothing} "
                "The bot's API key itself works."
            ),
            "An admin of the organization can ask Baseten to enable training.",
        )
    if error.status == 401 or "authorization" in message:  # noqa: PLR2004
        return (
            f"Baseten does not accept the bot's API key. {attempt.nothing}",
            f"Ask {ask} to set a working key in `BASETEN_API_KEY`.",
        )
    return (
        f"The bot's API key isn't allowed to do this. {attempt.nothing}{_said(error)}",
        f"Ask {ask} to give the key this right, or to use another key.",
    )


def _rejected(error: Refused, attempt: "FailureWording") -> tuple[str, str]:
    """Return the words for a request that is wrong; after a click, nobody typed anything."""
    what = f"the name {bold(attempt.request.name)}" if attempt.request else "the request"
    said = say(error.message, 300)
    why = f": “{said}”" if said else f" (error {error.status})"
    end = "" if said.endswith((".", "!", "?", "…")) else "."
    rejected = f"Baseten rejected {what}{why}{end} {attempt.nothing}"
    if attempt.request is None:
        return rejected, "Try again. If it keeps happening, run the command again."
    return rejected, "Change the name or the team, and try again."


def _said(error: Refused) -> str:
    return f" Baseten says: “{say(error.message, 300)}”" if error.message.strip() else ""
