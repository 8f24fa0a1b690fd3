"""The store of follows, shared by all replicas."""

from bot.access.rules import Actor, Verb
from bot.access.standing import StandingRights
from bot.durable.model import Change, Enqueue
from bot.durable.parsed import ChangedError, ParsedDocuments
from bot.durable.store import Store
from bot.follows.model import FAREWELL, RIGHTS, FarewellTask, Follow, Kind

COLLECTION = "follows"


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
        self._documents = ParsedDocuments(store, COLLECTION, Follow)

    async def all(self) -> list[Follow]:
        """Return all follows, in no order; only changed ones are read again."""
        return await self._documents.all()

    async def get(self, key: str, follow_id: str) -> Follow | None:
        """Return a follow; None if it has ended."""
        follow = await self._documents.read(key)
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

        def changed(kept: Follow | None) -> Follow:
            if kept is None:
                return follow
            before[:] = [kept]
            # The posts of jobs carry the old id, and a job is not reported twice.
            fields = {"id": kept.id, "since": kept.since, "changed_at": follow.since}
            return follow.model_copy(update=fields)

        await self._store.write(self._documents.amendment(follow.key, changed), *changes)
        return before[0] if before else None

    async def end(self, follow: Follow, reason: str = "", by: str = "") -> bool:
        """End a follow, and enqueue the message to its creator; return whether this call ended it.

        Args:
            follow: the follow.
            reason: Slack's error code, ``rights`` or ``gone``; empty if a person ended it.
            by: the person who ended it; the creator gets no message about their own click.
        """

        def changed(kept: Follow | None) -> None:
            if kept is None or kept.id != follow.id:
                raise ChangedError

        changes: list[Change] = [self._documents.amendment(follow.key, changed)]
        if by != follow.created_by:
            # The id names the follow: of several calls, one sends the message.
            state = FarewellTask(follow=follow, reason=reason, by=by).state()
            task_id = f"unfollowed:{follow.id}"
            lane = follow.created_by
            changes.append(Enqueue(task_id, FAREWELL, state, self.queue, lane=lane, delay=0.0))
        try:
            await self._store.write(*changes)
        except ChangedError:
            return False
        self._store.publish(self.queue)
        return True
