"""The preview of a link to a training project or to a job."""

from datetime import datetime

from bot.baseten.models import TrainingProject
from bot.projects.job_choice import JobChoice, fits_a_button
from bot.slack.message import Block
from bot.views.blocks import actions, button, section
from bot.views.job import job_name, logs_url, machines, status
from bot.views.job_list import WATCH_JOB, job_age
from bot.views.project import UNREADABLE
from bot.views.text import bold, date, say


def unfurl_blocks(project: TrainingProject, at: datetime) -> list[Block]:
    """Return the preview: the status, the machine and the age of a job, and *Watch*.

    It stays as it is while the job goes on, so it names its time.

    Args:
        project: the project, with the job as its latest job; it might have none.
        at: the time at which Baseten returned it.
    """
    where = bold(project.name) + (f" ({say(project.team_name)})" if project.team_name else "")
    job = project.latest_job
    if job is None:
        said = UNREADABLE if project.job_unreadable else f"No job yet, as of {date(at)}"
        return [section(f"📂 {where}\n{said}")]
    now = status(job)
    name = say(job_name(job))
    shown = f"<{logs_url(project.id, job.id)}|{name}>" if fits_a_button(job.id) else name
    text = (
        f"{now.mark} *{shown}* {say(now.does)} in {where}\n"
        f"{say(machines(job))} · {job_age(job)} · as of {date(at)}"
    )
    if now.ended or not fits_a_button(project.id, job.id):
        return [section(text)]
    value = JobChoice(project_id=project.id, job_id=job.id).model_dump_json()
    return [section(text), actions(button("Watch", WATCH_JOB, value=value))]
