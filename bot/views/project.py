"""The message about a project and its latest job."""

import shlex
from dataclasses import dataclass
from datetime import datetime

from bot.baseten.models import TrainingJob, TrainingProject
from bot.projects.creation import CreationOutcome
from bot.projects.message_state import MessageState
from bot.projects.service import OpenedProject
from bot.slack.message import Block, Message
from bot.views import text
from bot.views.blocks import actions, button, context, divider, section
from bot.views.blocks import fields as columns
from bot.views.job import (
    Stage,
    checkpoints,
    error_section,
    job_name,
    logs_url,
    machines,
    status,
)
from bot.views.mentions import named, people, person

OPEN_LOGS = "open_logs"
REFRESH = "refresh"
JOBS = "jobs"
WATCH = "watch"
STOP_WATCHING = "stop_watching"


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The last click on Refresh.

    Attributes:
        by: the person who clicked.
        at: the time of the click.
    """

    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class WatchSummary:
    """The data that a watch adds to a message.

    Attributes:
        watchers: the user ids of the watchers.
        running_since: the time at which the watched job began to run; None if unknown.
        job_id: the watched job. The project might have a newer job.
        ended: whether the watch has ended. The message then shows its last state.
        project_missing: whether Baseten no longer has the project.
        newer_job: the name of a newer job that was announced; empty without one.
    """

    watchers: tuple[str, ...]
    running_since: datetime | None = None
    job_id: str = ""
    ended: bool = False
    project_missing: bool = False
    newer_job: str = ""


def message_state_of(opened: OpenedProject, user_id: str, asked_for: str = "") -> MessageState:
    """Return the state that the buttons of this project's message carry."""
    return MessageState(
        project_id=opened.project.id,
        team=_cut(opened.team),
        outcome=opened.outcome,
        asked_by=user_id,
        also_in=tuple(_cut(team) for team in opened.also_in[:3]),
        asked_for=_cut(asked_for),
    )


def is_watchable(project: TrainingProject) -> bool:
    """Return whether the project has no job yet, or a latest job that has not ended."""
    return project.latest_job is None or not status(project.latest_job).ended


def _cut(team: str) -> str:
    """Return a team's name, cut so that the state as JSON fits into a button's value."""
    return text.shorten("".join(c if c.isprintable() else " " for c in team), 50)


def project_message(
    project: TrainingProject,
    state: MessageState,
    refreshed: Refreshed | None = None,
    watch: WatchSummary | None = None,
) -> Message:
    """Return the message about a project, for everyone in the channel.

    Args:
        project: the current state of the project.
        state: the state that the message's buttons carry.
        refreshed: the last click on Refresh; None without one.
        watch: the watch that updates the message; None without a watch.
    """
    job = project.latest_job
    known = [] if job is None else _known_of(job, watch)
    team = project.team_name or state.team
    project_missing = watch is not None and watch.project_missing
    happened = _happened(project.name, team, None if project_missing else state.outcome)
    blocks = [
        section(happened),
        columns(
            ("Project ID", text.code(project.id)),
            ("Team", text.say(team)),
            ("Created", text.date(project.created_at)),
            ("Updated", text.date(project.updated_at)),
        ),
        divider(),
    ]
    if job is None:
        blocks.append(section(_no_job(project.name, team)))
    else:
        blocks += _job_blocks(job, known)
    if not project_missing:
        blocks.append(_buttons(project, state, watch))
    blocks.append(context(_small_print(state, refreshed, watch)))
    return Message(f"{happened}\n{_plain_details(project, known)}", blocks)


def _happened(name: str, team: str, outcome: CreationOutcome | None) -> str:
    """Return the first line. The outcome None means that Baseten no longer has the project."""
    name, team = text.bold(name), text.bold(team)
    match outcome:
        case CreationOutcome.CREATED:
            return f"✨ Created training project {name} in team {team}"
        case CreationOutcome.EXISTED:
            return f"📂 Training project {name} already exists in team {team}"
        case CreationOutcome.UNKNOWN:
            return f"📂 Training project {name} is open in team {team}"
        case None:
            return (
                f"🗑️ Training project {name} of team {team} is gone from Baseten, or my key can no "
                "longer see it. This is what I last saw"
            )


def _plain_details(project: TrainingProject, known: list[tuple[str, str]]) -> str:
    """Return the content of the blocks in one line, for notifications."""
    said = (
        f"ID {text.say(project.id)}, created {text.date(project.created_at)}, "
        f"updated {text.date(project.updated_at)}."
    )
    job = project.latest_job
    if job is None:
        return f"{said} No job yet."
    said += f" Latest job: {text.say(job_name(job))}, {text.say(status(job).words, 44)}"
    more = "".join(f", {name.lower()}: {value}" for name, value in known)
    return f"{said}{more}."


def _no_job(name: str, team: str) -> str:
    """Return how to start a job. https://docs.baseten.co/reference/cli/training/training-cli"""
    shown = text.code(name)
    called = shown if shown == f"`{text.escape(name)}`" else "exactly as above"
    push = text.code(f"truss train push config.py --team {shlex.quote(team)}", 250)
    return f"*No job yet.* To start one, name the project {called} in your config and run\n{push}"


def _known_of(job: TrainingJob, watch: WatchSummary | None) -> list[tuple[str, str]]:
    """Return the fields that only some jobs have, as pairs of name and value."""
    known, stage = [], status(job).stage
    since = watch.running_since if watch and watch.job_id == job.id else None
    if watch is not None and since is not None:
        if stage is Stage.ENDED:
            known.append(("Ran for", text.duration((job.updated_at - since).total_seconds())))
        elif stage is Stage.RUNNING:
            # After the watch, the message is not updated: a relative time would run on.
            ago = "" if watch.ended else f" ({text.ago(since)})"
            known.append(("Running since", f"{text.date(since)}{ago}"))
    if words := checkpoints(job):
        known.append(("Checkpoints", text.say(words, 30)))
    return known


def _job_blocks(job: TrainingJob, known: list[tuple[str, str]]) -> list[Block]:
    now = status(job)
    name = text.code(job_name(job)) + (f" ({text.code(job.id)})" if job.name else "")
    fields = [("Runs on", text.say(machines(job), 70))]
    if job.user and job.user.email:
        fields.append(("Started by", text.say(job.user.email, 70)))
    fields += [("Created", text.date(job.created_at)), ("Updated", text.date(job.updated_at))]
    fields += known
    blocks = [
        section(f"*Latest job*  {name}\n{now.mark} *{text.say(now.words, 44)}*"),
        columns(*fields),
    ]
    if (error := error_section(job)) is not None:
        blocks.append(error)
    return blocks


def _buttons(project: TrainingProject, state: MessageState, watch: WatchSummary | None) -> Block:
    """Return the buttons. Refresh is always there, because the first job can come later."""
    value = state.model_dump_json()
    elements = [button("Refresh", REFRESH, value=value)]
    if watch is not None and not watch.ended:
        elements.append(button("Stop watching", STOP_WATCHING, value=value))
    elif is_watchable(project):
        elements.append(button("Watch", WATCH, value=value))
    if project.latest_job is not None:
        url = logs_url(project.id, project.latest_job.id)
        elements += [
            button("Jobs", JOBS, value=value),
            button("Open logs", OPEN_LOGS, url=url),
        ]
    return actions(*elements)


def _small_print(
    state: MessageState, refreshed: Refreshed | None, watch: WatchSummary | None
) -> str:
    said = f"Requested by {person(state.asked_by) if state.asked_by else 'a workflow'}"
    if state.asked_for:
        said += f" for {named(state.asked_for)}"
    if watch is not None and not watch.ended:
        by = people(watch.watchers)
        said += f" · Watched by {by}" if by else " · Watched"
    if refreshed is not None:
        said += f" · Refreshed by {person(refreshed.by)}, {text.date(refreshed.at)}"
    if state.also_in:
        teams = text.listing([text.bold(team, 30) for team in state.also_in])
        said += (
            f" · {teams} {'has' if len(state.also_in) == 1 else 'have'} a project of this name too"
        )
    return said
