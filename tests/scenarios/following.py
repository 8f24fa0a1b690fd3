"""A bot that follows projects, by a clock that only the test moves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import SecretStr

from bot.access.rules import Allows, allows
from bot.durable.database import open_store
from bot.durable.store import Store
from bot.follows.model import JOB_POST
from bot.sandbox import Clock, PostedMessage, Respond, SandboxBaseten, SandboxSlack
from bot.sandbox.slack.records import Ephemeral, View
from bot.sandbox.slack.server import DEFAULT_SCOPES
from bot.views.follow_dialog import GROUP, LEVEL, PERSON, PLACE, TARGET
from bot.watches.poller import PollInterval
from bot.wiring import Tuning
from tests.conftest import RESEARCH, Env
from tests.documents import documents_of
from tests.scenarios.rules import GROUP as GROUP_ID
from tests.scenarios.rules import SCOPES
from tests.scenarios.tasks import until_ended

CHANNEL, OTHER = "C0SANDBOX1", "C0OTHER001"
DANA, SAM = "U0DANA0001", "U0SAM00001"
LIST = "/v1/training_projects"
MODES = ("http", "socket")


@dataclass
class Followed:
    """A bot, its clock, and a team with one project."""

    env: Env
    clock: Clock
    store: Store
    project_id: str

    @property
    def slack(self) -> SandboxSlack:
        return self.env.slack

    def start(self, status: str = "RUNNING", project_id: str = "", **job: Any) -> str:
        """Push a job to a project; return its id."""
        self.clock.advance(1)
        added = self.env.baseten.add_job(
            project_id or self.project_id, status=f"TRAINING_JOB_{status}", **job
        )
        return str(added["id"])

    def becomes(self, job_id: str, status: str, **changes: Any) -> None:
        """Change a job, a moment after everything before."""
        self.clock.advance(1)
        self.env.baseten.set_job(job_id, status=f"TRAINING_JOB_{status}", **changes)

    async def look(self, after: float = 16) -> None:
        """Let time pass, and wait until the bot has looked at everything since."""
        for seconds in (after, 1):  # the second look follows the end of the first
            seen = self.lists
            self.clock.advance(seconds)
            await self.env.baseten.until(lambda: self.lists > seen)  # noqa: B023

    async def pass_time(self) -> None:
        """Let time pass until the follow has ended."""
        async with asyncio.timeout(20):
            while await self.stored():
                self.clock.advance(1)
                await asyncio.sleep(0.05)

    @asynccontextmanager
    async def unwatched(self) -> AsyncIterator[None]:
        """Let Baseten refuse the list of projects, so that a look sees all changes or none."""
        self.env.baseten.faults.always(LIST, Respond(503))
        yield
        self.env.baseten.faults.clear()

    @property
    def lists(self) -> int:
        return sum(r.method == "GET" and r.path == LIST for r in self.env.baseten.requests)

    async def dialog(self, words: str = "research llama", user: str = DANA) -> View:
        """Open the dialog from the list of jobs, and wait until it has its fields."""
        told, views = len(self.slack.ephemerals), len(self.slack.views)
        await self.slack.command(words, command="/training-jobs", user=user)

        def lists() -> list[Ephemeral]:  # a note about an earlier follow can come between
            return [e for e in self.slack.ephemerals[told:] if "'follow'" in str(e.blocks)]

        await self.slack.until(lambda: bool(lists()))
        await self.slack.action(lists()[0], "follow", user=user)
        await self.slack.until(
            lambda: len(self.slack.views) > views and self.slack.views[-1].updates > 0
        )
        return self.slack.views[-1]

    async def submit(self, view: View, user: str = DANA, **chosen: str) -> None:
        """Submit the dialog; ``level``, ``channel``, ``person``, ``group`` and ``target``."""
        fields: dict[str, Any] = {}
        if "level" in chosen:
            fields[LEVEL] = _state("radio_buttons", selected_option={"value": chosen["level"]})
        if "target" in chosen:
            option = {"value": chosen["target"]}
            fields[TARGET] = _state("external_select", selected_option=option)
        if "channel" in chosen:
            where = chosen["channel"] or None
            fields[PLACE] = _state("conversations_select", selected_conversation=where)
        if "person" in chosen:
            fields[PERSON] = _state("users_select", selected_user=chosen["person"])
        if "group" in chosen:
            option = {"value": chosen["group"]}
            fields[GROUP] = _state("external_select", selected_option=option)
        values = {key: {key: state} for key, state in fields.items()}
        await self.slack.submit(view, values, user=user)

    async def follow(
        self, words: str = "research llama", user: str = DANA, **chosen: str
    ) -> PostedMessage:
        """Follow what the list of jobs shows; return the first message of the follow."""
        before = await self.stored()
        await self.submit(await self.dialog(words, user), user, **chosen)
        async with asyncio.timeout(20):
            while await self.stored() == before:
                await asyncio.sleep(0.01)
        return next(m for m in reversed(self.slack.messages) if "Following" in m.text)

    async def stored(self) -> dict[str, Any]:
        return await documents_of(self.store, "follows")

    async def no_follow(self) -> None:
        """Wait until nothing is followed."""
        async with asyncio.timeout(20):
            while await self.stored():
                await asyncio.sleep(0.01)

    def posts(self, channel: str = CHANNEL) -> list[PostedMessage]:
        """Return the messages about jobs in a channel, without those in threads."""
        return [
            message
            for message in self.slack.messages
            if message.channel == channel and not message.thread_ts and "Project `" in message.text
        ]

    def thread(self, message: PostedMessage) -> list[PostedMessage]:
        return [m for m in self.slack.messages if m.thread_ts == message.ts]

    async def posted(self, count: int = 1, channel: str = CHANNEL) -> PostedMessage:
        """Wait for so many messages about jobs and, soon after, their watches; return the last."""
        await self.slack.until(lambda: len(self.posts(channel)) >= count)
        await until_ended(self.env, JOB_POST)
        return self.posts(channel)[-1]

    async def replied(self, message: PostedMessage, count: int = 1) -> PostedMessage:
        """Wait for so many replies to a message, and return the last."""
        await self.slack.until(lambda: len(self.thread(message)) >= count)
        return self.thread(message)[-1]

    async def reply_about_failed_job(self) -> PostedMessage:
        """Follow a project whose job fails with a log line; return the reply about its end."""
        await self.follow()
        job = self.start()
        self.env.baseten.add_logs(job, ["CUDA out of memory"])
        await self.look()
        self.becomes(job, "FAILED")
        await self.look()
        return await self.replied(await self.posted())

    async def hears(self, words: str) -> Ephemeral | PostedMessage:
        """Wait until somebody alone, or a direct message, says these words."""

        def found() -> list[Ephemeral | PostedMessage]:
            direct = [m for m in self.slack.messages if m.channel.startswith("D")]
            everything: list[Ephemeral | PostedMessage] = [*self.slack.ephemerals, *direct]
            return [m for m in everything if words in m.text]

        await self.slack.until(lambda: bool(found()))
        return found()[-1]


def _state(kind: str, **chosen: Any) -> dict[str, Any]:
    return {"type": kind, **chosen}


@asynccontextmanager
async def following(
    mode: str = "http",
    allowed: Allows = allows,
    scopes: tuple[str, ...] = (),
    rules: str = "",
) -> AsyncIterator[Followed]:
    """Run a bot that looks at the followed projects whenever the clock has moved.

    Args:
        mode: ``http`` or ``socket``.
        allowed: decides about acts, unless there are rules.
        scopes: of the token, beside the usual ones.
        rules: the text of ``ACCESS_FILE``.
    """
    clock = Clock()
    with TemporaryDirectory() as name:
        async with (
            SandboxSlack() as slack,
            SandboxBaseten(now=clock) as baseten,
            open_store(f"sqlite:///{name}/bot.db") as store,
        ):
            slack.scopes = (*DEFAULT_SCOPES, *scopes)
            slack.add_channel(OTHER)
            baseten.add_team("Research", id=RESEARCH)
            env = Env(slack, baseten, Path(name))
            tuning = Tuning(
                poll_interval=PollInterval(fast=0.05, slow=0.05),
                now=clock,
                looks=(0.05, 0.05),
                allows=None if rules else allowed,
            )
            token = SecretStr(slack.app_token) if mode == "socket" else None
            changes: dict[str, Any] = {"slack_app_token": token}
            if rules:
                changes["access_file"] = Path(name) / "access.toml"
                changes["access_file"].write_text(rules, encoding="utf-8")
                slack.scopes = (*slack.scopes, *SCOPES)
                slack.set_group(GROUP_ID, DANA)
            async with env.running_on(store, tuning, **changes):
                if mode == "socket":
                    slack.bot_url = None
                project = baseten.add_project(RESEARCH, "llama")
                clock.advance(60)
                yield Followed(env, clock, store, project["id"])
