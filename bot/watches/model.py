"""Which answers are watched, and what was last seen of their jobs."""

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

POLLER = "poll"  # the id of the one task that looks after every watch
BEGUN = "watch begun"  # published if a watch begins while that task runs
AT_A_STRETCH = 50  # watches that are gone through before others get their turn
_COLLECTION = "watches"


class Watch(BaseModel):
    """An answer that is watched.

    Attributes:
        id: new for each watch, though the answer may have been watched before.
        channel_id: where the answer is.
        ts: which message it is.
        thread_ts: the thread that replies go to.
        watchers: the ids of who watches.
        card: what the answer remembers.
        project: as it was last seen, with the job that is watched.
        started_at: when the watch began.
        running_since: when the job began to run, if that was seen.
        waiting_since: when the job went back to waiting; None while it has not.
        told_waiting: whether the thread was told that the job waits long.
        stage: the last stage of the job that was known; its status may be one that is not.
        missing: at how many looks in a row the project, or the job, was not there.
        drawn_at: when the message was last drawn again; None while it was not.
        reports: how many reports there were; the last one's number.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    channel_id: str
    ts: str
    thread_ts: str
    watchers: tuple[str, ...]
    card: MessageState
    project: TrainingProject
    started_at: Moment
    running_since: Moment | None = None
    waiting_since: Moment | None = None
    told_waiting: bool = False
    stage: Stage = Stage.UNKNOWN
    missing: int = 0
    drawn_at: Moment | None = None
    reports: int = 0

    @property
    def job(self) -> TrainingJob | None:
        """The job that is watched; None until the project has one."""
        return self.project.latest_job

    def followed(self, *, over: bool = False, gone: bool = False) -> WatchSummary:
        """Return what the watch adds to its answer.

        Args:
            over: the watch has ended.
            gone: the project is no longer there.
        """
        job_id = self.job.id if self.job else ""
        return WatchSummary(self.watchers, self.running_since, job_id, over=over, gone=gone)

    def joined_by(self, *user_ids: str) -> "Watch":
        """Return it with more watchers, who may be some already."""
        watchers = tuple(dict.fromkeys((*self.watchers, *user_ids)))
        return self.model_copy(update={"watchers": watchers})


class Watches:
    """Keep the watches, for all replicas. Each change of a watch is one act.

    Every coroutine raises `StoreUnavailableError` where the database does not answer.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, channel_id: str, ts: str) -> Watch | None:
        """Return the watch of an answer, if it is watched."""
        key = answer_key(channel_id, ts)
        return _read(key, await self._store.read(_COLLECTION, key))

    async def every(self) -> list[Watch]:
        """Return all watches, in no order."""
        watches: list[Watch] = []
        documents = await self._store.read_all(_COLLECTION)
        for number, (key, document) in enumerate(documents.items()):
            if (watch := _read(key, document)) is not None:
                watches.append(watch)
            if number % AT_A_STRETCH == 0:
                await asyncio.sleep(0)
        return watches

    async def begin(self, watch: Watch) -> None:
        """Begin a watch, and look at it soon; its watchers join one that is there already.

        It replaces one that another version wrote, and this one cannot read.
        """
        key = answer_key(watch.channel_id, watch.ts)

        def changed(document: State | None) -> State:
            kept = _read(key, document)
            return (kept.joined_by(*watch.watchers) if kept else watch).model_dump(mode="json")

        await self._store.amend(_COLLECTION, key, changed)
        if not await self._store.wake(POLLER):  # a look is under way, perhaps without this watch
            self._store.publish(BEGUN)

    async def join(self, channel_id: str, ts: str, user_id: str) -> Watch | None:
        """Add a watcher; return the watch, None where there is none."""
        return await self._change(
            channel_id, ts, lambda kept: kept.joined_by(user_id) if kept else None
        )

    async def save(self, watch: Watch) -> bool:
        """Save a watch, but for its watchers: people who have joined stay.

        Returns:
            False: it has ended, or another has begun, and nothing was written.
        """

        def change(kept: Watch | None) -> Watch | None:
            if kept is None or kept.id != watch.id:
                return kept
            return watch.model_copy(update={"watchers": kept.watchers})

        saved = await self._change(watch.channel_id, watch.ts, change)
        return saved is not None and saved.id == watch.id

    async def end(self, channel_id: str, ts: str, watch_id: str = "") -> Watch | None:
        """End the watch of an answer, and return what it was.

        Args:
            channel_id: where the answer is.
            ts: which message it is.
            watch_id: ends only this one; empty: whichever there is.
        """
        ended: list[Watch | None] = [None]

        def change(kept: Watch | None) -> Watch | None:
            if kept is None or watch_id not in {"", kept.id}:
                # Called once more after a commit with an unknown outcome, which has ended it.
                return kept
            ended[0] = kept
            return None

        await self._change(channel_id, ts, change)
        return ended[0]

    async def _change(
        self, channel_id: str, ts: str, change: Callable[[Watch | None], Watch | None]
    ) -> Watch | None:
        """Change the watch of an answer; one that this version cannot read stays as it is."""
        key = answer_key(channel_id, ts)

        def changed(document: State | None) -> State | None:
            kept = _read(key, document)
            if document is not None and kept is None:
                return document
            new = change(kept)
            return None if new is None else new.model_dump(mode="json")

        return _read(key, await self._store.amend(_COLLECTION, key, changed))


def answer_key(channel_id: str, ts: str) -> str:
    """Return what names an answer wherever things are kept by answer."""
    return f"{channel_id}:{ts}"


def _read(key: str, document: State | None) -> Watch | None:
    """Read a watch; None for one that another version wrote, and this one cannot read."""
    if document is None:
        return None
    try:
        return Watch.model_validate(document)
    except ValidationError as error:
        log.error("cannot read a watch", watch=key, error_count=error.error_count())  # noqa: TRY400
        return None
