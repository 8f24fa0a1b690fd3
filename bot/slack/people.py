"""People of the workspace and their email addresses."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.message import SlackCallFailed
from bot.slack.web_api import AUTH_ERRORS, call_slack

log = structlog.stdlib.get_logger(__name__)

_MOST = 1000  # addresses in memory
_HOUR = 3600.0  # seconds that an answer is kept, also the refusal for want of the scope
_UNKNOWN = frozenset({"users_not_found"})


class People:
    """Find people. The scope ``users:read.email`` is optional; without it, nobody is found.

    Args:
        client: Slack's Web API, with the bot's token and without retries of its own.
        clock: returns the time in seconds.
    """

    def __init__(self, client: AsyncWebClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._refused_until = float("-inf")
        self._found: OrderedDict[str, tuple[float, str]] = OrderedDict()

    async def find(self, email: str) -> str:
        """Return the user id of a person; empty if Slack knows or tells none. Never raises.

        https://docs.slack.dev/reference/methods/users.lookupByEmail
        """
        now, key = self._clock(), email.strip().casefold()
        if "@" not in key or now < self._refused_until:
            return ""
        known = self._found.get(key)
        if known is not None and now < known[0]:
            return known[1]
        try:
            answer = await call_slack(
                partial(self._client.users_lookupByEmail, email=key), idempotent=True
            )
            match answer.data:
                case {"user": {"id": str(found)}}:
                    user_id = found
                case _:
                    user_id = ""
        except SlackCallFailed as refused:
            if refused.error in AUTH_ERRORS:
                self._refused_until = now + _HOUR
            if refused.error not in _UNKNOWN:
                log.info("cannot look up a person", slack_error=refused.error)
                return ""
            user_id = ""
        self._found[key] = (now + _HOUR, user_id)
        self._found.move_to_end(key)
        if len(self._found) > _MOST:
            self._found.popitem(last=False)
        return user_id

    async def email_of(self, user_id: str) -> str | None:
        """Return a person's lower-case address; empty without one; None without the scopes.

        https://docs.slack.dev/reference/methods/users.info

        Raises:
            SlackCallFailed: Slack does not answer, or refuses for another reason.
        """
        try:
            answer = await call_slack(
                partial(self._client.users_info, user=user_id), idempotent=True
            )
        except SlackCallFailed as refused:
            if refused.error in AUTH_ERRORS:
                return None
            raise
        match answer.data:
            case {"user": {"profile": {"email": str(email)}}}:
                return email.strip().casefold()
            case {"user": {"profile": dict()}}:
                # Slack leaves the address out without users:read.email, too.
                return "" if "users:read.email" in _scopes(answer.headers) else None
        return ""


def _scopes(headers: Mapping[str, str]) -> set[str]:
    found = next((value for key, value in headers.items() if key.lower() == "x-oauth-scopes"), "")
    return {each.strip() for each in found.split(",")}
