"""A bot with rules of an ``ACCESS_FILE``, and the entry points at which people meet them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

from pydantic import SecretStr

from bot.app import Bot
from bot.listeners.dialog import FROM_MESSAGE
from bot.listeners.workflow_step import STEP
from bot.sandbox.slack.records import PostedMessage, View
from bot.watches.poller import PollInterval
from bot.wiring import Tuning
from tests.conftest import RESEARCH, Env
from tests.scenarios.filled import chosen, dialog, typed
from tests.scenarios.tasks import until_ended

DANA, LEE = "U0DANA0001", "U0LEE00001"
HERE, THERE = "C0SANDBOX1", "C0OTHER001"
GROUP, WORKFLOW = "S0MLTEAM", "Wf0NIGHTLY"
SCOPES = ("usergroups:read", "users:read", "channels:read")


def granted(to: str, *verbs: str, teams: str = "Research", more: str = "") -> str:
    """A grant to one person, group or workflow."""
    can = ", ".join(f'"{verb}"' for verb in verbs or ("create", "view", "logs"))
    return f'[[grant]]\nto = ["{to}"]\nteams = ["{teams}"]\ncan = [{can}]\n{more}\n'


@asynccontextmanager
async def ruled(
    env: Env,
    rules: str,
    *,
    socket: bool = False,
    tuning: Tuning | None = None,
    **changes: Any,
) -> AsyncIterator[Bot]:
    """Run the bot with these rules, and with the scopes for any rule."""
    env.slack.scopes = (*env.slack.scopes, *SCOPES)
    env.slack.set_group(GROUP, DANA)
    env.slack.add_channel(THERE)
    path = env.folder / "access.toml"
    path.write_text(rules, encoding="utf-8")
    token = SecretStr(env.slack.app_token) if socket else None
    # A poll sees a change at once.
    tuning = replace(tuning or Tuning(), poll_interval=PollInterval(fast=0.05, slow=0.05))
    async with env.running(tuning, access_file=path, slack_app_token=token, **changes) as bot:
        yield bot


async def change(env: Env, bot: Bot, rules: str) -> None:
    """Change the rules of the running bot, as an operator and a SIGHUP do."""
    (env.folder / "access.toml").write_text(rules, encoding="utf-8")
    await bot.reload_access()


@dataclass(frozen=True)
class Who:
    """A person in a channel."""

    user: str = DANA
    channel: str = HERE


def shows(env: Env, name: str, channel: str = "") -> list[PostedMessage]:
    """The messages of a project, in the channel if one is given."""
    return [
        each
        for each in env.slack.messages
        if name in each.text.split("\n")[0] and not (each.thread_ts or each.text.startswith("⚠️"))
        if channel in {"", each.channel}
    ]


async def standing(env: Env, who: Who) -> PostedMessage:
    """The message of an older project of the team, with a job, in the person's channel."""
    shown = shows(env, "sft")
    if not shown:
        env.baseten.add_job(env.baseten.add_project(RESEARCH, "sft")["id"])
        await env.slack.command("research sft", user=DANA, channel=HERE)
        await env.slack.until(lambda: bool(shows(env, "sft")))
        await until_ended(env)
        shown = shows(env, "sft")
    if shown[0].channel == who.channel:
        return shown[0]
    copied = copy(shown[0])  # a copied button: a click in a channel where the message is not
    copied.channel = who.channel
    return copied


def _refusals(env: Env, who: Who) -> list[str]:
    ephemerals = [told.text for told in env.slack.ephemerals if told.user == who.user]
    direct = f"D{who.user[1:]}"
    return ephemerals + [each.text for each in env.slack.messages if each.channel == direct]


async def _verdict(env: Env, who: Who, before: int, passed: Callable[[], object]) -> str:
    """Wait until the request has passed, and return ""; or until words come, and return them."""
    await env.slack.until(lambda: bool(passed()) or len(_refusals(env, who)) > before)
    return "" if passed() else _refusals(env, who)[-1]


async def command(env: Env, who: Who) -> str:
    """Create a project."""
    before, told = len(env.baseten.upserts), len(_refusals(env, who))
    delivery = await env.slack.command("research brand-new", user=who.user, channel=who.channel)
    if delivery.body:
        return str(delivery.body["text"])
    words = await _verdict(env, who, told, lambda: shows(env, "brand-new"))
    assert bool(words) == (len(env.baseten.upserts) == before)
    return words


async def submit(env: Env, who: Who) -> str:
    """Submit the dialog."""
    told = len(_refusals(env, who))
    delivery = await env.slack.command("", user=who.user, channel=who.channel)
    if delivery.body:
        return str(delivery.body["text"])
    if words := await _verdict(
        env, who, told, lambda: any(view.updates for view in env.slack.views)
    ):
        return words
    values = chosen(RESEARCH) | typed("name", "from-dialog")
    delivery = await env.slack.submit(await dialog(env), values, user=who.user)
    if delivery.body:
        return str(delivery.body["errors"])
    return await _verdict(env, who, told, lambda: shows(env, "from-dialog"))


async def refresh(env: Env, who: Who) -> str:
    """Press *Refresh*."""
    message, told = await standing(env, who), len(_refusals(env, who))
    edits = message.edits
    await env.slack.action(message, "more", selected="refresh", user=who.user)
    return await _verdict(env, who, told, lambda: message.edits > edits)


async def jobs(env: Env, who: Who) -> str:
    """Press *Jobs*."""
    message, told = await standing(env, who), len(_refusals(env, who))
    await env.slack.action(message, "jobs", user=who.user)
    words = await _verdict(env, who, told, lambda: False)
    return "" if "*sft*" in words else words


async def watch(env: Env, who: Who) -> str:
    """Press *Watch*."""
    message, told = await standing(env, who), len(_refusals(env, who))
    await env.slack.action(message, "watch", user=who.user)
    return await _verdict(env, who, told, lambda: "stop_watching" in str(message.blocks))


async def near_name(env: Env, who: Who) -> str:
    """Press a button of a question that somebody else was asked: a copied button."""
    message = await standing(env, who)
    value = f'{{"team_id": "{RESEARCH}", "name": "from-button"}}'
    copied = copy(message)
    copied.ts = f"1700000000.{len(env.slack.requests):06}"  # the first click on a question counts
    button = {"type": "button", "action_id": "create_anyway", "value": value}
    copied.blocks = [{"type": "actions", "block_id": "b", "elements": [button]}]
    told = len(_refusals(env, who))
    await env.slack.action(copied, "create_anyway", user=who.user)
    return await _verdict(env, who, told, lambda: shows(env, "from-button"))


async def shortcut(env: Env, who: Who) -> str:
    """Open the dialog from the menu of a message, and look for the team in it."""
    message, told, before = await standing(env, who), len(_refusals(env, who)), len(env.slack.views)
    await env.slack.message_shortcut(FROM_MESSAGE, message, user=who.user)
    if words := await _verdict(
        env, who, told, lambda: len(env.slack.views) > before and env.slack.views[-1].updates
    ):
        return words
    offered = await env.slack.options(env.slack.views[-1], "team", "", user=who.user)
    return "" if "Research" in str(offered.body) else "no team that you can use"


async def suggestion(env: Env, who: Who) -> str:
    """Type into the team select of a dialog."""
    await env.slack.command("", user=DANA, channel=HERE)
    delivery = await env.slack.options(await dialog(env), "team", "", user=who.user)
    return "" if "Research" in str(delivery.body) else "no team"


def _is_whole_tab(view: View) -> bool:
    return view.payload["type"] == "home" and "Still waiting for Baseten" not in str(view.blocks)


async def home(env: Env, who: Who) -> str:
    """Open the home tab."""
    await env.slack.event({"type": "app_home_opened", "user": who.user, "tab": "home"})
    told = len(_refusals(env, who))
    await env.slack.until(
        lambda: (
            any(_is_whole_tab(view) for view in env.slack.views) or len(_refusals(env, who)) > told
        )
    )
    shown = str([view.blocks for view in env.slack.views])
    return "" if "sft" in shown else "no project"


async def step(env: Env, workflow_id: str, channel: str = HERE) -> str:
    """Let a workflow reach the step."""
    inputs = {"team": "research", "name": "from-step", "channel": channel}
    await env.slack.function_executed(STEP, inputs, workflow_id=workflow_id)
    await env.slack.until(lambda: bool(env.slack.completions))
    return env.slack.completions[-1].error or ""


Entry = Callable[[Env, Who], Awaitable[str]]
IN_A_CHANNEL: list[Entry] = [command, submit, refresh, jobs, watch, near_name, shortcut]
PRIVATE: list[Entry] = [suggestion]
