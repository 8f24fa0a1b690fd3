"""The entry points: everything that a person in Slack can do with the bot, a file each."""

from slack_bolt.async_app import AsyncApp

from bot.handlers.open_project import OPEN_PROJECT
from bot.handlers.permissions import PreparedTasks
from bot.handlers.services import Services
from bot.handlers.watch import STOP_WATCH, WATCH_MESSAGE
from bot.handlers.workflow_step import RUN_WORKFLOW_STEP
from bot.listeners.command import ProjectCommand
from bot.listeners.dialog import Dialog
from bot.listeners.errors import ErrorHandler
from bot.listeners.home import Home
from bot.listeners.jobs import Jobs
from bot.listeners.middleware import RequestMiddleware
from bot.listeners.near_name import NearName
from bot.listeners.open_logs import open_logs
from bot.listeners.refresh import Refresh
from bot.listeners.shortcuts import FROM_ANYWHERE, FROM_MESSAGE, Shortcuts
from bot.listeners.watch import Watching
from bot.listeners.workflow_step import STEP, WorkflowStep
from bot.views.dialog import DIALOG, TEAM
from bot.views.home import HOME_OPEN
from bot.views.near_name import CREATE_ANYWAY, USE_EXISTING
from bot.views.project import JOBS, OPEN_LOGS, REFRESH, STOP_WATCHING, WATCH


def register(app: AsyncApp, services: Services, requests: RequestMiddleware) -> None:
    """Register a listener for each entry point, and a handler for each kind of task."""
    dialog, shortcuts, home = Dialog(services), Shortcuts(services), Home(services)
    near_name, watching = NearName(services), Watching(services)
    errors = ErrorHandler(services)

    app.use(requests)
    app.command(services.installation.command)(ProjectCommand(services).handle)
    app.view(DIALOG)(dialog.submit)
    app.options(TEAM)(dialog.teams)
    app.shortcut(FROM_ANYWHERE)(shortcuts.handle)
    app.shortcut(FROM_MESSAGE)(shortcuts.handle)
    app.action(USE_EXISTING)(near_name.handle)
    app.action(CREATE_ANYWAY)(near_name.handle)
    app.action(REFRESH)(Refresh(services).handle)
    app.action(JOBS)(Jobs(services).handle)
    app.action(WATCH)(watching.watch)
    app.action(STOP_WATCHING)(watching.stop)
    app.action(OPEN_LOGS)(open_logs)
    app.event("app_home_opened")(home.opened)
    app.action(HOME_OPEN)(home.open_dialog)
    app.function(STEP, auto_acknowledge=False)(WorkflowStep(services).handle)
    app.error(errors.handle)

    tasks = PreparedTasks(services.workers.commands, services.permissions)
    tasks.on(OPEN_PROJECT, services.open_project.handle)
    tasks.on(WATCH_MESSAGE, services.watch.begin)
    tasks.on(STOP_WATCH, services.watch.end)
    tasks.on(RUN_WORKFLOW_STEP, services.workflow_step.handle)
