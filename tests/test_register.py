"""The contents page: which doors the bot opens."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from bot.app import connections
from bot.listeners import register
from bot.listeners.desk import Desk
from bot.listeners.failures import Failures
from bot.modals import Modals
from bot.posting import Poster
from bot.projects import Projects
from bot.recents import Recents
from bot.redaction import Redactor
from bot.steps import Steps
from bot.work import Work
from tests.conftest import World

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp

DOORS = [
    ("command", "/training-project", "ProjectCommand.handle"),
    ("view", "open_project_dialog", "Dialog.submit"),
    ("options", "team", "Dialog.teams"),
    ("shortcut", "open_project_from_anywhere", "Shortcuts.handle"),
    ("shortcut", "open_project_from_message", "Shortcuts.handle"),
    ("action", "use_existing", "NearName.handle"),
    ("action", "create_anyway", "NearName.handle"),
    ("action", "refresh", "Refresh.handle"),
    ("action", "jobs", "Jobs.handle"),
    ("action", "open_logs", "open_logs"),
    ("event", "app_home_opened", "Home.opened"),
    ("action", "home_open", "Home.open_dialog"),
    ("function", "open_training_project", "WorkflowStep.handle"),
    ("error", "", "Failures.before_ack"),
]


class Doorkeeper:
    """Writes down what is registered, in place of Bolt."""

    def __init__(self) -> None:
        self.doors: list[tuple[str, str, str]] = []

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        def open_door(what: Any, **_options: Any) -> Any:
            if callable(what):
                self.doors.append((kind, "", what.__qualname__))
                return what
            return lambda handler: self.doors.append((kind, what, handler.__qualname__))

        return open_door


async def test_these_doors_are_open_and_no_others(still: World) -> None:
    doorkeeper = Doorkeeper()
    async with connections(still.settings()) as out:
        redactor = Redactor([])
        poster = Poster(out.slack, out.session, redactor)
        desk = Desk(
            Projects(out.baseten),
            poster,
            Failures(poster),
            Recents(),
            Work(1000),
            ask_near_names=True,
        )
        register(cast("AsyncApp", doorkeeper), desk, Modals(out.slack), Steps(out.slack, redactor))
    assert doorkeeper.doors == DOORS
