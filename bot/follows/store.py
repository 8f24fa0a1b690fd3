"""The store of follows, shared by all replicas."""

import structlog
from pydantic import ValidationError

from bot.access.rules import Actor, Verb
from bot.access.standing import StandingRights
from bot.durable.model import Change, Enqueue, State
from bot.durable.parsed import ParsedDocuments
from bot.durable.store import Store
from bot.follows.model import FAREWELL, RIGHTS, FarewellTask, Follow, Kind

log = structlog.stdlib.get_logger(__name__)

COLLECTION = "follows"


class _EndedError(Exception):
    """The follow has ended already."""


class Follows:
    """The store of follows.

    Every coroutine raises `StoreUnavailableError` if the database does not answer.

    Args:
        store: holds the follows as documents.
        rights: tells whether the creator of a follow still has the right to it.
        queue: the worker that posts for the follows.
    """

    def __init__(
        self, store: Store, rights: StandingRights | None = None, queue: str = "notifications"
    ) -> None:
        self._store = store
        self._rights = rights or StandingRights()
        self.queue = queue
        self._documents = ParsedDocuments(store, COLLECTION, _read)

    async def all(self) -> list[Follow]:
        """Return all follows, in no order; only changed ones are read again."""
        return await self._documents.all()

    async def get(self, key: str, follow_id: str) -> Follow | None:
        """Return a follow; None if it has ended."""
        follow = _read(key, await self._store.read(COLLECTION, key))
        return follow if follow is not None and follow.id == follow_id else None

    async def allowed(self, key: str, follow_id: str, team: str) -> Follow | None:
        """Return a follow whose creator can view the team now.

        A follow of a project or a team whose creator has lost the right ends here.

        Raises:
            RightsUnknownError: nobody tells whether the creator has the right.
        """
        follow = await self.get(key, follow_id)
        if follow is None:
            return None
        creator = Actor(id=follow.created_by, channel_id=follow.channel_id)
        if not await self._rights.refused(Verb.VIEW, team, creator):
            return follow
        if follow.scope.kind is not Kind.MINE:
            await self.end(follow, RIGHTS)
        return None

    async def of(self, user_id: str) -> list[Follow]:
        """Return the follows that a person created, ordered by their names."""
        created = [follow for follow in await self.all() if follow.created_by == user_id]
        return sorted(created, key=lambda each: (each.scope.team, each.scope.name, each.key))

    async def begin(self, follow: Follow, *changes: Change) -> Follow | None:
        """Start a follow with these changes, or change the one of the same scope and place.

        Returns:
            The follow before the change; None if there was none.
        """
        before: list[Follow] = []

        def changed(document: State | None) -> State:
            kept = _read(follow.key, document)
            if kept is None:
                return follow.model_dump(mode="json")
            before[:] = [kept]
            # The posts of jobs carry the old id, and a job is not reported twice.
            return follow.model_copy(update={"id": kept.id, "since": kept.since}).model_dump(
                mode="json"
            )

        await self._store.write(self._store.amendment(COLLECTION, follow.key, changed), *changes)
        return before[0] if before else None

    async def end(self, follow: Follow, reason: str = "", by: str = "") -> bool:
        """End a follow, and enqueue the message to its creator; return whether this call ended it.

        Args:
            follow: the follow.
            reason: Slack's error code, ``rights`` or ``gone``; empty if a person ended it.
            by: the person who ended it; the creator gets no message about their own click.
        """

        def changed(document: State | None) -> None:
            kept = _read(follow.key, document)
            if kept is None or kept.id != follow.id:
                raise _EndedError

        changes: list[Change] = [self._store.amendment(COLLECTION, follow.key, changed)]
        if by != follow.created_by:
            # The id names the follow: of several calls, one sends the message.
            state = FarewellTask(follow=follow, reason=reason, by=by).model_dump(mode="json")
            task_id = f"unfollowed:{follow.id}"
            lane = follow.created_by
            changes.append(Enqueue(task_id, FAREWELL, state, self.queue, lane=lane, delay=0.0))
        try:
            await self._store.write(*changes)
        except _EndedError:
            return False
        self._store.publish(self.queue)
        return True


def _read(key: str, document: State | None) -> Follow | None:
    """Read a follow; None for a document of another version that is unreadable."""
    if document is None:
        return None
    try:
        return Follow.model_validate(document)
    except ValidationError as error:
        log.error("cannot read a follow", follow=key, error_count=error.error_count())  # noqa: TRY400
        return None
