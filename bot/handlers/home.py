"""Publish the home tab."""

from dataclasses import dataclass

from bot.durable.model import StoreUnavailableError
from bot.projects.recents import Recents
from bot.slack.modals import Modals
from bot.views.home import home_view


@dataclass(frozen=True, slots=True)
class HomeHandler:
    """Show a person how to use the bot, and the projects that they opened last."""

    recents: Recents
    modals: Modals

    async def publish(self, user_id: str) -> None:
        """Publish the tab; while the database is away, without the projects."""
        try:
            recents = await self.recents.of(user_id)
        except StoreUnavailableError:
            recents = []
        await self.modals.publish(user_id, home_view(recents))
