"""The views of the tests of the Web API, and the code of a refusal."""

from collections.abc import Awaitable

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.sandbox.faults import Json

HERE = "C0SANDBOX1"
BLOCKS: list[dict[str, Json]] = [{"type": "section", "text": {"type": "mrkdwn", "text": "*hi*"}}]
MODAL: dict[str, Json] = {
    "type": "modal",
    "callback_id": "new-project",
    "title": {"type": "plain_text", "text": "New project"},
    "blocks": BLOCKS,
}
HOME: dict[str, Json] = {"type": "home", "blocks": BLOCKS}


async def error_of(call: Awaitable[AsyncSlackResponse]) -> str:
    """The code with which Slack refuses a call."""
    with pytest.raises(SlackApiError) as refusal:
        await call
    return str(refusal.value.response["error"])
