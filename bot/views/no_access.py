"""The words for a request that access rules refuse."""

from bot.access.rules import (
    MalformedIdError,
    MalformedPayloadError,
    NotAllowedError,
    NotServedError,
)
from bot.views.text import say


def no_access(
    error: NotServedError | NotAllowedError | MalformedIdError, nothing: str
) -> tuple[str, str]:
    """Return the event and the next step; ``nothing`` says that nothing was done."""
    match error:
        case NotServedError(audience=audience):
            return f"I only work for {say(audience, 100)}.", nothing
        case NotAllowedError():
            return (
                "There is no project here that you can use. Nothing was changed.",
                "Ask the people who run this bot for access.",
            )
        case MalformedPayloadError():
            return (
                f"Slack sent me this in a form that I can't read. {nothing}",
                "Try again. If it happens again, tell the people who run this bot.",
            )
        case MalformedIdError():
            return (
                f"This message or dialog is not one that I made. {nothing}",
                "Open the project again with the command.",
            )
