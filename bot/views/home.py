"""The home tab: the help, a button that opens a project, and the person's last projects."""

from slack_sdk.models.views import View

from bot.projects.recents import Recent
from bot.views.blocks import actions, button, divider, section
from bot.views.installation import Installation
from bot.views.text import ago, bold, code
from bot.views.usage import help_text

HOME_OPEN = "home_open"


def home_view(recents: list[Recent], installation: Installation) -> View:
    """Return the home tab. https://docs.slack.dev/surfaces/app-home

    Args:
        recents: the last projects that the person opened, newest first.
        installation: the names of the commands.
    """
    way_in = button("Open a training project", HOME_OPEN, style="primary")
    blocks = [section(help_text(installation)), actions(way_in), divider()]
    if recents:
        blocks.append(section("*Your last projects*"))
        blocks += [section(_line(recent)) for recent in recents]
    else:
        command = code(installation.command)
        blocks.append(section(f"The projects you open with {command} will be listed here."))
    return View(type="home", blocks=blocks)


def _line(recent: Recent) -> str:
    return (
        f"{bold(recent.name)} in team {bold(recent.team)}\n"
        f"{code(recent.project_id)} · opened {ago(recent.at)}"
    )
