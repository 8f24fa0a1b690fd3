"""The contents page: which doors the bot opens."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from bot.access.limits import PersonLimits
from bot.connections import connections
from bot.durable.database import open_store
from bot.durable.in_flight import InFlight
from bot.handlers.failures import Failures
from bot.handlers.open_project import OpenProjectHandler
from bot.handlers.services import Services
from bot.listeners import register
from bot.listeners.authorization import Authorization
from bot.listeners.middleware import RequestMiddleware
from bot.projects.recents import Recents
from bot.projects.service import Projects
from bot.sandbox.fake_server import utc_now
from bot.slack.messages import Poster
from bot.slack.modals import Modals
from bot.slack.workflow_steps import WorkflowSteps
from bot.watches.model import Watches
from bot.watches.start import Following
from tests.conftest import Env

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp

    from bot.durable.worker import Worker

DOORS = [
    ("use", "", "RequestMiddleware"),
    ("command", "/training-project", "ProjectCommand.handle"),
    ("view", "open_project_dialog", "Dialog.submit"),
    ("options", "team", "Dialog.teams"),
    ("shortcut", "open_project_from_anywhere", "Shortcuts.handle"),
    ("shortcut", "open_project_from_message", "Shortcuts.handle"),
    ("action", "use_existing", "NearName.handle"),
    ("action", "create_anyway", "NearName.handle"),
    ("action", "refresh", "Refresh.handle"),
    ("action", "jobs", "Jobs.handle"),
    ("action", "watch", "Watching.watch"),
    ("action", "stop_watching", "Watching.stop"),
    ("action", "open_logs", "open_logs"),
    ("event", "app_home_opened", "Home.opened"),
    ("action", "home_open", "Home.open_dialog"),
    ("function", "open_training_project", "WorkflowStep.handle"),
    ("error", "", "ErrorHandler.handle"),
]


KINDS = [
    ("open/2", "OpenProjectHandler.handle"),
    ("watch/2", "Watching.begin"),
    ("stop/2", "Watching.end"),
    ("workflow step/2", "WorkflowStep.run"),
]


class KindsRecorder:
    """Writes down which kinds of tasks have handlers, in place of the worker."""

    def __init__(self) -> None:
        self.kinds: list[tuple[str, str]] = []

    def on(self, kind: str, handler: Any) -> None:
        self.kinds.append((kind, handler.__qualname__))


class RegistrationRecorder:
    """Writes down what is registered, in place of Bolt."""

    def __init__(self) -> None:
        self.doors: list[tuple[str, str, str]] = []

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        def open_door(what: Any, **_options: Any) -> Any:
            if kind == "use":
                self.doors.append((kind, "", type(what).__qualname__))
                return what
            if callable(what):
                self.doors.append((kind, "", what.__qualname__))
                return what
            return lambda handler: self.doors.append((kind, what, handler.__qualname__))

        return open_door


async def test_these_doors_are_open_and_no_others(idle_env: Env) -> None:
    doorkeeper, kinds = RegistrationRecorder(), KindsRecorder()
    settings = idle_env.settings()
    url = settings.database_url.get_secret_value()
    async with connections(settings) as out, open_store(url) as store:
        poster, watches = Poster(out.slack, out.session, out.redactor), Watches(store)
        projects, recents = Projects(out.baseten, store), Recents(store)
        ends, following = (
            WorkflowSteps(out.slack, out.redactor),
            Following(poster, watches, utc_now),
        )
        failures, worker = Failures(poster), cast("Worker", kinds)
        opening = OpenProjectHandler(
            projects,
            poster,
            failures,
            recents,
            following,
            ask_near_names=True,
            watch_answers=False,
        )
        limits = PersonLimits(store, per_minute=0, most_waiting=0)
        services = Services(
            projects, poster, failures, recents, watches, worker, limits, InFlight(1000)
        )
        requests = RequestMiddleware(Authorization(out.slack, "").workspace, limits)
        app, modals = cast("AsyncApp", doorkeeper), Modals(out.slack)
        register(app, services, opening, modals, ends, requests=requests)
    assert doorkeeper.doors == DOORS
    assert kinds.kinds == KINDS
