"""The words for a request that access rules refuse."""

from bot.access.rules import (
    MalformedIdError,
    MalformedPayloadError,
    NotAllowedError,
    NotServedError,
)
from bot.views.installation import Installation
from bot.views.text import say


def no_access(
    error: NotServedError | NotAllowedError | MalformedIdError,
    nothing: str,
    installation: Installation,
) -> tuple[str, str]:
    """Return the event and the next step.

    Args:
        error: the refusal.
        nothing: the sentence that nothing was done.
        installation: the person to ask.
    """
    match error:
        case NotServedError(audience=audience):
            return f"I only work for {say(audience, 100)}.", nothing
        case NotAllowedError():
            return (
                "There is no project here that you can use. Nothing was changed.",
                f"Ask {installation.operator} for access.",
            )
        case MalformedPayloadError():
            return (
                f"Slack sent me this in a form that I can't read. {nothing}",
                f"Try again. If it happens again, tell {installation.operator}.",
            )
        case MalformedIdError():
            return (
                f"This message or dialog is not one that I made. {nothing}",
                "Run the command again to open the project.",
            )
