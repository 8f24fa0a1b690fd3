"""Which answers are watched, and what was last seen of their jobs."""

import asyncio

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from bot.baseten.models import Moment, TrainingJob, TrainingProject
from bot.journal.journal import Journal, State
from bot.views.project import Card, Followed

log = structlog.stdlib.get_logger(__name__)

POLLER = "poll"  # the id of the one entry that looks after every watch
AT_A_STRETCH = 100  # watches that are gone through before others get their turn
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
        return Followed(self.watchers, self.running_since, over=over, gone=gone)


class Watches:
    """Keep the watches. Every method may raise `JournalUnavailableError`."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def of(self, channel_id: str, ts: str) -> Watch | None:
        """Return the watch of an answer, if it is watched."""
        key = _key(channel_id, ts)
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
        """Begin a watch, in place of one that the answer may have had, and look at it soon."""
        await self._journal.put(_COLLECTION, _key(watch.channel_id, watch.ts), _written(watch))
        await self._journal.wake(POLLER)

    async def save(self, watch: Watch) -> bool:
        """Save a watch; return False where it has ended."""
        key = _key(watch.channel_id, watch.ts)
        return await self._journal.amend(_COLLECTION, key, _written(watch))

    async def end(self, channel_id: str, ts: str) -> Watch | None:
        """End the watch of an answer, and return what it was."""
        watch = await self.of(channel_id, ts)
        await self._journal.remove(_COLLECTION, _key(channel_id, ts))
        return watch


def _key(channel_id: str, ts: str) -> str:
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
