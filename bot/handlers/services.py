"""Where every door ends: what a person wants is taken on."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from structlog.contextvars import bind_contextvars

from bot.access.limits import PersonLimits
from bot.durable.in_flight import InFlight
from bot.durable.model import State
from bot.durable.worker import Worker
from bot.handlers.failures import Failures
from bot.handlers.open_project import OPEN_PROJECT, OpenProjectTask
from bot.handlers.permissions import Permissions
from bot.projects.recents import Recents
from bot.projects.request import ProjectRequest
from bot.projects.service import Projects
from bot.slack.message import ReplyTarget
from bot.slack.messages import Poster
from bot.views.failure import FailureWording
from bot.watches.model import Watches


@dataclass(frozen=True, slots=True)
class Services:
    """Take on what a person wants done.

    Attributes:
        worker: runs the tasks, which are on disk before they are acked.
        limits: how much each person can have.
        permissions: asked for the rights on a team.
        work: what the person sees fail, and can do again, is done there.
    """

    projects: Projects
    poster: Poster
    failures: Failures
    recents: Recents
    watches: Watches
    worker: Worker
    limits: PersonLimits
    work: InFlight
    permissions: Permissions = field(default_factory=Permissions)

    async def enqueue_open_project(
        self, work_id: str, request: ProjectRequest, place: ReplyTarget, *, sure: bool = False
    ) -> bool:
        """Promise to open a project; whatever fails reaches the person in words.

        Args:
            work_id: the same for the same act of a person, however often Slack delivers it.
            request: the team and the name.
            place: who asked, and where.
            sure: the name is meant as it is, so nothing is asked.

        Returns:
            False if this was promised before, and nothing was changed.

        Raises:
            StoreUnavailableError: nothing was promised, or (``outcome_unknown``) it might be.
        """
        order = OpenProjectTask(request=request, place=place, sure=sure)
        return await self.enqueue(work_id, OPEN_PROJECT, order.state(), place)

    async def enqueue(
        self, task_id: str, kind: str, state: State, place: ReplyTarget, person: str = ""
    ) -> bool:
        """Enqueue a task for a person, or for another actor; see `Worker.enqueue`."""
        person = person or place.user_id
        self.limits.enqueued(person, task_id)
        bind_contextvars(task=task_id)  # for the request's log line
        return await self.worker.enqueue(task_id, kind, state, person=person, lane=place.channel_id)

    def run_in_background(
        self,
        place: ReplyTarget,
        attempt: FailureWording,
        work: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        """Take on any work for a person; whatever fails reaches them in words.

        Raises:
            BusyError: there is too much to do already; nothing was taken on.
        """
        self.work.start(lambda: self.failures.run_and_report(place, attempt, work))
