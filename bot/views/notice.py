"""Short private messages to one person."""

from bot.projects.request import ProjectRequest
from bot.slack.message import Message
from bot.views.blocks import plain
from bot.views.installation import Installation
from bot.views.mentions import person
from bot.views.text import bold
from bot.views.watch import CLOSED, OUTSIDE


def still_opening(request: ProjectRequest) -> Message:
    """Return the note that the bot is still opening a project."""
    return plain(f"⏳ Still opening {bold(request.name)}: Baseten is taking its time.")


def still_looking() -> Message:
    """Return the note that the bot still waits for Baseten after a click."""
    return plain("⏳ Still waiting for Baseten…")


def cannot_watch(why: str, channel_id: str) -> Message:
    """Return the reason why a job cannot be watched from this message, and the remedy.

    Args:
        why: Slack's error code of the update that failed.
        channel_id: the channel of the message.
    """
    if why in CLOSED:
        return plain(
            "This channel is archived, so I can't update messages here.",
            "Run the command in another channel, and watch the new message.",
        )
    if why in OUTSIDE and channel_id.startswith("D"):  # nobody can invite a bot there
        return plain(
            "I'm not in this conversation, so I can't update messages here.",
            "Run the command in a channel, and watch the new message.",
        )
    if why not in OUTSIDE:
        return plain(
            "Slack no longer lets me change this message, so I can't watch it.",
            "Run the command again, and watch the new message.",
        )
    return plain(
        "I'm not in this channel, so I can't update messages here.",
        "`/invite` me, then run the command again.",
    )


def nothing_to_watch(*, unreadable: bool) -> Message:
    """Return the note that no watch begins, because the job has ended or is ``unreadable``."""
    if unreadable:
        return plain(
            "I couldn't read the state of the latest job in Baseten's answer, so I can't watch it.",
            "Press *Watch* again later.",
        )
    return plain(
        "There is nothing to watch any more: the latest job has ended.",
        "After you push a new job, press *Watch* again.",
    )


def stopped(name: str, user_id: str) -> Message:
    """Return the note for a watcher that another person has ended the watch for everyone.

    Args:
        name: the project's name.
        user_id: the person who ended the watch.
    """
    return plain(f"{person(user_id)} stopped watching {bold(name)} for everyone.")


def invite() -> Message:
    """Return the request to invite the bot, because it can update messages only as a member."""
    return plain(
        "I'm not a member of this channel, so I can't keep my message up to date. "
        "Use `/invite` to add me here."
    )


def unavailable(installation: Installation, *, token_refused: bool) -> Message:
    """Return the note that the bot takes nothing: it starts or stops, or its token is refused."""
    if token_refused:
        return plain(
            f"Slack no longer accepts my token, so nothing was done. Tell {installation.operator}."
        )
    return plain("I'm just restarting, so nothing was done. Please try again in a moment.")


def canceled() -> Message:
    """Return the note that a question ended without a project."""
    return plain("Canceled. Nothing was created.")


def not_compared(name: str) -> Message:
    """Return the note that the bot did not compare the name with others before it opened a project.

    The reason is left out: Baseten was slow, refused the list, or did not name the team.
    """
    return plain(
        f"I couldn't check for names similar to {bold(name)} in time.",
        "If you meant another project, open that one. Nobody else sees this note.",
    )
