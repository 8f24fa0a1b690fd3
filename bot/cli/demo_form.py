"""Fill in and submit any dialog of the bot."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from bot.cli.demo_field import FieldPrompt, LeftError, State, default_state
from bot.sandbox.slack.block_kit import with_ids
from bot.sandbox.slack.payloads import STATE_FIELDS, element_state
from bot.sandbox.slack.records import Delivery, View

_Block: TypeAlias = dict[str, Any]
_LONGEST_UPDATE = 5.0  # seconds, until the bot changes a dialog after a choice


@dataclass(slots=True)
class Form:
    """A dialog, and the content of its fields.

    Attributes:
        view: the dialog.
        field_prompt: asks for each field.
    """

    view: View
    field_prompt: FieldPrompt
    _states: dict[tuple[str, str], State] = field(default_factory=dict)

    async def fill_in(self) -> bool:
        """Ask for the fields and submit, until the bot accepts; return False if the user leaves."""
        ask, screen = self.field_prompt, self.field_prompt.screen
        screen.say("  Enter keeps a field, - empties it, Ctrl-D leaves the dialog.", "dim")
        try:
            while await self._ask():
                delivery = await ask.slack.submit(self.view, self._values())
                if not self._complain(delivery):
                    return True
        except LeftError:
            pass
        await ask.slack.leave(self.view)
        screen.say("You left the dialog.\n")
        return False

    async def _ask(self) -> bool:
        """Ask for all fields, or, without a field, whether to submit."""
        if not self._inputs():
            label = self.view.payload["submit"]["text"]
            answer = await self.field_prompt.prompt.ask(f"  {label}? y or n: ")
            return answer in {"y", "yes"}
        done = 0
        while len(inputs := self._inputs()) > done:
            await self._ask_field(inputs[done])  # which can replace the fields after it
            done += 1
        return True

    async def _ask_field(self, block: _Block) -> None:
        element = block["element"]
        key = (block["block_id"], element["action_id"])
        default = default_state(element)
        if default is not None and not element.get("initial_conversation"):
            self._states.setdefault(key, default)
        current = self._states.get(key) or element_state(element) or {}
        label = block["label"]["text"] + (" (optional)" if block.get("optional") else "")
        state = await self.field_prompt.ask(self.view, label, element, current)
        if state is None:
            return
        self._states[key] = state
        if block.get("dispatch_action"):
            await self._report(block, state)

    async def _report(self, block: _Block, state: State) -> None:
        """Send a choice that the bot hears of at once, and wait for its change of the dialog."""
        slack, view = self.field_prompt.slack, self.view
        updates, kind = view.updates, STATE_FIELDS[block["element"]["type"]]
        await slack.action(
            view,
            block["element"]["action_id"],
            value=state[kind] if kind == "value" else None,
            selected=None if kind == "value" else state[kind],
            values=self._values(),
            block_id=block["block_id"],
        )
        try:
            await slack.until(lambda: view.updates > updates, timeout=_LONGEST_UPDATE)
        except TimeoutError:
            return

    def _complain(self, delivery: Delivery) -> bool:
        """Print the errors of a submission, and return whether the dialog is still to fill in."""
        screen = self.field_prompt.screen
        if delivery.refused is not None:
            screen.say(f"Slack cannot show the bot's answer: {delivery.refused}\n", "bold red")
            return False
        if self.view.closed:
            return False
        errors = delivery.body.get("errors", {}) if isinstance(delivery.body, dict) else {}
        labels = {each["block_id"]: each["label"]["text"] for each in self._inputs()}
        for block_id, problem in errors.items():
            screen.say(f"  {labels.get(block_id, block_id)}: {problem}", "bold red")
        if not errors:  # the bot has replaced the dialog
            self._states.clear()
            screen.view(self.view)
        return bool(errors) or self.view.payload.get("submit") is not None

    def _inputs(self) -> list[_Block]:
        return [block for block in with_ids(self.view.blocks) if block["type"] == "input"]

    def _values(self) -> dict[str, dict[str, State]]:
        """Return the states of the fields that the dialog still has."""
        here = {(each["block_id"], each["element"]["action_id"]) for each in self._inputs()}
        values: dict[str, dict[str, State]] = {}
        for (block_id, action_id), state in self._states.items():
            if (block_id, action_id) in here:
                values.setdefault(block_id, {})[action_id] = state
        return values
