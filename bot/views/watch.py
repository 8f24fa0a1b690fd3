"""The replies in the thread of a watched message while its job goes on, and private notes."""

from collections.abc import Sequence
from datetime import datetime

from bot.baseten.measures import GpuCapacity
from bot.baseten.models import TrainingJob, TrainingProject
from bot.projects.message_state import WatchJobChoice
from bot.slack.message import Block, Message
from bot.views.blocks import actions, button, context, plain, section
from bot.views.installation import Installation
from bot.views.job import does, error_section, job_name, logs_url, machines, status, still_does
from bot.views.mentions import named, people
from bot.views.text import bold, code, date, duration, escape, say, shorten

WATCH_TOO = "watch_too"
MOST_MENTIONED = 20  # people in one reply; further replies mention the others
NO_RIGHT = "no_right"  # in the place of Slack's error: a person can no longer view the project
REASONS = {
    "message_not_found": "the message that I kept up to date was deleted",
    "channel_not_found": "I no longer have access to the channel",
    "not_in_channel": "I'm no longer a member of the channel",
    "is_archived": "the channel is archived",
    "is_inactive": "the channel is archived",
    "channel_is_archived": "the channel is archived",
}
# Slack's codes if the bot is not a member of the channel, and if nobody can post.
OUTSIDE = frozenset({"channel_not_found", "not_in_channel"})
CLOSED = frozenset({"channel_is_archived", "is_archived", "is_inactive"})


def moved_message(project: TrainingProject, job: TrainingJob, *, again: bool) -> Message:
    """Return the reply that the job has a new stage.

    Args:
        project: the project of the job.
        job: the current state of the job.
        again: whether the job was in a later stage before.
    """
    now = status(job)
    said = f"{now.mark} {in_project(project, job)} {say(now.does)}{' again' if again else ''}."
    return _message(said, project, job, say(machines(job), 80))


def waiting_message(
    project: TrainingProject,
    job: TrainingJob,
    since: datetime,
    waited: float,
    capacity: GpuCapacity | None,
) -> Message:
    """Return the reply that the job has been waiting for a long time.

    Args:
        project: the project of the job.
        job: the current state of the job, with Baseten's advice.
        since: the time at which it began to wait.
        waited: the seconds since then.
        capacity: the capacity of its type of GPU; None if the key cannot see it.
    """
    what = "for GPUs" if status(job).advises else "to start"
    for_how_long = f"for {duration(waited)} (since {date(since)})"
    said = f"⏳ {in_project(project, job)} has been waiting {what} {for_how_long}."
    return _message(said, project, job, _in_use(capacity))


def newer_job_message(  # noqa: PLR0913, PLR0917 - its parts
    project: TrainingProject,
    choice: WatchJobChoice,
    job: TrainingJob,
    followed: TrainingJob | None,
    watchers: Sequence[str],
    starter: str = "",
) -> Message:
    """Return the reply that the project has a newer job. It mentions the watchers.

    Args:
        project: the project of both jobs.
        choice: the value of the button that watches the newer job.
        job: the newer job.
        followed: the job that the watch goes on with; None if it has ended.
        watchers: the user ids of the people to mention.
        starter: the person who started the newer job, as a user id or an email address.
    """
    said = f"🔀 A newer job started in {bold(project.name)}: {_with_status(job)}."
    if followed is not None:
        said += f" I'm still following {bold(job_name(followed))}."
    said = f"{said} {people(watchers, MOST_MENTIONED)}".rstrip()
    name = shorten(" ".join(job_name(job).split()), 60)
    label = f"Watch {name}" if followed is None else f"Watch {name} too"
    watch = button(label, WATCH_TOO, value=choice.model_dump_json())
    note = " · ".join(part for part in (say(machines(job), 80), started_by(starter)) if part)
    return _message(said, project, job, note, buttons=[actions(watch)])


def first_job_message(
    project: TrainingProject, job: TrainingJob, watchers: Sequence[str], starter: str = ""
) -> Message:
    """Return the reply that the project has its first job; see `newer_job_message`."""
    said = f"{status(job).mark} {bold(project.name)} has its first job: {_with_status(job)}."
    said = f"{said} {people(watchers, MOST_MENTIONED)}".rstrip()
    note = " · ".join(part for part in (say(machines(job), 80), started_by(starter)) if part)
    return _message(said, project, job, note)


def expired_message(
    project: TrainingProject, days: int, watchers: Sequence[str], *, message_updated: bool
) -> Message:
    """Return the reply that the watch ends, because it has reached its maximum age.

    Args:
        project: the current state of the project.
        days: the maximum age in days.
        watchers: the user ids of the watchers.
        message_updated: whether the message has been updated and has a *Watch* button.
    """
    job = project.latest_job
    state = "It still has no job"
    if job is not None:
        state = f"{bold(job_name(job))} {still_does(job)}"
    elif project.job_unreadable:
        state = "I couldn't read the state of its job"
    go_on = " Press *Watch* on the message above to keep going." if message_updated else ""
    said = f"⌛ I've stopped watching {bold(project.name)} after {days} days. {state}.{go_on}"
    small = "" if job is None else _link(project.id, job)
    return plain(f"{said} {people(watchers, MOST_MENTIONED)}".rstrip(), small)


def lost_message(project: TrainingProject, job: TrainingJob, watchers: Sequence[str]) -> Message:
    """Return the reply that the watch ends, because Baseten no longer has the job."""
    said = f"🔎 I can't find {in_project(project, job)} any more, so I've stopped watching it."
    last = f" It {last_seen(job)}."
    return plain(f"{said}{last} {people(watchers, MOST_MENTIONED)}".rstrip())


def gone_message(project: TrainingProject, watchers: Sequence[str]) -> Message:
    """Return the reply that the watch ends, because Baseten no longer has the project."""
    said = (
        f"🗑️ I can't find {bold(project.name)} in Baseten any more (deleted, or hidden from the "
        f"bot's key), so I've stopped watching it.{_last_of(project)}"
    )
    return plain(f"{said} {people(watchers, MOST_MENTIONED)}".rstrip())


def mentions_message(project_name: str, user_ids: Sequence[str]) -> Message:
    """Return the reply that mentions the people for whom the reply before it had no room."""
    mentioned = people(user_ids, len(user_ids))
    return plain(f"🔔 News about {bold(project_name)}: see the reply above. {mentioned}")


def farewell_message(  # noqa: PLR0913 - its parts
    project: TrainingProject,
    team: str,
    channel_id: str,
    why: str,
    installation: Installation,
    *,
    unanswerable: bool = False,
) -> Message:
    """Return the private message to a watcher that the watch has ended early.

    Args:
        project: the project in its last known state.
        team: the name of its team.
        channel_id: the channel of the watched message.
        why: Slack's error code, or `NO_RIGHT`; empty if Slack returned none.
        installation: the names of the commands.
        unanswerable: True if Slack refused a reply, False if Slack refused an update.
    """
    where = f" in <#{escape(channel_id)}>" if channel_id.startswith(("C", "G")) else ""
    if why == NO_RIGHT:
        return plain(
            f"I stopped watching {bold(project.name)}{where} for you: you no longer have the right "
            "to see it there.",
            f"Ask {installation.operator} for access.",
        )
    what = "reply in its thread" if unanswerable else "change the message"
    reason = f": {REASONS.get(why) or f'Slack no longer lets me {what}'}"
    if not why:
        reason = " because posting there kept failing"
    again = installation.command_for(team, project.name) or code(installation.command)
    invite = f"{code('/invite')} me to the channel first, then run" if why in OUTSIDE else "run"
    closed = why in CLOSED or why.startswith("restricted_action")
    elsewhere = " in another channel" if closed else ""
    return plain(
        f"I stopped watching {bold(project.name)}{where}{reason}.{_last_of(project)}",
        f"To watch it again, {invite} {again}{elsewhere}.",
    )


def job_has_ended(job: TrainingJob) -> Message:
    """Return the note that a job has ended before its watch began."""
    return plain(f"There's nothing to watch any more: {does(job)}.")


def not_watching(project_name: str, watchers: Sequence[str]) -> Message:
    """Return the note to a person who wants to stop a watch without being a watcher.

    Args:
        project_name: the project's name.
        watchers: the user ids of the watchers.
    """
    said = f"You're not watching {bold(project_name)}."
    by = people(watchers)
    verb = "is" if len([each for each in watchers if each]) == 1 else "are"
    return plain(f"{said} {by} {verb}." if by else said)


def in_project(project: TrainingProject, job: TrainingJob) -> str:
    """Return the job and its project, as in ``*gpt-oss-job* in *support-bot-sft*``."""
    return f"{bold(job_name(job))} in {bold(project.name)}"


def started_by(starter: str) -> str:
    """Return who started a job; empty if unknown."""
    return f"started by {named(starter)}" if starter else ""


def _message(
    said: str,
    project: TrainingProject,
    job: TrainingJob,
    note: str,
    buttons: Sequence[Block] = (),
) -> Message:
    """Return a reply about a job: the news, the job's error or advice, buttons, small print."""
    blocks = [section(said)]
    words = [said]
    if (error := error_section(job)) is not None:
        blocks.append(error)
        words.append(error["text"]["text"])
    small = " · ".join(part for part in (note, _link(project.id, job)) if part)
    return Message("\n".join([*words, small]), [*blocks, *buttons, context(small)])


def _with_status(job: TrainingJob) -> str:
    """Return a job with its status, as in ``*gpt-oss-job* (waiting for GPU capacity)``."""
    state = status(job).does.removeprefix("is ").removeprefix("was ")
    return f"{bold(job_name(job))} ({say(state)})"


def _link(project_id: str, job: TrainingJob) -> str:
    return f"<{logs_url(project_id, job.id)}|Open logs>"


def _last_of(project: TrainingProject) -> str:
    job = project.latest_job
    return "" if job is None else f" {bold(job_name(job))} {last_seen(job)}."


def last_seen(job: TrainingJob) -> str:
    """Return the last known status of a lost job, as in ``was running when I last looked``."""
    first, _, rest = status(job).does.partition(" ")
    before = {"is": f"was {rest}", "was": f"had been {rest}", "has": f"had {rest}"}
    return f"{say(before.get(first) or f'had {status(job).does}')} when I last looked"


def _in_use(capacity: GpuCapacity | None) -> str:
    """Return the use of a type of GPU, as in ``56 of 64 H100 in use``; empty if unknown."""
    if capacity is None or (capacity.limit is None and not capacity.usage_count):
        return ""
    limit = f" of {capacity.limit}" if capacity.limit is not None else ""
    return f"{capacity.usage_count}{limit} {say(capacity.gpu_type, 40)} in use"
