"""What the thread of a watched answer is told, and the last words of a watch."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from bot.arguments import command_text
from bot.baseten.models import GpuCapacity, TrainingJob, TrainingProject
from bot.message import Message
from bot.views.blocks import context, plain, section
from bot.views.job import does, error_section, job_name, logs_url, machines, status
from bot.views.people import people
from bot.views.text import COMMAND, ago, bold, code, date, duration, escape, say

if TYPE_CHECKING:
    from slack_sdk.models.blocks import Block

MOST_LINES = 20  # of a log
_MOST_MENTIONED = 50
_MOST_LOG = 2000  # characters
_MOST_ESCAPED = 2900  # characters; a section holds 3,000, and "&" is five of them
# Colours and titles, as a terminal is told of them, and other control characters.
_NOT_TEXT = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*|[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_REASONS = {
    "message_not_found": "the message that I kept up to date was deleted",
    "channel_not_found": "I no longer have access to the channel",
    "not_in_channel": "I am no longer a member of the channel",
    "is_archived": "the channel is archived",
    "is_inactive": "the channel is archived",
}


def moved_message(project_id: str, job: TrainingJob, *, again: bool) -> Message:
    """Say that the job is in another stage.

    Args:
        project_id: whose job.
        job: as it is now.
        again: it had been further already.
    """
    now = status(job)
    said = f"{now.mark} {does(job)}{' again' if again else ''}."
    return _message(said, project_id, job, say(machines(job), 80))


def log_lines(logged: Iterable[str]) -> list[str]:
    """Return what was logged as lines that can be shown: no colours, no overwritten progress."""
    lines = (line for message in logged for line in message.split("\n"))
    shown = (_NOT_TEXT.sub("", line.rstrip().rpartition("\r")[2]) for line in lines)
    return [line.expandtabs(4) for line in shown if line.strip()]


def ended_message(
    project_id: str,
    job: TrainingJob,
    ran: float | None,
    watchers: Sequence[str],
    logs: Sequence[str] | None = (),
) -> Message:
    """Say how the job ended, to those who watch.

    Args:
        project_id: whose job.
        job: as it is now.
        ran: for how many seconds it ran, if that is known.
        watchers: their ids.
        logs: the last lines of a job that failed, their secrets taken out, the oldest first; None
            where they could not be read.
    """
    now = status(job)
    if ran is None:
        age = (job.updated_at - job.created_at).total_seconds()
        lasted = f"{duration(age)} after it was created"
    else:
        lasted = f"after running for {duration(ran)}"
    why = ": its spot capacity was taken back" if job.current_status.endswith("PREEMPTED") else ""
    said = f"{now.mark} {does(job)} {lasted}{why}. {people(watchers, _MOST_MENTIONED)}".rstrip()
    tail, note = "", ""
    if now.failed:
        tail = _log_tail(logs or ())
        if not tail:
            note = "Its logs could not be read" if logs is None else "No log lines were found"
    return _message(said, project_id, job, note, tail)


def waiting_message(
    project_id: str, job: TrainingJob, since: datetime, capacity: GpuCapacity | None
) -> Message:
    """Say that the job has been waiting for long.

    Args:
        project_id: whose job.
        job: as it is now, with Baseten's advice.
        since: when it began to wait.
        capacity: of its type of GPU, if the key may see it.
    """
    what = "for GPU capacity " if status(job).advises else ""
    said = (
        f"⏳ {bold(job_name(job))} has been waiting {what}since {date(since)} ({ago(since)}), "
        "and has not started."
    )
    return _message(said, project_id, job, _in_use(capacity))


def taken_over_message(
    project_id: str, old: TrainingJob, new: TrainingJob, *, seen: bool
) -> Message:
    """Say that the watch goes on with a newer job.

    Args:
        project_id: whose jobs.
        old: the job that was watched.
        new: the job that is watched from here on.
        seen: whether the old one is as Baseten tells it now.
    """
    said = f"🔀 There is a newer job, so I follow that one from here on: {does(new)}."
    if not seen:
        said += f" What became of {bold(job_name(old))}, I can't tell."
    elif not status(old).ended:
        said += f" {does(old)}, and I no longer follow it."
    return _message(said, project_id, new, say(machines(new), 80))


def first_job_message(project_id: str, job: TrainingJob) -> Message:
    """Say that the project has its first job."""
    said = f"{status(job).mark} The first job is here: {does(job)}."
    return _message(said, project_id, job, say(machines(job), 80))


def expired_message(
    project_id: str, job: TrainingJob | None, days: int, watchers: Sequence[str]
) -> Message:
    """Say that the watch ends, because it has lasted so many days."""
    state = "There is still no job" if job is None else does(job)
    said = (
        f"⌛ I have watched this for {days} days, and stop here. {state}. To go on, press *Watch* "
        f"on the message. {people(watchers, _MOST_MENTIONED)}"
    ).rstrip()
    return plain(said, "" if job is None else _link(project_id, job))


def gone_message(project: TrainingProject, watchers: Sequence[str]) -> Message:
    """Say that the watch ends, because its project is no longer there."""
    said = f"🗑️ {bold(project.name)} is gone from Baseten, so I stop watching it."
    return plain(f"{said}{_last_seen(project)} {people(watchers, _MOST_MENTIONED)}".rstrip())


def farewell_message(project: TrainingProject, team: str, channel_id: str, why: str) -> Message:
    """Tell one person that the watch could not go on.

    Args:
        project: as it was last seen.
        team: the name of its team.
        channel_id: where the answer is, or was.
        why: Slack's code.
    """
    where = f" in <#{escape(channel_id)}>" if channel_id.startswith(("C", "G")) else ""
    reason = _REASONS.get(why) or f"Slack does not let me change the message ({code(why)})"
    again = code(f"{COMMAND} {command_text(team, project.name)}", 300)
    return plain(
        f"I stopped watching {bold(project.name)}{where}: {reason}.{_last_seen(project)}",
        f"For a new message that can be watched, run {again}",
    )


def _message(said: str, project_id: str, job: TrainingJob, note: str, tail: str = "") -> Message:
    """Draw a reply about a job: what there is to say, its error, its last lines, small print."""
    blocks: list[Block] = [section(said)]
    words = [said]
    if (error := error_section(job)) is not None:
        blocks.append(error)
        words.append(error.text.text if error.text else "")
    if tail:
        blocks.append(section(tail))
        words.append(tail)
    small = " · ".join(part for part in (note, _link(project_id, job)) if part)
    return Message("\n".join([*words, small]), [*blocks, context(small)])


def _link(project_id: str, job: TrainingJob) -> str:
    return f"<{logs_url(project_id, job.id)}|Open logs>"


def _last_seen(project: TrainingProject) -> str:
    job = project.latest_job
    return "" if job is None else f" Last seen: {does(job)}."


def _in_use(capacity: GpuCapacity | None) -> str:
    """Say how much of a type of GPU is in use, as ``56 of 64 H100 in use``."""
    if capacity is None:
        return ""
    limit = f" of {capacity.limit}" if capacity.limit else ""
    return f"{capacity.usage_count}{limit} {say(capacity.gpu_type, 40)} in use"


def _log_tail(lines: Sequence[str]) -> str:
    """Show the last lines of a log as code, as many as there is room for; empty without any."""
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
    """Cut a line to so many characters, and to so many when it is escaped."""
    size = 0
    for at, character in enumerate(line):
        size += len(escape(character))
        if at >= most or size > most_escaped:
            return line[: at - 1] + "…"
    return line
