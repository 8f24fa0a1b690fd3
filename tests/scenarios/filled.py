"""What a person sees and fills in: the dialog, its fields, and the words in a view."""

from typing import Any

from bot.sandbox.slack.records import View
from tests.conftest import Env


async def dialog(env: Env) -> View:
    """Wait until a dialog is there to be filled in, and return the newest."""
    await env.slack.until(lambda: bool(env.slack.views) and env.slack.views[-1].updates > 0)
    return env.slack.views[-1]


def typed(block: str, text: str) -> dict[str, dict[str, Any]]:
    """A text in a field of that id."""
    return {block: {block: {"type": "plain_text_input", "value": text}}}


def option(value: str, text: str = "as shown") -> dict[str, Any]:
    """An option of a select."""
    return {"text": {"type": "plain_text", "text": text}, "value": value}


def chosen(team_id: str) -> dict[str, dict[str, Any]]:
    """A team chosen in the select."""
    state = {"type": "external_select", "selected_option": option(team_id)}
    return {"team": {"team": state}}


def picked(view: View, name: str) -> dict[str, dict[str, Any]]:
    """A project chosen in the list of the team at hand."""
    state = {"type": "external_select", "selected_option": option(name)}
    return {project_block(view): {"project": state}}


def project_block(view: View) -> str:
    """The id of the block with the list of projects."""
    (found,) = [block for block in blocks_of(view) if block.startswith("project:")]
    return found


def channel(channel_id: str) -> dict[str, dict[str, Any]]:
    """A channel chosen in the picker."""
    state = {"type": "conversations_select", "selected_conversation": channel_id}
    return {"channel": {"channel": state}}


def element(view: View, block_id: str) -> dict[str, Any]:
    """What can be filled in, in the block of that id."""
    found: dict[str, Any] = next(
        block["element"] for block in view.blocks if block.get("block_id") == block_id
    )
    return found


def blocks_of(view: View) -> list[str]:
    """The ids of what can be filled in."""
    return [block["block_id"] for block in view.blocks if block["type"] == "input"]
