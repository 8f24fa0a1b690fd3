"""Block Kit's limits, checked as Slack checks them, which the SDK does only in part."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from bot.sandbox.faults import Json

MOST_MESSAGE_BLOCKS: Final = 50
MOST_VIEW_BLOCKS: Final = 100
LONGEST_TEXT: Final = 40_000
LONGEST_BLOCKS: Final = 13_000
LONGEST_VALUE: Final = 3_000  # of a text field

# The known kinds; all others are refused. Kinds without limits below are not checked further.
BLOCKS: Final = frozenset(
    {"actions", "alert", "card", "carousel", "context", "context_actions", "divider", "file"}
    | {"header", "image", "input", "markdown", "plan", "rich_text", "section", "table"}
    | {"task_card", "video"}
)
# The text fields of each kind of object, and their longest lengths.
TEXTS: Final[Mapping[str, Mapping[str, int]]] = {
    "section": {"text": 3000},
    "header": {"text": 150},
    "input": {"label": 2000, "hint": 2000},
    "image": {"title": 2000},
    "button": {"text": 75},
    "option": {"text": 75, "description": 75},
    "option_group": {"label": 75},
    "confirm": {"title": 100, "text": 300, "confirm": 30, "deny": 30},
    "view": {"title": 24, "submit": 24, "close": 24},
}
PLAIN_ONLY: Final = frozenset({"header", "button", "input", "option_group", "view"})
# The string fields of each kind of object, and their longest lengths.
STRINGS: Final[Mapping[str, Mapping[str, int]]] = {
    "button": {"value": 2000, "url": 3000, "accessibility_label": 75},
    "option": {"value": 150, "url": 3000},
    "image": {"alt_text": 2000, "image_url": 3000},
    "view": {"private_metadata": 3000, "callback_id": 255, "external_id": 255},
}
# The list fields of each kind of object, and their sizes: (least, most).
LISTS: Final[Mapping[str, Mapping[str, tuple[int, int]]]] = {
    "section": {"fields": (1, 10)},
    "context": {"elements": (1, 10)},
    "actions": {"elements": (1, 25)},
    "overflow": {"options": (2, 5)},
    "checkboxes": {"options": (1, 10)},
    "radio_buttons": {"options": (1, 10)},
    "static_select": {"options": (0, 100), "option_groups": (1, 100)},
    "multi_static_select": {"options": (0, 100), "option_groups": (1, 100)},
    "option_group": {"options": (0, 100)},
}
IDS: Final = ("block_id", "action_id")


def message_problems(blocks: Json) -> list[str]:
    """Return Slack's error texts for a message's blocks; an empty list if they are valid."""
    return _Check().blocks(blocks, "/blocks", MOST_MESSAGE_BLOCKS)


def view_problems(view: Json) -> list[str]:
    """Return Slack's error texts for a view; an empty list if it is valid."""
    check = _Check()
    if not isinstance(view, dict) or view.get("type") not in {"modal", "home"}:
        return ["[ERROR] missing or unsupported view type [json-pointer:/view/type]"]
    if view["type"] == "modal":
        check.required(view, "title", "/view")
        kinds = [block.get("type") for block in view.get("blocks", []) if isinstance(block, dict)]
        if "input" in kinds:
            check.required(view, "submit", "/view")
    check.limits("view", view, "/view")
    return check.blocks(view.get("blocks"), "/view/blocks", MOST_VIEW_BLOCKS)


def option_problems(options: Json) -> list[str]:
    """Return Slack's error texts for the options of an external select; an empty list if valid."""
    check = _Check()
    check.limits("static_select", {"options": options or []}, "")
    for number, option in enumerate(options or []):
        check.option(option, f"/options/{number}")
    return check.problems


def waits_for_submit(blocks: list[dict[str, Json]], action_id: str) -> bool:
    """Return whether the element stands in an input block that does not report each choice.

    https://docs.slack.dev/reference/block-kit/blocks/input-block
    """
    return any(
        block["type"] == "input"
        and block["element"].get("action_id") == action_id
        and not block.get("dispatch_action")
        for block in blocks
    )


def message_error(text: str | None, blocks: Json) -> tuple[str, list[str]] | None:
    """Return Slack's error code for a message, and the details; None if the message is valid."""
    if not text and not blocks:
        return "no_text", []
    if len(text or "") > LONGEST_TEXT:
        return "msg_too_long", []
    if not blocks:
        return None
    if problems := message_problems(blocks):
        return "invalid_blocks", problems
    if len(json.dumps(blocks, ensure_ascii=False, separators=(",", ":"))) > LONGEST_BLOCKS:
        return "msg_blocks_too_long", []
    return None


def with_ids(blocks: list[dict[str, Json]]) -> list[dict[str, Json]]:
    """Return the blocks as Slack does: each one has a `block_id`."""
    return [{"block_id": f"sandbox-{number}", **block} for number, block in enumerate(blocks)]


def elements(blocks: list[dict[str, Json]]) -> Iterator[tuple[str, dict[str, Json]]]:
    """Yield the interactive elements, as pairs of the `block_id` and the element."""
    for block in with_ids(blocks):
        within = [block.get("accessory"), block.get("element"), *block.get("elements", [])]
        for element in within:
            if isinstance(element, dict) and "action_id" in element:
                yield block["block_id"], element


@dataclass(slots=True)
class _Check:
    """Checks blocks and collects their problems."""

    problems: list[str] = field(default_factory=list)

    def complain(self, problem: str, pointer: str) -> None:
        self.problems.append(f"[ERROR] {problem} [json-pointer:{pointer}]")

    def required(self, thing: Mapping[str, Json], key: str, pointer: str) -> None:
        if not thing.get(key):
            self.complain(f"missing required field: {key}", pointer)

    def blocks(self, blocks: Json, pointer: str, most: int) -> list[str]:
        """Check a list of blocks; return all problems found until now."""
        if not isinstance(blocks, list):
            self.complain("must be an array", pointer)
            return self.problems
        if len(blocks) > most:
            self.complain(f"no more than {most} items allowed", pointer)
        seen: set[str] = set()
        for number, block in enumerate(blocks):
            here = f"{pointer}/{number}"
            kind = block.get("type") if isinstance(block, dict) else None
            if kind not in BLOCKS:
                self.complain(f"unsupported type: {kind}", f"{here}/type")
                continue
            if block.get("block_id") in seen:
                self.complain("block_id already exists", f"{here}/block_id")
            seen.add(block.get("block_id") or here)
            self.block(kind, block, here)
        return self.problems

    def block(self, kind: str, block: dict[str, Json], pointer: str) -> None:
        """Check one block with its content."""
        if kind == "section" and not block.get("text") and not block.get("fields"):
            self.complain("must define either `text` or `fields`", pointer)
        for key in {"header": ("text",), "input": ("label", "element")}.get(kind, ()):
            self.required(block, key, pointer)
        self.limits(kind, block, pointer)
        for number, text in enumerate(block.get("fields", [])):
            self.text(text, 2000, f"{pointer}/fields/{number}")
        seen: set[str] = set()
        for key, element in self._within(kind, block):
            here = f"{pointer}/{key}"
            if element.get("action_id") in seen:
                self.complain("action_id already exists", f"{here}/action_id")
            seen.add(element.get("action_id") or here)
            self.element(kind, element, here)

    def element(self, kind: str, element: dict[str, Json], pointer: str) -> None:
        """Check an element in a block of this kind."""
        if kind == "context" and element.get("type") != "image":
            self.text(element, 3000, pointer)
            return
        self.limits(str(element.get("type")), element, pointer)
        if element.get("type") == "button":
            self.required(element, "text", pointer)
        if "confirm" in element:
            self.limits("confirm", element["confirm"], f"{pointer}/confirm")
        if "placeholder" in element:
            self.text(element["placeholder"], 150, f"{pointer}/placeholder", plain=True)
        for number, option in enumerate(element.get("options", [])):
            self.limits("option", option, f"{pointer}/options/{number}")
        if "initial_option" in element:
            self.option(element["initial_option"], f"{pointer}/initial_option")
        if len(str(element.get("initial_value") or "")) > LONGEST_VALUE:
            problem = f"must be less than {LONGEST_VALUE + 1} characters"
            self.complain(problem, f"{pointer}/initial_value")
        for number, group in enumerate(element.get("option_groups", [])):
            here = f"{pointer}/option_groups/{number}"
            self.limits("option_group", group, here)
            for place, option in enumerate(group.get("options", [])):
                self.limits("option", option, f"{here}/options/{place}")

    def option(self, option: dict[str, Json], pointer: str) -> None:
        """Check an option of an external select."""
        for key in ("text", "value"):
            self.required(option, key, pointer)
        self.limits("option", option, pointer)

    def limits(self, kind: str, thing: Mapping[str, Json], pointer: str) -> None:
        """Check the texts, strings, lists and ids directly in a thing of this kind."""
        for key, most in TEXTS.get(kind, {}).items():
            if thing.get(key) is not None:
                self.text(thing[key], most, f"{pointer}/{key}", plain=kind in PLAIN_ONLY)
        strings = {**STRINGS.get(kind, {}), **dict.fromkeys(IDS, 255)}
        for key, most in strings.items():
            if len(str(thing.get(key) or "")) > most:
                self.complain(f"must be less than {most + 1} characters", f"{pointer}/{key}")
        for key, (least, most) in LISTS.get(kind, {}).items():
            if key in thing and len(thing[key]) < least:
                self.complain(f"no less than {least} items allowed", f"{pointer}/{key}")
            if key in thing and len(thing[key]) > most:
                self.complain(f"no more than {most} items allowed", f"{pointer}/{key}")

    def text(self, text: Json, most: int, pointer: str, *, plain: bool = False) -> None:
        """Check a text object."""
        kinds = {"plain_text"} if plain else {"plain_text", "mrkdwn"}
        if not isinstance(text, dict) or text.get("type") not in kinds:
            self.complain(f"must be a text of type {' or '.join(sorted(kinds))}", pointer)
            return
        length = len(str(text.get("text") or ""))
        if not length:
            self.complain("must be more than 0 characters", f"{pointer}/text")
        if length > most:
            self.complain(f"must be less than {most + 1} characters", f"{pointer}/text")

    def _within(self, kind: str, block: dict[str, Json]) -> Iterator[tuple[str, dict[str, Json]]]:
        """Yield the elements of a block that have limits, each with its path."""
        for key in ("accessory", "element"):
            if isinstance(block.get(key), dict):
                yield key, block[key]
        if kind in {"actions", "context"}:
            for number, element in enumerate(block.get("elements", [])):
                if isinstance(element, dict):
                    yield f"elements/{number}", element
