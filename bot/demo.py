"""``python -m bot demo [TEXT]``: the real bot between a Slack and a Baseten made of sand."""

import asyncio
import json
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pydantic import AnyHttpUrl, SecretStr

from bot.app import Tuning, running
from bot.journal.memory import MemoryJournal
from bot.logs import configure_logs
from bot.redaction import Redactor
from bot.sandbox import (
    Delivery,
    Ephemeral,
    PostedMessage,
    SandboxBaseten,
    SandboxSlack,
    View,
    furnish,
)
from bot.sandbox.slack_records import CHANNEL
from bot.sandbox.terminal import buttons, draw
from bot.settings import Settings
from bot.views.text import COMMAND
from bot.watching.poller import Pace

DEFAULT = "research llama-3-finetune"
BUILDER = "https://app.slack.com/block-kit-builder/#"
_PACE = Pace(fast=2.0, slow=5.0)  # nobody shares this Baseten, and somebody waits
_LONGEST_ANSWER = 60.0  # seconds


async def demo(text: str) -> int:
    """Send the command as Slack would, signed and over HTTP, and draw what comes back.

    Args:
        text: what is typed after the command; empty for the default, and for a prompt after it
            when there is a terminal.
    """
    async with SandboxBaseten() as baseten, SandboxSlack() as slack:
        furnish(baseten)
        settings = _settings(slack, baseten)
        configure_logs("error", None, Redactor(settings.secrets))
        async with running(settings, MemoryJournal(), Tuning(pace=_PACE)) as bot:
            serving = asyncio.create_task(bot.serve())
            slack.bot_url = bot.url
            await bot.health.ready()
            _say("A Slack and a Baseten on this machine, with the real bot between them.\n")
            person = _Person(slack)
            await person.type(text or DEFAULT)
            if not text and sys.stdin.isatty():
                await person.go_on()
            serving.cancel()
    return 0


def _settings(slack: SandboxSlack, baseten: SandboxBaseten) -> Settings:
    """Make settings that owe nothing to this machine's environment."""
    return Settings(
        slack_bot_token=SecretStr(slack.bot_token),
        slack_app_token=None,
        slack_signing_secret=SecretStr(slack.signing_secret),
        slack_api_url=AnyHttpUrl(slack.api_url),
        baseten_api_key=SecretStr(baseten.api_key),
        baseten_api_url=AnyHttpUrl(baseten.url),
        baseten_timeout=15,
        host="127.0.0.1",
        port=0,
        ask_near_names=True,
        log_level="error",
        log_format=None,
    )


@dataclass(slots=True)
class _Person:
    """Somebody in Slack, who types, presses and fills in, and looks at what the bot says."""

    slack: SandboxSlack
    seen: PostedMessage | Ephemeral | None = None

    async def type(self, text: str) -> None:
        """Type a command, and look at the answer."""
        _say(f"You typed   {COMMAND} {text}\n")
        await self._watch(self.slack.command(text))

    async def press(self, number: int) -> None:
        """Press a button of the last message by its number, and look at what comes of it."""
        shown = buttons(self.seen.blocks) if self.seen else []
        if not 0 < number <= len(shown):
            _say(f"There is no button {number}.\n")
            return
        button = shown[number - 1]
        if "url" in button:
            _say(f"In Slack this opens {button['url']}\n")
        elif self.seen is not None:
            await self._watch(self.slack.action(self.seen, button["action_id"]))

    async def go_on(self) -> None:
        """Take further commands until the end of the input."""
        _say(
            "Type what follows the command (help, a team and a name, a team alone for the dialog),"
        )
        _say("the number of a button to press it, or q to end.\n")
        _say('A job that is worth watching: "platform team" Qwen3 Long Context\n')
        listening = asyncio.create_task(self._listen())
        while (typed := await _ask(f"{COMMAND} ")) not in {None, "q"}:
            if typed and typed.isdecimal():
                await self.press(int(typed))
            else:
                await self.type(typed or "")
        listening.cancel()

    async def _listen(self) -> None:
        """Show what the bot says in threads, whenever it does."""
        heard: list[PostedMessage] = []
        while True:
            await self.slack.until(lambda: self._replies() != heard, timeout=float("inf"))
            for reply in self._replies()[len(heard) :]:
                _say("\n\nIn the thread of that answer:\n")
                _say(draw(reply.blocks, color=sys.stdout.isatty()))
                heard.append(reply)

    async def _watch(self, act: Coroutine[None, None, Delivery]) -> None:
        """Do something, wait for what the bot makes of it, and show that."""
        before = self._shown()
        await act
        await self.slack.until(lambda: not self._shown() <= before, timeout=_LONGEST_ANSWER)
        view = self.slack.views[-1] if self.slack.views else None
        if view is not None and not view.closed:
            await self._fill_in(view)
        else:
            self._look(before)

    def _replies(self) -> list[PostedMessage]:
        return [message for message in self.slack.messages if message.thread_ts]

    def _said(self) -> list[PostedMessage | Ephemeral]:
        answers = [message for message in self.slack.messages if not message.thread_ts]
        return [*answers, *self.slack.ephemerals]

    def _shown(self) -> set[tuple[str, int]]:
        """What there is to see now; a dialog counts when it is no longer loading."""
        views = {(view.id, view.updates) for view in self.slack.views if view.updates}
        return {(message.ts, message.edits) for message in self._said()} | views

    def _look(self, before: set[tuple[str, int]]) -> None:
        """Draw what is new."""
        new = [message for message in self._said() if (message.ts, message.edits) not in before]
        for message in new[-1:]:
            self.seen = message
            everyone = "everyone in #ml-training" if message in self.slack.messages else "you alone"
            _say(f"The bot answered {everyone}:\n")
            _say(draw(message.blocks, color=sys.stdout.isatty()))
            blocks = json.dumps({"blocks": message.blocks}, separators=(",", ":"))
            _say(f"\nThe same blocks, drawn by Slack: {BUILDER}{quote(blocks, safe='')}\n")

    async def _fill_in(self, view: View) -> None:
        """Ask for each field of a dialog, and submit it; an empty answer keeps what is there."""
        _say(f"The bot opened a dialog: {view.payload['title']['text']}\n")
        if not sys.stdin.isatty():
            return
        values: dict[str, dict[str, Any]] = {}
        for block in view.blocks:
            if block["type"] == "input":
                state = await self._field(view, block)
                if state:
                    values[block["block_id"]] = {block["element"]["action_id"]: state}
        before = self._shown()
        delivery = await self.slack.submit(view, values)
        if delivery.body:
            for problem in delivery.body.get("errors", {}).values():
                _say(f"The dialog says: {problem}\n")
            self.slack.close_view(view.id)
            return
        await self.slack.until(lambda: not self._shown() <= before, timeout=_LONGEST_ANSWER)
        self._look(before)

    async def _field(self, view: View, block: dict[str, Any]) -> dict[str, Any] | None:
        element = block["element"]
        if element["type"] == "conversations_select":
            return {"type": element["type"], "selected_conversation": CHANNEL}
        filled = element.get("initial_option", {}).get("text", {}).get("text")
        label = block["label"]["text"] + (f" [{filled}]" if filled else "")
        typed = await _ask(f"  {label}: ")
        if not typed:
            return None
        if element["type"] != "external_select":
            return {"type": element["type"], "value": typed}
        found = (await self.slack.options(view, element["action_id"], typed)).body["options"]
        _say("  " + (", ".join(each["text"]["text"] for each in found) or "No team matches."))
        return {"type": element["type"], "selected_option": found[0]} if found else None


async def _ask(prompt: str) -> str | None:
    """Read a line from the terminal; None at its end."""
    try:
        return (await asyncio.to_thread(input, prompt)).strip()
    except EOFError:
        return None


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
