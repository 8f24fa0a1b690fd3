"""Somebody in the demo's Slack, who types, presses and fills in, and looks at what the bot says."""

import asyncio
import json
import sys
import threading
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from bot.cli.terminal import buttons, draw, hyperlink
from bot.sandbox.baseten.server import SandboxBaseten
from bot.sandbox.faults import Delay, Fault, Respond
from bot.sandbox.slack.records import CHANNEL, Delivery, Ephemeral, PostedMessage, View
from bot.sandbox.slack.server import SandboxSlack

BUILDER = "https://app.slack.com/block-kit-builder/#"
_LONGEST_ANSWER = 60.0  # seconds
_LONGEST_REFUSED = 10.0  # seconds, where Slack takes no answer until it is mended
_STILL = "⏳ Still"  # begins the note that the answer takes longer
_SENDING = r"/api/chat\.(postMessage|postEphemeral|update)|/response/.*"
_BREAKS: dict[str, tuple[str, str, Fault]] = {
    "break baseten": ("baseten", ".*", Respond(502, body=b"Bad gateway")),
    "slow baseten": ("baseten", ".*", Delay(4)),
    "break slack": ("slack", _SENDING, Respond(429, headers={"Retry-After": "3"})),
}
_INTRO = """\
Type what follows the command (help, a team and a name, a team alone for the dialog),
the number of a button to press it, b for the address of the blocks, or q to end.
A job that is worth watching: "platform team" Qwen3 Long Context
One that fails, with a key in its log: research tool-use-sft
Break things: break baseten, slow baseten, break slack; mend makes all well again.
"""


@dataclass(slots=True)
class DemoUser:
    """Type commands, and draw what comes back.

    Attributes:
        slack: where the person is.
        baseten: which the person can break.
        command: the slash command.
        going_on: whether there is somebody, or a pipe, to ask for more.
        seen: the last message with buttons.
        blocks: what was drawn last.
    """

    slack: SandboxSlack
    baseten: SandboxBaseten
    command: str
    going_on: bool = False
    seen: PostedMessage | Ephemeral | None = None
    blocks: list[dict[str, Any]] = field(default_factory=list)
    _drawn: set[tuple[str, int]] = field(default_factory=set)
    _busy: bool = False
    _refusing: bool = False

    async def type(self, text: str) -> None:
        """Type a command, and look at the answer."""
        _say(f"You typed   {self.command} {text}\n")
        await self._watch(self.slack.command(text))

    async def press(self, number: int) -> None:
        """Press a button of the last message that has any, and look at what comes of it."""
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
        self.going_on = True
        if sys.stdin.isatty():
            _say(_INTRO)
        listening = asyncio.create_task(self._listen())
        while (typed := await _ask(self._prompt)) not in {None, "q", "quit", "exit"}:
            await self._do(typed or "")
        listening.cancel()

    async def _do(self, typed: str) -> None:
        if typed.isdecimal():
            await self.press(int(typed))
        elif typed == "b":
            _say(f"{_address(self.blocks)}\n")
        elif typed == "mend" or typed in _BREAKS:
            self._break(typed)
        else:
            await self.type(typed)

    def _break(self, word: str) -> None:
        """Let one of the two services fail from now on, or neither."""
        self.slack.faults.clear()
        self.baseten.faults.clear()
        self._refusing = word == "break slack"
        if word not in _BREAKS:
            _say("All is well again.\n")
            return
        which, path, fault = _BREAKS[word]
        (self.slack if which == "slack" else self.baseten).faults.always(path, fault)
        _say("Done, until you type mend.\n")

    @property
    def _prompt(self) -> str:
        return f"{self.command} " if sys.stdin.isatty() else ""

    async def _listen(self) -> None:
        """Show what the bot says and changes by itself, whenever it does."""
        while True:
            await self.slack.until(
                lambda: not self._busy and bool(self._unseen()), timeout=float("inf")
            )
            _say("\n")
            self._look()
            sys.stdout.write(self._prompt)
            sys.stdout.flush()

    async def _watch(self, act: Coroutine[None, None, Delivery]) -> None:
        """Do something, wait for what the bot makes of it, and show that."""
        self._busy = True
        views = self._views()
        await act
        await self._answered(views)
        view = self.slack.views[-1] if self.slack.views else None
        if view is not None and not view.closed and self._views() != views:
            await self._fill_in(view)
        self._busy = False

    async def _answered(self, views: set[tuple[str, int]]) -> None:
        """Wait for the answer, or for a dialog, and draw what is new."""
        longest = _LONGEST_REFUSED if self._refusing else _LONGEST_ANSWER
        idle_env = True
        with suppress(TimeoutError):
            while idle_env:
                await self.slack.until(
                    lambda: bool(self._unseen()) or self._views() != views, timeout=longest
                )
                unseen = self._unseen()
                idle_env = bool(unseen) and all(each.text.startswith(_STILL) for each in unseen)
                self._look()
        if idle_env:
            _say("No answer yet: it is kept, and shown once it comes. To help it, type mend.\n")

    def _said(self) -> list[PostedMessage | Ephemeral]:
        return [*self.slack.messages, *self.slack.ephemerals]

    def _unseen(self) -> list[PostedMessage | Ephemeral]:
        return [each for each in self._said() if (each.ts, each.edits) not in self._drawn]

    def _views(self) -> set[tuple[str, int]]:
        """The dialogs there are; one counts when it is no longer loading."""
        return {(view.id, view.updates) for view in self.slack.views if view.updates}

    def _look(self) -> None:
        """Draw what is new; of an answer that changed by itself, only say so."""
        for message in self._unseen():
            known = any(ts == message.ts for ts, _ in self._drawn)
            self._drawn.add((message.ts, message.edits))
            if buttons(message.blocks):
                self.seen = message
            if known and not self._busy:
                _say(f"The answer changed too: {_gist(message)}\n")
            else:
                self._draw(message)

    def _draw(self, message: PostedMessage | Ephemeral) -> None:
        self.blocks = message.blocks
        if isinstance(message, Ephemeral):
            _say("The bot answered you alone:\n")
        elif message.thread_ts:
            _say("In the thread of that answer:\n")
        else:
            _say("The bot answered everyone in #ml-training:\n")
        _say(draw(message.blocks, color=sys.stdout.isatty()))
        if message in self.slack.messages and message.thread_ts and sys.stdout.isatty():
            _say("")
        elif sys.stdout.isatty():
            _say("\n" + hyperlink("The same blocks, drawn by Slack", _address(message.blocks)))
            _say("")
        else:
            _say(f"\nThe same blocks, drawn by Slack: {_address(message.blocks)}\n")

    async def _fill_in(self, view: View) -> None:
        """Ask for each field of a dialog, and submit it; an empty answer keeps what is there."""
        _say(f"The bot opened a dialog: {view.payload['title']['text']}\n")
        if not self.going_on:
            return
        values: dict[str, dict[str, Any]] = {}
        for block in view.blocks:
            if block["type"] == "input":
                state = await self._field(view, block)
                if state:
                    values[block["block_id"]] = {block["element"]["action_id"]: state}
        delivery = await self.slack.submit(view, values)
        if delivery.body:
            for problem in delivery.body.get("errors", {}).values():
                _say(f"The dialog says: {problem}\n")
            self.slack.close_view(view.id)
            return
        await self._answered(self._views())

    async def _field(self, view: View, block: dict[str, Any]) -> dict[str, Any] | None:
        element = block["element"]
        if element["type"] == "conversations_select":
            return {"type": element["type"], "selected_conversation": CHANNEL}
        filled = element.get("initial_option", {}).get("text", {}).get("text")
        label = block["label"]["text"] + (f" [{filled}]" if filled else "")
        while typed := await _ask(f"  {label}: "):
            if element["type"] != "external_select":
                return {"type": element["type"], "value": typed}
            found = (await self.slack.options(view, element["action_id"], typed)).body["options"]
            _say("  " + (", ".join(each["text"]["text"] for each in found) or "No team matches."))
            if found:
                return {"type": element["type"], "selected_option": found[0]}
        return None


def _gist(message: PostedMessage | Ephemeral) -> str:
    """Return the line of an answer that tells the job's status, else its first."""
    lines = draw(message.blocks, color=False).replace("│", "").split("\n")
    job = next((at for at, line in enumerate(lines) if "Latest job" in line), -1)
    return lines[job + 1].strip()


def _address(blocks: list[dict[str, Any]]) -> str:
    """Return where Slack's Block Kit Builder draws these blocks."""
    said = json.dumps({"blocks": blocks}, separators=(",", ":"))
    return f"{BUILDER}{quote(said, safe='')}"


async def _ask(prompt: str) -> str | None:
    """Read a line; None at the end of the input.

    In a thread that nobody waits for: one that reads cannot be stopped, and Ctrl-C must end it all.
    """
    loop = asyncio.get_running_loop()
    typed: asyncio.Future[str | None] = loop.create_future()

    def tell(line: str | None) -> None:
        if not typed.done():
            typed.set_result(line)

    def read() -> None:
        line = _line(prompt)
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell, line)

    threading.Thread(target=read, daemon=True).start()
    return await typed


def _line(prompt: str) -> str | None:
    if sys.stdin.isatty() and sys.stdout.isatty():
        try:
            return input(prompt).strip()
        except EOFError:
            return None
    sys.stdout.write(prompt)
    sys.stdout.flush()
    # Without a buffer, whose lock would be held when Ctrl-C ends the process.
    with open(0, "rb", buffering=0, closefd=False) as keys:
        read = keys.readline()
    return read.decode(errors="replace").strip() if read else None


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
