"""The message about a project and its latest job."""

from dataclasses import dataclass
from datetime import datetime

from bot.baseten.models import TrainingJob, TrainingProject
from bot.projects.creation import CreationOutcome
from bot.projects.job_choice import fits_a_button
from bot.projects.message_state import MessageState
from bot.projects.service import OpenedProject
from bot.slack.message import Block, Message
from bot.views import text
from bot.views.blocks import actions, button, context, overflow, section
from bot.views.job import (
    Stage,
    checkpoints,
    error_quote,
    job_name,
    logs_url,
    machines,
    push_command,
    status,
)
from bot.views.mentions import named, people, person

OPEN_LOGS = "open_logs"
REFRESH = "refresh"
JOBS = "jobs"
WATCH = "watch"
STOP_WATCHING = "stop_watching"
MORE = "more"  # the overflow menu; the values of its options follow
MORE_REFRESH = "refresh"
MORE_COMMAND = "command"
MORE_STOP = "stop for everyone"
MORE_ACTIONS = "job actions "  # followed by the id of the job that the message shows
MORE_FOLLOW = "follow"
MORE_STOP_FOLLOWING = "stop following"
_PREEMPTED = "Its spot capacity was reclaimed. To start over, push it again."
UNREADABLE = "It has a job, but I couldn't read its state in Baseten's answer."


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
    """Return whether the project has no job yet, or a latest job that is known and not ended."""
    job = project.latest_job
    return not project.job_unreadable if job is None else not status(job).ended


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
    created = state.outcome is CreationOutcome.CREATED and refreshed is None
    team = project.team_name or state.team
    missing = watch is not None and watch.project_missing
    lines = [] if job is None else _job_lines(job, watch)
    if job is None and not missing:
        lines = [_no_job(project, team, watched=_is_watched(watch))]
    first = _first_line(project, team, watch, created=created, plain=False)
    blocks = [section("\n".join([first, *lines]))]
    if job is not None and (error := error_quote(job)):
        blocks.append(section(error))
    if not missing:
        blocks.append(_buttons(project, state, watch))
    small, more = _identity(project, state), _people(state, refreshed, watch)
    blocks.append(context("\n".join(filter(None, [small, more]))))
    spoken = _first_line(project, team, watch, created=created, plain=True)
    if job is not None:
        lines.append(error_quote(job, 100))
    elif not missing:
        lines = [UNREADABLE if project.job_unreadable else "No job yet."]
    return Message("\n".join(filter(None, [spoken, *lines, small])), blocks)


def _first_line(
    project: TrainingProject, team: str, watch: WatchSummary | None, *, created: bool, plain: bool
) -> str:
    """Return the status of the latest job, or of a project without a job.

    Args:
        project: the current state of the project.
        team: the name of its team.
        watch: the watch of the message.
        created: whether the message is the first one about a project that the request created.
        plain: without bold text and links, for the fallback text.
    """
    job, strong = project.latest_job, text.say if plain else text.bold
    name = strong(project.name)
    if watch is not None and watch.project_missing:
        gone = (
            f"🗑️ {name} can't be found in Baseten any more (deleted, or hidden from the bot's key)."
        )
        if job is not None:
            return f"{gone} Last known state:\n{_job_line(project, job, team, watch, plain=plain)}"
        unreadable = "It had a job, but I couldn't read its state."
        return f"{gone} {unreadable if project.job_unreadable else 'It had no job.'}"
    if job is None:
        return (
            f"✨ {name} was created in {strong(team)}."
            if created
            else f"📂 {name} is ready in {strong(team)}."
        )
    return _job_line(project, job, team, watch, plain=plain)


def _job_line(
    project: TrainingProject,
    job: TrainingJob,
    team: str,
    watch: WatchSummary | None,
    *,
    plain: bool,
) -> str:
    now, strong = status(job), text.say if plain else text.bold
    shown = text.say(job_name(job))
    if not plain:
        shown = f"*<{logs_url(project.id, job.id)}|{shown}>*"
    since = _running_since(job, watch)
    ran = ""
    if now.ended and since is not None:
        ran = f" after {text.duration((job.updated_at - since).total_seconds())}"
    does = text.say(now.does, 60)
    return f"{now.mark} {shown} {does}{ran} in {strong(project.name)} ({text.say(team)})"


def _running_since(job: TrainingJob, watch: WatchSummary | None) -> datetime | None:
    return watch.running_since if watch is not None and watch.job_id == job.id else None


def _job_lines(job: TrainingJob, watch: WatchSummary | None) -> list[str]:
    """Return the lines under the status: the machines, the person, the age; the next step."""
    parts = [text.say(machines(job), 70)]
    if job.user and job.user.email:
        parts.append(f"started by {text.say(job.user.email, 70)}")
    parts.append(_age(job, watch))
    if words := checkpoints(job):
        parts.append(f"checkpoints: {text.say(words, 30).lower()}")
    preempted = [_PREEMPTED] if job.current_status.endswith("PREEMPTED") else []
    return [" · ".join(parts), *preempted]


def _age(job: TrainingJob, watch: WatchSummary | None) -> str:
    """Return the age of the job as a date that Slack keeps true without an update.

    After a watch, or without a project, the job's state is no longer followed: a relative time
    would claim that the job runs on.
    """
    stage, since = status(job).stage, _running_since(job, watch)
    final = watch is not None and watch.ended
    if stage is Stage.ENDED:
        return f"ended {text.ago(job.updated_at)}"
    if stage is Stage.RUNNING and since is not None:
        return f"running since {text.date(since)}" + ("" if final else f", {text.ago(since)}")
    return f"created {text.date(job.created_at) if final else text.ago(job.created_at)}"


def _no_job(project: TrainingProject, team: str, *, watched: bool) -> str:
    """Return how to start a job; or that a job is there."""
    if project.job_unreadable:
        return UNREADABLE
    shown, escaped = text.code(project.name), text.escape(project.name)
    whole = text.say(project.name) == text.isolated(escaped)
    called = "name the project exactly as above" if whole else "use the project's whole name"
    called = f"name the project {shown}" if shown == f"`{escaped}`" else called
    tells = "" if watched else " *Watch* tells you when it starts."
    return f"No job yet. To start one, {called} in your config and run {push_command(team)}.{tells}"


def _is_watched(watch: WatchSummary | None) -> bool:
    return watch is not None and not watch.ended


def _buttons(project: TrainingProject, state: MessageState, watch: WatchSummary | None) -> Block:
    """Return the buttons. Watch is always there: another person can join a watch.

    After the job's end, Watch looks for a newer job, and the logs come first. The menu carries no
    state: the listener reads the state of Watch.
    """
    value, job = state.model_dump_json(), project.latest_job
    watched = watch is not None and not watch.ended and bool(watch.watchers)
    ended = job is not None and not _is_watched(watch) and not is_watchable(project)
    primary = {"style": "primary"}
    elements = [button("Watch", WATCH, value=value, **({} if ended else primary))]
    if watched:
        elements.append(button("Stop watching", STOP_WATCHING, value=value))
    if job is not None:
        jobs = button("Jobs", JOBS, value=value)
        url = logs_url(project.id, job.id)
        logs = [button("Open logs", OPEN_LOGS, url=url, **(primary if ended else {}))]
        if watched:  # the fourth button; the job's name is the same link
            logs = []
        elements = [*logs, jobs, *elements] if ended else [*elements, jobs, *logs]
    options = [("Refresh", MORE_REFRESH), ("Show the command…", MORE_COMMAND)]
    if job is not None and fits_a_button(job.id):
        options.append(("Job actions…", f"{MORE_ACTIONS}{job.id}"))
    if watched:
        options.append(("Stop for everyone…", MORE_STOP))
    followed = ("Stop following", MORE_STOP_FOLLOWING)
    options.append(followed if state.follow_digest else ("Follow…", MORE_FOLLOW))
    return actions(*elements, overflow(MORE, *options))


def _identity(project: TrainingProject, state: MessageState) -> str:
    """Return the small print: the project's id, its timestamps, its origin and the requester."""
    created = state.outcome is CreationOutcome.CREATED
    posted_by = "followed" if state.follow_digest else "requested"
    existed = state.outcome is CreationOutcome.EXISTED and not state.follow_digest
    requester = person(state.asked_by) if state.asked_by else "a workflow"
    for_whom = f" for {named(state.asked_for)}" if state.asked_for else ""
    return " · ".join(
        [
            f"Project {text.code(project.id)}",
            f"created {text.date(project.created_at)}{' by this request' if created else ''}",
            f"updated {text.date(project.updated_at)}",
            *(["already existed"] if existed else []),
            f"{posted_by} by {requester}{for_whom}",
        ]
    )


def _people(state: MessageState, refreshed: Refreshed | None, watch: WatchSummary | None) -> str:
    """Return the second line of the small print; empty if nothing is known."""
    parts = []
    if watch is not None and _is_watched(watch):
        by = people(watch.watchers)
        kept = "watched" if watch.watchers else "kept up to date"
        parts.append(f"watched by {by}" if by else kept)
    if refreshed is not None:
        parts.append(f"refreshed by {person(refreshed.by)}, {text.date(refreshed.at)}")
    if state.also_in:
        parts.append(f"also in {text.listing([text.bold(team, 30) for team in state.also_in])}")
    if watch is not None and watch.newer_job:
        parts.append(f"newer job: {text.bold(watch.newer_job, 40)}")
    said = " · ".join(parts)
    return said[:1].upper() + said[1:]
