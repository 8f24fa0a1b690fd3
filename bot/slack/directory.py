"""Ask Slack about people, user groups and channels, for the access rules."""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.message import SlackCallFailed
from bot.slack.web_api import call_slack

log = structlog.stdlib.get_logger(__name__)


class SlackDirectory:
    """Ask Slack; each method returns None if Slack refuses, does not answer or does not tell.

    Args:
        client: Slack's Web API, with the bot's token and without retries of its own.
    """

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client

    async def members(self, group_id: str) -> frozenset[str] | None:
        """Return the people of a user group; a group that does not exist has none.

        Scope ``usergroups:read``. https://docs.slack.dev/reference/methods/usergroups.users.list
        """
        answer = await _ask(lambda: self._client.usergroups_users_list(usergroup=group_id))
        if answer.get("error") == "no_such_subteam":
            return frozenset()
        users = answer.get("users")
        return frozenset(map(str, users)) if isinstance(users, list) else None

    async def is_guest(self, user_id: str) -> bool | None:
        """Return whether a person is a guest. Scope ``users:read``.

        https://docs.slack.dev/reference/methods/users.info
        """
        answer = await _ask(lambda: self._client.users_info(user=user_id))
        user = _part(answer, "user")
        kinds = user.get("is_restricted"), user.get("is_ultra_restricted")
        if any(kind is True for kind in kinds):
            return True
        return False if kinds[0] is False else None

    async def is_shared(self, channel_id: str) -> bool | None:
        """Return whether a channel is shared with another company. Scope ``channels:read``.

        A private channel needs ``groups:read``, and a direct message ``im:read``.
        https://docs.slack.dev/reference/methods/conversations.info
        """
        answer = await _ask(lambda: self._client.conversations_info(channel=channel_id))
        shared = _part(answer, "channel").get("is_ext_shared")
        return shared if isinstance(shared, bool) else None


async def _ask(send: Callable[[], Awaitable[Any]]) -> dict[str, Any]:
    """Return Slack's answer; if there is none, or Slack refuses, only the error."""
    try:
        answer = await call_slack(send, idempotent=True)
    except SlackCallFailed as failed:
        log.warning("cannot look up what an access rule needs", slack_error=failed.error)
        return {"error": failed.error}
    return answer.data if isinstance(answer.data, dict) else {}


def _part(answer: dict[str, Any], name: str) -> dict[str, Any]:
    part = answer.get(name)
    return part if isinstance(part, dict) else {}
