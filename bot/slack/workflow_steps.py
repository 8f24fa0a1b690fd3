"""The ends of a workflow step: without one of them, a step stays open for ever."""

from typing import Any

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.message import SlackCallFailed
from bot.slack.web_api import call_slack
from bot.telemetry.redaction import Redactor

log = structlog.stdlib.get_logger(__name__)

# Slack's words for a step that has ended, and for one that it has forgotten since.
_ENDED = frozenset({"execution_not_in_running_state", "function_execution_not_found"})


class WorkflowSteps:
    """End workflow steps; both ends are safe to repeat, and a step that has ended stays as it is.

    Both methods raise ``SlackCallFailed`` where Slack does not take the end; ``retryable`` where it
    does not confirm it.

    Args:
        client: Slack's Web API, with the bot's token and without retries of its own.
        redactor: takes the secrets out of an error's words.
    """

    def __init__(self, client: AsyncWebClient, redactor: Redactor) -> None:
        self._client = client
        self._redactor = redactor

    async def complete(self, execution_id: str, outputs: dict[str, Any]) -> None:
        """Hand the outputs to the next step.

        https://docs.slack.dev/reference/methods/functions.completeSuccess
        """
        await self._end("functions.completeSuccess", execution_id, {"outputs": outputs})

    async def fail(self, execution_id: str, words: str) -> None:
        """Fail the step, in words. https://docs.slack.dev/reference/methods/functions.completeError"""
        error = self._redactor.text(words)
        await self._end("functions.completeError", execution_id, {"error": error})

    async def _end(self, method: str, execution_id: str, said: dict[str, Any]) -> None:
        # As a JSON body: slack_sdk's own methods put it all into the address.
        body = {"function_execution_id": execution_id, **said}
        try:
            await call_slack(lambda: self._client.api_call(method, json=body), idempotent=True)
        except SlackCallFailed as refused:
            if refused.error not in _ENDED:
                raise
            log.info("a workflow step had ended already")
