"""The middleware that limits what one person can ask for."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from bot.access.limits import PersonLimits

# Suggestions and openings of the home tab do not count.
_COUNTED = frozenset({"view_submission", "block_actions", "shortcut", "message_action"})
WORKFLOW = "workflow"  # Slack does not tell which workflow runs a step


@dataclass(frozen=True, slots=True)
class LimitRequests(AsyncMiddleware):
    """Refuse a request of a person who has too many; `Failures.before_ack` answers it."""

    limits: PersonLimits

    async def async_process(
        self,
        *,
        req: AsyncBoltRequest,
        resp: BoltResponse,  # noqa: ARG002 - Bolt's signature
        next: Callable[[], Awaitable[BoltResponse]],  # noqa: A002 - Bolt's name
    ) -> BoltResponse:
        """Count the request, and let the listener have it.

        Raises:
            PersonLimitError: the person has too many.
        """
        person = counted_person(req.body)
        if person:
            await self.limits.admit(person)
        return await next()


def counted_person(body: dict[str, Any]) -> str:
    """Return the person whose request counts; empty where it does not."""
    if "command" in body:
        return str(body.get("user_id") or "")
    if body.get("type") in _COUNTED:
        return str(body.get("user", {}).get("id") or "")
    if body.get("event", {}).get("type") == "function_executed":
        return WORKFLOW
    return ""
