"""The answer to a request that failed before it was acked."""

import json
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from bot.access.limits import PersonLimitError
from bot.access.rules import MalformedPayloadError, NotServedError
from bot.durable.in_flight import BusyError
from bot.durable.model import StoreUnavailableError
from bot.handlers.services import Services
from bot.listeners.actor import part, text
from bot.listeners.payloads import reply_target_of, usable
from bot.slack.message import Message, ReplyTarget, SlackCallFailed
from bot.views.dialog import NAME
from bot.views.failure import READING
from bot.views.more import NOTICE_TITLE, notice_view
from bot.views.text import without_markup
from bot.views.usage import unknown_request_message

_REFUSALS = (NotServedError, PersonLimitError, MalformedPayloadError)
_SILENT = (NotServedError, PersonLimitError)  # for an event that no person waits for
_LAST_RETRY = 3  # Slack repeats an event three times

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ErrorHandler:
    """Answer as each kind of request needs it; Bolt calls this for every error of a listener."""

    services: Services

    async def handle(
        self, error: Exception, body: dict[str, Any], request: AsyncBoltRequest
    ) -> BoltResponse:
        """Return the ack of a request that failed.

        A command and a dialog show the words in the ack, and a workflow step fails with them. After
        a click or a shortcut the words are sent. Suggestions get no options; an event gets a 200.
        This holds for requests without a listener too, such as a click on a button of an old bot.
        """
        refused = isinstance(error, _REFUSALS)
        request.context["outcome"] = "refused" if refused else "failed"
        actor = request.context["actor"]
        self.services.failures.audit.refused_request(actor, error)
        if isinstance(error, BoltUnhandledRequestError):
            log.warning("no listener for this request", type=str(body.get("type", ""))[:50])
        match body.get("type"):
            case "event_callback":
                return await self._after_event(error, part(body, "event"), request)
            case "block_suggestion":
                log.debug("no suggestions", error=f"{type(error).__name__}: {error}")
                return _json({"options": []})
        words = self._words(error, "command" if "command" in body else text(body, "type"))
        if "command" in body:
            return _json(words.payload())
        match body.get("type"):
            case "view_submission":
                return _json(_in_dialog(body.get("view"), words))
            case "block_actions" | "shortcut" | "message_action":
                await self._start(lambda: self._tell(usable(reply_target_of(body)), words))
        return _ack()

    async def _after_event(
        self, error: Exception, event: dict[str, Any], request: AsyncBoltRequest
    ) -> BoltResponse:
        """Return a 503, after which Slack repeats the event, only if a repeat can help."""
        step = event.get("type") == "function_executed"
        retries = retries_of(request)
        if step and isinstance(error, StoreUnavailableError) and retries < _LAST_RETRY:
            log.warning("a workflow step was not taken", retries=retries, error=str(error))
            return BoltResponse(status=503)
        if step or not isinstance(error, _SILENT):
            words = self._words(error, text(event, "type"))
        if step and (execution_id := text(event, "function_execution_id")):
            await self._start(lambda: self._fail(execution_id, words))
        return _ack()

    def _words(self, error: Exception, kind: str) -> Message:
        if isinstance(error, BoltUnhandledRequestError):
            return unknown_request_message(kind, self.services.installation)
        return self.services.failures.failure_text(error, READING)

    async def _start(self, answer: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            self.services.in_flight.start(answer)
        except BusyError:
            await answer()

    async def _fail(self, execution_id: str, words: Message) -> None:
        with suppress(SlackCallFailed):  # it is in the log
            await self.services.steps.fail(execution_id, without_markup(words.text))

    async def _tell(self, place: ReplyTarget, words: Message) -> None:
        with suppress(SlackCallFailed):  # it is in the log
            await self.services.poster.send_privately(place, words)


def retries_of(request: AsyncBoltRequest) -> int:
    """Return how many times Slack has repeated the request."""
    (retries, *_) = request.headers.get("x-slack-retry-num") or ["0"]
    return int(retries) if retries.isdecimal() else 0


def _in_dialog(view: Any, words: Message) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Return the ack that shows words in a dialog: at its name field, or else in its place."""
    blocks = view.get("blocks") if isinstance(view, dict) else None
    if any(isinstance(block, dict) and block.get("block_id") == NAME for block in blocks or ()):
        return {"response_action": "errors", "errors": {NAME: without_markup(words.text)}}
    return {"response_action": "update", "view": notice_view(NOTICE_TITLE, words).to_dict()}


def _ack() -> BoltResponse:
    return BoltResponse(status=200)


def _json(answer: dict[str, Any]) -> BoltResponse:
    return BoltResponse(
        status=200, body=json.dumps(answer), headers={"content-type": "application/json"}
    )
