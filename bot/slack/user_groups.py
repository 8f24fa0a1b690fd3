"""The user groups of the workspace."""

import time
from collections.abc import Callable, Sequence

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.message import SlackCallFailed
from bot.slack.web_api import call_slack

log = structlog.stdlib.get_logger(__name__)

_KEPT = 300.0  # seconds


class UserGroups:
    """List user groups. The scope ``usergroups:read`` is optional; without it, there are none.

    Args:
        client: Slack's Web API, with the bot's token and without retries of its own.
        clock: returns the time in seconds.
    """

    def __init__(self, client: AsyncWebClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._until = float("-inf")
        self._groups: Sequence[tuple[str, str]] = ()

    async def all(self) -> Sequence[tuple[str, str]]:
        """Return the id and the name of each group; none without the scope. Never raises.

        https://docs.slack.dev/reference/methods/usergroups.list
        """
        now = self._clock()
        if now < self._until:
            return self._groups
        try:
            answer = await call_slack(self._client.usergroups_list, idempotent=True)
        except SlackCallFailed as refused:
            log.info("cannot list the user groups", slack_error=refused.error)
            self._groups = ()
        else:
            found = answer.get("usergroups") or []
            self._groups = [
                (str(group.get("id")), str(group.get("name") or group.get("handle") or ""))
                for group in found
                if isinstance(group, dict) and group.get("id")
            ]
        self._until = now + _KEPT
        return self._groups
