"""The one wiring of all parts, for the app and the tests."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bot.access.access import Access
from bot.access.access_file import read_access_file
from bot.access.limits import PersonLimits
from bot.access.rules import Allows
from bot.access.standing import StandingRights
from bot.connections import Connections
from bot.durable.in_flight import InFlight
from bot.durable.room import Limits
from bot.durable.store import Store
from bot.follows.model import FAREWELL, JOB_POST
from bot.follows.store import Follows
from bot.handlers.act_on_job import SETTLES, ActHandler
from bot.handlers.act_report import ActReports
from bot.handlers.approval import ApprovalGate, AskHandler
from bot.handlers.approval_outcome import OutcomeHandler
from bot.handlers.audit import Audit
from bot.handlers.audit_channel import COLLECT_AUDIT, POST_AUDIT, AuditChannel
from bot.handlers.cleanup import CLEANUP, CleanupTask
from bot.handlers.decide_approval import DecideHandler
from bot.handlers.dialog import DialogHandler
from bot.handlers.dismiss import DismissHandler
from bot.handlers.failures import Failures
from bot.handlers.fill_dialog import FilledDialogs
from bot.handlers.follow import FollowHandler
from bot.handlers.follow_dialog import FollowDialogHandler
from bot.handlers.follow_posts import JobPostHandler
from bot.handlers.home import HomeHandler
from bot.handlers.job_actions import JobActionsHandler
from bot.handlers.job_list import JobListHandler
from bot.handlers.jobs import JobsHandler
from bot.handlers.more import MoreHandler
from bot.handlers.open_project import OpenProjectHandler
from bot.handlers.permissions import Permissions
from bot.handlers.refresh import RefreshHandler
from bot.handlers.services import Services
from bot.handlers.show_project import ShowProjectHandler
from bot.handlers.unfollow import UnfollowHandler
from bot.handlers.unfurl import UnfurlHandler
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
from bot.slack.post_search import LOOKS
from bot.slack.unfurls import Unfurls
from bot.slack.user_groups import UserGroups
from bot.slack.workflow_steps import WorkflowSteps
from bot.views.installation import Installation
from bot.watches.delivery import DELIVER, Delivery, DeliveryTiming
from bot.watches.news_messages import NewsMessages
from bot.watches.outbox_posts import OutboxPosts
from bot.watches.poller import POLL, Poller, PollInterval
from bot.watches.rights import WatchRights
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
    now, looks, observer = tuning.now, tuning.looks, out.observer
    workers, in_flight = Workers(store, tuning.limits, observer), InFlight(tuning.most_work)
    installation = Installation(settings.command, settings.jobs_command, settings.contact)

    # Slack and Baseten
    poster, modals = Poster(out.slack, out.session, out.redactor), Modals(out.slack)
    steps, links = WorkflowSteps(out.slack, out.redactor), Permalinks(out.slack)
    people = People(out.slack)
    projects, recents = Projects(out.baseten, store), Recents(store)
    job_list = JobList(out.baseten, now)

    # Rights, the audit log and failures
    file = read_access_file(settings.access_file)
    access = Access(file, SlackDirectory(out.slack), projects)
    decide = tuning.allows or access
    permissions, rights = Permissions(decide, access), StandingRights(decide, access)
    audit_channel = AuditChannel(store, poster, settings.audit_channel or "", looks=looks)
    on_unposted = audit_channel.wake_soon if settings.audit_channel else None
    audit = Audit(store, access.decide, out.redactor, now, on_unposted)
    failures = Failures(poster, audit, installation, observer)
    waiting = WaitingProjects(store, workers.commands.queue, now)

    # Watches and follows
    watches, follows = Watches(store), Follows(store, rights)
    tracked = TrackedJobs(store)
    watch_starter = WatchStarter(poster, watches, now)
    poller = Poller(
        baseten=out.baseten,
        store=store,
        watches=watches,
        follows=follows,
        poll_interval=tuning.poll_interval,
        waiting_too_long=settings.waiting_too_long * 60,
        now=now,
    )
    messages = NewsMessages(out.baseten, out.redactor, people, rights, installation)
    delivery = Delivery(
        poster=poster,
        watches=watches,
        posts=OutboxPosts(poster, messages),
        timing=DeliveryTiming(gap=tuning.poll_interval.fast, searches=looks),
        rights=WatchRights(rights, follows, now),
    )

    # The work after the ack
    dialogs = FilledDialogs(poster, modals, failures)
    home = HomeHandler(
        recents=recents,
        job_list=job_list,
        watches=watches,
        follows=follows,
        modals=modals,
        permissions=permissions,
        failures=failures,
        in_flight=in_flight,
        installation=installation,
    )
    open_project = OpenProjectHandler(
        projects=projects,
        poster=poster,
        failures=failures,
        recents=recents,
        watch_starter=watch_starter,
        home=home,
        gate=ApprovalGate(access, projects, waiting, links, audit),
        ask_near_names=settings.ask_near_names,
        watch_answers=settings.watch_answers,
        looks=looks,
        permissions=permissions,
    )
    follow = FollowHandler(
        projects=projects,
        job_list=job_list,
        poster=poster,
        failures=failures,
        follows=follows,
        tracked=tracked,
        people=people,
        permissions=permissions,
        home=home,
        installation=installation,
        now=now,
        looks=looks,
    )
    act_on_job = ActHandler(
        baseten=out.baseten,
        projects=projects,
        poster=poster,
        failures=failures,
        permissions=permissions,
        under_way=ActsUnderWay(store),
        reports=ActReports(projects, poster, failures, watches, looks),
        installation=installation,
        looks=looks,
        settles=tuning.settles,
    )
    unfollow = UnfollowHandler(poster, failures, follows, permissions, home)

    # The tasks of the bot itself; `register` in `bot.listeners` adds those of people
    workers.looks.on(POLL, poller.handle)
    workers.looks.on(CLEANUP, CleanupTask(store).handle)
    workers.notifications.on(DELIVER, delivery.handle)
    job_posts = JobPostHandler(poster, follows, watches, tracked, now, looks)
    workers.notifications.on(JOB_POST, job_posts.handle)
    workers.notifications.on(FAREWELL, unfollow.say_farewell)
    if settings.audit_channel:
        workers.looks.on(COLLECT_AUDIT, audit_channel.collect)
        workers.notifications.on(POST_AUDIT, audit_channel.post)
    return Services(
        workers=workers,
        in_flight=in_flight,
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
            projects, poster, failures, watch_starter, permissions, home, looks
        ),
        home=home,
        dialog=DialogHandler(projects, modals, permissions, recents, audit),
        dismiss=DismissHandler(failures, installation),
        more=MoreHandler(projects, dialogs, watches, permissions, installation),
        job_actions=JobActionsHandler(projects, dialogs, permissions, installation),
        act_on_job=act_on_job,
        unfurl=UnfurlHandler(
            projects, Unfurls(out.slack, out.redactor), permissions, failures, now
        ),
        follow=follow,
        unfollow=unfollow,
        follow_dialog=FollowDialogHandler(
            projects, job_list, dialogs, permissions, UserGroups(out.slack)
        ),
        ask_approval=AskHandler(waiting, poster, failures, steps, links, looks),
        decide_approval=DecideHandler(access, waiting, failures, permissions),
        approval_outcome=OutcomeHandler(poster, failures, steps, looks),
        observer=observer,
    )
