"""The message with the last jobs of a project."""

from bot.baseten.models import ProjectJobs, TrainingJob
from bot.slack.message import Message
from bot.views.blocks import divider, plain, section
from bot.views.job import job_name, logs_url, machines, status
from bot.views.text import ago, bold, code, say

MOST_JOBS = 10


def jobs_message(listed: ProjectJobs) -> Message:
    """Return a message with up to ten jobs: status, name, age, machines and link.

    Args:
        listed: the project and its jobs, newest first.
    """
    project, jobs = listed.training_project, listed.training_jobs
    if not jobs:
        return plain(f"{bold(project.name)} has no jobs yet.")
    title = f"The last jobs of {bold(project.name)}, newest first"
    blocks = [section(title), divider()]
    blocks += [section(_line(project.id, job)) for job in jobs[:MOST_JOBS]]
    newest = jobs[0]
    said = f"{title}. The newest, {say(job_name(newest))}: {say(status(newest).words)}."
    return Message(said, blocks)


def _line(project_id: str, job: TrainingJob) -> str:
    now = status(job)
    logs = f"<{logs_url(project_id, job.id)}|logs>"
    name = code(job_name(job), 28) + (f" ({code(job.id, 20)})" if job.name else "")
    error = (job.error_message or "").strip() if now.failed else ""
    why = f"\n> {say(error.splitlines()[0], 100)}" if error else ""
    return (
        f"{now.mark} *{say(now.words, 44)}*  {name}\n"
        f"{ago(job.created_at)} · {say(machines(job), 40)} · {logs}{why}"
    )
