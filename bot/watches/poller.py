"""The poller: it compares all watched jobs with Baseten at regular intervals."""

import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from pydantic import ValidationError

from bot.baseten.client import Baseten
from bot.baseten.errors import BasetenError, RateLimited, Refused, Unreadable
from bot.baseten.models import Moment
from bot.durable.context import TaskContext
from bot.durable.model import DurableError, RunAgain, State
from bot.durable.store import Store
from bot.durable.task_state import TaskState
from bot.follows.model import Follow
from bot.follows.store import Follows
from bot.watches.changes import Observation, compare, is_quiet
from bot.watches.endpoint_health import EndpointHealth
from bot.watches.followed import FollowedJobs, Listed
from bot.watches.gone_projects import GoneProjects
from bot.watches.job_lookup import JobLookup
from bot.watches.model import Watch
from bot.watches.slices import in_slices
from bot.watches.store import BEGUN, POLLER, Watches
from bot.watches.threads import Threads
from bot.watches.tracked import TrackedJob

log = structlog.stdlib.get_logger(__name__)

POLL = POLLER  # the kind of the poller's one task, and its id
_BACKOFF_FACTOR = 1.5
_JITTER = 1.2
_UNKNOWN = Observation()
_CLOCK_SKEW = timedelta(seconds=5)  # tolerated between the clocks of two replicas


@dataclass(frozen=True, slots=True)
class PollInterval:
    """The interval between two polls, in seconds.

    Attributes:
        fast: after a poll that found a change; the minimum.
        slow: after many polls without a change; the maximum.
    """

    fast: float = 15.0
    slow: float = 60.0

    def after(self, interval: float | None, *, moved: bool) -> float:
        """Return the next interval."""
        if moved or interval is None:
            return self.fast
        return max(self.fast, min(self.slow, interval * _BACKOFF_FACTOR))


class _Memory(TaskState):
    """The state that the poller saves from one poll to the next.

    Attributes:
        interval: seconds between the last poll and this one; None at first.
        looked_at: the start of the last poll.
        failing: whether the last poll failed.
        health: of the two endpoints.
    """

    interval: float | None = None
    looked_at: Moment | None = None
    failing: bool = False
    health: EndpointHealth = EndpointHealth()


class Poller:
    """Compare the jobs of all watched messages, and put the news into the outboxes of the watches.

    Args:
        baseten: the API client.
        store: holds the lease, and publishes the start of a watch.
        watches: the store of watches.
        follows: the store of follows.
        poll_interval: the shortest and the longest time between two polls.
        waiting_too_long: seconds until a waiting job is news.
        now: an aware clock.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - its collaborators
        self,
        baseten: Baseten,
        store: Store,
        watches: Watches,
        follows: Follows,
        poll_interval: PollInterval,
        waiting_too_long: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._lookup = JobLookup(baseten)
        self._store = store
        self._watches = watches
        self._followed = FollowedJobs(baseten, store, follows)
        self._gone = GoneProjects(baseten.without_repeats(), store, follows, watches)
        self._poll_interval = poll_interval
        self._waiting_too_long = waiting_too_long
        self._now = now
        self._begun = False
        self._threads = Threads()
        self._follows: Sequence[Follow] = ()  # of this poll
        store.subscribe(BEGUN, self._note_begun)

    def _note_begun(self) -> None:
        self._begun = True

    async def handle(self, context: TaskContext) -> RunAgain:
        """Poll once, and reschedule. This task never ends and never fails."""
        try:
            return await self._turn(_remembered(context.task.state))
        except DurableError:
            raise  # to the worker
        except Exception:
            log.exception("cannot poll the watched jobs")
            return RunAgain(self._poll_interval.slow, context.task.state)

    async def _turn(self, memory: _Memory) -> RunAgain:
        now = self._now()
        early = self._early(memory, now)
        if early > 0:
            return RunAgain(early, memory.state())
        self._begun = False
        follows, jobs = await self._followed.read(now)
        watches = await self._live_watches(follows)
        if not watches and not follows:
            idle = memory.model_copy(update={"interval": None, "looked_at": None})
            return RunAgain(
                self._poll_interval.fast if self._begun else self._poll_interval.slow, idle.state()
            )
        fresh = any(_is_fresh(watch, memory.looked_at) for watch in watches)
        try:
            listed = await self._list_followed(follows, [*watches, *jobs])
            self._follows = follows
            health = memory.health.model_copy(deep=True)
            moved = await self._poll([*watches, *jobs], listed, health, now)
            if listed is not None:
                moved |= await self._followed.handle_new(listed, follows, now)
                await self._gone.end(listed, follows)
        except BasetenError as error:
            if not memory.failing:
                log.warning("cannot get the watched jobs from Baseten", error=str(error))
            await self._compare(watches, {}, now)  # a watch expires also without Baseten
            return self._later(memory, now, moved=False, failure=error)
        if memory.failing:
            log.info("got the watched jobs from Baseten again")
        memory = memory.model_copy(update={"health": health})
        return self._later(memory, now, moved=moved or fresh or self._begun)

    async def _live_watches(self, follows: Sequence[Follow]) -> list[Watch]:
        """Return the watches that have not ended, and end those whose follow has ended."""
        following = {follow.id for follow in follows}
        live = []
        async for some in in_slices(await self._watches.all()):
            for watch in some:
                if watch.ended:
                    continue
                if watch.follow is None or watch.follow.id in following:
                    live.append(watch)
                else:
                    await self._store.hold_lease()
                    await self._watches.record(watch, Watch.unfollowed)
        return live

    async def _list_followed(
        self, follows: Sequence[Follow], watches: Sequence[Watch]
    ) -> Listed | None:
        """List the projects for the follows; None without a follow, or if Baseten refuses."""
        if not follows:
            return None
        try:
            wanted = frozenset(watch.project.id for watch in watches)
            return await self._followed.list_projects(follows, wanted)
        except (Refused, Unreadable) as refused:
            log.warning("cannot list the projects for the follows", error=str(refused))
            if not watches:
                raise
            return None

    def _early(self, memory: _Memory, now: datetime) -> float:
        """Return the seconds until the next poll is allowed: many new watches can wake the task."""
        if memory.looked_at is None:
            return 0
        since = (now - memory.looked_at).total_seconds()
        return self._poll_interval.fast - since if since >= 0 else 0

    def _later(
        self, memory: _Memory, now: datetime, *, moved: bool, failure: BasetenError | None = None
    ) -> RunAgain:
        interval = self._poll_interval.after(memory.interval, moved=moved)
        memory = memory.model_copy(
            update={"interval": interval, "looked_at": now, "failing": failure is not None}
        )
        wait = interval * random.uniform(1.0, _JITTER)  # noqa: S311 - no secret
        if isinstance(failure, RateLimited):
            wait = max(wait, failure.retry_after or 0)
        return RunAgain(wait, memory.state())

    async def _poll(
        self, watches: list[Watch], listed: Listed | None, health: EndpointHealth, now: datetime
    ) -> bool:
        """Compare all watches; return whether any changed."""
        await self._threads.set([watch for watch in watches if watch.channel_id])
        if not watches:
            return False
        projects = None if listed is None else listed.projects
        left = {watch.id: watch for watch in watches}
        moved = False
        # The first results go out before the further requests, which can be slow.
        async with aclosing(self._lookup.look_up(watches, health, now, projects)) as found:
            async for observed in found:
                known = [left.pop(each) for each in observed]
                moved |= await self._compare(known, observed, now)
        return await self._compare(list(left.values()), {}, now) or moved

    async def _compare(
        self,
        watches: Sequence[Watch],
        observed: Mapping[str, Observation],
        now: datetime,
    ) -> bool:
        """Compare watches with the observed states, if any; return whether any changed."""
        moved = False
        async for some in in_slices(watches):
            for watch in some:
                observation = observed.get(watch.id, _UNKNOWN)
                if is_quiet(watch, observation, now):
                    continue
                try:
                    moved |= await self._compare_one(watch, observation, now)
                except DurableError:
                    raise
                except Exception:
                    log.exception("cannot compare a watch", watch=watch.id)
        return moved

    async def _compare_one(self, watch: Watch, observed: Observation, now: datetime) -> bool:
        """Compare a watch, and save the result; the news and the delivery are one change."""
        own = watch.follow is None and watch.channel_id  # a follow posts each newer job
        also = self._threads.audience(watch) if own else None
        changes = compare(watch, observed, now, self._waiting_too_long, also)
        if changes.watch is watch:
            return changes.moved
        if isinstance(watch, TrackedJob):
            await self._followed.handle_tracked(watch, changes, self._follows, now)
            return changes.moved
        await self._store.hold_lease()
        await self._watches.record(watch, lambda kept: changes.applied(kept, now))
        return changes.moved


def _remembered(state: State) -> _Memory:
    try:
        return _Memory.model_validate(state)
    except ValidationError:  # saved by another version
        return _Memory()


def _is_fresh(watch: Watch, looked_at: datetime | None) -> bool:
    """Return whether a watch has started since the last poll."""
    return looked_at is None or watch.started_at > looked_at - _CLOCK_SKEW
