"""The store of watches, shared by all replicas. Each change of a watch is atomic."""

import asyncio
from collections.abc import Callable

import structlog
from pydantic import ValidationError

from bot.durable.model import Enqueue, State
from bot.durable.store import Store
from bot.watches.model import DELIVER, Watch

log = structlog.stdlib.get_logger(__name__)

POLLER = "poll"  # the id of the one task that polls for every watch
BEGUN = "watch begun"  # published if a watch starts during a poll
_YIELD_EVERY = 20  # watches that are parsed, between two yields to the event loop
WATCHES = "watches"
_Change = Callable[[Watch], Watch | None]


class _ChangedError(Exception):
    """Another process has changed the watch since it was read."""


class Watches:
    """The store of watches.

    Every coroutine raises `StoreUnavailableError` if the database does not answer.

    Args:
        store: holds the watches as documents.
        queue: the worker that delivers their news.
    """

    def __init__(self, store: Store, queue: str = "notifications") -> None:
        self._store = store
        self._queue = queue
        self._versions: dict[str, str] = {}  # of the watches in the next dictionary
        self._known: dict[str, Watch] = {}

    async def get(self, channel_id: str, ts: str) -> Watch | None:
        """Return the watch of a message; None if it is not watched any more."""
        watch = await self.read(channel_id, ts)
        return None if watch is None or watch.ended else watch

    async def read(self, channel_id: str, ts: str) -> Watch | None:
        """Return the watch of a message, also one that has ended and has undelivered news."""
        key = message_key(channel_id, ts)
        return _read(key, await self._store.read(WATCHES, key))

    async def all(self) -> list[Watch]:
        """Return all watches, in no order, also ended ones; only changed ones are read again."""
        versions, changed = await self._store.read_changed(WATCHES, self._versions)
        known = {key: watch for key, watch in self._known.items() if key in versions}
        for number, (key, document) in enumerate(changed.items()):
            known.pop(key, None)
            if (watch := _read(key, document)) is not None:
                known[key] = watch
            if number % _YIELD_EVERY == 0:
                await asyncio.sleep(0)
        self._versions, self._known = versions, known
        await asyncio.sleep(0)
        return list(known.values())

    async def create(self, watch: Watch) -> None:
        """Save a new watch, and poll soon; its watchers join an existing watch of the message.

        The undelivered news of an ended watch are kept. The new watch replaces a document of
        another version that this version cannot read.
        """
        key = message_key(watch.channel_id, watch.ts)

        def changed(document: State | None) -> State:
            kept = _read(key, document)
            if kept is None:
                return _state(watch)
            return _state(
                watch.begun_after(kept) if kept.ended else kept.joined_by(*watch.watchers)
            )

        await self._store.amend(WATCHES, key, changed)
        if not await self._store.wake(POLLER):  # a poll runs, maybe without this watch
            self._store.publish(BEGUN)

    async def add_watcher(self, channel_id: str, ts: str, user_id: str) -> Watch | None:
        """Add a watcher; return the watch, or None if the message has none."""
        watch = await self._change(channel_id, ts, lambda kept: kept.joined_by(user_id))
        return None if watch is None or watch.ended else watch

    async def leave(self, channel_id: str, ts: str, watch_id: str, user_id: str) -> Watch | None:
        """Take a watcher off a watch, which ends with its last one; return the rest of it."""

        def left(kept: Watch) -> Watch | None:
            if kept.id != watch_id:
                return kept
            rest = tuple(each for each in kept.watchers if each != user_id)
            return kept.model_copy(update={"watchers": rest}) if rest else _stopped(kept)

        watch = await self._change(channel_id, ts, left)
        return None if watch is None or watch.ended else watch

    async def stop(self, channel_id: str, ts: str, watch_id: str) -> Watch | None:
        """End the watch with this id, and drop its news; return its last state."""
        ended: list[Watch] = []

        def change(kept: Watch) -> Watch | None:
            if kept.id != watch_id:
                # The store calls this again after a commit with an unknown outcome.
                return kept
            ended[:] = [kept]
            return _stopped(kept)

        await self._change(channel_id, ts, change)
        return ended[0] if ended else None

    async def record(self, before: Watch, change: _Change) -> bool:
        """Apply the result of a poll, and start a delivery if there is something to deliver.

        Args:
            before: the watch that the poll compared.
            change: returns the new watch for the present one.

        Returns:
            False: the watch has ended, or another poll has changed it; nothing is saved.
        """
        key = message_key(before.channel_id, before.ts)
        while True:
            document = await self._store.read(WATCHES, key)
            kept = _read(key, document)
            if kept is None or kept.ended or (kept.id, kept.looks) != (before.id, before.looks):
                return False
            new = change(kept.model_copy(update={"looks": kept.looks + 1}))
            if new is None:
                return False
            begins = new.undelivered and not new.courier
            if begins:
                new = new.model_copy(update={"courier": f"{DELIVER}:{new.id}:{new.looks}"})
            try:
                await self._write(key, document, new, begins=begins)
            except _ChangedError:
                continue
            return True

    async def _write(self, key: str, document: State | None, new: Watch, *, begins: bool) -> None:
        def changed(found: State | None) -> State:
            if found != document:
                raise _ChangedError
            return _state(new)

        unit = [self._store.amendment(WATCHES, key, changed)]
        if not begins:
            await self._store.write(*unit)
            return
        state = {"channel_id": new.channel_id, "ts": new.ts}
        lane = new.channel_id
        task = Enqueue(new.courier, DELIVER, state, self._queue, lane=lane, delay=0.0)
        await self._store.write(*unit, task)
        self._store.publish(self._queue)

    async def settle(self, watch: Watch, change: Callable[[Watch], Watch]) -> Watch | None:
        """Save the progress of a delivery, and end the delivery if nothing is left.

        The change is retried until it is written, because it follows a post.

        Returns:
            The present watch; None if there is nothing left for this delivery.
        """
        key = message_key(watch.channel_id, watch.ts)

        def changed(document: State | None) -> State | None:
            kept = _read(key, document)
            if kept is None or kept.courier != watch.courier:
                return document
            new = change(kept)
            if new.undelivered:
                return _state(new)
            return None if new.ended else _state(new.model_copy(update={"courier": ""}))

        pending = self._store.submit(self._store.amendment(WATCHES, key, changed))
        (document,) = await asyncio.shield(pending.written)
        kept = _read(key, document)  # type: ignore[arg-type]
        return kept if kept is not None and kept.courier == watch.courier else None

    async def _change(self, channel_id: str, ts: str, change: _Change) -> Watch | None:
        """Change a live watch; one that has ended or is unreadable stays unchanged."""
        key = message_key(channel_id, ts)

        def changed(document: State | None) -> State | None:
            kept = _read(key, document)
            if kept is None or kept.ended:
                return document
            new = change(kept)
            return None if new is None else _state(new)

        return _read(key, await self._store.amend(WATCHES, key, changed))


def message_key(channel_id: str, ts: str) -> str:
    """Return the key of a message for stores and queues."""
    return f"{channel_id}:{ts}"


def _stopped(watch: Watch) -> Watch | None:
    """Return a watch that people have ended; None, unless its delivery might update the message."""
    if not watch.courier:
        return None
    fields = {"ended": True, "outbox": (), "revision": watch.revision + 1}
    return watch.model_copy(update=fields)


def _state(watch: Watch) -> State:
    return watch.model_dump(mode="json")


def _read(key: str, document: State | None) -> Watch | None:
    """Read a watch; None for a document of another version that is unreadable."""
    if document is None:
        return None
    try:
        return Watch.model_validate(document)
    except ValidationError as error:
        log.error("cannot read a watch", watch=key, error_count=error.error_count())  # noqa: TRY400
        return None
