"""The doors: everything a person in Slack can do with the bot, one file each."""

from slack_bolt.async_app import AsyncApp

from bot.handlers.open_project import OPEN_PROJECT, OpenProjectHandler
from bot.handlers.services import Services
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
from bot.listeners.watch import STOP_ANSWER, WATCH_ANSWER, Watching
from bot.listeners.workflow_step import STEP, WORKFLOW_STEP, WorkflowStep
from bot.slack.modals import Modals
from bot.slack.workflow_steps import WorkflowSteps
from bot.views.dialog import DIALOG, TEAM
from bot.views.home import HOME_OPEN
from bot.views.near_name import CREATE_ANYWAY, USE_EXISTING
from bot.views.project import JOBS, OPEN_LOGS, REFRESH, STOP_WATCHING, WATCH
from bot.views.text import COMMAND


def register(  # noqa: PLR0913 - the parts that listeners are built of
    app: AsyncApp,
    services: Services,
    opening: OpenProjectHandler,
    modals: Modals,
    ends: WorkflowSteps,
    *,
    requests: RequestMiddleware,
) -> None:
    """Open every door; a line each, and one for each kind of work that must not be lost."""
    dialog, step = Dialog(services, modals), WorkflowStep(services, opening, ends)
    shortcuts, near_name, home = Shortcuts(dialog), NearName(services), Home(dialog, modals)
    watching = Watching(services, opening.following)

    app.use(requests)
    app.command(COMMAND)(ProjectCommand(services, dialog).handle)
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
    app.function(STEP, auto_acknowledge=False)(step.handle)
    app.error(ErrorHandler(services.failures, services.poster, services.work, ends).handle)

    services.worker.on(OPEN_PROJECT, opening.handle)
    services.worker.on(WATCH_ANSWER, watching.begin)
    services.worker.on(STOP_ANSWER, watching.end)
    services.worker.on(WORKFLOW_STEP, step.run)
