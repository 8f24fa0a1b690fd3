"""The user of the demo, who types commands, presses buttons and fills in dialogs."""

from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from bot.cli.controls import Control, controls
from bot.cli.demo_field import FieldPrompt, LeftError, Source
from bot.cli.demo_form import Form
from bot.cli.inbox import Inbox, Seen, address, summary
from bot.cli.prompt import Prompt
from bot.cli.screen import Screen
from bot.sandbox.slack.payloads import STATE_FIELDS
from bot.sandbox.slack.records import USER, Ephemeral, PostedMessage, View
from bot.sandbox.slack.server import SandboxSlack
from bot.views.installation import Installation

_LONGEST_ANSWER = 60.0  # seconds
_LONGEST_REFUSED = 10.0  # seconds, while Slack refuses all messages
_SLOW_NOTE = "⏳ Still"  # the first words of the note about a slow answer


@dataclass(slots=True)
class DemoUser:
    """Act in Slack, and draw the answers.

    Attributes:
        slack: the user's Slack.
        screen: the screen.
        prompt: the input.
        installation: the names of the commands.
        interactive: the user can fill in dialogs.
        patient: the bot can send its messages; False while the user makes Slack refuse them.
        seen: the last message or view with controls.
        blocks: the blocks of the last drawn message.
    """

    slack: SandboxSlack
    screen: Screen
    prompt: Prompt
    installation: Installation = field(default_factory=Installation)
    interactive: bool = False
    patient: bool = True
    seen: Source | None = None
    blocks: list[dict[str, Any]] = field(default_factory=list)
    _inbox: Inbox = field(init=False)
    _busy: bool = False

    def __post_init__(self) -> None:
        self._inbox = Inbox(self.slack)

    async def type(self, line: str) -> None:
        """Type a slash command, or the words after the first one, and draw the answer."""
        command, _, text = line.partition(" ")
        if not line.startswith("/"):
            command, text = self.installation.command, line
        if command not in {self.installation.command, self.installation.jobs_command}:
            self.screen.say(f"This Slack has no command {command}. help lists what it has.\n")
            return
        self.screen.say(f"You typed {command} {text}".rstrip(), "bold")
        await self._act(self.slack.command(text.strip(), command=command))

    async def open_home(self) -> None:
        """Look at the home tab of the bot."""
        event = {"type": "app_home_opened", "user": USER, "channel": f"D{USER[1:]}", "tab": "home"}
        home = self._inbox.home()
        self.seen = home if home is not None else self.seen
        await self._act(self.slack.event(event))

    async def press(self, number: int) -> None:
        """Press a button, or choose from a menu, and draw the answer."""
        shown = controls(self.seen.blocks) if self.seen else []
        if self.seen is None or not 0 < number <= len(shown):
            self.screen.say(f"There is no button {number}.\n")
            return
        control = shown[number - 1]
        if control.url:
            self.screen.say(f"In Slack this opens {control.url}\n")
            return
        with suppress(LeftError):
            if await self._is_sure(control):
                await self._use(self.seen, control)

    async def listen(self) -> None:
        """Draw the messages and updates that the bot sends by itself."""
        while True:
            await self.slack.until(self._has_news, timeout=float("inf"))
            with self.prompt.above():
                self._draw_news()

    async def _use(self, source: Source, control: Control) -> None:
        """Send the press or the choice to the bot."""
        element, kind = control.element, STATE_FIELDS.get(control.element["type"])
        value, selected = element.get("value"), control.option and control.option["value"]
        if control.asks and kind is not None:
            state = await self._field_prompt().ask(source, control.label, element, {})
            if state is None:
                return
            value, selected = (state[kind], None) if kind == "value" else (None, state[kind])
        act = self.slack.action(
            source,
            element["action_id"],
            value=value,
            selected=selected,
            block_id=control.block_id,
        )
        await self._act(act)

    async def _is_sure(self, control: Control) -> bool:
        """Return whether the user confirms a control that needs it."""
        confirm = control.element.get("confirm")
        if not confirm:
            return True
        answer = await self.prompt.ask(f"  {confirm['text']['text']} y or n: ")
        return answer in {"y", "yes"}

    async def _act(self, act: Coroutine[None, None, object]) -> None:
        """Perform an action, and draw the bot's answer."""
        self._busy = True
        try:
            before = self._inbox.state()
            await act
            await self._wait_for_answer(before)
            while (view := self._inbox.new_modal(before)) is not None:
                before = self._inbox.state()
                if await self._show_modal(view):
                    await self._wait_for_answer(before)
        finally:
            self._busy = False

    async def _wait_for_answer(self, before: Seen) -> None:
        """Wait for an answer or a dialog, and draw the news."""
        longest = _LONGEST_ANSWER if self.patient else _LONGEST_REFUSED
        try:
            while await self._is_slow_note(before, longest):
                before = self._inbox.state()
        except TimeoutError:
            self.screen.say("No answer yet. The bot keeps trying; type mend to repair both.\n")

    async def _is_slow_note(self, before: Seen, longest: float) -> bool:
        """Wait for news and draw them; return whether they only say that the answer is slow."""
        await self.slack.until(lambda: self._inbox.changed(before), timeout=longest)
        unseen = self._inbox.unseen()
        self._draw_news()
        return bool(unseen) and all(each.text.startswith(_SLOW_NOTE) for each in unseen)

    async def _show_modal(self, view: View) -> bool:
        """Draw a modal, fill it in, and return whether it was submitted."""
        self.screen.say(f"The bot opened a dialog: {view.payload['title']['text']}")
        self.screen.view(view)
        submit = view.payload.get("submit")
        if controls(view.blocks) and submit is None:
            self.seen = view
        elif submit is None or not self.interactive:
            await self.slack.leave(view)
        else:
            return await Form(view, self._field_prompt()).fill_in()
        return False

    def _field_prompt(self) -> FieldPrompt:
        return FieldPrompt(self.slack, self.screen, self.prompt)

    def _has_news(self) -> bool:
        if self._busy:
            return False
        return bool(self._inbox.unseen()) or (
            self.seen is self._inbox.home() and self._inbox.home_changed()
        )

    def _draw_news(self) -> None:
        """Draw new messages; for one that the bot updated by itself, print only a summary."""
        for message in self._inbox.unseen():
            known = self._inbox.knows(message)
            self._inbox.take(message)
            if controls(message.blocks):
                self.seen = message
            if known and not self._busy:
                self.screen.say(f"The bot updated its message: {summary(message)}")
            else:
                self._draw(message)
        home = self._inbox.home()
        if home is not None and self._inbox.home_changed() and (self._busy or self.seen is home):
            self._inbox.take_home()
            self.seen, self.blocks = home, home.blocks
            self.screen.view(home)
            self.screen.say()

    def _draw(self, message: PostedMessage | Ephemeral) -> None:
        self.blocks = message.blocks
        self.screen.message(message)
        if self.screen.console.is_terminal or not self.interactive:
            self.screen.link("The same blocks, drawn by Slack (or type b)", address(self.blocks))
        self.screen.say()
