"""The answer: the project that is open now, and its latest job."""

import shlex

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    DividerBlock,
    PlainTextObject,
)

from bot.baseten.models import TrainingJob, TrainingProject
from bot.message import Message
from bot.projects import Opened, Outcome
from bot.views import text
from bot.views.blocks import context, section
from bot.views.blocks import fields as columns
from bot.views.job import job_name, logs_url, machines, status

OPEN_LOGS = "open_logs"


def project_message(opened: Opened, user_id: str) -> Message:
    """Draw the answer for everyone in the channel.

    Args:
        opened: the project, its team, and whether it was created.
        user_id: who asked, as Slack's id.
    """
    project = opened.project
    team = project.team_name or opened.team.name
    happened = _happened(opened, team)
    blocks: list[Block] = [
        section(happened),
        columns(
            ("Project ID", text.code(project.id)),
            ("Team", text.say(team)),
            ("Created", text.date(project.created_at)),
            ("Updated", text.date(project.updated_at)),
        ),
        DividerBlock(),
    ]
    if project.latest_job is None:
        blocks.append(section(_no_job(project.name, team)))
    else:
        blocks += _job_blocks(project, project.latest_job)
    blocks.append(context(f"Asked for by <@{text.escape(user_id)}>"))
    return Message(f"{happened}\n{_plain_details(project)}", blocks)


def _happened(opened: Opened, team: str) -> str:
    """Say what was done, claiming nothing that is not known."""
    name, team = text.bold(opened.project.name), text.bold(team)
    match opened.outcome:
        case Outcome.CREATED:
            return f"✨ Created training project {name} in team {team}"
        case Outcome.EXISTED:
            return f"📂 Training project {name} is already there in team {team}"
        case Outcome.UNKNOWN:
            return f"📂 Training project {name} is open in team {team}"


def _plain_details(project: TrainingProject) -> str:
    """Say in one line for notifications what the blocks show."""
    said = (
        f"ID {text.say(project.id)}, created {text.date(project.created_at)}, "
        f"updated {text.date(project.updated_at)}."
    )
    job = project.latest_job
    if job is None:
        return f"{said} No job yet."
    return f"{said} Latest job: {text.say(job_name(job))}, {text.say(status(job).words)}."


def _no_job(name: str, team: str) -> str:
    """Say how to start the first job. https://docs.baseten.co/reference/cli/training/training-cli"""
    push = text.code(f"truss train push config.py --team {shlex.quote(team)}", 250)
    return (
        f"*No job yet.* To start one, name the project {text.code(name)} in your config and run\n"
        f"{push}"
    )


def _job_blocks(project: TrainingProject, job: TrainingJob) -> list[Block]:
    now = status(job)
    name = text.code(job_name(job)) + (f" ({text.code(job.id)})" if job.name else "")
    fields = [("Runs on", text.say(machines(job)))]
    if job.user and job.user.email:
        fields.append(("Started by", text.say(job.user.email)))
    fields += [("Created", text.date(job.created_at)), ("Updated", text.date(job.updated_at))]
    blocks: list[Block] = [
        section(f"*Latest job*  {name}\n{now.mark} *{text.say(now.words)}*"),
        columns(*fields),
    ]
    if job.error_message and job.error_message.strip():
        lead = "Baseten's advice" if now.waiting else "Error"
        blocks.append(section(f"*{lead}*\n{text.quote(job.error_message)}"))
    blocks.append(ActionsBlock(elements=[_logs_button(project, job)]))
    return blocks


def _logs_button(project: TrainingProject, job: TrainingJob) -> ButtonElement:
    return ButtonElement(
        text=PlainTextObject(text="Open logs", emoji=False),
        action_id=OPEN_LOGS,
        url=logs_url(project.id, job.id),
    )
