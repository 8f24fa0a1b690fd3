"""The contents page: the entry points of the bot, and its kinds of tasks."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from bot.connections import connections
from bot.durable.database import open_store
from bot.listeners import register
from bot.listeners.authorization import Authorization
from bot.listeners.middleware import RequestMiddleware
from bot.wiring import build_services
from tests.conftest import Env

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp

    from bot.handlers.workers import Workers

LISTENERS = [
    ("use", "", "RequestMiddleware"),
    ("command", "/training-project", "ProjectCommand.handle"),
    ("command", "/training-jobs", "JobsCommand.handle"),
    ("action", "newer_jobs", "JobListButtons.turn"),
    ("action", "older_jobs", "JobListButtons.turn"),
    ("action", "show_job", "JobListButtons.show"),
    ("action", "watch_job", "JobListButtons.watch"),
    ("view", "open_project_dialog", "Dialog.submit"),
    ("options", "team", "Dialog.teams"),
    ("action", "team", "Dialog.choose_team"),
    ("options", "project", "Dialog.projects"),
    ("action", "open_dialog", "Dialog.open"),
    ("action", "home_open", "Dialog.open"),
    ("shortcut", "open_project_from_anywhere", "Dialog.open"),
    ("shortcut", "open_project_from_message", "Dialog.open"),
    ("action", "use_existing", "Question.open"),
    ("action", "create_anyway", "Question.open"),
    ("action", "use_in_other_team", "Question.open"),
    ("action", "create_in_other_team", "Question.open"),
    ("action", "use_team_1", "Question.use_team"),
    ("action", "use_team_2", "Question.use_team"),
    ("action", "use_team_3", "Question.use_team"),
    ("action", "use_team_4", "Question.use_team"),
    ("action", "choose_team", "Question.choose_team"),
    ("action", "show_help", "Question.help"),
    ("action", "cancel", "Question.cancel"),
    ("action", "approve_project", "Approval.decide"),
    ("action", "decline_project", "Approval.decide"),
    ("action", "refresh", "Refresh.handle"),
    ("action", "jobs", "Jobs.handle"),
    ("action", "watch", "Watching.watch"),
    ("action", "watch_too", "Watching.watch_job"),
    ("action", "stop_watching", "Watching.stop"),
    ("action", "open_logs", "open_logs"),
    ("action", "more", "Overflow.choose"),
    ("view", "stop_for_everyone", "Overflow.stop_for_everyone"),
    ("action", "job_actions", "JobActs.open"),
    ("action", "act_stop", "JobActs.choose"),
    ("action", "act_run_again", "JobActs.choose"),
    ("action", "act_use_spot", "JobActs.choose"),
    ("action", "act_set_priority", "JobActs.choose"),
    ("view", "act_on_job", "JobActs.confirm"),
    ("action", "follow", "Following.open"),
    ("view", "follow_dialog", "Following.submit"),
    ("options", "follow_target", "Following.targets"),
    ("options", "follow_group", "Following.groups"),
    ("action", "stop_following", "Following.stop"),
    ("action", "tell_me", "Following.tell_me"),
    ("action", "tell_me_no_more", "Following.tell_me_no_more"),
    ("event", "app_home_opened", "Home.opened"),
    ("event", "link_shared", "Links.shared"),
    ("function", "open_training_project", "WorkflowStep.handle"),
    ("error", "", "ErrorHandler.handle"),
]


TASKS = [
    ("open/2", "OpenProjectHandler.handle"),
    ("show/1", "ShowProjectHandler.handle"),
    ("dismiss/1", "DismissHandler.handle"),
    ("watch/2", "WatchHandler.begin"),
    ("watch job/1", "WatchHandler.begin"),
    ("stop/2", "WatchHandler.leave"),
    ("stop_all/1", "WatchHandler.end_for_everyone"),
    ("act/1", "ActHandler.handle"),
    ("follow/1", "FollowHandler.begin"),
    ("unfollow/1", "UnfollowHandler.end"),
    ("workflow step/2", "WorkflowStepHandler.handle"),
    ("approval/1", "AskHandler.handle"),
    ("approval decision/1", "DecideHandler.handle"),
    ("approval card/1", "OutcomeHandler.show"),
    ("approval outcome/1", "OutcomeHandler.tell"),
]


class RegistrationRecorder:
    """Records each registration, in place of Bolt."""

    def __init__(self) -> None:
        self.listeners: list[tuple[str, str, str]] = []

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        def add(key: Any, **_options: Any) -> Any:
            if kind == "use":
                self.listeners.append((kind, "", type(key).__qualname__))
                return key
            if callable(key):
                self.listeners.append((kind, "", key.__qualname__))
                return key
            return lambda handler: self.listeners.append((kind, key, handler.__qualname__))

        return add


class TaskRecorder:
    """Records the handler of each kind of task, in place of the workers."""

    def __init__(self) -> None:
        self.commands = self
        self.tasks: list[tuple[str, str]] = []

    def on(self, kind: str, handler: Any) -> None:
        self.tasks.append((kind, handler.__qualname__))


async def test_these_listeners_and_tasks_are_registered_and_no_others(idle_env: Env) -> None:
    bolt, workers, settings = RegistrationRecorder(), TaskRecorder(), idle_env.settings()
    url = settings.database_url.get_secret_value()
    async with connections(settings) as out, open_store(url) as store:
        services = build_services(settings, out, store)
        requests = RequestMiddleware(Authorization(out.slack, "").workspace, services.limits)
        services = replace(services, workers=cast("Workers", workers))
        register(cast("AsyncApp", bolt), services, requests)
    assert bolt.listeners == LISTENERS
    assert workers.tasks == TASKS
