"""The store of follows, shared by all replicas."""

import asyncio

import structlog
from pydantic import ValidationError

from bot.durable.model import Amend, Change, Enqueue, State
from bot.durable.store import Store
from bot.follows.model import FAREWELL, FarewellTask, Follow

log = structlog.stdlib.get_logger(__name__)

COLLECTION = "follows"
_YIELD_EVERY = 50  # follows that are parsed, between two yields to the event loop


class Follows:
    """The store of follows.

    Every coroutine raises `StoreUnavailableError` if the database does not answer.

    Args:
        store: holds the follows as documents.
        queue: the worker that posts for the follows.
    """

    def __init__(self, store: Store, queue: str = "notifications") -> None:
        self._store = store
        self.queue = queue
        self._versions: dict[str, str] = {}  # of the follows in the next dictionary
        self._known: dict[str, Follow] = {}

    async def all(self) -> list[Follow]:
        """Return all follows, in no order; only changed ones are read again."""
        versions, changed = await self._store.read_changed(COLLECTION, self._versions)
        known = {key: follow for key, follow in self._known.items() if key in versions}
        for number, (key, document) in enumerate(changed.items()):
            known.pop(key, None)
            if (follow := _read(key, document)) is not None:
                known[key] = follow
            if number % _YIELD_EVERY == 0:
                await asyncio.sleep(0)
        self._versions, self._known = versions, known
        return list(known.values())

    async def get(self, key: str, follow_id: str) -> Follow | None:
        """Return a follow; None if it has ended."""
        follow = _read(key, await self._store.read(COLLECTION, key))
        return follow if follow is not None and follow.id == follow_id else None

    async def of(self, user_id: str) -> list[Follow]:
        """Return the follows that a person created, ordered by their names."""
        created = [follow for follow in await self.all() if follow.created_by == user_id]
        return sorted(created, key=lambda each: (each.scope.team, each.scope.name, each.key))

    def start(self, follow: Follow) -> Amend:
        """Return the change that starts a follow, or that gives one its new level and mentions."""

        def changed(document: State | None) -> State:
            kept = _read(follow.key, document)
            if kept is None:
                return follow.model_dump(mode="json")
            # The posts of jobs carry the old id, and a job is not reported twice.
            return follow.model_copy(update={"id": kept.id, "since": kept.since}).model_dump(
                mode="json"
            )

        return self._store.amendment(COLLECTION, follow.key, changed)

    async def end(self, follow: Follow, reason: str = "", by: str = "") -> bool:
        """End a follow, and enqueue the message to its creator; return whether this call ended it.

        Args:
            follow: the follow.
            reason: Slack's error code, or ``rights``; empty if a person ended it.
            by: the person who ended it; the creator gets no message about their own click.
        """
        ended: list[Follow] = []

        def changed(document: State | None) -> State | None:
            kept = _read(follow.key, document)
            if kept is None or kept.id != follow.id:
                return document
            ended[:] = [kept]
            return None

        changes: list[Change] = [self._store.amendment(COLLECTION, follow.key, changed)]
        if by != follow.created_by:
            # The id names the follow: of several calls, one sends the message.
            state = FarewellTask(follow=follow, reason=reason, by=by).model_dump(mode="json")
            task_id = f"unfollowed:{follow.id}"
            lane = follow.created_by
            changes.append(Enqueue(task_id, FAREWELL, state, self.queue, lane=lane, delay=0.0))
        if await self.get(follow.key, follow.id) is None:
            return False
        await self._store.write(*changes)
        self._store.publish(self.queue)
        return bool(ended)


def _read(key: str, document: State | None) -> Follow | None:
    """Read a follow; None for a document of another version that is unreadable."""
    if document is None:
        return None
    try:
        return Follow.model_validate(document)
    except ValidationError as error:
        log.error("cannot read a follow", follow=key, error_count=error.error_count())  # noqa: TRY400
        return None
