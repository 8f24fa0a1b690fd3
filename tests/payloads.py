"""Payloads of each kind that Slack sends to the bot, in ``tests/data/payloads``.

``python -m tests.payloads`` writes them again, from the sandbox.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bot.listeners.dialog import FROM_ANYWHERE, FROM_MESSAGE
from bot.listeners.workflow_step import STEP
from bot.sandbox import Delivery, SandboxBaseten, SandboxSlack
from bot.views.home import HOME_OPEN
from bot.views.project import MORE, MORE_REFRESH
from tests.conftest import RESEARCH, Env
from tests.scenarios.filled import chosen, dialog, option, typed

FOLDER = Path(__file__).parent / "data" / "payloads"
PROJECT = "yqvj7q3"
Payload = dict[str, Any]


def read_payloads() -> dict[str, tuple[str, Payload]]:
    """Return the kind and the content of each, by name."""
    found = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
    return {name: (each["kind"], each["payload"]) for name, each in found.items()}


def paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of each value inside of another, except of blocks."""
    inner: Any = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    for key, item in inner:
        yield (*path, key)
        if key != "blocks":
            yield from paths(item, (*path, key))


async def deliver_each(env: Env) -> dict[str, Delivery]:
    """Do everything that a person can do, once."""
    slack = env.slack
    found = {"command": await slack.command("research sft")}
    await env.answered()
    (message,) = slack.messages
    for button in ("jobs", "more", "watch", "stop_watching", "open_logs"):
        await slack.until(lambda name=button: f'"{name}"' in json.dumps(message.blocks))  # type: ignore[misc]
        selected = MORE_REFRESH if button == MORE else None
        found[button] = await slack.action(message, button, selected=selected)
    await slack.command("research customer-suport-sft")
    await slack.until(lambda: any("use_existing" in str(each.blocks) for each in slack.ephemerals))
    question = next(each for each in slack.ephemerals if "use_existing" in str(each.blocks))
    found["use_existing"] = await slack.action(question, "use_existing")
    found["shortcut"] = await slack.shortcut(FROM_ANYWHERE)
    found["message_shortcut"] = await slack.message_shortcut(FROM_MESSAGE, message)
    await slack.command("")
    view = await dialog(env)
    found["suggestion"] = await slack.options(view, "team", "res")
    found["submission"] = await slack.submit(view, chosen(RESEARCH) | typed("name", "other"))
    views = len(slack.views)
    await slack.command("")
    await slack.until(lambda: len(slack.views) > views)
    found["choose_team"] = await slack.action(await dialog(env), "team", selected=option(RESEARCH))
    opened = {
        "type": "app_home_opened",
        "user": "U0SANDBOX1",
        "tab": "home",
        "channel": "D0SANDBOX1",
    }
    found["home"] = await slack.event(opened)
    await slack.until(lambda: any(each.payload["type"] == "home" for each in slack.views))
    home = next(each for each in slack.views if each.payload["type"] == "home")
    found["home_button"] = await slack.action(home, HOME_OPEN)
    url = f"https://app.baseten.co/training/{PROJECT}"
    found["link"] = await slack.link_shared(slack.paste(url))
    inputs = {"team": "research", "name": "sft", "channel": "C0SANDBOX1", "person": "dana"}
    found["step"] = await slack.function_executed(STEP, inputs, workflow_id="Wf0NIGHTLY")
    return found


async def write_payloads() -> None:
    """Write all files."""
    FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        async with SandboxSlack() as slack, SandboxBaseten() as baseten:
            baseten.add_team("Research", id=RESEARCH)
            baseten.add_job(baseten.add_project(RESEARCH, "sft", id=PROJECT)["id"])
            baseten.add_project(RESEARCH, "customer-support-sft")
            env = Env(slack, baseten, Path(folder))
            slack.scopes = (*slack.scopes, "links:read", "links:write")
            async with env.running():
                found = await deliver_each(env)
    for name, delivery in found.items():
        events = dict.fromkeys(("home", "link", "step"), "events_api")
        kind = events.get(name, "slash_commands" if name == "command" else "interactive")
        text = json.dumps(
            {"kind": kind, "payload": delivery.payload},
            ensure_ascii=False,
            indent=1,
        )
        shown = text.replace(slack.url, "https://hooks.slack.com")
        (FOLDER / f"{name}.json").write_text(f"{shown}\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(write_payloads())
