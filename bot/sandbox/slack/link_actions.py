"""The actions of Slack's users on links."""

from bot.sandbox.faults import Json
from bot.sandbox.slack.links import POSTED, SlackLinks, link_shared
from bot.sandbox.slack.records import CHANNEL, USER, Delivery, SharedLinks
from bot.sandbox.slack.user_actions import UserActions


class LinkActions(UserActions):
    """The actions of users, with those on links.

    Attributes:
        scopes: the scopes of the bot's token.
    """

    scopes: tuple[str, ...]

    def paste(
        self, *urls: str, channel: str = CHANNEL, user: str | None = USER, source: str = POSTED
    ) -> SharedLinks:
        """Paste links; see `SlackLinks.paste`. The bot gets the event from `link_shared`."""
        return SlackLinks(self._workspace).paste(*urls, channel=channel, user=user, source=source)

    async def link_shared(
        self, shared: SharedLinks, *, retries: int = 0, **envelope: Json
    ) -> Delivery:
        """Send the event for pasted links; see `event`. Each delivery has the same id.

        Raises:
            LookupError: the bot lacks the scope `links:read`.
        """
        if "links:read" not in self.scopes:
            raise LookupError("without links:read, Slack sends no event")
        fields = {"event_id": shared.event_id} | envelope
        return await self.event(link_shared(shared), retries=retries, **fields)
