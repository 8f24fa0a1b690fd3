"""The reply that a job has ended, with the next step."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from bot.baseten.measures import Checkpoint
from bot.baseten.models import TrainingJob, TrainingProject
from bot.slack.message import Message
from bot.views.blocks import actions, button, context, section
from bot.views.job import error_section, logs_url, push_command, status
from bot.views.log_tail import log_tail
from bot.views.mentions import people
from bot.views.project import OPEN_LOGS
from bot.views.text import code, duration, say
from bot.views.watch import MOST_MENTIONED, in_project, started_by

_BARS = "▁▂▃▄▅▆▇█"
STEPS = 8  # bars of the use of GPUs
_SYNCED = "COMPLETE"
_GOOD, _PREEMPTED = "COMPLETED", "PREEMPTED"
_UNITS = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "KB"))


@dataclass(frozen=True, slots=True)
class Findings:
    """The results of the requests about a job that has ended; each part can be unknown.

    Attributes:
        logs: the last log lines of a failed job, redacted, the oldest first; None if they could
            not be read.
        checkpoints: the job's checkpoints, the oldest first; None if they could not be read.
        gpu_use: the mean use of its GPUs as fractions, in equal steps of time.
        starter: the person who started the job, as a user id or an email address.
    """

    logs: Sequence[str] | None = ()
    checkpoints: Sequence[Checkpoint] | None = None
    gpu_use: Sequence[float] = ()
    starter: str = ""


def ended_message(
    project: TrainingProject,
    job: TrainingJob,
    ran: float | None,
    watchers: Sequence[str],
    found: Findings,
) -> Message:
    """Return the reply that the job has ended. It mentions the watchers.

    Args:
        project: the project of the job.
        job: the current state of the job.
        ran: the seconds that the job ran; None if unknown.
        watchers: the user ids of the watchers.
        found: the log lines, the checkpoints and the use of GPUs.
    """
    now, name = status(job), job.current_status.rpartition("TRAINING_JOB_")[2]
    good = name == _GOOD
    lasted = f"after {duration(ran)}" if ran is not None else _age(job)
    why = ": spot capacity was reclaimed" if name == _PREEMPTED else ""
    said = f"{now.mark} {in_project(project, job)} {say(now.does)} {lasted}{why}."
    lines = [f"{said} {people(watchers, MOST_MENTIONED)}".rstrip()]
    if (good or name == _PREEMPTED) and found.checkpoints is not None:
        lines.append(_checkpoints(found.checkpoints))
    if good and found.checkpoints:
        command = f"truss train deploy_checkpoints --job-id {shlex.quote(job.id)}"
        lines.append(f"Deploy one: {code(command)}")
    if name == _PREEMPTED:
        lines.append(f"Push it again: {push_command(project.team_name)}")
    if good and found.gpu_use:
        lines.append(_gpu(found.gpu_use))
    blocks = [section("\n".join(lines))]
    words = list(lines)
    if (error := error_section(job)) is not None:
        blocks.append(error)
        words.append(error["text"]["text"])
    tail = log_tail(found.logs or ()) if now.failed else ""
    if tail:
        blocks.append(section(tail))
        words.append(tail)
    without_logs = now.failed and not tail and found.logs is not None
    if not without_logs:
        style = {"style": "primary"} if now.failed else {}
        url = logs_url(project.id, job.id)
        blocks.append(actions(button("Open logs", OPEN_LOGS, url=url, **style)))
    notes = [
        "No log lines in the last 7 days" if without_logs else "",
        "I couldn't read its logs" if now.failed and found.logs is None else "",
        started_by(found.starter),
    ]
    if small := " · ".join(note for note in notes if note):
        small = small[0].upper() + small[1:]
        blocks.append(context(small))
        words.append(small)
    return Message("\n".join(words), blocks)


def _age(job: TrainingJob) -> str:
    """Return the time since the job's creation, which includes the time that it waited."""
    return f"(created {duration((job.updated_at - job.created_at).total_seconds())} earlier)"


def _checkpoints(found: Sequence[Checkpoint]) -> str:
    """Return the number of checkpoints, the last one, its size, and whether all are synced."""
    if not found:
        return "No checkpoints"
    last = found[-1]
    size = f" ({_size(last.size_bytes)})" if last.size_bytes and last.size_bytes > 0 else ""
    said = f"{len(found)} checkpoint{'s' if len(found) > 1 else ''}"
    said += f", {'the last ' if len(found) > 1 else ''}{code(last.checkpoint_id, 60)}{size}"
    states = [each.sync_status for each in found]
    if any(state is None for state in states):
        return said
    synced = sum(state == _SYNCED for state in states)
    if synced == len(found):
        return f"{said}, {'all synced' if len(found) > 1 else 'synced'}"
    return f"{said}, {synced} of {len(found)} synced so far"


def _size(size: int) -> str:
    for unit, name in _UNITS:
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} byte{'' if size == 1 else 's'}"


def _gpu(used: Sequence[float]) -> str:
    """Return the use of the GPUs over time, and its mean, as in ``GPU ▂▅▇▇▆ 91 %``."""
    bars = "".join(_BARS[min(len(_BARS) - 1, int(each * len(_BARS)))] for each in used)
    return f"GPU {bars} {round(100 * sum(used) / len(used))} %"
