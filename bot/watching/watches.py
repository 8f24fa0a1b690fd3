"""Which answers are watched, and what was last seen of their jobs."""

import asyncio

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from bot.baseten.models import Moment, TrainingJob, TrainingProject
from bot.journal.journal import Journal, State
from bot.turns import Turns
from bot.views.job import Stage
from bot.views.project import Card, Followed

log = structlog.stdlib.get_logger(__name__)

POLLER = "poll"  # the id of the one entry that looks after every watch
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
    card: Card
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

    def followed(self, *, over: bool = False, gone: bool = False) -> Followed:
        """Return what the watch adds to its answer.

        Args:
            over: the watch has ended.
            gone: the project is no longer there.
        """
        job_id = self.job.id if self.job else ""
        return Followed(self.watchers, self.running_since, job_id, over=over, gone=gone)

    def joined_by(self, *user_ids: str) -> "Watch":
        """Return it with more watchers, who may be some already."""
        watchers = tuple(dict.fromkeys((*self.watchers, *user_ids)))
        return self.model_copy(update={"watchers": watchers})


class Watches:
    """Keep the watches. Every method may raise `JournalUnavailableError`.

    What changes a watch looks first whether it is still that one. Between the look and the change
    nothing comes from this process; from another replica it may, in a millisecond, as the
    journal's documents know no conditions.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._turns = Turns()

    async def of(self, channel_id: str, ts: str) -> Watch | None:
        """Return the watch of an answer, if it is watched."""
        key = answer_key(channel_id, ts)
        document = await self._journal.read(_COLLECTION, key)
        return None if document is None else _read(key, document)

    async def every(self) -> list[Watch]:
        """Return all watches, in no order."""
        watches: list[Watch] = []
        documents = await self._journal.read_all(_COLLECTION)
        for number, (key, document) in enumerate(documents.items()):
            if (watch := _read(key, document)) is not None:
                watches.append(watch)
            if number % AT_A_STRETCH == 0:
                await asyncio.sleep(0)
        return watches

    async def begin(self, watch: Watch) -> None:
        """Begin a watch, and look at it soon; its watchers join one that has begun meanwhile."""
        key = answer_key(watch.channel_id, watch.ts)
        async with self._turns.of(key):
            kept = await self.of(watch.channel_id, watch.ts)
            if kept is not None:
                kept = kept.joined_by(*watch.watchers)
            await self._journal.put(_COLLECTION, key, _written(kept or watch))
        await self._journal.wake(POLLER)

    async def join(self, channel_id: str, ts: str, user_id: str) -> Watch | None:
        """Let one more person watch an answer; return the watch, None where there is none."""
        async with self._turns.of(answer_key(channel_id, ts)):
            kept = await self.of(channel_id, ts)
            if kept is None or user_id in kept.watchers:
                return kept
            joined = kept.joined_by(user_id)
            return joined if await self._amend(joined) else None

    async def save(self, watch: Watch) -> bool:
        """Save a watch, but for its watchers: whoever has joined meanwhile stays.

        Returns:
            False: it has ended, or another has begun, and nothing was written.
        """
        async with self._turns.of(answer_key(watch.channel_id, watch.ts)):
            kept = await self.of(watch.channel_id, watch.ts)
            if kept is None or kept.id != watch.id:
                return False
            return await self._amend(watch.model_copy(update={"watchers": kept.watchers}))

    async def end(self, channel_id: str, ts: str, watch_id: str = "") -> Watch | None:
        """End the watch of an answer, and return what it was.

        Args:
            channel_id: where the answer is.
            ts: which message it is.
            watch_id: ends only this one; empty: whichever there is.
        """
        async with self._turns.of(answer_key(channel_id, ts)):
            watch = await self.of(channel_id, ts)
            if watch_id and (watch is None or watch.id != watch_id):
                return None
            await self._journal.remove(_COLLECTION, answer_key(channel_id, ts))
            return watch

    async def _amend(self, watch: Watch) -> bool:
        key = answer_key(watch.channel_id, watch.ts)
        return await self._journal.amend(_COLLECTION, key, _written(watch))


def answer_key(channel_id: str, ts: str) -> str:
    """Return what names an answer wherever things are kept by answer."""
    return f"{channel_id}:{ts}"


def _written(watch: Watch) -> State:
    return watch.model_dump(mode="json")


def _read(key: str, document: State) -> Watch | None:
    """Read a watch; one that another version wrote, and this one cannot read, is left to it."""
    try:
        return Watch.model_validate(document)
    except ValidationError as error:
        log.error("cannot read a watch", watch=key, error_count=error.error_count())  # noqa: TRY400
        return None
