"""Slack's client, which notices when Slack no longer accepts the bot's token."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.slack.message import SlackCallFailed
from bot.slack.web_api import DEAD_TOKEN, send_once

if TYPE_CHECKING:
    from collections.abc import Callable


class TokenWatch:
    """Whether Slack accepts the bot's token, by the latest call that has it.

    Attributes:
        refused: Slack's code; None while Slack accepts the token.
        on_change: called with ``refused`` after each change.
    """

    def __init__(self) -> None:
        self.refused: str | None = None
        self.on_change: Callable[[str | None], object] = lambda _: None
        self._dead = asyncio.Event()

    def record(self, refused: str | None) -> None:
        """Record Slack's answer about the token."""
        if (refused is None) == (self.refused is None):
            return
        self.refused = refused
        if refused is None:
            self._dead.clear()
        else:
            self._dead.set()
        self.on_change(refused)

    async def recover(self, slack: AsyncWebClient, every: float) -> None:
        """While Slack refuses the token, ask again every so many seconds; never return.

        The bot takes no requests then, so no other call would notice that the token works again.
        """
        while True:
            await self._dead.wait()
            await asyncio.sleep(every)
            with suppress(SlackCallFailed):
                await send_once(slack.auth_test)


class SlackClient(AsyncWebClient):
    """Call Slack's Web API, and record each answer about the bot's token in ``watch``."""

    watch: TokenWatch

    async def api_call(self, api_method: str, **options: Any) -> AsyncSlackResponse:  # noqa: ANN401
        """Call a method; see slack_sdk."""
        parts = (options.get("params"), options.get("data"), options.get("json"))
        own = not any(isinstance(part, dict) and "token" in part for part in parts)
        try:
            answer = await super().api_call(api_method, **options)
        except SlackApiError as error:
            data = getattr(error.response, "data", None)
            code = data.get("error") if isinstance(data, dict) else None
            if own and code in DEAD_TOKEN:
                self.watch.record(code)
            raise
        if own:
            self.watch.record(None)
        return answer
