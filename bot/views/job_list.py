"""The list of current jobs, for one person: running, waiting, and ended in the last day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.baseten.models import TrainingJob
from bot.projects.follow_choice import FollowChoice
from bot.projects.job_choice import JobChoice, JobListPage, fits_a_button
from bot.projects.job_list import CurrentJobs, ListedJob
from bot.projects.job_scope import JobScope, team_digest
from bot.slack.message import Block, Message
from bot.views.blocks import actions, button, context, divider, section
from bot.views.follow import follow_button
from bot.views.installation import Installation
from bot.views.job import Stage, job_name, logs_url, status
from bot.views.project import OPEN_LOGS
from bot.views.text import ago, code, say

SHOW_JOB = "show_job"
WATCH_JOB = "watch_job"
JOB_ACTIONS = "job_actions"
NEWER_JOBS = "newer_jobs"
OLDER_JOBS = "older_jobs"
JOBS_ON_A_PAGE = 6  # with four buttons each, a page stays below 10,000 characters
_LONGEST_STATUS = 50  # characters of the longest status that the bot knows


@dataclass(frozen=True, slots=True)
class JobGroups:
    """The jobs by their stage, in the order of the list.

    Attributes:
        running: the jobs that deploy or run, the newest first.
        waiting: the jobs that wait, in the order in which they start.
        ended: the jobs that have ended, the last end first.
    """

    running: Sequence[ListedJob] = ()
    waiting: Sequence[ListedJob] = ()
    ended: Sequence[ListedJob] = ()

    def in_order(self) -> list[ListedJob]:
        """Return all jobs in the order of the list."""
        return [*self.running, *self.waiting, *self.ended]

    def sum(self) -> str:
        """Return the number of jobs in words, as in ``2 running, 1 waiting``."""
        counts = (
            (len(self.running), "running"),
            (len(self.waiting), "waiting"),
            (len(self.ended), "ended in the last day"),
        )
        return ", ".join(f"{count} {words}" for count, words in counts if count)


_GROUPS = {
    Stage.DEPLOYING: "running",
    Stage.RUNNING: "running",
    Stage.WAITING: "waiting",
    Stage.ENDED: "ended",
}


def grouped(jobs: Sequence[ListedJob]) -> JobGroups:
    """Return the jobs in groups, each in its order."""
    groups: dict[str, list[ListedJob]] = {name: [] for name in _GROUPS.values()}
    for listed in jobs:
        groups[_GROUPS[status(listed.job).stage]].append(listed)
    groups["running"].sort(key=_created_at, reverse=True)
    groups["waiting"].sort(key=lambda listed: (-listed.job.priority, listed.job.created_at))
    groups["ended"].sort(key=lambda listed: listed.job.updated_at, reverse=True)
    return JobGroups(**groups)


def job_list_message(
    current: CurrentJobs, scope: JobScope, page: int, installation: Installation
) -> Message:
    """Return one page of the list.

    Args:
        current: the jobs that the person can view.
        scope: the team or the project whose jobs they are.
        page: the number of the page, from 0; a number that is too large is the last page.
        installation: the names of the commands.
    """
    groups = grouped(current.jobs)
    jobs = groups.in_order()
    if not jobs:
        return _no_jobs(current, scope, installation)
    pages = -(-len(jobs) // JOBS_ON_A_PAGE)
    page = min(page, pages - 1)
    shown = jobs[page * JOBS_ON_A_PAGE :][:JOBS_ON_A_PAGE]
    title = f"*{groups.sum()}* · {_scope_in_words(scope)}"
    blocks = [section(title), divider()]
    for listed in shown:
        blocks += _job_blocks(listed)
    small = [f"Page {page + 1} of {pages}."] if pages > 1 else []
    watch = "; *Watch* follows a job in your direct messages"
    live = any(not status(listed.job).ended for listed in shown)
    small += [f"*Show here* posts for everyone{watch if live else ''}."]
    if pages > 1 and (scope.project is None or fits_a_button(scope.project.id)):
        blocks.append(_page_buttons(scope, page, pages))
    if (follow := _follow(scope)) is not None:
        blocks.append(actions(follow))
    blocks.append(context(" ".join(small), *missing_words(current)))
    said = "\n".join([title, *map(_in_words, shown), *missing_words(current)])
    return Message(said, blocks)


def _follow(scope: JobScope) -> dict[str, Any] | None:
    """Return the button that follows the scope of the list; None for all projects."""
    if scope.project is not None:
        known = fits_a_button(scope.project.id)
        return follow_button(FollowChoice(project_id=scope.project.id)) if known else None
    return follow_button(FollowChoice(team_digest=team_digest(scope.team))) if scope.team else None


def _no_jobs(current: CurrentJobs, scope: JobScope, installation: Installation) -> Message:
    title = f"*No job runs, waits or ended in the last day* · {_scope_in_words(scope)}"
    command = code(f"{installation.command} <team> <name>")
    lines = [f"{command} shows a project with its latest job, however old it is."]
    if scope != JobScope():
        lines.append(f"{code(installation.jobs_command)} alone lists the jobs of all projects.")
    lines += missing_words(current)
    follow = _follow(scope)
    buttons = [] if follow is None else [actions(follow)]
    return Message("\n".join((title, *lines)), [section(title), *buttons, context(*lines)])


def _scope_in_words(scope: JobScope) -> str:
    if scope.project is not None:
        team = f" ({short(scope.team, 40)})" if scope.team else ""
        return f"*{short(scope.project.name, 40)}*{team}"
    return f"*{short(scope.team, 40)}*" if scope.team else "all projects"


def missing_words(current: CurrentJobs) -> list[str]:
    """Return the sentences about jobs that might be missing."""
    said = []
    if current.search_refused:
        said.append(
            "The bot's key can't search jobs: of each project, only the latest job is listed."
        )
    if current.projects_refused:
        said.append(
            "The bot's key can't list projects: jobs that have ended are missing, and projects "
            "have ids for names."
        )
    return said


def _job_blocks(listed: ListedJob) -> list[Block]:
    job, project = listed.job, listed.project
    text = section(job_text(listed))
    if not fits_a_button(project.id, job.id):
        return [text]
    value = JobChoice(project_id=project.id, job_id=job.id).model_dump_json()
    elements = [button("Show here", SHOW_JOB, value=value)]
    if not status(job).ended:
        elements.append(button("Watch", WATCH_JOB, value=value))
    elements.append(button("Open logs", OPEN_LOGS, url=logs_url(project.id, job.id)))
    elements.append(button("Job actions…", JOB_ACTIONS, value=value))
    return [text, actions(*elements)]


def job_text(listed: ListedJob, *more: str) -> str:
    """Return a job in two lines: its name and its project; its status, machines, age and person.

    Args:
        listed: the job.
        more: further words for the second line.
    """
    job, project = listed.job, listed.project
    name = short(job_name(job), 28)
    if fits_a_button(project.id, job.id):
        name = f"<{logs_url(project.id, job.id)}|{name}>"
    team = f" ({short(project.team_name, 20)})" if project.team_name else ""
    project_name = short(project.name or "unknown project", 28)
    details = [status_in_words(job), _machine(job), job_age(job)]
    if job.user and job.user.email:
        details.append(short(job.user.email, 28))
    details += more
    return f"{status(job).mark} *{name}* · {project_name}{team}\n{' · '.join(details)}"


def short(text: str, most: int) -> str:
    """Return a text of about ``most`` characters, also after it was escaped.

    A message holds 10,000 characters. A text of many ``&`` would take five times its length.
    """
    shown = say(text, most)
    while len(shown) > most + 8 and most > 1:
        most //= 2
        shown = say(text, most)
    return shown


def status_in_words(job: TrainingJob) -> str:
    """Return the job's status, cut to the length of the longest known one."""
    now = status(job)
    return short(now.words, _LONGEST_STATUS)


def _machine(job: TrainingJob) -> str:
    """Return the machines in a few words, as in ``8xH100 on 2 nodes``."""
    name = job.instance_type.name if job.instance_type else "Unknown machine"
    return short(name, 20) + (f" on {job.node_count} nodes" if job.node_count > 1 else "")


def job_age(job: TrainingJob) -> str:
    """Return the time of a job's end, or else of its creation."""
    return f"ended {ago(job.updated_at)}" if status(job).ended else f"created {ago(job.created_at)}"


def _in_words(listed: ListedJob) -> str:
    """Return a job in one line, for notifications and screen readers."""
    job = listed.job
    project = short(listed.project.name or "unknown project", 28)
    return f"{short(job_name(job), 28)} in {project}: {status_in_words(job)}"


def _page_buttons(scope: JobScope, page: int, pages: int) -> Block:
    def value(number: int) -> str:
        project_id = scope.project.id if scope.project else ""
        key = "" if scope.project else team_digest(scope.team)
        return JobListPage(team_digest=key, project_id=project_id, page=number).model_dump_json()

    elements = []
    if page > 0:
        elements.append(button("Newer", NEWER_JOBS, value=value(page - 1)))
    if page + 1 < pages:
        elements.append(button("Older", OLDER_JOBS, value=value(page + 1)))
    return actions(*elements)


def _created_at(listed: ListedJob) -> datetime:
    return listed.job.created_at
