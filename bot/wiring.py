"""The one wiring of all parts, for the app and the tests."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bot.access.access import Access
from bot.access.access_file import read_access_file
from bot.access.limits import PersonLimits
from bot.access.rules import Allows
from bot.connections import Connections
from bot.durable.in_flight import InFlight
from bot.durable.room import Limits
from bot.durable.store import Store
from bot.handlers.act_on_job import SETTLES, ActHandler
from bot.handlers.act_report import ActReports
from bot.handlers.approval import ApprovalGate, AskHandler
from bot.handlers.approval_outcome import OutcomeHandler
from bot.handlers.cleanup import CLEANUP, CleanupTask
from bot.handlers.decide_approval import DecideHandler
from bot.handlers.dialog import DialogHandler
from bot.handlers.dismiss import DismissHandler
from bot.handlers.failures import Failures
from bot.handlers.fill_dialog import FilledDialogs
from bot.handlers.home import HomeHandler
from bot.handlers.job_actions import JobActionsHandler
from bot.handlers.job_list import JobListHandler
from bot.handlers.jobs import JobsHandler
from bot.handlers.more import MoreHandler
from bot.handlers.open_project import OpenProjectHandler
from bot.handlers.permissions import Permissions
from bot.handlers.posting import LOOKS
from bot.handlers.refresh import RefreshHandler
from bot.handlers.services import Services
from bot.handlers.show_project import ShowProjectHandler
from bot.handlers.watch import WatchHandler
from bot.handlers.workers import Workers
from bot.handlers.workflow_step import WorkflowStepHandler
from bot.projects.acts_under_way import ActsUnderWay
from bot.projects.job_list import JobList
from bot.projects.recents import Recents
from bot.projects.service import Projects
from bot.projects.waiting import WaitingProjects
from bot.settings import Settings
from bot.slack.directory import SlackDirectory
from bot.slack.messages import Poster
from bot.slack.modals import Modals
from bot.slack.people import People
from bot.slack.permalinks import Permalinks
from bot.slack.workflow_steps import WorkflowSteps
from bot.views.installation import Installation
from bot.watches.delivery import DELIVER, Delivery, DeliveryTiming
from bot.watches.news_messages import NewsMessages
from bot.watches.outbox_posts import OutboxPosts
from bot.watches.poller import POLL, Poller, PollInterval
from bot.watches.rights import WatchRights
from bot.watches.start import WatchStarter
from bot.watches.store import Watches


@dataclass(frozen=True, slots=True)
class Tuning:
    """Values that only tests and the demo change.

    Attributes:
        most_work: the limit of background work in flight.
        limits: the number of commands that run at once; the others wait on disk.
        poll_interval: the interval of the polls of watched jobs.
        now: the clock of the watches.
        looks: seconds before each search for a post, or for a new job, with an unknown outcome.
        settles: seconds before each read of a job that stops.
        allows: decides who can do which act, instead of the rules.
        report_every: seconds between two log lines about a start that waits, and between two
            questions about a refused token.
    """

    most_work: int = 1000
    limits: Limits = field(default_factory=Limits)
    poll_interval: PollInterval = field(default_factory=PollInterval)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    looks: tuple[float, ...] = LOOKS
    settles: tuple[float, ...] = SETTLES
    allows: Allows | None = None
    report_every: float = 30.0


def build_services(
    settings: Settings, out: Connections, store: Store, tuning: Tuning | None = None
) -> Services:
    """Wire all parts; nothing runs yet.

    Raises:
        BadAccessFileError: ``ACCESS_FILE`` has a wrong rule.
    """
    tuning = tuning or Tuning()
    observer, watches, recents = out.observer, Watches(store), Recents(store)
    workers = Workers(store, tuning.limits, observer)
    poster, modals = Poster(out.slack, out.session, out.redactor), Modals(out.slack)
    installation = Installation(settings.command, settings.jobs_command, settings.contact)
    projects, failures = Projects(out.baseten, store), Failures(poster, installation, observer)
    file, job_list = read_access_file(settings.access_file), JobList(out.baseten, tuning.now)
    access = Access(file, SlackDirectory(out.slack), projects)
    decide = tuning.allows or access
    permissions = Permissions(decide, access)
    dialogs = FilledDialogs(poster, modals, failures)
    steps = WorkflowSteps(out.slack, out.redactor)
    watch_starter = WatchStarter(poster, watches, tuning.now)
    ask, watch, looks = settings.ask_near_names, settings.watch_answers, tuning.looks
    waiting = WaitingProjects(store, workers.commands.queue, tuning.now)
    links = Permalinks(out.slack)
    gate = ApprovalGate(access, projects, waiting, links)
    open_project = OpenProjectHandler(
        projects,
        poster,
        failures,
        recents,
        watch_starter,
        gate,
        ask,
        watch,
        looks,
        permissions,
        observer,
    )
    too_long = settings.waiting_too_long * 60  # seconds
    interval = tuning.poll_interval
    poller = Poller(out.baseten, store, watches, interval, too_long, tuning.now)
    workers.looks.on(POLL, poller.handle)
    workers.looks.on(CLEANUP, CleanupTask(store).handle)
    rights = WatchRights(decide, access)
    messages = NewsMessages(out.baseten, out.redactor, People(out.slack), rights)
    posts = OutboxPosts(poster, messages, installation)
    timing = DeliveryTiming(gap=interval.fast, searches=looks)
    delivery = Delivery(poster, watches, posts, timing, rights)
    workers.notifications.on(DELIVER, delivery.handle)
    return Services(
        workers=workers,
        in_flight=InFlight(tuning.most_work),
        installation=installation,
        access=access,
        permissions=permissions,
        limits=PersonLimits(store, settings.person_per_minute, settings.person_waiting),
        projects=projects,
        poster=poster,
        steps=steps,
        failures=failures,
        open_project=open_project,
        workflow_step=WorkflowStepHandler(failures, open_project, steps),
        watch=WatchHandler(projects, poster, failures, watches, watch_starter, permissions),
        refresh=RefreshHandler(projects, poster, watches, permissions),
        jobs=JobsHandler(projects, poster, permissions),
        job_list=JobListHandler(job_list, projects, poster, permissions, installation),
        show_project=ShowProjectHandler(
            projects, poster, failures, watch_starter, permissions, looks
        ),
        home=HomeHandler(recents, modals, permissions, installation),
        dialog=DialogHandler(projects, modals, permissions, recents),
        dismiss=DismissHandler(poster, installation, observer),
        more=MoreHandler(projects, dialogs, watches, permissions, installation),
        job_actions=JobActionsHandler(projects, dialogs, permissions, installation),
        act_on_job=ActHandler(
            out.baseten,
            projects,
            poster,
            failures,
            permissions,
            ActsUnderWay(store),
            ActReports(projects, poster, watches, looks),
            installation,
            looks,
            tuning.settles,
        ),
        ask_approval=AskHandler(waiting, poster, steps, links, installation, looks),
        decide_approval=DecideHandler(access, waiting, poster, failures, permissions),
        approval_outcome=OutcomeHandler(poster, steps, installation, looks),
        observer=observer,
    )
