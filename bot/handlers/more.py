"""The dialogs behind the message's overflow menu."""

from dataclasses import dataclass

from slack_sdk.models.views import View

from bot.access.rules import Verb
from bot.handlers.fill_dialog import FilledDialogs
from bot.handlers.permissions import Permissions
from bot.projects.message_state import MessageState, StopState
from bot.projects.service import Projects
from bot.slack.message import ReplyTarget
from bot.views.installation import Installation
from bot.views.more import (
    COMMAND_TITLE,
    STOP_TITLE,
    command_view,
    not_watched_view,
    stop_view,
)
from bot.watches.store import Watches


@dataclass(frozen=True, slots=True)
class MoreHandler:
    """Show a project's command, or ask before a watch ends for everyone."""

    projects: Projects
    dialogs: FilledDialogs
    watches: Watches
    permissions: Permissions
    installation: Installation

    async def show_command(self, trigger_id: str, place: ReplyTarget, state: MessageState) -> None:
        """Show the command that opens this project, and the project's id."""

        async def found() -> View:
            project = await self.projects.get_project(state.project_id)
            self.permissions.require(place, Verb.VIEW, project.team_name)
            return command_view(project, project.team_name or state.team, self.installation)

        await self.dialogs.open(trigger_id, place, COMMAND_TITLE, found)

    async def confirm_stop(
        self, trigger_id: str, place: ReplyTarget, ts: str, state: MessageState
    ) -> None:
        """Ask whether to end the watch of a message for everyone, and name its watchers."""

        async def found() -> View:
            watch = await self.watches.get(place.channel_id, ts)
            if watch is None:
                return not_watched_view()
            self.permissions.require(place, Verb.VIEW, watch.project.team_name)
            meant = StopState(
                channel_id=place.channel_id,
                ts=ts,
                message_state=state,
                thread_ts=place.thread_ts,
                ephemeral_thread_ts=place.ephemeral_thread_ts,
                response_url=place.response_url,
            )
            return stop_view(watch.project.name, watch.watchers, place.user_id, meant)

        await self.dialogs.open(trigger_id, place, STOP_TITLE, found)
