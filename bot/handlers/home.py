"""Publish the home tab."""

from dataclasses import dataclass

from bot.durable.model import StoreUnavailableError
from bot.handlers.permissions import Permissions
from bot.projects.recents import Recents
from bot.slack.message import ReplyTarget
from bot.slack.modals import Modals
from bot.views.home import home_view
from bot.views.installation import Installation


@dataclass(frozen=True, slots=True)
class HomeHandler:
    """Show a person how to use the bot, and the projects that they opened last."""

    recents: Recents
    modals: Modals
    permissions: Permissions
    installation: Installation

    async def publish(self, user_id: str) -> None:
        """Publish the tab; while the database is away, without the projects."""
        try:
            recents = await self.recents.of(user_id)
        except StoreUnavailableError:
            recents = []
        place = ReplyTarget(user_id)
        visible = [one for one in recents if self.permissions.can_view(place, one.team)]
        await self.modals.publish(user_id, home_view(visible, self.installation))
