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

    async def create(self, watch: Watch) -> Watch:
        """Save a new watch, and poll soon; its watchers join an existing watch of the message.

        The undelivered news of an ended watch are kept. The new watch replaces a document of
        another version that this version cannot read.

        Returns:
            The present watch: the new one, or the one that its watchers have joined.
        """

        def changed(kept: Watch | None) -> Watch:
            if kept is None:
                return watch
            return watch.begun_after(kept) if kept.ended else kept.joined_by(*watch.watchers)

        present = await self._documents.amend(message_key(watch.channel_id, watch.ts), changed)
        if present is not None and present.id != watch.id:
            return present
        if not await self._store.wake(POLLER):  # a poll runs, maybe without this watch
            self._store.publish(BEGUN)
        return present or watch

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

    async def stop(
        self, channel_id: str, ts: str, watch_id: str, user_id: str | None = None
    ) -> Watch | None:
        """Take a person off the watch with this id, or end it for everyone.

        Without its last watcher it ends too, unless it belongs to a follow. Its news are dropped.

        Args:
            channel_id: the channel of the message.
            ts: the message.
            watch_id: the watch; another one stays as it is.
            user_id: the person; None ends the watch for everyone.

        Returns:
            The watch before; None if it has ended already.
        """
        before: list[Watch] = []

        def changed(kept: Watch | None) -> Watch | None:
            # The store calls this again after a commit with an unknown outcome.
            if kept is None or kept.ended or kept.id != watch_id:
                return kept
            before.append(kept)
            if user_id is not None:
                rest = tuple(each for each in kept.watchers if each != user_id)
                if rest or kept.follow is not None:
                    return kept.model_copy(update={"watchers": rest})
            return _stopped(kept)

        await self._documents.amend(message_key(channel_id, ts), changed)
        return before[0] if before else None

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


def message_key(channel_id: str, ts: str) -> str:
    """Return the key of a message for stores and queues."""
    return f"{channel_id}:{ts}"


def _stopped(watch: Watch) -> Watch | None:
    """Return a watch that people have ended; None, unless its delivery might update the message."""
    if not watch.courier:
        return None
    fields = {
        "ended": True,
        "watchers": (),
        "outbox": watch.for_others,
        "revision": watch.revision + 1,
    }
    return watch.model_copy(update=fields)
