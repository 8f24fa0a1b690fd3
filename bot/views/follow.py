"""The messages about follows: their start, their end, and the notes to the person who clicked."""

from bot.baseten.models import TrainingJob, TrainingProject
from bot.follows.model import GONE, RIGHTS, Follow, Kind, Level, Scope
from bot.projects.follow_choice import FollowChoice, FollowReference
from bot.slack.message import Message
from bot.views.blocks import actions, button, context, plain, section
from bot.views.installation import Installation
from bot.views.mentions import person
from bot.views.text import bold, code, escape, listing
from bot.views.watch import CLOSED, OUTSIDE, REASONS, in_project, last_seen

STOP_FOLLOWING = "stop_following"
FOLLOW_BUTTON = "follow"
TELL_ME, TELL_ME_NO_MORE = "tell_me", "tell_me_no_more"

_POSTED = {
    Level.FAILURES: "each job that fails",
    Level.ENDS: "each job when it ends",
    Level.ALL: "each job when it starts, and keep the message up to date until the job ends",
}

_GONE = "I can't find it in Baseten any more (deleted, or hidden from the bot's key)."


def scope_in_words(scope: Scope) -> str:
    """Return the jobs of a follow, as in ``all projects of *Research*``."""
    if scope.kind is Kind.MINE:
        return "your jobs"
    if scope.kind is Kind.TEAM:
        return f"all projects of {bold(scope.team)}"
    return bold(scope.name) + (f" ({bold(scope.team)})" if scope.team else "")


def place_in_words(follow: Follow) -> str:
    """Return the place of a follow, for its creator."""
    return "your direct messages" if follow.is_direct else f"<#{escape(follow.channel_id)}>"


def following_message(follow: Follow, live: int, installation: Installation) -> Message:
    """Return the message that begins a follow.

    Args:
        follow: the follow.
        live: the number of its jobs that run or wait now.
        installation: the names of the commands.
    """
    said = f"🔔 Following {scope_in_words(follow.scope)}."
    does = _does(follow)
    if follow.mentions:
        does += f" On a failure I'll mention {listing([person(each) for each in follow.mentions])}."
    now = ""
    if live:
        jobs = "1 job that runs or waits now counts" if live == 1 else _many(live)
        now = f" {jobs} too."
    small = f"Set up by {person(follow.created_by)} · {code(installation.jobs_command)} lists jobs"
    return Message(
        f"{said} {does}{now}\n{small}",
        [section(f"{said}\n{does}{now}"), actions(stop_button(follow)), context(small)],
    )


def _does(follow: Follow) -> str:
    return f"I'll post {_POSTED[follow.level]}."


def _many(live: int) -> str:
    return f"{live} jobs that run or wait now count"


def stop_button(follow: Follow) -> dict[str, object]:
    """Return the button that ends a follow, for its first message and the home tab."""
    value = FollowReference(digest=follow.key, id=follow.id).model_dump_json()
    return button("Stop following", STOP_FOLLOWING, value=value)


def follow_button(choice: FollowChoice, label: str = "Follow…") -> dict[str, object]:
    """Return the button that opens the dialog with this project or team in it."""
    return button(label, FOLLOW_BUTTON, value=choice.model_dump_json())


def tell_me_button(*, on: bool) -> dict[str, object]:
    """Return the switch of *Tell me about my jobs*; ``on``: it is on now, and the click ends it."""
    return button("Switch off", TELL_ME_NO_MORE) if on else button("Switch on", TELL_ME)


def stopped_message(follow: Follow, reason: str, by: str) -> Message:
    """Return the first message of a follow after its end; see `unfollowed_message`."""
    creator = person(follow.created_by)
    why = f"{creator} can no longer view it here. Other people can follow it again."
    if by:
        why = f"Stopped by {person(by)}"
    elif reason == GONE:
        why = _GONE
    return plain(f"🔕 No longer following {scope_in_words(follow.scope)}.", why)


def changed_message(follow: Follow) -> Message:
    """Return the first message of a follow after a newer one, perhaps with another level."""
    by, scope = person(follow.created_by), scope_in_words(follow.scope)
    return plain(f"🔔 {by} has set up this follow of {scope} again, in a newer message.")


def now_following(follow: Follow) -> Message:
    """Return the note to a person who started a follow elsewhere."""
    scope, place = scope_in_words(follow.scope), place_in_words(follow)
    return plain(f"🔔 Following {scope} in {place}. {_does(follow)}")


def not_followed(error: str, *, direct: bool) -> Message:
    """Return the reason why a follow did not start.

    Args:
        error: Slack's error code of the first message.
        direct: whether the follow was for the person's direct messages.
    """
    if direct:
        return plain("Slack doesn't let me send you direct messages, so nothing is followed.")
    if error in OUTSIDE:
        return plain(
            "I'm not in that channel, so nothing is followed.",
            "`/invite` me there and follow again, or choose your direct messages.",
        )
    reason = "That channel is archived" if error in CLOSED else "Slack doesn't let me post there"
    return plain(
        f"{reason}, so nothing is followed.", "Choose another channel, or your direct messages."
    )


def unconfirmed_follow() -> Message:
    """Return the note that the first message of a follow might stand in its channel."""
    return plain(
        "Slack didn't confirm my first message there, so nothing is followed.",
        "If the message is there, ignore it, and follow again.",
    )


def cannot_list() -> Message:
    """Return the reason why nothing can be followed with the bot's key."""
    return plain("The bot's API key can't list projects, so I can't follow them.")


def no_email(*, scope_missing: bool) -> Message:
    """Return the reason why the bot cannot find a person's jobs."""
    if scope_missing:
        return plain(
            "I can't see email addresses here, so I don't know which jobs are yours.",
            "An admin can add the scopes `users:read` and `users:read.email` to the app.",
        )
    return plain(
        "Your Slack profile has no email address, so I don't know which jobs are yours.",
        "Jobs in Baseten carry the address of the person who started them.",
    )


def no_such_follow() -> Message:
    """Return the note that a follow has ended already."""
    return plain("This isn't followed any more.")


def you_stopped(follow: Follow) -> Message:
    """Return the note to the person who ended a follow."""
    return plain(f"🔕 No longer following {scope_in_words(follow.scope)}.")


def lost_job_message(project: TrainingProject, job: TrainingJob) -> Message:
    """Return the post about a live job that Baseten no longer has."""
    return plain(
        f"🔎 I can't find {in_project(project, job)} any more, so I can't tell how it ended. "
        f"It {last_seen(job)}."
    )


def unfollowed_message(follow: Follow, reason: str, by: str) -> Message:
    """Return the message that a follow has ended: to its creator, or in its place if ``gone``.

    Args:
        follow: the follow.
        reason: Slack's error code, ``rights`` or ``gone``; empty if a person ended it.
        by: the person who ended it; empty if the bot did.
    """
    if reason == GONE:
        return plain(f"🔕 No longer following {scope_in_words(follow.scope)}. {_GONE}")
    what = f"{scope_in_words(follow.scope)} in {place_in_words(follow)}"
    if by:
        return plain(f"🔕 {person(by)} stopped following {what}.")
    if reason == RIGHTS:
        return plain(f"🔕 I stopped following {what}: you can no longer view it.")
    why = REASONS.get(reason, "Slack no longer lets me post there")
    again = f"To go on, follow it again in {'a' if follow.is_direct else 'another'} channel."
    if reason in OUTSIDE:
        again = "To go on, `/invite` me there and follow it again."
    return plain(f"🔕 I stopped following {what}: {why}.", again)
