"""The parts of the bot and the handlers of its work, as `build_services` wires them."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from structlog.contextvars import bind_contextvars, get_contextvars

from bot.access.access import Access
from bot.access.limits import PersonLimits
from bot.durable.in_flight import InFlight
from bot.durable.model import Request, State
from bot.handlers.act_on_job import ActHandler
from bot.handlers.approval import AskHandler
from bot.handlers.approval_outcome import OutcomeHandler
from bot.handlers.decide_approval import DecideHandler
from bot.handlers.dialog import DialogHandler
from bot.handlers.dismiss import DismissHandler
from bot.handlers.failures import Failures, Wording
from bot.handlers.follow import FollowHandler
from bot.handlers.follow_dialog import FollowDialogHandler
from bot.handlers.home import HomeHandler
from bot.handlers.job_actions import JobActionsHandler
from bot.handlers.job_list import JobListHandler
from bot.handlers.jobs import JobsHandler
from bot.handlers.more import MoreHandler
from bot.handlers.open_project import OpenProjectHandler
from bot.handlers.open_task import OPEN_PROJECT, OpenProjectTask
from bot.handlers.permissions import Permissions, actor_at
from bot.handlers.refresh import RefreshHandler
from bot.handlers.show_project import ShowProjectHandler
from bot.handlers.unfollow import UnfollowHandler
from bot.handlers.unfurl import UnfurlHandler
from bot.handlers.watch import WatchHandler
from bot.handlers.workers import Workers
from bot.handlers.workflow_step import WorkflowStepHandler
from bot.projects.follow_choice import FollowChoice
from bot.projects.request import ProjectRequest
from bot.projects.service import Projects
from bot.slack.message import ReplyTarget
from bot.slack.messages import Poster
from bot.slack.workflow_steps import WorkflowSteps
from bot.telemetry.observer import Observer
from bot.views.failure import READING
from bot.views.installation import Installation


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that a listener needs: it enqueues a task, or runs work in the background.

    Attributes:
        workers: run the tasks, which are on disk before they are acked.
        access: the rules in force.
        permissions: asks for rights.
        limits: how much each person can ask for.
        in_flight: background work, which is lost with the process; the person can repeat it.
        installation: the names of the commands, and the person to ask.
        steps: completes and fails workflow steps.
        observer: counts, times and traces each request.
    """

    workers: Workers
    in_flight: InFlight
    installation: Installation
    access: Access
    permissions: Permissions
    limits: PersonLimits
    projects: Projects
    poster: Poster
    steps: WorkflowSteps
    failures: Failures
    open_project: OpenProjectHandler
    workflow_step: WorkflowStepHandler
    watch: WatchHandler
    refresh: RefreshHandler
    jobs: JobsHandler
    job_list: JobListHandler
    show_project: ShowProjectHandler
    home: HomeHandler
    dialog: DialogHandler
    dismiss: DismissHandler
    more: MoreHandler
    job_actions: JobActionsHandler
    act_on_job: ActHandler
    ask_approval: AskHandler
    decide_approval: DecideHandler
    approval_outcome: OutcomeHandler
    observer: Observer
    unfurl: UnfurlHandler
    follow: FollowHandler
    unfollow: UnfollowHandler
    follow_dialog: FollowDialogHandler

    async def enqueue_open_project(
        self,
        task_id: str,
        request: ProjectRequest,
        place: ReplyTarget,
        *,
        sure: bool = False,
        home: bool = False,
    ) -> bool:
        """Enqueue a task that opens a project; see `enqueue`.

        Args:
            task_id: the same for each delivery of the same request.
            request: the team and the name.
            place: the person, and the place of the reply.
            sure: the person has confirmed the name, so the bot asks nothing.
            home: the home tab is published again at the end.
        """
        task = OpenProjectTask(request=request, place=place, sure=sure, home=home)
        return await self.enqueue(task_id, OPEN_PROJECT, task.state(), place)

    async def enqueue(
        self, task_id: str, kind: str, state: State, place: ReplyTarget, person: str = ""
    ) -> bool:
        """Enqueue a task for a person, or for another actor; see `Worker.enqueue`.

        Returns:
            False if a task with this id exists already; nothing has changed.

        Raises:
            StoreUnavailableError: no task is enqueued, or (``outcome_unknown``) it might be.
        """
        person = person or place.user_id
        self.limits.enqueued(person, task_id)
        bind_contextvars(task=task_id)  # for the request's log line
        fields = get_contextvars()  # the task's own lines repeat these
        request = Request(
            fields.get("entry_point", ""),
            fields.get("actor", ""),
            self.observer.traceparent(),
            fields.get("workspace", ""),
        )
        return await self.workers.commands.enqueue(
            task_id, kind, state, person=person, lane=place.channel_id, request=request
        )

    def run_in_background(
        self,
        place: ReplyTarget,
        wording: Wording,
        work: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        """Start work for a person; if it fails, the person gets a message.

        The access rules are asked first whether the bot works for the person in this channel.

        Args:
            place: the person and the channel.
            wording: the words for a failure.
            work: the work.

        Raises:
            BusyError: too much work is in flight; nothing was started.
        """

        async def admitted() -> None:
            actor = actor_at(place)
            await self.permissions.prepare(actor)
            self.permissions.admit(actor)
            await work()

        self.in_flight.start(lambda: self.failures.run_and_report(place, wording, admitted))

    def open_dialog(self, trigger_id: str, place: ReplyTarget, team: str = "") -> None:
        """Start to open the dialog.

        Args:
            trigger_id: from the payload; it lives 3 seconds.
            place: the person, and the place of the reply; without a channel the dialog asks for
                one.
            team: the team that the person typed. A word that is no team is taken as the name.

        Raises:
            BusyError: too much work is in flight; nothing was started.
        """
        self.run_in_background(place, READING, lambda: self.dialog.open(trigger_id, place, team))

    def open_follow_dialog(
        self, trigger_id: str, place: ReplyTarget, choice: FollowChoice | None = None
    ) -> None:
        """Start to open the dialog that starts a follow.

        Args:
            trigger_id: from the payload; it lives 3 seconds.
            place: the person, and the channel to begin with; without one, direct messages.
            choice: the project or the team to begin with; None leaves the choice open.

        Raises:
            BusyError: too much work is in flight; nothing was started.
        """
        chosen = choice or FollowChoice()
        self.run_in_background(
            place, READING, lambda: self.follow_dialog.open(trigger_id, place, chosen)
        )
