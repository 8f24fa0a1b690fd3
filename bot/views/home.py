"""The home tab: the jobs that run, the person's projects and follows, and the help."""

from typing import Any

from slack_sdk.models.views import View

from bot.access.rules import NotServedError
from bot.follows.model import Follow
from bot.projects.follow_choice import FollowChoice
from bot.projects.job_choice import JobChoice, ProjectChoice, fits_a_button
from bot.projects.job_list import ListedJob
from bot.slack.message import Block
from bot.views.baseten_failure import baseten_failure
from bot.views.blocks import actions, button, context, divider, section
from bot.views.dashboard import MOST_RUNNING, Dashboard, Listed, OwnProject
from bot.views.failure import FailureWording
from bot.views.follow import follow_button, place_in_words, stop_button, tell_me_button
from bot.views.follow_dialog import LEVELS
from bot.views.installation import Installation
from bot.views.job import job_name, logs_url, status
from bot.views.job_list import (
    SHOW_JOB,
    WATCH_JOB,
    job_age,
    job_text,
    missing_words,
    short,
    status_in_words,
)
from bot.views.no_access import no_access
from bot.views.text import ago, code
from bot.views.usage import EXAMPLE_NAME

HOME_OPEN = "home_open"
MOST_FOLLOWS = 20
_LISTING = FailureWording(nothing="", unsure="")
_LATER = "Open this tab again in a minute."
_NONE_KNOWN = "None that I can be sure of right now."


def home_view(dashboard: Dashboard, installation: Installation) -> View:
    """Return the home tab. https://docs.slack.dev/surfaces/app-home

    Args:
        dashboard: its contents.
        installation: the names of the commands, and the person to ask.
    """
    blocks = [
        *_running(dashboard, installation),
        *_projects(dashboard, installation),
        *_following(dashboard),
        *_own_jobs(dashboard),
        divider(),
        context(_help(installation)),
    ]
    return View(type="home", blocks=blocks)


def refused_view(refused: NotServedError, installation: Installation) -> View:
    """Return the home tab of a person that the bot does not work for, or might not."""
    happened, ask = no_access(refused, "", "", installation)
    again = _LATER if refused.refusal.is_unknown else ask
    return View(type="home", blocks=[section(f"{happened.strip()} {again}")])


def _header(title: str) -> Block:
    return {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}}


def _running(dashboard: Dashboard, installation: Installation) -> list[Block]:
    """Return the jobs that run or wait, or the reason why there are none."""
    head = _header("Running now")
    match dashboard.listed:
        case None:
            return [head, section("Still waiting for Baseten…")]
        case Listed() as listed:
            live, missing = listed.live, missing_words(listed.current)
        case error:
            words = baseten_failure(error, _LISTING)
            event = " ".join(words[0].split()) if words else "Baseten did not answer."
            return [head, section(f"{event} {_LATER}")]
    small = [" ".join(missing)] if missing else []
    if dashboard.doubt is not None:
        happened, _ = no_access(dashboard.doubt, "", "", installation)
        small.append(f"{happened.strip()} {_LATER}")
    if not live:
        none = _NONE_KNOWN if dashboard.doubt else "No job is running or waiting."
        return [head, section(none), *map(context, small)]
    more = len(live) - MOST_RUNNING
    if more > 0:
        small.append(f"And {more} more: {code(installation.jobs_command)} lists all jobs.")
    shown = [_running_job(each, dashboard.watched) for each in live[:MOST_RUNNING]]
    return [head, *shown, *map(context, small)]


def _running_job(listed: ListedJob, watched: frozenset[str]) -> Block:
    """Return a job with *Watch*; if the person watches it already, with *Show*."""
    job, project = listed.job, listed.project
    mine = job.id in watched
    block = section(job_text(listed, *(["watched by you"] if mine else [])))
    if not fits_a_button(project.id, job.id):
        return block
    value = JobChoice(project_id=project.id, job_id=job.id).model_dump_json()
    shown = button("Show", SHOW_JOB, value=value)
    return block | {"accessory": shown if mine else button("Watch", WATCH_JOB, value=value)}


def _projects(dashboard: Dashboard, installation: Installation) -> list[Block]:
    """Return the projects that the person opened, and the button that opens one."""
    blocks = [_header("Your projects")]
    if dashboard.recents is None:
        blocks.append(section(f"I can't load your projects right now. {_LATER}"))
    elif not dashboard.projects:
        command = code(installation.command)
        none = f"The projects you open with {command} will be listed here."
        blocks.append(section(_NONE_KNOWN if dashboard.doubt else none))
    for project in dashboard.projects:
        blocks += _project_blocks(project, dashboard.watched)
    way_in = button("Open a training project", HOME_OPEN, style="primary")
    return [*blocks, actions(way_in)]


def _project_blocks(project: OwnProject, watched: frozenset[str]) -> list[Block]:
    team = f" ({short(project.team, 40)})" if project.team else ""
    lines = [f"*{short(project.name, 60)}*{team}"]
    job = project.job
    if job is None:
        lines.append(f"opened {ago(project.opened_at)}")
    else:
        name = short(job_name(job), 40)
        if fits_a_button(project.id, job.id):
            name = f"<{logs_url(project.id, job.id)}|{name}>"
        lines.append(f"{status(job).mark} {name}: {status_in_words(job)} · {job_age(job)}")
        if job.id in watched:
            lines[-1] += " · watched by you"
    block = section("\n".join(lines))
    if not fits_a_button(project.id):
        return [block]
    value = ProjectChoice(project_id=project.id).model_dump_json()
    buttons = [button("Show", SHOW_JOB, value=value)]
    live = job is not None and not status(job).ended and fits_a_button(job.id)
    if job is not None and live and job.id not in watched:
        value = JobChoice(project_id=project.id, job_id=job.id).model_dump_json()
        buttons.append(button("Watch", WATCH_JOB, value=value))
    return [block, actions(*buttons)]


def _following(dashboard: Dashboard) -> list[Block]:
    """Return the follows, each with *Stop following*, and the button that starts one."""
    blocks = [_header("Following")]
    if dashboard.follows is None:
        return [*blocks, section(f"I can't load what you follow right now. {_LATER}")]
    if not dashboard.follows:
        none = (
            "Follow a project, or all projects of a team, and I'll post about their jobs, "
            "wherever they were started."
        )
        blocks.append(section(_NONE_KNOWN if dashboard.doubt else none))
    blocks += [_follow(follow) for follow in dashboard.follows[:MOST_FOLLOWS]]
    if (more := len(dashboard.follows) - MOST_FOLLOWS) > 0:
        blocks.append(context(f"And {more} more. Each can be stopped from its first message."))
    return [*blocks, actions(follow_button(FollowChoice(), "Follow a project or a team…"))]


def _follow(follow: Follow) -> Block:
    scope = follow.scope
    team = short(scope.team, 40)
    what = f"All projects of *{team}*" if not scope.project_id else f"*{short(scope.name, 60)}*"
    if scope.project_id and team:
        what += f" ({team})"
    text = f"{what}\n{LEVELS[follow.level]}, in {place_in_words(follow)}"
    accessory: dict[str, Any] = stop_button(follow)
    return section(text) | {"accessory": accessory}


def _own_jobs(dashboard: Dashboard) -> list[Block]:
    """Return the switch of *Tell me about my jobs*; nothing while its position is unknown."""
    if dashboard.follows is None:
        return []
    on = dashboard.tells
    text = (
        f"I {'' if on else 'can '}send you a direct message when a job that you started ends. I "
        "know your jobs by your email address."
    )
    switch = section(f"{'On' if on else 'Off'}. {text}") | {"accessory": tell_me_button(on=on)}
    return [_header("Tell me about my jobs"), switch]


def _help(installation: Installation) -> str:
    """Return three lines of help, as one text of small print."""
    command = installation.command
    return (
        f"{code(f'{command} research {EXAMPLE_NAME}')} in any channel shows a project, and creates "
        "it if the team has none of this name.\n"
        f"{code(installation.jobs_command)} lists the jobs that run, wait or have just ended; only "
        "you see it.\n"
        f"{code(f'{command} help')} explains the rest. Questions? Ask {installation.operator}."
    )
