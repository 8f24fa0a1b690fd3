"""The ends of a workflow step: without one of them, a step stays open for ever."""

from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.redaction import Redactor
from bot.slack_calls import taken


class StepEnds:
    """End workflow steps; both ends are safe to repeat.

    Both methods raise ``NotTakenError`` where Slack does not take the end.

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
        await taken(
            # As a JSON body: slack_sdk's own method puts the outputs into the address.
            lambda: self._client.api_call(
                "functions.completeSuccess",
                json={"function_execution_id": execution_id, "outputs": outputs},
            )
        )

    async def fail(self, execution_id: str, words: str) -> None:
        """Fail the step, in words. https://docs.slack.dev/reference/methods/functions.completeError"""
        await taken(
            lambda: self._client.api_call(
                "functions.completeError",
                json={"function_execution_id": execution_id, "error": self._redactor.text(words)},
            )
        )
