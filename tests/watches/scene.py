"""A Slack, a Baseten, and the poller and the notifications between them, each run by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from bot.access.standing import StandingRights
from bot.baseten.client import Baseten
from bot.durable.context import TaskContext
from bot.durable.model import Claim, Done, Enqueue, Finish, Outcome, RunAgain, Save, State, Task
from bot.durable.room import Limits, Room
from bot.durable.sqlite import SQLite
from bot.durable.store import Store
from bot.follows.store import Follows
from bot.projects.creation import CreationOutcome
from bot.projects.message_state import MessageState
from bot.sandbox import Clock, PostedMessage, Recorded, SandboxBaseten, SandboxSlack
from bot.slack.message import ReplyTarget
from bot.slack.messages import Poster
from bot.slack.people import People
from bot.telemetry.redaction import Redactor
from bot.views.project import project_message
from bot.watches.delivery import DELIVER, Delivery, DeliveryTiming
from bot.watches.model import Watch
from bot.watches.news import OutboxItem
from bot.watches.news_messages import NewsMessages
from bot.watches.outbox_posts import OutboxPosts
from bot.watches.poller import POLL, Poller, PollInterval
from bot.watches.rights import WatchRights
from bot.watches.store import Watches
from tests.conftest import RESEARCH

CHANNEL = "C0SANDBOX1"
TOO_LONG = 1800.0
QUEUE = "tests"

Kind = TypeVar("Kind", bound=Store)


@dataclass
class Scene:
    """The environment of a test of the watches."""

    slack: SandboxSlack
    baseten: SandboxBaseten
    clock: Clock
    client: Baseten
    poster: Poster
    redactor: Redactor
    people: People
    pauses: Clock  # of channels that Slack limits
    database: SQLite
    stores: list[Store] = field(default_factory=list)
    watches: Watches = field(init=False)

    def __post_init__(self) -> None:
        self.keep_in(Store)

    @property
    def store(self) -> Store:
        """The one in use."""
        return self.stores[-1]

    def keep_in(self, kind: type[Kind]) -> Kind:
        """Go on with a store of this kind, on the same database."""
        self.stores.append(store := kind(self.database))
        self.watches = Watches(store, QUEUE)
        return store

    @property
    def poller(self) -> Poller:
        return Poller(
            self.client,
            self.store,
            self.watches,
            Follows(self.store, queue=QUEUE),
            PollInterval(),
            TOO_LONG,
            self.clock,
        )

    @property
    def handler(self) -> Delivery:
        messages = NewsMessages(self.client, self.redactor, self.people)
        posts = OutboxPosts(self.poster, messages)
        follows = Follows(self.store, queue=QUEUE)
        rights = WatchRights(StandingRights(), follows, self.clock)
        return Delivery(self.poster, self.watches, posts, DeliveryTiming(self.clock), rights)

    def project(self, name: str = "support-bot-sft", status: str | None = "PENDING") -> str:
        """A project, with a job of this status if any; return the project's id."""
        project_id: str = self.baseten.add_project(RESEARCH, name)["id"]
        if status:
            self.job(project_id, status)
        return project_id

    def job(self, project_id: str, status: str, **changes: Any) -> str:
        """Start a job, later than every earlier one; return its id."""
        self.clock.advance(0.001)
        job = self.baseten.add_job(project_id, status=f"TRAINING_JOB_{status}", **changes)
        job_id: str = job["id"]
        return job_id

    def set(self, job_id: str, status: str, **changes: Any) -> None:
        self.baseten.set_job(job_id, status=f"TRAINING_JOB_{status}", **changes)

    def latest(self, project_id: str) -> str:
        """The id of a project's latest job."""
        job_id: str = self.baseten.project(project_id)["latest_job"]["id"]
        return job_id

    async def answer(self, project_id: str, channel_id: str = CHANNEL) -> Watch:
        """Post an answer about a project, as the bot does, and watch it."""
        project = await self.client.get_training_project(project_id)
        outcome = CreationOutcome.EXISTED
        state = MessageState(project_id=project_id, team="Research", outcome=outcome)
        drawn = project_message(project, state)
        ts = (await self.poster.post(ReplyTarget("U0SANDBOX1", channel_id), drawn)).ts
        watch = Watch(
            id=f"watch{len(self.slack.messages)}",
            channel_id=channel_id,
            ts=ts,
            thread_ts=ts,
            watchers=("U0SANDBOX1",),
            message_state=state,
            project=project,
            started_at=self.clock(),
        )
        await self.watches.create(watch)
        self.baseten.requests.clear()
        return watch

    async def begin_anew(self, watch: Watch) -> None:
        """Let this watch stand in the place of the one that its answer has."""
        await self.forget(watch)
        await self.watches.create(watch)

    async def forget(self, watch: Watch) -> None:
        """Delete the watch of a message, whatever it has to deliver."""
        key = f"{watch.channel_id}:{watch.ts}"
        await self.store.amend("watches", key, lambda _: None)

    async def look(self, after: float = 15) -> RunAgain:
        """Let time pass, and look once at everything."""
        self.clock.advance(after)
        await self.submit(POLL, POLL, {})
        await self.store.wake(POLL)
        (task,) = await self.claim(POLL, 1)
        then = await self.poller.handle(self.context(task))
        await self.save(task, then)
        return then

    async def look_at_end(self) -> None:
        """Look twice: a job that has ended is reported 15 seconds after its last update."""
        await self.look()
        await self.look()

    async def deliver(self) -> list[Outcome]:
        """Deliver every outbox that is due; return the outcomes.

        No channel is paused any more.
        """
        self.pauses.advance(60)
        came: list[Outcome] = []
        while tasks := await self.claim(DELIVER, 1):
            came.append(await self.attempt(tasks[0]))
        return came

    async def moved(self, status: str = "RUNNING", **changes: Any) -> Watch:
        """Return the watch of a job that has just changed; its news are not delivered."""
        watch = await self.answer(project := self.project())
        self.set(self.latest(project), status, **changes)
        await self.look_at_end()
        return watch

    async def present(self, watch: Watch) -> Watch | None:
        """Return a watch as it is now, also after its end."""
        return await self.watches.read(watch.channel_id, watch.ts)

    async def delivery(self, watch: Watch) -> Task:
        """The task that delivers the outbox of a watch."""
        kept = await self.present(watch)
        assert kept is not None
        task = await self.store.get(kept.courier)
        assert task is not None
        return task

    async def wake(self, watch: Watch) -> None:
        """Let the delivery of a watch run now."""
        kept = await self.present(watch)
        if kept is not None:
            await self.store.wake(kept.courier)

    async def try_again(self, watch: Watch) -> list[Outcome]:
        """Deliver an outbox whose task sleeps."""
        await self.wake(watch)
        return await self.deliver()

    async def outbox(self, watch: Watch) -> tuple[OutboxItem, ...]:
        """The undelivered news of a watch, in order."""
        kept = await self.present(watch)
        return kept.outbox if kept is not None else ()

    async def news(self, watch: Watch) -> list[str]:
        """Return the kinds of the undelivered news of a watch."""
        return [each.news.kind for each in await self.outbox(watch)]

    async def live(self) -> list[Watch]:
        """Return the watches that have not ended."""
        return [watch for watch in await self.watches.all() if not watch.ended]

    async def attempt(self, task: Task, handler: Delivery | None = None) -> Outcome:
        """Deliver one outbox, with the given handler or a new one."""
        then = await (handler or self.handler).handle(context := self.context(task))
        await self.save(context.task, then)
        return then

    # The work of a worker

    async def submit(self, task_id: str, kind: str, state: State) -> None:
        """Enqueue a task that is due."""
        await self.store.written(
            self.store.enqueue(Enqueue(task_id, kind, state, QUEUE, delay=0.0))
        )

    async def claim(self, kind: str, limit: int) -> Sequence[Task]:
        """Claim the tasks that are due."""
        claim = Claim(QUEUE, (kind,), limit, (), (), self.store.owner)
        (claimed,) = await self.store.write(claim)
        return [task for task, _ in cast("list[tuple[Task, int]]", claimed)]

    def context(self, task: Task) -> TaskContext:
        """Return the context that a handler gets."""
        return TaskContext(task, self.store, Room(Limits(), set(), lambda: None))

    async def save(self, task: Task, then: Outcome) -> None:
        """Write the outcome of an attempt."""
        match then:
            case Done(changes):
                await self.store.write(Finish(task.id), *changes)
            case RunAgain(seconds, state, step_may_have_run, changes):
                again = replace(task, state=state, step_may_have_run=step_may_have_run, failures=0)
                await self.store.write(Save(again, delay=seconds), *changes)

    async def abandon(self, task: Task) -> None:
        """Leave a step unfinished, as a process that dies."""
        await self.store.write(Save(replace(task, step_may_have_run=True), delay=0.0))

    async def due_in(self, kind: str) -> float | None:
        """The seconds until the next task of this kind."""
        return await self.store.next_due(QUEUE, (kind,))

    async def look_and_deliver(self, after: float = 15) -> None:
        await self.look(after)
        await self.deliver()

    async def end_and_deliver(self) -> None:
        """Look until an end is reported, and deliver."""
        await self.look_at_end()
        await self.deliver()

    @property
    def answers(self) -> list[PostedMessage]:
        return [message for message in self.slack.messages if message.thread_ts is None]

    @property
    def replies(self) -> list[str]:
        """Return the first lines of the replies in all threads."""
        return [reply.text.split("\n")[0] for reply in self.slack.messages if reply.thread_ts]

    @property
    def looked_for(self) -> list[Recorded]:
        """The requests that looked for a reply."""
        path = "/api/conversations.replies"
        return [request for request in self.slack.requests if request.path == path]

    @property
    def asked(self) -> list[str]:
        """Return the requests to Baseten, without the root of their paths."""
        return [f"{request.method} {request.path[4:]}" for request in self.baseten.requests]
