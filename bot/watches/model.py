"""The watches of messages, with the last known state of their jobs, and their store."""

import asyncio
from collections.abc import Callable

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from bot.baseten.models import Moment, TrainingJob, TrainingProject
from bot.durable.model import State
from bot.durable.store import Store
from bot.projects.message_state import MessageState
from bot.views.job import Stage
from bot.views.project import WatchSummary

log = structlog.stdlib.get_logger(__name__)

POLLER = "poll"  # the id of the one task that polls for every watch
BEGUN = "watch begun"  # published if a watch starts during a poll
YIELD_EVERY = 50  # watches, between two yields to the event loop
WATCHES = "watches"  # the collection


class Watch(BaseModel):
    """A watched message.

    Attributes:
        id: new for each watch, also of a message that was watched before.
        channel_id: the channel of the message.
        ts: the id of the message in its channel.
        thread_ts: the thread that replies go to.
        watchers: the ids of the people who watch.
        message_state: the state that the message's buttons carry.
        project: its last known state, with the watched job.
        started_at: the start of the watch.
        running_since: the start of the job's run, if known.
        waiting_since: the time at which the job went back to waiting; None if it did not.
        told_waiting: whether the thread has the news that the job waits too long.
        stage: the last known stage of the job; its current status can be unknown.
        missing: the number of polls in a row without the project or the job.
        drawn_at: the time of the message's last update; None before the first one.
        notifications: the number of notifications, which is also the number of the last one.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    channel_id: str
    ts: str
    thread_ts: str
    watchers: tuple[str, ...]
    message_state: MessageState
    project: TrainingProject
    started_at: Moment
    running_since: Moment | None = None
    waiting_since: Moment | None = None
    told_waiting: bool = False
    stage: Stage = Stage.UNKNOWN
    missing: int = 0
    drawn_at: Moment | None = None
    notifications: int = 0

    @property
    def job(self) -> TrainingJob | None:
        """The watched job; None until the project has one."""
        return self.project.latest_job

    def summary(self, *, ended: bool = False, project_missing: bool = False) -> WatchSummary:
        """Return the watch's part of its message.

        Args:
            ended: the watch has ended.
            project_missing: the project no longer exists.
        """
        job_id = self.job.id if self.job else ""
        return WatchSummary(
            self.watchers, self.running_since, job_id, ended=ended, project_missing=project_missing
        )

    def joined_by(self, *user_ids: str) -> "Watch":
        """Return the watch with more watchers; a person counts once."""
        watchers = tuple(dict.fromkeys((*self.watchers, *user_ids)))
        return self.model_copy(update={"watchers": watchers})


class Watches:
    """The store of watches, shared by all replicas. Each change of a watch is atomic.

    Every coroutine raises `StoreUnavailableError` if the database does not answer.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, channel_id: str, ts: str) -> Watch | None:
        """Return the watch of a message; None if it is not watched."""
        key = message_key(channel_id, ts)
        return _read(key, await self._store.read(WATCHES, key))

    async def all(self) -> list[Watch]:
        """Return all watches, in no order."""
        watches: list[Watch] = []
        documents = await self._store.read_all(WATCHES)
        for number, (key, document) in enumerate(documents.items()):
            if (watch := _read(key, document)) is not None:
                watches.append(watch)
            if number % YIELD_EVERY == 0:
                await asyncio.sleep(0)
        return watches

    async def create(self, watch: Watch) -> None:
        """Save a new watch, and poll soon; its watchers join an existing watch of the message.

        The new watch replaces a document of another version that this version cannot read.
        """
        key = message_key(watch.channel_id, watch.ts)

        def changed(document: State | None) -> State:
            kept = _read(key, document)
            return (kept.joined_by(*watch.watchers) if kept else watch).model_dump(mode="json")

        await self._store.amend(WATCHES, key, changed)
        if not await self._store.wake(POLLER):  # a poll runs, maybe without this watch
            self._store.publish(BEGUN)

    async def add_watcher(self, channel_id: str, ts: str, user_id: str) -> Watch | None:
        """Add a watcher; return the watch, or None if the message has none."""
        return await self._change(
            channel_id, ts, lambda kept: kept.joined_by(user_id) if kept else None
        )

    async def save(self, watch: Watch) -> bool:
        """Save a watch, and keep the stored watchers.

        Returns:
            False: the watch has ended or another one has started; nothing is saved.
        """

        def change(kept: Watch | None) -> Watch | None:
            if kept is None or kept.id != watch.id:
                return kept
            return watch.model_copy(update={"watchers": kept.watchers})

        saved = await self._change(watch.channel_id, watch.ts, change)
        return saved is not None and saved.id == watch.id

    async def delete(self, channel_id: str, ts: str, watch_id: str = "") -> Watch | None:
        """End the watch of a message; return its last state.

        Args:
            channel_id: the channel of the message.
            ts: the id of the message in its channel.
            watch_id: the only watch to end; empty: any watch.
        """
        ended: list[Watch | None] = [None]

        def change(kept: Watch | None) -> Watch | None:
            if kept is None or watch_id not in {"", kept.id}:
                # The store calls this again after a commit with an unknown outcome.
                return kept
            ended[0] = kept
            return None

        await self._change(channel_id, ts, change)
        return ended[0]

    async def _change(
        self, channel_id: str, ts: str, change: Callable[[Watch | None], Watch | None]
    ) -> Watch | None:
        """Change the watch of a message; an unreadable document stays unchanged."""
        key = message_key(channel_id, ts)

        def changed(document: State | None) -> State | None:
            kept = _read(key, document)
            if document is not None and kept is None:
                return document
            new = change(kept)
            return None if new is None else new.model_dump(mode="json")

        return _read(key, await self._store.amend(WATCHES, key, changed))


def message_key(channel_id: str, ts: str) -> str:
    """Return the key of a message for stores and queues."""
    return f"{channel_id}:{ts}"


def _read(key: str, document: State | None) -> Watch | None:
    """Read a watch; None for a document of another version that is unreadable."""
    if document is None:
        return None
    try:
        return Watch.model_validate(document)
    except ValidationError as error:
        log.error("cannot read a watch", watch=key, error_count=error.error_count())  # noqa: TRY400
        return None
