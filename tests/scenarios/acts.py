"""Acting on a job as a person does: the menu or the list, the choice, the confirmation."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from bot.access.rules import Actor, Verb
from bot.sandbox.slack.records import Ephemeral, PostedMessage, View
from bot.wiring import Tuning
from tests.conftest import RESEARCH, Env

DANA, SAM, KIM = "U0DANA0001", "U0SAM00001", "U0KIM00001"  # Kim has no right to stop
JOB = r"/v1/training_projects/[^/]+/jobs/[^/]+"
RECREATE, STOP = f"{JOB}/recreate", f"{JOB}/stop"
BUTTONS = {
    "stop": "act_stop",
    "run again": "act_run_again",
    "use spot": "act_use_spot",
    "set priority": "act_set_priority",
}
ADVICE = "Spot capacity is available for this job."


def granted(actor: Actor, verb: Verb, team: str) -> bool:
    """Let Dana and Sam act in one team, and everybody do the rest."""
    return verb is not Verb.STOP or (actor.id in {DANA, SAM} and team == "Research")


QUICK = Tuning(looks=(0.1, 0.3), settles=(0.05, 0.1, 0.2, 0.4), allows=granted)


@asynccontextmanager
async def acting(
    env: Env, tuning: Tuning = QUICK, *, socket: bool = False, **changes: Any
) -> AsyncIterator[None]:
    """Run a bot that lets Dana and Sam act."""
    if socket:
        changes["slack_app_token"] = SecretStr(env.slack.app_token)
    async with env.running(tuning, **({"baseten_timeout": 1} | changes)):
        yield


@dataclass
class Scene:
    """A project with one job, and its message."""

    env: Env
    message: PostedMessage
    project_id: str
    job_id: str

    @property
    def replies(self) -> list[PostedMessage]:
        """The messages in the thread."""
        return [each for each in self.env.slack.messages if each.thread_ts == self.message.ts]

    async def replied(self, count: int = 1) -> str:
        """Wait for replies, and return the text of the last."""
        await self.env.slack.until(lambda: len(self.replies) >= count)
        return self.replies[-1].text

    def calls(self, pattern: str, method: str = "POST") -> int:
        """Return the number of requests to Baseten."""
        return sum(
            each.method == method and re.fullmatch(pattern, each.path) is not None
            for each in self.env.baseten.requests
        )

    def jobs(self) -> int:
        """Return the number of the jobs that were started by *Run again*."""
        return len(self.env.baseten.job_ids(self.project_id)) - 1

    async def menu(self, user: str = DANA) -> View:
        """Choose *Job actions…* in the menu of the message."""
        views = len(self.env.slack.views)
        (value,) = [
            option["value"]
            for option in self.message.blocks[-2]["elements"][-1]["options"]
            if option["value"].startswith("job actions")
        ]
        await self.env.slack.action(self.message, "more", selected=value, user=user)
        return await opened(self.env, views)

    async def ask(self, act: str, user: str = DANA) -> View:
        """Choose an act, and return the question."""
        return await chosen(self.env, await self.menu(user), act, user)

    async def confirm(self, act: str, user: str = DANA, priority: str | None = None) -> View:
        """Choose an act, and confirm it."""
        view = await self.ask(act, user)
        await submit(self.env, view, user, priority)
        return view


async def scene(env: Env, status: str = "RUNNING", **job: Any) -> Scene:
    """Add a project with a job, and post its message."""
    project = env.baseten.add_project(RESEARCH, "sft")["id"]
    job = {"name": "epoch-1", "status": f"TRAINING_JOB_{status}"} | job
    job_id = env.baseten.add_job(project, **job)["id"]
    await env.slack.command("research sft", user=DANA)
    await env.answered()
    return Scene(env, env.slack.messages[0], project, job_id)


async def opened(env: Env, before: int) -> View:
    """Return the next dialog, once it is more than a note to wait."""
    await env.slack.until(lambda: len(env.slack.views) > before and env.slack.views[-1].updates > 0)
    return env.slack.views[-1]


async def chosen(env: Env, view: View, act: str, user: str = DANA) -> View:
    """Choose an act in the dialog."""
    updates = view.updates
    delivery = await env.slack.action(view, BUTTONS[act], user=user)
    assert (delivery.status, delivery.refused) == (200, None)
    await env.slack.until(lambda: view.updates > updates)
    return view


async def submit(env: Env, view: View, user: str = DANA, priority: str | None = None) -> Any:
    """Confirm the act; return the body of the ack."""
    values = {}
    if priority is not None:
        values = {"priority": {"priority": {"type": "number_input", "value": priority}}}
    delivery = await env.slack.submit(view, values, user=user)
    assert (delivery.status, delivery.refused) == (200, None)
    return delivery.body


def words(shown: View | PostedMessage | Ephemeral) -> str:
    """Return every text of it."""
    found: list[str] = []

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            found.extend(text for text in [value.get("text")] if isinstance(text, str))
            for inner in value.values():
                collect(inner)
        elif isinstance(value, list):
            for inner in value:
                collect(inner)

    collect(shown.blocks)
    return "\n".join(found)
