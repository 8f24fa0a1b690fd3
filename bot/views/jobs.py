"""The message with the last jobs of a project."""

from bot.baseten.models import ProjectJobs, TrainingJob
from bot.slack.message import Message
from bot.views.blocks import divider, plain, section
from bot.views.job import job_name, logs_url, machines, status
from bot.views.job_list import short
from bot.views.text import ago, bold, code, duration, say

MOST_JOBS = 10


def jobs_message(listed: ProjectJobs) -> Message:
    """Return a message with up to ten jobs: status, name, age, duration, machines and link.

    Args:
        listed: the project and its jobs, newest first.
    """
    project, jobs = listed.training_project, listed.training_jobs
    if not jobs:
        return plain(f"{bold(project.name)} has no jobs yet.")
    several = f"The last jobs of {bold(project.name)}, newest first"
    title = several if len(jobs) > 1 else f"The only job of {bold(project.name)}"
    blocks = [section(title), divider()]
    blocks += [section(_line(project.id, job)) for job in jobs[:MOST_JOBS]]
    words = [
        f"{short(job_name(job), 26)}: {say(status(job).words, 44)}" for job in jobs[:MOST_JOBS]
    ]
    return Message("\n".join([title, *words]), blocks)


def _line(project_id: str, job: TrainingJob) -> str:
    now = status(job)
    logs = f"<{logs_url(project_id, job.id)}|logs>"
    named = job_name(job)
    name = code(named, 26) + (f" ({code(job.id, 20)})" if named != job.id else "")
    error = (job.error_message or "").strip() if now.failed else ""
    why = f"\n> {say(error.splitlines()[0], 100)}" if error else ""
    return (
        f"{now.mark} *{say(now.words, 44)}*  {name}\n"
        f"created {ago(job.created_at)}{_ended(job)} · {short(machines(job), 60)} · {logs}{why}"
    )


def _ended(job: TrainingJob) -> str:
    """Return the time from a job's creation to its end; Baseten has no time of its start."""
    if not status(job).ended:
        return ""
    return f", ended {duration((job.updated_at - job.created_at).total_seconds())} later"
