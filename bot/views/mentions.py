"""Mentions of people."""

from collections.abc import Sequence

from bot.access.rules import is_user_id
from bot.views.text import escape, listing, say


def person(user_id: str) -> str:
    """Return the mention of a person, or of a user group by its id.

    https://docs.slack.dev/messaging/formatting-message-text#mentioning-users
    https://docs.slack.dev/messaging/formatting-message-text#mentioning-groups
    """
    if user_id.startswith("S"):
        return f"<!subteam^{escape(user_id)}>"
    return f"<@{escape(user_id)}>"


def named(text: str) -> str:
    """Mention a person by a user id; show any other text as it is."""
    return person(text) if is_user_id(text) else say(text, 50)


def people(user_ids: Sequence[str], most: int = 5) -> str:
    """Return the mentions of up to ``most`` people and the number of the others.

    The text is empty without people.
    """
    named = [person(user_id) for user_id in user_ids if user_id]
    if len(named) > most:
        named = [*named[:most], f"{len(named) - most} more"]
    return listing(named) if named else ""
