"""The one wiring of all parts, for the app and the tests."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bot.access.limits import PersonLimits
from bot.access.rules import Allows, allows
from bot.connections import Connections
from bot.durable.in_flight import InFlight
from bot.durable.room import Limits
from bot.durable.store import Store
from bot.follows.model import FAREWELL, JOB_POST
from bot.follows.store import Follows
from bot.handlers.cleanup import CLEANUP, CleanupTask
from bot.handlers.dialog import DialogHandler
from bot.handlers.dismiss import DismissHandler
from bot.handlers.failures import Failures
from bot.handlers.follow import FollowHandler
from bot.handlers.follow_dialog import FollowDialogHandler
from bot.handlers.follow_posts import JobPostHandler
from bot.handlers.home import HomeHandler
from bot.handlers.job_list import JobListHandler
from bot.handlers.jobs import JobsHandler
from bot.handlers.more import MoreHandler
from bot.handlers.open_project import OpenProjectHandler
from bot.handlers.permissions import Permissions
from bot.handlers.posting import LOOKS
from bot.handlers.refresh import RefreshHandler
from bot.handlers.services import Services
from bot.handlers.show_project import ShowProjectHandler
from bot.handlers.unfollow import UnfollowHandler
from bot.handlers.unfurl import UnfurlHandler
from bot.handlers.watch import WatchHandler
from bot.handlers.workers import Workers
from bot.handlers.workflow_step import WorkflowStepHandler
from bot.projects.job_list import JobList
from bot.projects.recents import Recents
from bot.projects.service import Projects
from bot.settings import Settings
from bot.slack.messages import Poster
from bot.slack.modals import Modals
from bot.slack.people import People
from bot.slack.unfurls import Unfurls
from bot.slack.user_groups import UserGroups
from bot.slack.workflow_steps import WorkflowSteps
from bot.views.installation import Installation
from bot.watches.delivery import DELIVER, Delivery, DeliveryTiming
from bot.watches.news_messages import NewsMessages
from bot.watches.outbox_posts import OutboxPosts
from bot.watches.poller import POLL, Poller, PollInterval
from bot.watches.start import WatchStarter
from bot.watches.store import Watches
from bot.watches.tracked import TrackedJobs


@dataclass(frozen=True, slots=True)
class Tuning:
    """Values that only tests and the demo change.

    Attributes:
        most_work: the limit of background work in flight.
        limits: the number of commands that run at once; the others wait on disk.
        poll_interval: the interval of the polls of watched jobs.
        now: the clock of the watches.
        looks: seconds before each search for a post with an unknown outcome.
        allows: decides who can do which act.
    """

    most_work: int = 1000
    limits: Limits = field(default_factory=Limits)
    poll_interval: PollInterval = field(default_factory=PollInterval)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    looks: tuple[float, ...] = LOOKS
    allows: Allows = allows


def build_services(
    settings: Settings, out: Connections, store: Store, tuning: Tuning | None = None
) -> Services:
    """Wire all parts; nothing runs yet."""
    tuning = tuning or Tuning()
    workers, watches, recents = Workers(store, tuning.limits), Watches(store), Recents(store)
    poster, modals = Poster(out.slack, out.session, out.redactor), Modals(out.slack)
    installation = Installation(settings.command, settings.jobs_command, settings.contact)
    projects, failures = Projects(out.baseten, store), Failures(poster, installation)
    permissions, job_list = Permissions(tuning.allows), JobList(out.baseten, tuning.now)
    steps = WorkflowSteps(out.slack, out.redactor)
    follows, in_flight = Follows(store, tuning.allows), InFlight(tuning.most_work)
    home = HomeHandler(
        recents,
        job_list,
        watches,
        follows,
        modals,
        permissions,
        failures,
        in_flight,
        installation,
    )
    watch_starter = WatchStarter(poster, watches, tuning.now)
    ask, watch, looks = settings.ask_near_names, settings.watch_answers, tuning.looks
    open_project = OpenProjectHandler(
        projects, poster, failures, recents, watch_starter, home, ask, watch, looks, permissions
    )
    too_long = settings.waiting_too_long * 60  # seconds
    interval = tuning.poll_interval
    poller = Poller(out.baseten, store, watches, follows, interval, too_long, tuning.now)
    workers.looks.on(POLL, poller.handle)
    workers.looks.on(CLEANUP, CleanupTask(store).handle)
    people = People(out.slack)
    messages = NewsMessages(out.baseten, out.redactor, people, tuning.allows)
    posts = OutboxPosts(poster, messages, installation)
    times = DeliveryTiming(gap=interval.fast, searches=looks)
    delivery = Delivery(poster, watches, follows, posts, times)
    job_posts = JobPostHandler(poster, follows, watches, tuning.now, looks)
    follow = FollowHandler(
        projects,
        job_list,
        poster,
        failures,
        follows,
        TrackedJobs(store),
        people,
        permissions,
        home,
        installation,
        tuning.now,
        looks,
    )
    workers.notifications.on(DELIVER, delivery.handle)
    workers.notifications.on(JOB_POST, job_posts.handle)
    unfollow = UnfollowHandler(poster, failures, follows, permissions, home)
    workers.notifications.on(FAREWELL, unfollow.say_farewell)
    return Services(
        workers=workers,
        in_flight=in_flight,
        installation=installation,
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
            projects, poster, failures, watch_starter, permissions, home, looks
        ),
        home=home,
        dialog=DialogHandler(projects, modals, permissions, recents),
        dismiss=DismissHandler(poster, installation),
        more=MoreHandler(projects, poster, modals, failures, watches, permissions, installation),
        unfurl=UnfurlHandler(
            projects, Unfurls(out.slack, out.redactor), permissions, failures, tuning.now
        ),
        follow=follow,
        unfollow=unfollow,
        follow_dialog=FollowDialogHandler(
            projects, job_list, poster, modals, failures, permissions, UserGroups(out.slack)
        ),
    )
