"""Open the dialog that starts a follow, and offer projects, teams and user groups in it."""

import asyncio
from dataclasses import dataclass
from functools import partial

from slack_sdk.models.blocks import Option
from slack_sdk.models.views import View

from bot.access.grants import UNKNOWN_TEAM
from bot.access.rules import NotAllowedError, Verb
from bot.baseten.errors import BasetenError
from bot.handlers.fill_dialog import FilledDialogs
from bot.handlers.permissions import Permissions, actor_at
from bot.projects.follow_choice import FollowChoice, FollowDialogState
from bot.projects.job_list import JobList
from bot.projects.job_scope import team_digest
from bot.projects.service import Projects
from bot.slack.message import ReplyTarget
from bot.slack.user_groups import UserGroups
from bot.views.follow_dialog import (
    FOLLOW_TITLE,
    follow_view,
    group_options,
    project_option,
    target_options,
    team_option,
)

_LIST_TIMEOUT = 2.0  # seconds; Slack waits 3 for options


@dataclass(frozen=True, slots=True)
class FollowDialogHandler:
    """Everything that the dialog needs from Baseten and Slack."""

    projects: Projects
    job_list: JobList
    dialogs: FilledDialogs
    permissions: Permissions
    groups: UserGroups

    async def open(self, trigger_id: str, place: ReplyTarget, choice: FollowChoice) -> None:
        """Open the dialog at once, and then fill it in; a failure is shown in it.

        Args:
            trigger_id: from the payload; it lives 3 seconds.
            place: the person, and the place of the click; without a channel, as in the home tab,
                the dialog begins without one.
            choice: the project or the team to begin with; an empty one leaves the choice open.
        """
        view = partial(self._view, place, choice)
        await self.dialogs.open(trigger_id, place, FOLLOW_TITLE, view)

    async def target_options(self, place: ReplyTarget, typed: str) -> list[Option]:
        """Return the teams and projects that the person can view and that match the typed text.

        The dialog's channel is chosen beside them, so they are those of all channels.
        """
        actor = actor_at(place)
        try:
            async with asyncio.timeout(_LIST_TIMEOUT):
                await self.permissions.prepare(actor)
                heads = await self.job_list.projects(fresh=False)
                named = await self.projects.team_names(heads)
        except (BasetenError, TimeoutError):
            return []
        visible = {team for team in named if self.permissions.can_view_somewhere(actor, team)}
        mine = [head for head in heads if head.team_name in visible]
        return target_options(typed, visible, mine)

    async def group_options(self, typed: str) -> list[Option]:
        """Return the user groups that match the typed text."""
        return group_options(typed, await self.groups.all())

    async def _view(self, place: ReplyTarget, choice: FollowChoice) -> View:
        state = FollowDialogState(
            channel_id=place.channel_id,
            response_url=place.response_url,
            thread_ts=place.thread_ts,
            ephemeral_thread_ts=place.ephemeral_thread_ts,
        )
        initial, groups = await asyncio.gather(self._initial(place, choice), self.groups.all())
        return follow_view(state, initial, groups=bool(groups))

    async def _initial(self, place: ReplyTarget, choice: FollowChoice) -> Option | None:
        actor = actor_at(place)
        if choice.project_id:
            project = await self.projects.get_project(choice.project_id)
            team = project.team_name or ""
            if not self.permissions.can_view_somewhere(actor, team):
                raise NotAllowedError(Verb.VIEW, team)
            return project_option(project.id, project.name, team)
        if not choice.team_digest:
            return None
        heads = await self.job_list.projects(fresh=False)
        for team in await self.projects.team_names(heads):
            if team_digest(team) == choice.team_digest and self.permissions.can_view_somewhere(
                actor, team
            ):
                return team_option(team)
        raise NotAllowedError(Verb.VIEW, rule=UNKNOWN_TEAM)
