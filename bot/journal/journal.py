"""The journal: work that was promised, small documents beside it, and a word to the replicas.

A piece of work is one row. Whoever holds it has a lease; who lost the lease finds out at the next
save, because each claim raises the fence. No row is held while it waits: it sleeps until a moment
and whoever is there then takes it.
"""

import json
import math
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.journal.bulletin import Bulletin

State = dict[str, Any]
LEASE = 12.0  # seconds; and a look every 2: a dead process's work is taken over within 15
WORK = "work"  # the topic told when there is work to take
LONGEST_BACKOFF = 300.0  # seconds
_LONGEST_ID = 255  # characters; what PostgreSQL can index has an end


class LostLeaseError(Exception):
    """Another process holds this work now, or nobody does: stop, and touch nothing more."""


class JournalUnavailableError(Exception):
    """The database does not do what it is asked; the text says why, without secrets."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A piece of accepted work.

    Attributes:
        id: what makes it the same piece of work, however often it is handed in.
        kind: names the handler that does it.
        state: JSON; names the step to do next and holds what that step needs.
        fence: how many times it has been taken.
        dirty: the step to do next was begun before and did not finish: look for its effect first.
        fails: how many times in a row that step has failed.
        accepted_at: by the database's clock.
        deadline: the ``time.monotonic()`` until which it is surely ours.
        done: nobody will take it again.
        error: what the last failure said.
    """

    id: str
    kind: str
    state: State = field(repr=False)  # may hold what no log should
    fence: int
    dirty: bool
    fails: int
    accepted_at: datetime
    deadline: float = -math.inf
    done: bool = False
    error: str | None = None


def backoff(fails: int) -> float:
    """Return the seconds to wait after so many failures; jitter keeps the tries apart."""
    return min(LONGEST_BACKOFF, 2.0 ** min(fails - 1, 9)) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def as_kept(state: State) -> State:
    """Return a state as a database would give it back.

    Raises:
        TypeError, ValueError: JSON cannot hold it.
    """
    kept: State = json.loads(json.dumps(state, allow_nan=False))
    return kept


def must_be_an_id(entry_id: str) -> None:
    """Look before it comes to a database, where it would fail the work of others beside it.

    Raises:
        ValueError: some database could not hold it.
    """
    if not entry_id.isprintable() or len(entry_id) > _LONGEST_ID:
        raise ValueError(f"an id is up to {_LONGEST_ID} printable characters, not {entry_id!a:.80}")


class Journal(ABC):
    """Keep work and documents, durably.

    Every method may raise `JournalUnavailableError`; those that take a held entry may raise
    `LostLeaseError`.

    Args:
        lease: seconds for which a taken entry is its taker's alone.

    Attributes:
        shared: other replicas may be there, who do at once what is handed in while this one ends.
    """

    shared = False

    def __init__(self, lease: float = LEASE) -> None:
        self.lease = lease
        self._bulletin = Bulletin()

    # Work

    @abstractmethod
    async def submit(
        self, entry_id: str, kind: str, state: State, *, after: float | None = None
    ) -> Entry | None:
        """Accept work; when this returns, it survives the process.

        Within 1 s, and after an error nothing is accepted: what the database wrote too late is
        taken back. One case remains: the process dies before that, the connection breaks while it
        inserts (or the server says nothing for a minute), the database does not take it back
        either, or another replica has it already. It may be done within a lease then.

        Args:
            entry_id: chosen by whoever hands the work in; up to 255 printable characters.
            kind: names the handler.
            state: JSON.
            after: None: it is ours at once, with a lease. Else anyone takes it after so many
                seconds.

        Returns:
            The entry, or None: one with this id was accepted before, and nothing was changed.

        Raises:
            TypeError, ValueError: no id, or no JSON.
        """

    @abstractmethod
    async def claim(self, kinds: Collection[str], limit: int) -> list[Entry]:
        """Take up to ``limit`` entries that are due, longest due first, each for us alone."""

    @abstractmethod
    async def renew(self, entry: Entry) -> Entry:
        """Extend the lease to a whole one from now; nothing else changes."""

    @abstractmethod
    async def keep(self, entry: Entry, state: State) -> Entry:
        """Save the state that a finished step leads to, and renew the lease."""

    @abstractmethod
    async def release(self, entry: Entry, state: State, *, after: float) -> None:
        """Save the state and let go; anyone takes it up in so many seconds."""

    @abstractmethod
    async def abandon(self, entry: Entry) -> None:
        """Let go in the middle of a step: anyone takes it up at once, and finds it dirty."""

    @abstractmethod
    async def finish(self, entry: Entry) -> None:
        """Say that all of it is done."""

    @abstractmethod
    async def fail(self, entry: Entry, error: str, *, retries: int) -> bool:
        """Let go after a step failed; it is tried again later, and is dirty then.

        The wait doubles from a second at most to 5 minutes.

        Returns:
            Whether it is tried again; False after ``retries`` retries, and it is done then.
        """

    @abstractmethod
    async def wake(self, entry_id: str) -> bool:
        """Let work that sleeps be taken at once, and tell `WORK`.

        Returns:
            False: it is held, done or unknown, and nothing was changed.
        """

    @abstractmethod
    async def get(self, entry_id: str) -> Entry | None:
        """Look at an entry, done or not, without taking it."""

    @abstractmethod
    async def due_in(self, kinds: Collection[str]) -> float | None:
        """Return the seconds until the next of these kinds can be taken; None without any."""

    @abstractmethod
    async def prune(self, older_than: float) -> int:
        """Delete entries that were done over ``older_than`` seconds ago; say how many."""

    # Documents

    @abstractmethod
    async def put_many(self, collection: str, values: Mapping[str, State]) -> None:
        """Write documents, all or none; what was there under a key is replaced."""

    async def put(self, collection: str, key: str, value: State) -> None:
        """Write one document."""
        await self.put_many(collection, {key: value})

    @abstractmethod
    async def amend(self, collection: str, key: str, value: State) -> bool:
        """Replace a document; return False, and write nothing, where there is none."""

    @abstractmethod
    async def read(self, collection: str, key: str) -> State | None:
        """Return one document; None when there is none."""

    @abstractmethod
    async def read_all(self, collection: str) -> dict[str, State]:
        """Return a collection's documents by key, in no order."""

    @abstractmethod
    async def remove(self, collection: str, key: str) -> None:
        """Delete a document, if it is there."""

    # Everything else

    def listen(self, topic: str, callback: Callable[[], object]) -> Callable[[], None]:
        """Call back whenever a topic is told, here or in a replica; return what ends that.

        It may be called without news, such as after the line to the replicas was cut.
        """
        return self._bulletin.listen(topic, callback)

    async def notify(self, topic: str) -> None:
        """Tell a topic to whoever listens, here at once, in the replicas if they can be reached."""
        self._bulletin.tell(topic)
