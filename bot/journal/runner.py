"""Do accepted work: at once where there is room, again where it failed, in turn where it waits."""

import asyncio
from collections.abc import Callable, Iterable
from functools import partial

import structlog

from bot.journal.journal import (
    WORK,
    Entry,
    Journal,
    JournalUnavailableError,
    LostLeaseError,
    State,
)
from bot.journal.steps import Done, Handler, Later, Next, Steps

log = structlog.stdlib.get_logger(__name__)

_POLL = 2.0  # seconds; the safety net below the notifications, well within a lease
_GATHER = 0.25  # seconds; timers that fall due so close together are taken in one go
_LAST = 1.0  # seconds; for what was late and is told to end, to give its work back
_Task = asyncio.Task[None]


class Runner:
    """Do the work of the kinds it has handlers for; the others' is left to who knows them.

    Args:
        journal: where the work is.
        concurrency: how many pieces may be under way at once; what is accepted while others are
            claimed may come on top.
        retries: how often a step that failed is tried again.
    """

    def __init__(self, journal: Journal, *, concurrency: int = 100, retries: int = 10) -> None:
        self._journal = journal
        self._handlers: dict[str, Handler] = {}
        self._hearers: list[Callable[[str | None], object]] = []
        self._concurrency = concurrency
        self._retries = retries
        # By the work's id; more than one only while those before the last are told to end.
        self._under_way: dict[str, set[_Task]] = {}
        self._accepting = 0  # which have their room, and are yet to be promised
        self._wake = asyncio.Event()
        self._claiming = asyncio.Lock()
        self._draining = False
        self._more = False  # work may wait in the journal for room here
        self._refused = False  # and nothing was written since
        self._trouble: str | None = "has not looked for work yet"

    @property
    def trouble(self) -> str | None:
        """Why no work can be taken now; None when all is well."""
        return self._trouble

    def on(self, kind: str, handler: Handler) -> None:
        """Let this handler do the work of a kind; before `run`."""
        self._handlers[kind] = handler

    def hear(self, callback: Callable[[str | None], object]) -> None:
        """Call back with `trouble` whenever it changes; the first time is when work is looked for.

        What the callback raises is logged, and goes no further.
        """
        self._hearers.append(callback)

    async def accept(self, entry_id: str, kind: str, state: State) -> bool:
        """Promise to do this work, and begin; return False if it was accepted before.

        Without room for it now, it waits in the journal for whoever has some; while this drains,
        for the next process.

        Raises:
            JournalUnavailableError: nothing was promised.
        """
        if self._room() <= 0:
            return await self._submit(entry_id, kind, state, after=0) is not None
        self._accepting += 1
        try:
            entry = await self._submit(entry_id, kind, state)
        finally:
            self._accepting -= 1
        if entry is None:
            return False
        if self._draining:  # since then, and nobody may wait for it any more
            await self._give_back(entry)
        else:
            self._start([entry])
        return True

    async def run(self) -> None:
        """Take work that is due, for ever, whatever happens."""
        stop_listening = self._journal.listen(WORK, self._wake.set)
        try:
            while True:
                pause = await self._look()
                try:
                    async with asyncio.timeout(pause):
                        await self._wake.wait()
                except TimeoutError:
                    pass
                self._wake.clear()
        finally:
            stop_listening()

    async def drain(self, seconds: float) -> int:
        """Take no more, wait for what is under way, and give back the rest; say how many."""
        self._draining = True
        try:
            async with asyncio.timeout(seconds):
                async with self._claiming:
                    pass  # a claim that was under way has started its work
                while tasks := self._all():
                    await asyncio.wait(tasks)
        except TimeoutError:
            pass
        late, tasks = len(self._under_way), self._all()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_LAST)
        return late

    async def _submit(
        self, entry_id: str, kind: str, state: State, after: float | None = None
    ) -> Entry | None:
        try:
            return await self._journal.submit(entry_id, kind, state, after=after)
        except JournalUnavailableError as error:
            self._refused = True
            self._set_trouble(f"cannot accept work: {error}")
            raise

    async def _give_back(self, entry: Entry) -> None:
        try:
            await self._journal.abandon(entry)
        except (LostLeaseError, JournalUnavailableError) as error:
            log.warning("cannot be given back; taken up when its lease has ended", error=str(error))

    async def _look(self) -> float:
        """Take what is due; return for how many seconds there is nothing to do."""
        pause, trouble = _POLL, None
        try:
            async with self._claiming:
                if self._refused:
                    await self._write()
                pause = await self._take()
        except JournalUnavailableError as error:
            log.warning("cannot take work", error=str(error))
            trouble = f"cannot take work: {error}"
        except Exception as error:
            # Whatever it is: without this loop, all that was accepted would be stranded.
            log.exception("cannot take work")
            trouble = f"cannot take work: {error}"
        if trouble is not None or not self._refused:
            self._set_trouble(trouble)
        return pause

    async def _write(self) -> None:
        """Prove that work can be accepted: on a full disk, a claim that finds none goes well."""
        self._refused = False
        try:
            await self._journal.put("health", "write", {})
        except BaseException:
            self._refused = True
            raise

    def _set_trouble(self, trouble: str | None) -> None:
        if trouble == self._trouble:
            return
        self._trouble = trouble
        for callback in self._hearers:
            try:
                callback(trouble)
            except Exception:
                log.exception("cannot tell of trouble", trouble=trouble)

    async def _take(self) -> float:
        kinds, room = list(self._handlers), self._room()
        self._more = room <= 0  # whoever ends then wakes the loop
        if self._more:
            return _POLL
        entries = await self._journal.claim(kinds, room)
        self._start(entries)
        self._more = len(entries) == room
        if self._more:
            return 0 if self._room() > 0 else _POLL
        due = await self._journal.due_in(kinds)
        return _POLL if due is None else min(_POLL, due + _GATHER)

    def _room(self) -> int:
        room = self._concurrency - len(self._under_way) - self._accepting
        return 0 if self._draining else room

    def _all(self) -> list[_Task]:
        return [task for tasks in self._under_way.values() for task in tasks]

    def _start(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            tasks = self._under_way.setdefault(entry.id, set())
            task = asyncio.create_task(self._do(entry, frozenset(tasks)))
            tasks.add(task)
            task.add_done_callback(partial(self._ended, entry.id))

    def _ended(self, entry_id: str, task: _Task) -> None:
        tasks = self._under_way[entry_id]
        tasks.discard(task)
        if not tasks:
            del self._under_way[entry_id]
        if self._more:
            self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("cannot be saved; taken up when its lease has ended", exc_info=error)

    async def _do(self, entry: Entry, before: frozenset[_Task]) -> None:
        """Make one attempt; whatever comes of it is in the journal, or the lease runs out.

        Args:
            entry: what to do.
            before: attempts at the same that are under way here. Their lease ended unnoticed, as
                the database's clock went ahead of ours: the machine slept, or its time was set.
        """
        with structlog.contextvars.bound_contextvars(work=entry.id):
            try:
                steps = Steps(self._journal, entry)
                if before:
                    log.warning("taken from an attempt of our own")
                    for task in before:
                        task.cancel()
                    await asyncio.wait(before)
                    steps.check()
                await self._attempt(steps)
            except LostLeaseError:
                log.warning("the lease is lost; somebody else has this work, or soon will")
            except JournalUnavailableError as error:
                log.warning("cannot be saved; taken up when its lease has ended", error=str(error))

    async def _attempt(self, steps: Steps) -> None:
        try:
            then = await steps.run(self._handlers[steps.entry.kind])
        except (LostLeaseError, JournalUnavailableError):
            raise
        except asyncio.CancelledError:
            await self._journal.abandon(steps.entry)
            raise
        except Exception as error:
            words = f"{type(error).__name__}: {error}"
            log.exception("a step failed", fails=steps.entry.fails + 1)
            if not await self._journal.fail(steps.entry, words, retries=self._retries):
                log.error("given up")  # noqa: TRY400 - the traceback is in the line before
            self._wake.set()
        else:
            await self._settle(steps.entry, then)

    async def _settle(self, entry: Entry, then: Next) -> None:
        match then:
            case Done():
                await self._journal.finish(entry)
            case Later(seconds, state):
                await self._journal.release(entry, state, after=seconds)
                if seconds < _POLL:
                    self._wake.set()
