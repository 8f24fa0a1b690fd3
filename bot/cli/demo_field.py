"""Ask the user of the demo for the content of one field."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from bot.cli.drawing import state_text
from bot.cli.prompt import Prompt
from bot.cli.screen import Screen
from bot.sandbox.slack.payloads import STATE_FIELDS
from bot.sandbox.slack.records import CHANNEL, Ephemeral, PostedMessage, View
from bot.sandbox.slack.server import SandboxSlack

State: TypeAlias = dict[str, Any]
Source: TypeAlias = PostedMessage | Ephemeral | View
_Choices: TypeAlias = list[tuple[str, Any]]  # each with its label
_MOST_LISTED = 10
_CLEAR = "-"


class LeftError(Exception):
    """The user has left the dialog with Ctrl-D."""


@dataclass(frozen=True, slots=True)
class FieldPrompt:
    """Ask for a text, or list the choices.

    Attributes:
        slack: the user's Slack.
        screen: the screen.
        prompt: the input.
    """

    slack: SandboxSlack
    screen: Screen
    prompt: Prompt

    async def ask(
        self, source: Source, label: str, element: dict[str, Any], current: State
    ) -> State | None:
        """Return the new state of a field; None if the user keeps the current one.

        Args:
            source: the view or the message with the element.
            label: the name of the field.
            element: the element.
            current: the current state of the element.

        Raises:
            LeftError: the user presses Ctrl-D.
        """
        kind = STATE_FIELDS[element["type"]]
        now = state_text(current, self.screen.names)
        question = f"  {label} [{now}]: " if now else f"  {label}: "
        if not _has_choices(element):
            typed = await self._typed(question)
            if not typed:
                return None
            return {"type": element["type"], kind: None if typed == _CLEAR else typed}
        several = kind.endswith("s")
        chosen = await self._choose(source, element, question, several=several)
        if chosen is None:
            return None
        value: Any = chosen if several else (chosen[0] if chosen else None)
        return {"type": element["type"], kind: value}

    async def _choose(
        self, source: Source, element: dict[str, Any], question: str, *, several: bool
    ) -> list[Any] | None:
        """Return the chosen values; None if the user keeps the current ones."""
        offered = await self._offered(source, element, "")
        self._list(offered)
        while typed := await self._typed(question):
            if typed == _CLEAR:
                return []
            picked = _picked(typed, offered, several=several)
            if picked:
                return picked
            found = await self._offered(source, element, typed)
            if len(found) == 1:
                self.screen.say(f"    → {found[0][0]}")
                return [found[0][1]]
            if not found:
                self.screen.say("    Nothing matches.")
            offered = found or offered
            self._list(offered)
        return None

    async def _typed(self, question: str) -> str:
        typed = await self.prompt.ask(question)
        if typed is None:
            raise LeftError
        return typed

    def _list(self, offered: _Choices) -> None:
        for number, (label, _) in enumerate(offered[:_MOST_LISTED], 1):
            self.screen.say(f"    {number} {label}")
        if (more := len(offered) - _MOST_LISTED) > 0:
            self.screen.say(f"    … and {more} more: type a part of the name", "dim")

    async def _offered(self, source: Source, element: dict[str, Any], typed: str) -> _Choices:
        """Return the choices that contain the typed text."""
        kind = element["type"]
        if "external" in kind:
            if len(typed) < element.get("min_query_length", 3):
                return []
            delivery = await self.slack.options(source, element["action_id"], typed)
            return _labelled(delivery.body if isinstance(delivery.body, dict) else {})
        if "options" in element or "option_groups" in element:
            choices = _labelled(element)
        else:
            letters = {"users": "U", "channels": "C"}.get(kind.split("_")[-2], "CD")
            choices = [(name, id_) for id_, name in self.screen.names.items() if id_[0] in letters]
        return [each for each in choices if typed.casefold() in each[0].casefold()]


def default_state(element: dict[str, Any]) -> State | None:
    """Return the state that Slack gives an element without an initial value; None without one."""
    if element.get("default_to_current_conversation"):
        return {"type": element["type"], STATE_FIELDS[element["type"]]: CHANNEL}
    return None


def _has_choices(element: Mapping[str, Any]) -> bool:
    return STATE_FIELDS[element["type"]] in {
        *("selected_option", "selected_options", "selected_user", "selected_users"),
        *("selected_conversation", "selected_channel"),
    }


def _picked(typed: str, offered: _Choices, *, several: bool) -> list[Any]:
    """Return the values of the typed numbers; empty if the text is no list of them."""
    numbers = typed.replace(",", " ").split() if several else [typed]
    if not all(each.isdecimal() and 0 < int(each) <= len(offered) for each in numbers):
        return []
    return [offered[int(each) - 1][1] for each in numbers]


def _labelled(offer: Mapping[str, Any]) -> _Choices:
    """Return options with their texts, also those in groups."""
    options = [*offer.get("options", [])]
    options += [each for group in offer.get("option_groups", []) for each in group["options"]]
    return [(str(option["text"]["text"]), option) for option in options]
