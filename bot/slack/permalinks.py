"""Links to messages."""

from functools import partial

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.message import SlackCallFailed
from bot.slack.web_api import call_slack

log = structlog.stdlib.get_logger(__name__)


class Permalinks:
    """Ask Slack for the links of messages.

    Args:
        client: Slack's Web API, with the bot's token and without retries of its own.
    """

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client

    async def of(self, channel_id: str, ts: str) -> str:
        """Return the link of a message; empty if Slack does not give one.

        https://docs.slack.dev/reference/methods/chat.getPermalink
        """
        if not ts:
            return ""
        ask = partial(self._client.chat_getPermalink, channel=channel_id, message_ts=ts)
        try:
            answer = await call_slack(ask, idempotent=True)
        except SlackCallFailed as failed:
            log.info("cannot get the link of a message", slack_error=failed.error)
            return ""
        link = answer.get("permalink")
        return link if isinstance(link, str) and link.startswith("https://") else ""
