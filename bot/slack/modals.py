"""Views that Slack shows to one person: a dialog and the home tab."""

from slack_sdk.models.views import View
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.message import SlackCallFailed
from bot.slack.web_api import call_slack

_LEFT = frozenset({"not_found", "view_not_found"})  # the person has closed the dialog


class Modals:
    """Open, update and publish views.

    Every method raises ``SlackCallFailed`` if Slack refuses the view or the outcome is unknown.

    Args:
        client: Slack's Web API, with the bot's token and without retries of its own.
    """

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client

    async def open(self, trigger_id: str, view: View) -> str:
        """Open a dialog, and return its id. A trigger is valid for 3 seconds after an interaction.

        https://docs.slack.dev/reference/methods/views.open
        """
        answer = await call_slack(
            lambda: self._client.views_open(trigger_id=trigger_id, view=view.to_dict()),
            idempotent=True,  # a trigger opens at most one view
        )
        view_id: str = answer["view"]["id"]
        return view_id

    async def update(self, view_id: str, view: View) -> None:
        """Replace an open dialog. If the person has closed it, nothing happens.

        https://docs.slack.dev/reference/methods/views.update
        """
        try:
            await call_slack(
                lambda: self._client.views_update(view_id=view_id, view=view.to_dict()),
                idempotent=True,
            )
        except SlackCallFailed as refused:
            if refused.error not in _LEFT:
                raise

    async def publish(self, user_id: str, view: View) -> None:
        """Replace a person's home tab. https://docs.slack.dev/reference/methods/views.publish"""
        await call_slack(
            lambda: self._client.views_publish(user_id=user_id, view=view.to_dict()),
            idempotent=True,
        )
