"""A Slack, a Baseten, and the poller and the reports between them, each run by hand."""

from dataclasses import dataclass, field
from typing import Any

from bot.journal.journal import Entry
from bot.journal.memory import MemoryJournal
from bot.journal.steps import Done, Later, Next, Steps

from bot.baseten.client import Baseten
from bot.posting import Place, Poster
from bot.projects import Outcome
from bot.redaction import Redactor
from bot.sandbox import Clock, PostedMessage, Recorded, SandboxBaseten, SandboxSlack
from bot.views.project import Card, project_message
from bot.watching.poller import POLL, Pace, Poller
from bot.watching.report import Report
from bot.watching.reports import REPORT, Reports
from bot.watching.watches import Watch, Watches
from tests.conftest import RESEARCH

CHANNEL = "C0SANDBOX1"
TOO_LONG = 1800.0


@dataclass
class Scene:
    """What a test of the watches acts on, and looks at."""

    slack: SandboxSlack
    baseten: SandboxBaseten
    clock: Clock
    client: Baseten
    poster: Poster
    redactor: Redactor
    pauses: Clock  # of channels that Slack limits
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    watches: Watches = field(init=False)

    def __post_init__(self) -> None:
        self.watches = Watches(self.journal)

    @property
    def poller(self) -> Poller:
        return Poller(self.client, self.journal, self.watches, Pace(), TOO_LONG, self.clock)

    @property
    def reports(self) -> Reports:
        return Reports(
            self.poster, self.client, self.watches, self.journal, self.redactor, self.clock
        )

    def project(self, name: str = "support-bot-sft", status: str | None = "PENDING") -> str:
        """A project, with a job of this status if any; return the project's id."""
        project_id: str = self.baseten.add_project(RESEARCH, name)["id"]
        if status:
            self.job(project_id, status)
        return project_id

    def job(self, project_id: str, status: str, **changes: Any) -> str:
        """Start a job, a moment later than what was before; return its id."""
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

    def keep_in(self, journal: MemoryJournal) -> None:
        """Go on with another journal."""
        self.journal, self.watches = journal, Watches(journal)

    async def answer(self, project_id: str, channel_id: str = CHANNEL) -> Watch:
        """Post an answer about a project, as the bot does, and watch it."""
        project = await self.client.get_training_project(project_id)
        card = Card(project_id=project_id, team="Research", outcome=Outcome.EXISTED)
        drawn = project_message(project, card)
        ts = (await self.poster.post(Place("U0SANDBOX1", channel_id), drawn)).ts
        watch = Watch(
            id=f"watch{len(self.slack.messages)}",
            channel_id=channel_id,
            ts=ts,
            thread_ts=ts,
            watchers=("U0SANDBOX1",),
            card=card,
            project=project,
            started_at=self.clock(),
        )
        await self.watches.begin(watch)
        self.baseten.requests.clear()
        return watch

    async def begin_anew(self, watch: Watch) -> None:
        """Let this watch stand in the place of the one that its answer has."""
        await self.watches.end(watch.channel_id, watch.ts)
        await self.watches.begin(watch)

    async def look(self, after: float = 15) -> Later:
        """Let time pass, and look once at everything."""
        self.clock.advance(after)
        await self.journal.submit(POLL, POLL, {}, after=0)
        await self.journal.wake(POLL)
        (entry,) = await self.journal.claim([POLL], 1)
        then = await Steps(self.journal, entry).run(self.poller.handle)
        assert isinstance(then, Later)
        await self.journal.release(entry, then.state, after=then.seconds)
        return then

    async def report(self) -> list[Next]:
        """Bring every report to Slack that is due; return what came of each."""
        came: list[Next] = []
        while entries := await self.journal.claim([REPORT], 1):
            came.append(await self.attempt(entries[0]))
        return came

    async def moved(self, status: str = "RUNNING", **changes: Any) -> Watch:
        """A watched job that has just moved; its report is handed in, and not yet brought."""
        watch = await self.answer(project := self.project())
        self.set(self.latest(project), status, **changes)
        await self.look()
        return watch

    async def the_report(self, watch: Watch, number: int = 1) -> Entry:
        """A report of a watch as the journal holds it."""
        entry = await self.journal.get(f"report:{watch.id}:{number}")
        assert entry is not None
        return entry

    async def try_again(self, watch: Watch, number: int = 1) -> None:
        """Bring a report that sleeps, after the pause of its channel."""
        self.pauses.advance(60)
        await self.journal.wake(f"report:{watch.id}:{number}")
        await self.report()

    async def reported(self, watch: Watch) -> list[Report]:
        """Every report of a watch, in order."""
        found: list[Report] = []
        while entry := await self.journal.get(f"report:{watch.id}:{len(found) + 1}"):
            found.append(Report.model_validate(entry.state))
        return found

    async def news(self, watch: Watch) -> list[str]:
        """The kinds of all that there was to tell of a watch."""
        return [said.kind for report in await self.reported(watch) for said in report.news]

    async def attempt(self, entry: Entry, reports: Reports | None = None) -> Next:
        """Bring one report, by those who have brought others if they are given."""
        steps = Steps(self.journal, entry)
        then = await steps.run((reports or self.reports).handle)
        match then:
            case Done():
                await self.journal.finish(steps.entry)
            case Later(seconds, state):
                await self.journal.release(steps.entry, state, after=seconds)
        return then

    async def look_and_report(self, after: float = 15) -> None:
        await self.look(after)
        await self.report()

    @property
    def answers(self) -> list[PostedMessage]:
        return [message for message in self.slack.messages if message.thread_ts is None]

    @property
    def replies(self) -> list[str]:
        """The first lines of what the threads were told."""
        return [reply.text.split("\n")[0] for reply in self.slack.messages if reply.thread_ts]

    @property
    def looked_for(self) -> list[Recorded]:
        """The requests that looked for a reply."""
        path = "/api/conversations.replies"
        return [request for request in self.slack.requests if request.path == path]

    @property
    def asked(self) -> list[str]:
        """What Baseten was asked, without the root of its paths."""
        return [f"{request.method} {request.path[4:]}" for request in self.baseten.requests]
