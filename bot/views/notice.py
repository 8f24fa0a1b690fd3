"""Small notes to one person beside the answer."""

from bot.projects.request import ProjectRequest
from bot.slack.message import Message
from bot.views.blocks import plain
from bot.views.mentions import person
from bot.views.text import bold
from bot.views.watch import OUTSIDE


def still_opening(request: ProjectRequest) -> Message:
    """Say that a project is still being opened."""
    return plain(f"⏳ Still opening {bold(request.name)}: Baseten is taking its time.")


def still_looking() -> Message:
    """Say that what a button asked for is still being fetched."""
    return plain("⏳ Still asking Baseten, which is taking its time.")


def cannot_watch(why: str) -> Message:
    """Say why an answer cannot be watched, and what would change that.

    Args:
        why: Slack's code for why it cannot be changed.
    """
    if why not in OUTSIDE:
        return plain(
            "Slack no longer lets me change this message, so I can't watch it.",
            "Open the project again and watch that.",
        )
    return plain(
        "I can only watch an answer that I can change, and here I can't.",
        "Use `/invite` to add me to this channel, then open the project again and watch that.",
    )


def nothing_to_watch() -> Message:
    """Say that a job ended before it could be watched."""
    return plain("There is nothing to watch any more: the latest job has ended.")


def stopped(name: str, user_id: str) -> Message:
    """Tell somebody who watched that somebody else has ended the watch, for all.

    Args:
        name: of the project.
        user_id: who ended it.
    """
    return plain(f"{person(user_id)} stopped watching {bold(name)} for everyone.")


def invite() -> Message:
    """Say what makes messages in this channel ones the bot can keep up to date."""
    return plain(
        "I'm not a member of this channel, so I can't keep my answer up to date. "
        "Use `/invite` to add me here."
    )


def unavailable() -> Message:
    """Say that the bot is starting or stopping, and took nothing on."""
    return plain("I'm just restarting, so nothing was done. Please try again in a moment.")
