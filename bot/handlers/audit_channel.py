"""The tasks that post the audit log in `AUDIT_CHANNEL`: one collects events, the others post them.

The collector moves events from their rows to the task of a post in one transaction, so a kill loses
none and posts none twice, as far as Slack allows.
"""

import asyncio
from uuid import uuid4

import structlog

from bot.access.audit import event_of
from bot.durable import events
from bot.durable.context import TaskContext
from bot.durable.model import Done, Enqueue, Outcome, RunAgain, State, StoreUnavailableError
from bot.durable.store import Store
from bot.durable.task_state import TaskState
from bot.handlers.posting import post_once
from bot.slack.message import ReplyTarget, SlackCallFailed
from bot.slack.messages import Poster
from bot.slack.post_search import LOOKS
from bot.views.audit import MOST_EVENTS, audit_message, fitting

log = structlog.stdlib.get_logger(__name__)

COLLECT_AUDIT = "audit"  # the kind and the id of the one task that collects
POST_AUDIT = "audit/1"  # with the version of the state
_QUEUE = "notifications"
_GAP = 2.0  # seconds in which events are collected for one message
_LONGEST_SLEEP = 60.0  # seconds; an event wakes the collector, unless its process is killed
_RETRY = 30.0  # seconds until the repeat of a post, if Slack names no wait


class PostAuditTask(TaskState):
    """The state of the task that posts.

    Attributes:
        channel_id: the channel.
        rows: the events as JSON.
        looks: the number of searches for the post after an unknown outcome; None if none is in
            doubt.
    """

    channel_id: str
    rows: tuple[State, ...]
    looks: int | None = None


class AuditChannel:
    """Collect and post the events of the audit log.

    Args:
        store: has the rows.
        poster: calls Slack.
        channel_id: the channel.
        gap: seconds in which events are collected for one message.
        looks: seconds before each search for a post with an unknown outcome.
    """

    def __init__(
        self,
        store: Store,
        poster: Poster,
        channel_id: str,
        gap: float = _GAP,
        looks: tuple[float, ...] = LOOKS,
    ) -> None:
        self._store = store
        self._poster = poster
        self._channel_id = channel_id
        self._gap = gap
        self._looks = looks
        self._waking: asyncio.Task[None] | None = None
        self._refused = ""  # Slack's last code

    def wake_soon(self) -> None:
        """Wake the collector after the gap."""
        if self._waking is None:
            self._waking = asyncio.create_task(self._wake())
            self._waking.add_done_callback(self._woke)

    async def collect(self, context: TaskContext) -> Outcome:
        """Move waiting events to the task of a post."""
        (rows,) = await self._store.write(events.read_unposted(MOST_EVENTS))
        if not rows:
            return RunAgain(_LONGEST_SLEEP, context.task.state)
        found = tuple(events.event_of(row) for row in rows)
        most = fitting([event_of(each) for each in found])
        rows, found = rows[:most], found[:most]
        post = PostAuditTask(channel_id=self._channel_id, rows=found)
        new = Enqueue(
            f"{POST_AUDIT}:{uuid4().hex}",
            POST_AUDIT,
            post.state(),
            _QUEUE,
            lane=self._channel_id,
            delay=0.0,
        )
        await self._store.write(new, events.mark_posted(rows))
        self._store.publish(_QUEUE)
        return RunAgain(self._gap, context.task.state)

    async def post(self, context: TaskContext) -> Outcome:
        """Post events. A channel that refuses them gets no more of these; the rows stay."""
        task = PostAuditTask.model_validate(context.task.state)
        message = audit_message([event_of(row) for row in task.rows])
        place = ReplyTarget("", task.channel_id)
        try:
            posted = await post_once(self._poster, context, self._looks, place, message)
        except SlackCallFailed as refused:
            if refused.retryable:
                begun = context.task.step_may_have_run
                wait = refused.retry_after or _RETRY
                return RunAgain(wait, task.state(), step_may_have_run=begun)
            if not refused.outcome_unknown and refused.error != self._refused:
                self._refused = refused.error
                log.warning("AUDIT_CHANNEL refuses the audit log", slack_error=refused.error)
            return Done()
        if isinstance(posted, RunAgain):
            return posted
        self._refused = ""
        return Done()

    async def _wake(self) -> None:
        woken = False
        while not woken:  # the collector runs now, maybe without the newest row
            await asyncio.sleep(self._gap)
            try:
                woken = await self._store.wake(COLLECT_AUDIT)
            except StoreUnavailableError:
                return  # the collector wakes by itself

    def _woke(self, _: "asyncio.Task[None]") -> None:
        self._waking = None
