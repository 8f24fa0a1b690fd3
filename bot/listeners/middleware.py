"""Everything that holds at every entry point."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

import structlog
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from structlog.contextvars import bind_contextvars, clear_contextvars

from bot.access.access_file import AccessFile
from bot.access.approvals import asks_in
from bot.access.grants import works_in
from bot.access.limits import PersonLimits
from bot.access.rules import Actor, NotServedError, Refusal, Workspace, serves
from bot.listeners.actor import actor_of, counts
from bot.views.approval import APPROVE, DECLINE

RequestOutcome = Literal["ok", "refused", "failed"]
OnRequest = Callable[[str, RequestOutcome, float], None]  # the entry point; the last: seconds

_DECISIONS = frozenset({f"button:{APPROVE}", f"button:{DECLINE}"})

log = structlog.stdlib.get_logger(__name__)


def _ignore(entry_point: str, outcome: RequestOutcome, seconds: float) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class RequestMiddleware(AsyncMiddleware):
    """Refuse actors of other workspaces, apply the limits of the actor, and log each request.

    Bolt's ``next()`` returns before the listener runs, so `observe` surrounds the whole dispatch.

    Attributes:
        workspace: returns the workspace of the token.
        limits: of each actor.
        on_request: receives each request at its end.
        rules: returns the rules of ``ACCESS_FILE``.
    """

    workspace: Callable[[], Awaitable[Workspace]]
    limits: PersonLimits
    on_request: OnRequest = _ignore
    rules: Callable[[], AccessFile] = AccessFile

    async def async_process(
        self,
        *,
        req: AsyncBoltRequest,
        resp: BoltResponse,  # noqa: ARG002 - Bolt's signature
        next: Callable[[], Awaitable[BoltResponse]],  # noqa: A002 - Bolt's name
    ) -> BoltResponse:
        """Let the listener run if the actor is served and below its limits.

        Raises:
            NotServedError: the actor belongs to another workspace, or the bot does not work in
                this channel.
            PersonLimitError: the actor has too many requests.
        """
        actor: Actor = req.context["actor"]
        workspace, rules = await self.workspace(), self.rules()
        external = rules.external == "allow"
        refusal = serves(actor, workspace, rules.workspaces, external=external)
        decides = actor.entry_point in _DECISIONS and asks_in(rules, actor.channel_id)
        if refusal is None and not (decides or works_in(rules, actor.channel_id)):
            refusal = Refusal.CHANNEL
        if refusal is not None:
            raise NotServedError(refusal, workspace.audience, rules.channels or ())
        if counts(actor):
            await self.limits.admit(actor.id)
        return await next()

    async def observe(
        self,
        request: AsyncBoltRequest,
        dispatch: Callable[[AsyncBoltRequest], Awaitable[BoltResponse]],
    ) -> BoltResponse:
        """Dispatch a request with its actor in the log context; log it at its end."""
        begin = time.perf_counter()
        actor = request.context["actor"] = actor_of(request.body)
        clear_contextvars()  # of the connection's last request
        bind_contextvars(
            entry_point=actor.entry_point,
            actor=actor.id,
            workspace=actor.home or actor.workspace,
            channel=actor.channel_id or None,
        )
        outcome: RequestOutcome = "failed"
        try:
            response = await dispatch(request)
            outcome = request.context.get("outcome", "ok")
        finally:
            seconds = time.perf_counter() - begin
            write = log.debug if actor.entry_point == "suggestion" else log.info
            write("request", outcome=outcome, milliseconds=round(seconds * 1000, 1))
            self.on_request(actor.entry_point, outcome, seconds)
            clear_contextvars()
        return response
