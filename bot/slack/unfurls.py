"""Attach previews to the links in a person's message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.message import Block
from bot.slack.web_api import call_slack
from bot.telemetry.redaction import Redactor


@dataclass(frozen=True, slots=True)
class LinkPlace:
    """A posted message with links.

    Attributes:
        channel_id: its channel.
        ts: its id in the channel.
        unfurl_id: Slack's name for the same message in this call; empty in old events.
        source: the source that belongs to the name.
    """

    channel_id: str
    ts: str
    unfurl_id: str = ""
    source: str = ""


class Unfurls:
    """Attach previews.

    Args:
        client: Slack's Web API, with the bot's token and without retries of its own.
        redactor: redacts the secrets in every preview.
    """

    def __init__(self, client: AsyncWebClient, redactor: Redactor) -> None:
        self._client, self._redactor = client, redactor

    async def attach(self, place: LinkPlace, previews: Mapping[str, Sequence[Block]]) -> None:
        """Attach a preview to each of these links; it replaces an earlier one of the same link.

        https://docs.slack.dev/reference/methods/chat.unfurl

        Args:
            place: the message.
            previews: the blocks for each link, as it stands in the message.

        Raises:
            SlackCallFailed: Slack refused the previews, or the outcome is unknown.
        """
        # The links stay as they are: Slack compares them with those of the message.
        unfurls = {
            url: {"blocks": self._redactor.tree(list(blocks))} for url, blocks in previews.items()
        }
        attach = partial(self._client.chat_unfurl, unfurls=unfurls)
        if place.unfurl_id:
            attach = partial(attach, unfurl_id=place.unfurl_id, source=place.source)
        else:
            attach = partial(attach, channel=place.channel_id, ts=place.ts)
        await call_slack(attach, idempotent=True)
