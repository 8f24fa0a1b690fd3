"""The store of watches, shared by all replicas. Each change of a watch is atomic."""

import asyncio
from collections.abc import Callable

from bot.durable.model import Change, Enqueue
from bot.durable.parsed import ChangedError, ParsedDocuments
from bot.durable.store import Store
from bot.watches.model import DELIVER, Watch

POLLER = "poll"  # the id of the one task that polls for every watch
BEGUN = "watch begun"  # published if a watch starts during a poll
WATCHES = "watches"
_Change = Callable[[Watch], Watch | None]


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
        self._documents = ParsedDocuments(store, WATCHES, Watch)

    async def get(self, channel_id: str, ts: str) -> Watch | None:
        """Return the watch of a message; None if it is not watched any more."""
        watch = await self.read(channel_id, ts)
        return None if watch is None or watch.ended else watch

    async def read(self, channel_id: str, ts: str) -> Watch | None:
        """Return the watch of a message, also one that has ended and has undelivered news."""
        return await self._documents.read(message_key(channel_id, ts))

    async def all(self) -> list[Watch]:
        """Return all watches, in no order, also ended ones; only changed ones are read again."""
        return await self._documents.all()

    async def create(self, watch: Watch) -> None:
        """Save a new watch, and poll soon; its watchers join an existing watch of the message.

        The undelivered news of an ended watch are kept. The new watch replaces a document of
        another version that this version cannot read.
        """

        def changed(kept: Watch | None) -> Watch:
            if kept is None:
                return watch
            return watch.begun_after(kept) if kept.ended else kept.joined_by(*watch.watchers)

        await self._documents.amend(message_key(watch.channel_id, watch.ts), changed)
        if not await self._store.wake(POLLER):  # a poll runs, maybe without this watch
            self._store.publish(BEGUN)

    def beginning(self, watch: Watch) -> tuple[Change, ...]:
        """Return the changes that begin the watch of a message that is posted for a follow.

        The outbox of a watch that has ended already is delivered.
        """
        if watch.undelivered:
            watch = watch.model_copy(update={"courier": f"{DELIVER}:{watch.id}:0"})
        key = message_key(watch.channel_id, watch.ts)
        begin = self._documents.amendment(key, lambda kept: kept or watch)
        return (begin, self._delivery(watch)) if watch.undelivered else (begin,)

    def _delivery(self, watch: Watch) -> Enqueue:
        state = {"channel_id": watch.channel_id, "ts": watch.ts}
        lane = watch.channel_id
        return Enqueue(watch.courier, DELIVER, state, self._queue, lane=lane, delay=0.0)

    async def add_watcher(self, channel_id: str, ts: str, user_id: str) -> Watch | None:
        """Add a watcher; return the watch, or None if the message has none."""
        watch = await self._change(channel_id, ts, lambda kept: kept.joined_by(user_id))
        return None if watch is None or watch.ended else watch

    async def leave(self, channel_id: str, ts: str, watch_id: str, user_id: str) -> Watch | None:
        """Take a watcher off a watch, and return the rest of it.

        The watch ends with its last watcher, unless it belongs to a follow.
        """

        def left(kept: Watch) -> Watch | None:
            if kept.id != watch_id:
                return kept
            rest = tuple(each for each in kept.watchers if each != user_id)
            left = kept.model_copy(update={"watchers": rest})
            return left if rest or kept.follow is not None else _stopped(kept)

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

    async def record(self, before: Watch, change: Callable[[Watch], Watch]) -> bool:
        """Apply the result of a poll, and start a delivery if there is something to deliver.

        Args:
            before: the watch that the poll compared.
            change: returns the new watch for the present one.

        Returns:
            False: the watch has ended, or another poll has changed it; nothing is saved.
        """
        key = message_key(before.channel_id, before.ts)
        while True:
            kept = await self._documents.read(key)
            if kept is None or kept.ended or (kept.id, kept.looks) != (before.id, before.looks):
                return False
            new = change(kept.model_copy(update={"looks": kept.looks + 1}))
            if begins := new.undelivered and not new.courier:
                new = new.model_copy(update={"courier": f"{DELIVER}:{new.id}:{new.looks}"})
            delivery = (self._delivery(new),) if begins else ()
            try:
                await self._store.write(self._documents.replacement(key, kept, new), *delivery)
            except ChangedError:
                continue
            if begins:
                self._store.publish(self._queue)
            return True

    async def settle(self, watch: Watch, change: Callable[[Watch], Watch]) -> Watch | None:
        """Save the progress of a delivery, and end the delivery if nothing is left.

        The change is retried until it is written, because it follows a post.

        Returns:
            The present watch; None if there is nothing left for this delivery.
        """
        key = message_key(watch.channel_id, watch.ts)

        def changed(kept: Watch | None) -> Watch | None:
            if kept is None or kept.courier != watch.courier:
                return kept
            new = change(kept)
            if new.undelivered:
                return new
            return None if new.ended else new.model_copy(update={"courier": ""})

        pending = self._store.submit(self._documents.amendment(key, changed))
        (document,) = await asyncio.shield(pending.written)
        kept = self._documents.parse(key, document)  # type: ignore[arg-type]
        return kept if kept is not None and kept.courier == watch.courier else None

    async def _change(self, channel_id: str, ts: str, change: _Change) -> Watch | None:
        """Change a live watch; one that has ended stays unchanged."""

        def changed(kept: Watch | None) -> Watch | None:
            return kept if kept is None or kept.ended else change(kept)

        return await self._documents.amend(message_key(channel_id, ts), changed)


def message_key(channel_id: str, ts: str) -> str:
    """Return the key of a message for stores and queues."""
    return f"{channel_id}:{ts}"


def _stopped(watch: Watch) -> Watch | None:
    """Return a watch that people have ended; None, unless its delivery might update the message."""
    if not watch.courier:
        return None
    fields = {"ended": True, "outbox": (), "revision": watch.revision + 1}
    return watch.model_copy(update=fields)
