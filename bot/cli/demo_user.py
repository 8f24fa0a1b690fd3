"""The user of the demo, who types commands, presses buttons and fills in dialogs."""

import asyncio
import json
import sys
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from bot.cli.prompt import ask, print_line
from bot.cli.terminal import buttons, draw, hyperlink
from bot.sandbox.baseten.server import SandboxBaseten
from bot.sandbox.faults import Delay, Fault, Respond
from bot.sandbox.slack.records import CHANNEL, Delivery, Ephemeral, PostedMessage, View
from bot.sandbox.slack.server import SandboxSlack

BUILDER = "https://app.slack.com/block-kit-builder/#"
_LONGEST_ANSWER = 60.0  # seconds
_LONGEST_REFUSED = 10.0  # seconds, while Slack refuses all messages
_SLOW_NOTE = "⏳ Still"  # the first words of the note about a slow answer
_SENDING = r"/api/chat\.(postMessage|postEphemeral|update)|/response/.*"
_FAULTS: dict[str, tuple[str, str, Fault]] = {
    "break baseten": ("baseten", ".*", Respond(502, body=b"Bad gateway")),
    "slow baseten": ("baseten", ".*", Delay(4)),
    "break slack": ("slack", _SENDING, Respond(429, headers={"Retry-After": "3"})),
}
_INTRO = """\
Type the words after the command: help, a team and a project, or only a team for the dialog.
Type the number of a button to press it, b for the address of the blocks, or q to quit.
To watch a job that runs: "platform team" Qwen3 Long Context
To see a job that fails, with a key in its log: research tool-use-sft
To break things: break baseten, slow baseten, or break slack. To repair them: mend
"""


@dataclass(slots=True)
class DemoUser:
    """Type commands, and draw the answers.

    Attributes:
        slack: the user's Slack.
        baseten: the bot's Baseten, which the user can break.
        command: the slash command.
        interactive: the demo reads further commands from standard input.
        seen: the last message with buttons.
        blocks: the blocks of the last drawn message.
    """

    slack: SandboxSlack
    baseten: SandboxBaseten
    command: str
    interactive: bool = False
    seen: PostedMessage | Ephemeral | None = None
    blocks: list[dict[str, Any]] = field(default_factory=list)
    _drawn: set[tuple[str, int]] = field(default_factory=set)
    _busy: bool = False
    _refusing: bool = False

    async def type(self, text: str) -> None:
        """Type a command, and draw the answer."""
        print_line(f"You typed   {self.command} {text}\n")
        await self._watch(self.slack.command(text))

    async def press(self, number: int) -> None:
        """Press a button of the last message with buttons, and draw the answer."""
        shown = buttons(self.seen.blocks) if self.seen else []
        if not 0 < number <= len(shown):
            print_line(f"There is no button {number}.\n")
            return
        button = shown[number - 1]
        if "url" in button:
            print_line(f"In Slack this opens {button['url']}\n")
        elif self.seen is not None:
            menu = button.get("type") != "button"  # an option of it
            chosen = button["value"] if menu else None
            await self._watch(self.slack.action(self.seen, button["action_id"], selected=chosen))

    async def read_commands(self) -> None:
        """Read commands until the end of the input."""
        self.interactive = True
        if sys.stdin.isatty():
            print_line(_INTRO)
        listening = asyncio.create_task(self._listen())
        while (typed := await ask(self._prompt)) not in {None, "q", "quit", "exit"}:
            await self._do(typed or "")
        listening.cancel()

    async def _do(self, typed: str) -> None:
        if typed.isdecimal():
            await self.press(int(typed))
        elif typed == "b":
            print_line(f"{_address(self.blocks)}\n")
        elif typed == "mend" or typed in _FAULTS:
            self._break(typed)
        else:
            await self.type(typed)

    def _break(self, word: str) -> None:
        """Make one of the two services fail from now on, or repair both."""
        self.slack.faults.clear()
        self.baseten.faults.clear()
        self._refusing = word == "break slack"
        if word not in _FAULTS:
            print_line("Both services work again.\n")
            return
        which, path, fault = _FAULTS[word]
        (self.slack if which == "slack" else self.baseten).faults.always(path, fault)
        print_line("Done, until you type mend.\n")

    @property
    def _prompt(self) -> str:
        return f"{self.command} " if sys.stdin.isatty() else ""

    async def _listen(self) -> None:
        """Draw the messages and updates that the bot sends by itself."""
        while True:
            await self.slack.until(
                lambda: not self._busy and bool(self._unseen()), timeout=float("inf")
            )
            print_line("\n")
            self._draw_new()
            sys.stdout.write(self._prompt)
            sys.stdout.flush()

    async def _watch(self, act: Coroutine[None, None, Delivery]) -> None:
        """Perform an action, and draw the bot's answer."""
        self._busy = True
        views = self._views()
        await act
        await self._wait_for_answer(views)
        view = self.slack.views[-1] if self.slack.views else None
        if view is not None and not view.closed and self._views() != views:
            await self._fill_in(view)
        self._busy = False

    async def _wait_for_answer(self, views: set[tuple[str, int]]) -> None:
        """Wait for an answer or a dialog, and draw new messages."""
        longest = _LONGEST_REFUSED if self._refusing else _LONGEST_ANSWER
        waiting = True
        with suppress(TimeoutError):
            while waiting:
                await self.slack.until(
                    lambda: bool(self._unseen()) or self._views() != views, timeout=longest
                )
                unseen = self._unseen()
                waiting = bool(unseen) and all(each.text.startswith(_SLOW_NOTE) for each in unseen)
                self._draw_new()
        if waiting:
            print_line("No answer yet. The bot keeps trying; type mend to repair the services.\n")

    def _messages(self) -> list[PostedMessage | Ephemeral]:
        return [*self.slack.messages, *self.slack.ephemerals]

    def _unseen(self) -> list[PostedMessage | Ephemeral]:
        return [each for each in self._messages() if (each.ts, each.edits) not in self._drawn]

    def _views(self) -> set[tuple[str, int]]:
        """Return the dialogs that are no longer loading."""
        return {(view.id, view.updates) for view in self.slack.views if view.updates}

    def _draw_new(self) -> None:
        """Draw new messages; for one that the bot updated by itself, print only a summary."""
        for message in self._unseen():
            known = any(ts == message.ts for ts, _ in self._drawn)
            self._drawn.add((message.ts, message.edits))
            if buttons(message.blocks):
                self.seen = message
            if known and not self._busy:
                print_line(f"The bot updated its answer: {_summary(message)}\n")
            else:
                self._draw(message)

    def _draw(self, message: PostedMessage | Ephemeral) -> None:
        self.blocks = message.blocks
        if isinstance(message, Ephemeral):
            print_line("The bot answered you alone:\n")
        elif message.thread_ts:
            print_line("In the thread of that answer:\n")
        else:
            print_line("The bot answered everyone in #ml-training:\n")
        print_line(draw(message.blocks, color=sys.stdout.isatty()))
        if message in self.slack.messages and message.thread_ts and sys.stdout.isatty():
            print_line("")
        elif sys.stdout.isatty():
            print_line(
                "\n" + hyperlink("The same blocks, drawn by Slack", _address(message.blocks))
            )
            print_line("")
        else:
            print_line(f"\nThe same blocks, drawn by Slack: {_address(message.blocks)}\n")

    async def _fill_in(self, view: View) -> None:
        """Ask for each field of a dialog, and submit it; an empty input keeps a field's value."""
        print_line(f"The bot opened a dialog: {view.payload['title']['text']}\n")
        if not any(block["type"] == "input" for block in view.blocks):
            print_line(draw(view.blocks, color=sys.stdout.isatty()) + "\n")
        if not self.interactive:
            return
        submit = view.payload.get("submit")
        if submit is None or not await self._wants(view, submit["text"]):
            await self.slack.leave(view)
            return
        values: dict[str, dict[str, Any]] = {}
        done = 0
        while len(fields := [block for block in view.blocks if block["type"] == "input"]) > done:
            block = fields[done]  # the choice of a team replaces the fields after it
            done += 1
            state = await self._field(view, block)
            if not state:
                continue
            values[block["block_id"]] = {block["element"]["action_id"]: state}
            if block.get("dispatch_action"):
                updates = view.updates
                await self.slack.action(
                    view, block["element"]["action_id"], selected=state["selected_option"]
                )
                await self.slack.until(lambda: view.updates > updates)  # noqa: B023 - awaited here
        delivery = await self.slack.submit(view, values)
        if delivery.body:
            for problem in delivery.body.get("errors", {}).values():
                print_line(f"The dialog says: {problem}\n")
            self.slack.close_view(view.id)
            return
        await self._wait_for_answer(self._views())

    async def _wants(self, view: View, label: str) -> bool:
        """Return whether to submit a dialog; one without fields is a question."""
        if any(block["type"] == "input" for block in view.blocks):
            return True
        return await ask(f"  {label}? y or n: ") in {"y", "yes"}

    async def _field(self, view: View, block: dict[str, Any]) -> dict[str, Any] | None:
        element = block["element"]
        if element["type"] == "conversations_select":
            return {"type": element["type"], "selected_conversation": CHANNEL}
        filled = element.get("initial_option", {}).get("text", {}).get("text")
        label = block["label"]["text"] + (f" [{filled}]" if filled else "")
        while typed := await ask(f"  {label}: "):
            if element["type"] != "external_select":
                return {"type": element["type"], "value": typed}
            found = (await self.slack.options(view, element["action_id"], typed)).body["options"]
            if (option := await _choose(found)) is not None:
                return {"type": element["type"], "selected_option": option}
        return None


async def _choose(options: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the option that the user chooses, the first for an empty input; None without one."""
    shown = [f"{number} {each['text']['text']}" for number, each in enumerate(options, 1)]
    print_line("  " + (", ".join(shown) or "Nothing matches."))
    if len(options) < 2:  # noqa: PLR2004 - a choice needs two
        return options[0] if options else None
    number = await ask("  Number [1]: ") or "1"
    if number.isdecimal() and 0 < int(number) <= len(options):
        return options[int(number) - 1]
    return None


def _summary(message: PostedMessage | Ephemeral) -> str:
    """Return the first line, which says the status."""
    return draw(message.blocks, color=False).replace("│", "").split("\n")[0].strip()


def _address(blocks: list[dict[str, Any]]) -> str:
    """Return the address of these blocks in Slack's Block Kit Builder."""
    content = json.dumps({"blocks": blocks}, separators=(",", ":"))
    return f"{BUILDER}{quote(content, safe='')}"
