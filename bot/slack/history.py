"""Find a message of the bot in a channel or a thread."""

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.message import ReplyTarget
from bot.slack.message_id import client_msg_id
from bot.slack.web_api import call_slack

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from slack_sdk.web.async_slack_response import AsyncSlackResponse

_CLOCK_SKEW = timedelta(minutes=1)  # tolerated between the clocks of Slack and the database


async def find_message_ts(
    client: AsyncWebClient, place: ReplyTarget, post_id: str, since: datetime
) -> str | None:
    """Return the ``ts`` of the message with this post id; see `Poster.find_message_ts`."""
    asked: dict[str, Any] = {
        "channel": place.channel_id,
        "oldest": f"{(since - _CLOCK_SKEW).timestamp():.6f}",
        "include_all_metadata": True,
        "limit": 200,
    }
    read: Callable[..., Awaitable[AsyncSlackResponse]] = client.conversations_history
    if place.thread_ts is not None:
        read, asked["ts"] = client.conversations_replies, place.thread_ts
    its_id = client_msg_id(post_id)
    while True:  # read every page: a busy channel can fill many while no process runs
        answer = await call_slack(partial(read, **asked), idempotent=True)
        for message in answer.get("messages") or ():
            carried = (message.get("metadata") or {}).get("event_payload") or {}
            if carried.get("work") == post_id or message.get("client_msg_id") == its_id:
                return str(message["ts"])
        asked["cursor"] = (answer.get("response_metadata") or {}).get("next_cursor")
        if not asked["cursor"]:
            return None
