"""The things in a message or a view that a person can press or choose, each with a number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.sandbox.slack.block_kit import with_ids
from bot.sandbox.slack.payloads import STATE_FIELDS

_MENU = "overflow"


@dataclass(frozen=True, slots=True)
class Control:
    """A button, an option of a menu, or an element with choices.

    Attributes:
        block_id: the id of its block.
        element: the element.
        option: the option of the menu; None for other elements.
    """

    block_id: str
    element: dict[str, Any]
    option: dict[str, Any] | None = None

    @property
    def label(self) -> str:
        """The text to show; an ellipsis stands for choices that follow."""
        if self.option is not None:
            return str(self.option["text"]["text"])
        if self.element["type"] == "button":
            return str(self.element["text"]["text"])
        placeholder = self.element.get("placeholder", {}).get("text")
        chosen = self.element.get("initial_option", {}).get("text", {}).get("text")
        kind = self.element["type"].replace("_", " ")
        return f"{chosen or placeholder or kind}…"

    @property
    def url(self) -> str:
        """The address that it opens in a browser; empty without one."""
        return str((self.option or self.element).get("url", ""))

    @property
    def style(self) -> str:
        """The style of a button: ``primary``, ``danger``, or empty."""
        return str(self.element.get("style", ""))

    @property
    def asks(self) -> bool:
        """Whether a person has to choose or type something."""
        return self.option is None and self.element["type"] in STATE_FIELDS


def controls(blocks: Sequence[dict[str, Any]]) -> list[Control]:
    """Return the controls in the order of their numbers; the first has number 1.

    A field of a form is none: the form asks for it.
    """
    return [each for block in with_ids(list(blocks)) for each in controls_of(block)]


def controls_of(block: dict[str, Any]) -> list[Control]:
    """Return the controls of one block."""
    if block["type"] not in {"section", "actions"}:
        return []
    elements = [block.get("accessory"), *block.get("elements", [])]
    block_id = str(block.get("block_id", ""))
    found = []
    for element in elements:
        if element is None or "action_id" not in element:
            continue
        if element["type"] == _MENU:
            found += [Control(block_id, element, option) for option in element["options"]]
        else:
            found.append(Control(block_id, element))
    return found
