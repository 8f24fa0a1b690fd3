"""Complete or fail a workflow step. A step without one of these calls never ends."""

from typing import Any

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.message import SlackCallFailed
from bot.slack.web_api import call_slack
from bot.telemetry.redaction import Redactor

log = structlog.stdlib.get_logger(__name__)

# Slack's codes for a step that has ended, and for a step that Slack no longer knows.
_ENDED = frozenset({"execution_not_in_running_state", "function_execution_not_found"})


class WorkflowSteps:
    """Complete or fail workflow steps. A repeat is safe: a step that has ended does not change.

    Both methods raise ``SlackCallFailed`` if Slack refuses the call or the outcome is unknown; it
    is ``retryable`` if the outcome is unknown or Slack was unreachable.

    Args:
        client: Slack's Web API, with the bot's token and without retries of its own.
        redactor: redacts the secrets in an error's text.
    """

    def __init__(self, client: AsyncWebClient, redactor: Redactor) -> None:
        self._client = client
        self._redactor = redactor

    async def complete(self, execution_id: str, outputs: dict[str, Any]) -> None:
        """Complete the step with outputs, which the next steps can use.

        https://docs.slack.dev/reference/methods/functions.completeSuccess
        """
        await self._end("functions.completeSuccess", execution_id, {"outputs": outputs})

    async def fail(self, execution_id: str, words: str) -> None:
        """Fail the step with a text for people.

        https://docs.slack.dev/reference/methods/functions.completeError
        """
        error = self._redactor.text(words)
        await self._end("functions.completeError", execution_id, {"error": error})

    async def _end(self, method: str, execution_id: str, said: dict[str, Any]) -> None:
        # Send a JSON body: slack_sdk's own methods put the fields into the address.
        body = {"function_execution_id": execution_id, **said}
        try:
            await call_slack(lambda: self._client.api_call(method, json=body), idempotent=True)
        except SlackCallFailed as refused:
            if refused.error not in _ENDED:
                raise
            log.info("the workflow step has already ended")
