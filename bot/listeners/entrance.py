"""The one way in: every payload of both transports is checked before Bolt reads it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from bot.access.rules import MalformedPayloadError
from bot.listeners.errors import ErrorHandler
from bot.listeners.middleware import RequestMiddleware
from bot.listeners.shapes import check_payload
from bot.telemetry.observer import Observer

if TYPE_CHECKING:
    from collections.abc import Sequence


# Bolt reads fields of kinds that the bot does not know.
_UNREADABLE = (AttributeError, LookupError, RecursionError, TypeError)


@dataclass(frozen=True, slots=True)
class Entrance:
    """Pass payloads to Bolt, and refuse malformed ones in words.

    Attributes:
        bolt: runs the listeners.
        requests: logs each request.
        errors: answers a malformed payload as it answers the failure of a listener.
        observer: traces each request.
    """

    bolt: AsyncApp
    requests: RequestMiddleware
    errors: ErrorHandler
    observer: Observer

    async def take(self, body: dict[str, Any], retries: int) -> BoltResponse:
        """Return the response to a payload that Slack has repeated ``retries`` times."""
        with self.observer.request_span():
            return await self._take(body, retries)

    async def _take(self, body: dict[str, Any], retries: int) -> BoltResponse:
        headers: dict[str, str | Sequence[str]] = {"x-slack-retry-num": str(retries)}
        try:
            check_payload(body)
            # This mode of Bolt takes a parsed body from any transport.
            request = AsyncBoltRequest(body=body, mode="socket_mode", headers=headers)
        except (MalformedPayloadError, *_UNREADABLE) as error:
            refused = _malformed(error)
        else:
            return await self.requests.observe(request, self._dispatch)

        async def refuse(request: AsyncBoltRequest) -> BoltResponse:
            return await self.errors.handle(refused, body, request)

        request = AsyncBoltRequest(body={}, mode="socket_mode", headers=headers)
        request.body = body
        return await self.requests.observe(request, refuse)

    async def _dispatch(self, request: AsyncBoltRequest) -> BoltResponse:
        try:
            return await self.bolt.async_dispatch(request)
        except _UNREADABLE as error:  # of Bolt: an error of a listener goes to `errors`
            return await self.errors.handle(_malformed(error), request.body, request)


def _malformed(error: Exception) -> MalformedPayloadError:
    if isinstance(error, MalformedPayloadError):
        return error
    return MalformedPayloadError(f"unreadable for Bolt: {type(error).__name__}")
