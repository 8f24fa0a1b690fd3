"""The replies in the thread of a watched message, and the messages at the end of a watch."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice

from bot.baseten.models import GpuCapacity, TrainingJob, TrainingProject
from bot.projects.request import command_text
from bot.slack.message import Message
from bot.views.blocks import context, plain, section
from bot.views.installation import Installation
from bot.views.job import does, error_section, job_name, logs_url, machines, status
from bot.views.mentions import people
from bot.views.text import ago, bold, code, date, duration, escape, say

MOST_LINES = 20  # of a log
_MOST_MENTIONED = 20
_MOST_LOG = 2000  # characters
_MOST_ESCAPED = 2900  # characters; a section holds 3,000, and an escaped "&" has five
_MOST_READ = 2000  # characters of a line; longer lines would block the event loop
# Control sequences of terminals: colors, titles and links, character sets, control characters.
_NOT_TEXT = re.compile(
    r"""
      \x1b\[[0-?]*[ -/]*[@-~]
    | \x1b[]PX^_][^\x07\x1b]*
    | \x1b[ -/]*[0-~]
    | [\x00-\x08\x0a-\x1f\x7f-\x9f]
    """,
    re.VERBOSE,
)
_REASONS = {
    "message_not_found": "the message that I kept up to date was deleted",
    "channel_not_found": "I no longer have access to the channel",
    "not_in_channel": "I am no longer a member of the channel",
    "is_archived": "the channel is archived",
    "is_inactive": "the channel is archived",
    "channel_is_archived": "the channel is archived",
    "": "I repeatedly failed to post its news",
}
# Slack's codes if the bot is not a member of the channel, and if nobody can post.
OUTSIDE = frozenset({"channel_not_found", "not_in_channel"})
_CLOSED = frozenset({"channel_is_archived", "is_archived", "is_inactive"})


def moved_message(project_id: str, job: TrainingJob, *, again: bool) -> Message:
    """Return the reply that the job has a new stage.

    Args:
        project_id: the project of the job.
        job: the current state of the job.
        again: whether the job was in a later stage before.
    """
    now = status(job)
    said = f"{now.mark} {does(job)}{' again' if again else ''}."
    return _message(said, project_id, job, say(machines(job), 80))


def log_lines(logged: Iterable[str], most: int = MOST_LINES) -> list[str]:
    """Return the last lines without colors, overwritten progress bars and empty lines.

    Args:
        logged: the messages of the log, the oldest first. A message can have several lines.
        most: the maximum number of lines.
    """
    lines = [line for message in logged for line in message.split("\n")]
    shown = (_as_shown(line) for line in reversed(lines))
    return list(islice((line for line in shown if line.strip()), most))[::-1]


def _as_shown(line: str) -> str:
    line = line.rstrip().rpartition("\r")[2]
    if len(line) > _MOST_READ:
        # The redactor does not recognize half of a secret, so the last, incomplete word is dropped.
        whole = line[:_MOST_READ].rsplit(maxsplit=1)[:-1]
        line = " ".join([*whole, "…"])
    return _NOT_TEXT.sub("", line).expandtabs(4)


def ended_message(
    project: TrainingProject,
    job: TrainingJob,
    ran: float | None,
    watchers: Sequence[str],
    logs: Sequence[str] | None = (),
) -> Message:
    """Return the reply that the job has ended. It mentions the watchers.

    Args:
        project: the project of the job. The reply names it for the notification.
        job: the current state of the job.
        ran: the seconds that the job ran; None if unknown.
        watchers: the user ids of the watchers.
        logs: the last lines of a failed job's log, redacted, the oldest first; None if the log
            could not be read.
    """
    now = status(job)
    if ran is None:
        age = (job.updated_at - job.created_at).total_seconds()
        lasted = f"{duration(age)} after it was created"
    else:
        lasted = f"after running for {duration(ran)}"
    why = ": its spot capacity was taken back" if job.current_status.endswith("PREEMPTED") else ""
    ended = f"{now.mark} {_of(project, job)} {say(now.does)} {lasted}{why}."
    said = f"{ended} {people(watchers, _MOST_MENTIONED)}".rstrip()
    tail, note = "", ""
    if now.failed:
        tail = _log_tail(logs or ())
        if not tail:
            note = "Its logs could not be read" if logs is None else "It left no log lines"
    return _message(said, project.id, job, note, tail)


def waiting_message(
    project_id: str, job: TrainingJob, since: datetime, capacity: GpuCapacity | None
) -> Message:
    """Return the reply that the job has been waiting for a long time.

    Args:
        project_id: the project of the job.
        job: the current state of the job, with Baseten's advice.
        since: the time at which it began to wait.
        capacity: the capacity of its type of GPU; None if the key cannot see it.
    """
    what = "for GPU capacity " if status(job).advises else ""
    said = f"⏳ {bold(job_name(job))} has been waiting {what}since {date(since)} ({ago(since)})."
    return _message(said, project_id, job, _in_use(capacity))


def taken_over_message(
    project_id: str, old: TrainingJob, new: TrainingJob, *, seen: bool
) -> Message:
    """Return the reply that the watch continues with a newer job.

    A job that has already ended gets a reply of its own, `ended_message`.

    Args:
        project_id: the project of both jobs.
        old: the job that was watched.
        new: the job that is watched now.
        seen: whether Baseten still returns the old job.
    """
    lost = f"I can't tell what became of {bold(job_name(old))}."
    if status(new).ended:
        return plain(f"🔀 There is a newer job. {lost}")
    said = f"🔀 There is a newer job, so I follow that one from here on: {does(new)}."
    if not seen:
        said += f" {lost}"
    elif not status(old).ended:
        said += f" {does(old)}, and I no longer follow it."
    return _message(said, project_id, new, say(machines(new), 80))


def first_job_message(project_id: str, job: TrainingJob) -> Message:
    """Return the reply that the project has its first job."""
    said = f"{status(job).mark} The first job is here: {does(job)}."
    return _message(said, project_id, job, say(machines(job), 80))


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
    state = "There is still no job" if job is None else does(job)
    go_on = " To go on, press *Watch* on the message." if message_updated else ""
    said = (
        f"⌛ I have watched {bold(project.name)} for {days} days, and stop here. {state}.{go_on} "
        f"{people(watchers, _MOST_MENTIONED)}"
    ).rstrip()
    return plain(said, "" if job is None else _link(project.id, job))


def lost_message(project: TrainingProject, job: TrainingJob, watchers: Sequence[str]) -> Message:
    """Return the reply that the watch ends, because Baseten no longer has the job."""
    said = f"🔎 I can no longer find {_of(project, job)}, so I stop watching it."
    return plain(f"{said}{_last_seen(job)} {people(watchers, _MOST_MENTIONED)}".rstrip())


def gone_message(project: TrainingProject, watchers: Sequence[str]) -> Message:
    """Return the reply that the watch ends, because Baseten no longer has the project."""
    said = (
        f"🗑️ {bold(project.name)} is gone from Baseten, or my key can no longer see it, "
        "so I stop watching it."
    )
    last = _last_seen(project.latest_job)
    return plain(f"{said}{last} {people(watchers, _MOST_MENTIONED)}".rstrip())


def farewell_message(  # noqa: PLR0913 - all of it is in the words
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
        why: Slack's error code; empty if Slack returned none.
        installation: the names of the commands.
        unanswerable: True if Slack refused a reply, False if Slack refused an update.
    """
    where = f" in <#{escape(channel_id)}>" if channel_id.startswith(("C", "G")) else ""
    what = "reply in its thread" if unanswerable else "change the message"
    reason = _REASONS.get(why) or f"Slack does not let me {what} ({code(why)})"
    again = code(f"{installation.command} {command_text(team, project.name)}", 300)
    invite = f"{code('/invite')} me to the channel first, then run" if why in OUTSIDE else "run"
    closed = why in _CLOSED or why.startswith("restricted_action")
    elsewhere = " in another channel" if closed else ""
    last = _last_seen(project.latest_job)
    return plain(
        f"I stopped watching the training project {bold(project.name)}{where}: {reason}.{last}",
        f"For a new message that can be watched, {invite} {again}{elsewhere}",
    )


def _message(said: str, project_id: str, job: TrainingJob, note: str, tail: str = "") -> Message:
    """Return a reply about a job: the news, the job's error, the last log lines, small print."""
    blocks = [section(said)]
    words = [said]
    if (error := error_section(job)) is not None:
        blocks.append(error)
        words.append(error["text"]["text"])
    if tail:
        blocks.append(section(tail))
        words.append(tail)
    small = " · ".join(part for part in (note, _link(project_id, job)) if part)
    return Message("\n".join([*words, small]), [*blocks, context(small)])


def _of(project: TrainingProject, job: TrainingJob) -> str:
    return f"{bold(job_name(job))} of {bold(project.name)}"


def _link(project_id: str, job: TrainingJob) -> str:
    return f"<{logs_url(project_id, job.id)}|Open logs>"


def _last_seen(job: TrainingJob | None) -> str:
    if job is None:
        return ""
    first, _, rest = status(job).does.partition(" ")
    before = {"is": f"was {rest}", "was": f"had been {rest}", "has": f"had {rest}"}
    did = before.get(first) or f"had {status(job).does}"
    return f" When I last looked, {bold(job_name(job))} {say(did)}."


def _in_use(capacity: GpuCapacity | None) -> str:
    """Return the use of a type of GPU, as in ``56 of 64 H100 in use``; empty if unknown."""
    if capacity is None or not (capacity.limit or capacity.usage_count):
        return ""
    limit = f" of {capacity.limit}" if capacity.limit else ""
    return f"{capacity.usage_count}{limit} {say(capacity.gpu_type, 40)} in use"


def _log_tail(lines: Sequence[str]) -> str:
    """Return the last lines of a log as code, as many as fit; empty without lines."""
    kept: list[str] = []
    room, room_escaped = _MOST_LOG, _MOST_ESCAPED
    for line in reversed(lines[-MOST_LINES:]):
        disarmed = line.replace("`", "'")
        if not kept:
            disarmed = _cut(disarmed, room - 1, room_escaped - 1)
        room -= len(disarmed) + 1
        room_escaped -= len(escape(disarmed)) + 1
        if min(room, room_escaped) < 0:
            break
        kept.append(escape(disarmed))
    code_block = "\n".join(reversed(kept))
    return f"*Last log lines*\n```{code_block}```" if kept else ""


def _cut(line: str, most: int, most_escaped: int) -> str:
    """Return a line within two limits: one for its length, one for its escaped length."""
    size = 0
    for at, character in enumerate(line):
        size += len(escape(character))
        if at >= most or size > most_escaped:
            return line[: at - 1] + "…"
    return line
