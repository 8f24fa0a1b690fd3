"""The part of ``check`` about the channels of approvals and of the audit log."""

import asyncio
from functools import partial

from bot.access.access_file import AccessFile
from bot.cli.lines import BAD, GOOD, UNPROVED, Line
from bot.connections import Connections
from bot.settings import Settings
from bot.slack.message import SlackCallFailed
from bot.slack.unreachable import why_failed
from bot.slack.web_api import call_slack

_HIDDEN = "Slack shows no such channel to the bot; correct the id, or invite the bot there"
_NO_SCOPE = "only channels:read (groups:read if it is private) proves that the bot can post in it"


async def check_channels(rules: AccessFile, settings: Settings, clients: Connections) -> list[Line]:
    """Call ``conversations.info`` for each channel; none without such settings.

    https://docs.slack.dev/reference/methods/conversations.info
    """
    channels = {f"Approvals in {rule.channel}": rule.channel for rule in rules.approvals}
    if settings.audit_channel:
        channels["AUDIT_CHANNEL"] = settings.audit_channel
    found = (_channel(name, channel, clients) for name, channel in channels.items())
    return list(await asyncio.gather(*found))


async def _channel(name: str, channel_id: str, clients: Connections) -> Line:
    ask = partial(clients.slack.conversations_info, channel=channel_id)
    try:
        answer = await call_slack(ask, idempotent=True)
    except SlackCallFailed as error:
        match error.error:
            case "channel_not_found":
                return Line(BAD, name, _HIDDEN)
            case "missing_scope":
                return Line(UNPROVED, name, _NO_SCOPE)
        return Line(UNPROVED, name, f"Slack does not tell: {why_failed(error)}")
    channel = answer.get("channel") or {}
    if channel.get("is_archived"):
        return Line(BAD, name, "the channel is archived; choose another one")
    scopes = {each.strip() for each in answer.headers.get("x-oauth-scopes", "").split(",")}
    open_to_all = not channel.get("is_private") and "chat:write.public" in scopes
    if not channel.get("is_member") and not open_to_all:
        return Line(BAD, name, "the bot is not in the channel; invite it")
    return Line(GOOD, name, "the bot can post")
