"""The entry points: everything that a person in Slack can do with the bot, a file each."""

from slack_bolt.async_app import AsyncApp

from bot.handlers.act_task import ACT_ON_JOB
from bot.handlers.decide_approval import DECIDE_APPROVAL
from bot.handlers.dismiss import DISMISS
from bot.handlers.follow_tasks import FOLLOW, UNFOLLOW
from bot.handlers.open_task import OPEN_PROJECT
from bot.handlers.permissions import PreparedTasks
from bot.handlers.services import Services
from bot.handlers.show_project import SHOW_PROJECT
from bot.handlers.watch import STOP_FOR_EVERYONE, STOP_WATCH, WATCH_MESSAGE, WATCH_ONE_JOB
from bot.handlers.workflow_step import RUN_WORKFLOW_STEP
from bot.listeners.approval import Approval
from bot.listeners.command import ProjectCommand
from bot.listeners.dialog import FROM_ANYWHERE, FROM_MESSAGE, Dialog
from bot.listeners.errors import ErrorHandler
from bot.listeners.follow import Following
from bot.listeners.home import Home
from bot.listeners.job_acts import JobActs
from bot.listeners.jobs import Jobs
from bot.listeners.jobs_command import JobListButtons, JobsCommand
from bot.listeners.links import Links
from bot.listeners.middleware import RequestMiddleware
from bot.listeners.open_logs import open_logs
from bot.listeners.overflow import Overflow
from bot.listeners.question import Question
from bot.listeners.refresh import Refresh
from bot.listeners.watch import Watching
from bot.listeners.workflow_step import STEP, WorkflowStep
from bot.projects.approval import ASK_APPROVAL, CLOSE_CARD, TELL_OUTCOME
from bot.views.approval import APPROVE, DECLINE
from bot.views.dialog import DIALOG, PROJECT, TEAM
from bot.views.follow import FOLLOW_BUTTON, STOP_FOLLOWING, TELL_ME, TELL_ME_NO_MORE
from bot.views.follow_dialog import FOLLOW_DIALOG, GROUP, TARGET
from bot.views.home import HOME_OPEN
from bot.views.job_actions import ACT_BUTTONS, ACT_DIALOG
from bot.views.job_list import JOB_ACTIONS, NEWER_JOBS, OLDER_JOBS, SHOW_JOB, WATCH_JOB
from bot.views.more import STOP_DIALOG
from bot.views.project import JOBS, MORE, OPEN_LOGS, REFRESH, STOP_WATCHING, WATCH
from bot.views.question import (
    CANCEL,
    CHOOSE_TEAM,
    CREATE_ANYWAY,
    CREATE_IN_OTHER_TEAM,
    SHOW_HELP,
    USE_EXISTING,
    USE_IN_OTHER_TEAM,
)
from bot.views.team_question import USE_TEAM
from bot.views.usage import OPEN_DIALOG
from bot.views.watch import WATCH_TOO


def register(app: AsyncApp, services: Services, requests: RequestMiddleware) -> None:
    """Register a listener for each entry point, and a handler for each kind of task."""
    dialog, question, job_list = Dialog(services), Question(services), JobListButtons(services)
    watching, following = Watching(services), Following(services)
    overflow, job_acts = Overflow(services), JobActs(services)

    app.use(requests)
    app.command(services.installation.command)(ProjectCommand(services).handle)
    app.command(services.installation.jobs_command)(JobsCommand(services).handle)
    app.action(NEWER_JOBS)(job_list.turn)
    app.action(OLDER_JOBS)(job_list.turn)
    app.action(SHOW_JOB)(job_list.show)
    app.action(WATCH_JOB)(job_list.watch)
    app.view(DIALOG)(dialog.submit)
    app.options(TEAM)(dialog.teams)
    app.action(TEAM)(dialog.choose_team)
    app.options(PROJECT)(dialog.projects)
    app.action(OPEN_DIALOG)(dialog.open)
    app.action(HOME_OPEN)(dialog.open)
    app.shortcut(FROM_ANYWHERE)(dialog.open)
    app.shortcut(FROM_MESSAGE)(dialog.open)
    for chosen in (USE_EXISTING, CREATE_ANYWAY, USE_IN_OTHER_TEAM, CREATE_IN_OTHER_TEAM):
        app.action(chosen)(question.open)
    for use_team in USE_TEAM:
        app.action(use_team)(question.use_team)
    app.action(CHOOSE_TEAM)(question.choose_team)
    app.action(SHOW_HELP)(question.help)
    app.action(CANCEL)(question.cancel)
    for decision in (APPROVE, DECLINE):
        app.action(decision)(Approval(services).decide)
    app.action(REFRESH)(Refresh(services).handle)
    app.action(JOBS)(Jobs(services).handle)
    app.action(WATCH)(watching.watch)
    app.action(WATCH_TOO)(watching.watch_job)
    app.action(STOP_WATCHING)(watching.stop)
    app.action(OPEN_LOGS)(open_logs)
    app.action(MORE)(overflow.choose)
    app.view(STOP_DIALOG)(overflow.stop_for_everyone)
    app.action(JOB_ACTIONS)(job_acts.open)
    for act_button in ACT_BUTTONS:
        app.action(act_button)(job_acts.choose)
    app.view(ACT_DIALOG)(job_acts.confirm)
    app.action(FOLLOW_BUTTON)(following.open)
    app.view(FOLLOW_DIALOG)(following.submit)
    app.options(TARGET)(following.targets)
    app.options(GROUP)(following.groups)
    app.action(STOP_FOLLOWING)(following.stop)
    app.action(TELL_ME)(following.tell_me)
    app.action(TELL_ME_NO_MORE)(following.tell_me_no_more)
    app.event("app_home_opened")(Home(services).opened)
    app.event("link_shared")(Links(services).shared)
    app.function(STEP, auto_acknowledge=False)(WorkflowStep(services).handle)
    app.error(ErrorHandler(services).handle)
    _register_tasks(services)


def _register_tasks(services: Services) -> None:
    tasks = PreparedTasks(services.workers.commands, services.permissions)
    tasks.on(OPEN_PROJECT, services.open_project.handle)
    tasks.on(SHOW_PROJECT, services.show_project.handle)
    tasks.on(DISMISS, services.dismiss.handle)
    tasks.on(WATCH_MESSAGE, services.watch.begin)
    tasks.on(WATCH_ONE_JOB, services.watch.begin)
    tasks.on(STOP_WATCH, services.watch.leave)
    tasks.on(STOP_FOR_EVERYONE, services.watch.end_for_everyone)
    tasks.on(ACT_ON_JOB, services.act_on_job.handle)
    tasks.on(FOLLOW, services.follow.begin)
    tasks.on(UNFOLLOW, services.unfollow.end)
    tasks.on(RUN_WORKFLOW_STEP, services.workflow_step.handle)
    tasks.on(ASK_APPROVAL, services.ask_approval.handle)
    tasks.on(DECIDE_APPROVAL, services.decide_approval.handle)
    tasks.on(CLOSE_CARD, services.approval_outcome.show)
    tasks.on(TELL_OUTCOME, services.approval_outcome.tell)
