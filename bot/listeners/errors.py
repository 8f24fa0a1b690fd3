"""The answer to a request that failed before it was acked."""

import json
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from html import unescape
from typing import Any

from slack_bolt.response import BoltResponse

from bot.access.limits import PersonLimitError
from bot.durable.in_flight import BusyError, InFlight
from bot.handlers.failures import Failures
from bot.listeners.payloads import reply_target_of
from bot.slack.message import Message, ReplyTarget, SlackCallFailed
from bot.slack.messages import Poster
from bot.slack.workflow_steps import WorkflowSteps
from bot.views.dialog import NAME
from bot.views.failure import READING


@dataclass(frozen=True, slots=True)
class ErrorHandler:
    """Answer as each kind of request needs it; Bolt calls this for every error of a listener."""

    failures: Failures
    poster: Poster
    work: InFlight
    ends: WorkflowSteps

    async def handle(self, error: Exception, body: dict[str, Any]) -> BoltResponse:
        """Answer for a request that failed before it was acked, as its kind needs it.

        A command and a dialog show the words in the ack, a step fails with them, and after a click
        they are sent.
        """
        words = self.failures.failure_text(error, READING)
        if body.get("type") == "event_callback":
            event = body.get("event", {})
            if not isinstance(error, PersonLimitError):
                return BoltResponse(status=503)  # Slack repeats it, at once and after some minutes
            execution_id = event.get("function_execution_id", "")
            await self._start(lambda: self._fail(execution_id, words))
            return BoltResponse(status=200)
        if "command" in body:
            return _json(words.payload())
        if body.get("type") == "view_submission":
            return _json({"response_action": "errors", "errors": {NAME: unescape(words.text)}})
        await self._start(lambda: self._tell(reply_target_of(body), words))
        return BoltResponse(status=200)

    async def _start(self, answer: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            self.work.start(answer)
        except BusyError:
            await answer()

    async def _fail(self, execution_id: str, words: Message) -> None:
        with suppress(SlackCallFailed):  # it is in the log
            await self.ends.fail(execution_id, unescape(words.text))

    async def _tell(self, place: ReplyTarget, words: Message) -> None:
        with suppress(SlackCallFailed):  # which is in the log
            await self.poster.send_privately(place, words)


def _json(answer: dict[str, Any]) -> BoltResponse:
    return BoltResponse(
        status=200, body=json.dumps(answer), headers={"content-type": "application/json"}
    )
