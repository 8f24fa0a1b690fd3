"""The doors: everything a person in Slack can do with the bot, one file each."""

from slack_bolt.async_app import AsyncApp

from bot.listeners.command import ProjectCommand
from bot.listeners.desk import Desk
from bot.listeners.failures import Failures
from bot.listeners.open_logs import open_logs
from bot.views.project import OPEN_LOGS
from bot.views.text import COMMAND
from bot.work import Work


def register(app: AsyncApp, desk: Desk, work: Work, failures: Failures) -> None:
    """Open every door; a line each."""
    app.command(COMMAND)(ProjectCommand(desk, work, failures).handle)
    app.action(OPEN_LOGS)(open_logs)
    app.error(failures.before_ack)
