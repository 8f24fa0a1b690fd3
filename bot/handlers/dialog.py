"""Open the dialog, offer teams in it, and check a submission."""

import asyncio
from dataclasses import dataclass

from slack_sdk.models.blocks import Option

from bot.access.rules import NotServedError, Refusal
from bot.baseten.errors import BasetenError, Refused
from bot.baseten.models import Team
from bot.handlers.permissions import Permissions, actor_at
from bot.projects.message_state import DialogState
from bot.projects.request import ProjectRequest, has_control_character
from bot.projects.service import (
    AmbiguousTeamError,
    Projects,
    TeamsUnavailableError,
    UnknownTeamError,
    match_team,
    near_teams,
)
from bot.slack.message import ReplyTarget
from bot.slack.modals import Modals
from bot.views.dialog import (
    CHANNEL,
    NAME,
    TEAM,
    dialog_view,
    loading_view,
    team_options,
    typed_option,
)

_NO_CONTROL_CHARACTERS = "Leave out the line breaks and other invisible characters."
_CHANNELS = {  # the words at the field of the channel
    Refusal.CHANNEL: "I don't post in this channel. Choose another one.",
    Refusal.SHARED_CHANNEL: "I don't post in channels that are shared with other companies.",
    Refusal.UNKNOWN_CHANNEL: "Slack doesn't tell me whether this channel is shared with another "
    "company. Choose another one.",
}
TEAM_LIST_TIMEOUT = 1.5  # seconds; Slack waits 3 for an ack, and the database can take 1 of them


@dataclass(frozen=True, slots=True)
class DialogHandler:
    """Everything that the dialog needs from Baseten, within the time that Slack allows."""

    projects: Projects
    modals: Modals
    permissions: Permissions

    async def open(self, trigger_id: str, place: ReplyTarget, asked: str) -> None:
        """Open the dialog, first without the teams: a trigger lives 3 seconds.

        Args:
            trigger_id: from the payload.
            place: the place of the reply; without a channel the dialog asks for one.
            asked: the team that the person typed, or empty.
        """
        view_id = await self.modals.open(trigger_id, loading_view())
        state = DialogState(
            channel_id=place.channel_id,
            response_url=place.response_url,
            thread_ts=place.thread_ts,
            ephemeral_thread_ts=place.ephemeral_thread_ts,
        )
        teams = await self._teams(place)
        await self.modals.update(view_id, dialog_view(state, teams, asked, _chosen(asked, teams)))

    async def team_options(self, place: ReplyTarget, typed: str) -> list[Option]:
        """Return the teams that match the typed text; without a list, the text itself."""
        try:
            return team_options(typed, await self._visible_teams(place))
        except (BasetenError, TimeoutError):
            return typed_option(typed)

    async def errors(self, request: ProjectRequest, place: ReplyTarget) -> dict[str, str]:
        """Return the errors of a submission by field; a slow check counts as no error."""
        if not request.name:
            return {NAME: "Give the project a name."}
        if has_control_character(request.name):
            return {NAME: _NO_CONTROL_CHARACTERS}
        if not request.team:
            return {TEAM: "Choose a team."}
        if has_control_character(request.team):
            return {TEAM: _NO_CONTROL_CHARACTERS}
        return await self._refused(request, place)

    async def _refused(self, request: ProjectRequest, place: ReplyTarget) -> dict[str, str]:
        """Return the errors that the list of teams and the access rules show."""
        try:
            async with asyncio.timeout(TEAM_LIST_TIMEOUT):
                actor = actor_at(place)
                await self.permissions.prepare(actor)
                await self.permissions.find_team(actor, self.projects, request.team)
        except NotServedError as error:
            if error.refusal not in _CHANNELS:
                raise
            return {CHANNEL: _CHANNELS[error.refusal]}
        except UnknownTeamError as error:
            return {TEAM: _unknown_team(error)}
        except AmbiguousTeamError:
            return {TEAM: "Several teams have this name. Give the team's id."}
        except TeamsUnavailableError as error:
            if _not_allowed(error.cause):
                return {TEAM: "I'm not allowed to list the teams. Give the team's id."}
        except TimeoutError:
            pass
        return {}

    async def _teams(self, place: ReplyTarget) -> list[Team] | None:
        """Return the teams; none after a timeout; None if the key is not allowed to list them."""
        try:
            return await self._visible_teams(place)
        except (BasetenError, TimeoutError) as error:
            return None if _not_allowed(error) else []

    async def _visible_teams(self, place: ReplyTarget) -> list[Team]:
        actor = actor_at(place)
        async with asyncio.timeout(TEAM_LIST_TIMEOUT):
            await self.permissions.prepare(actor)
            teams = await self.projects.teams()
        return self.permissions.usable(actor, teams)


def _unknown_team(error: UnknownTeamError) -> str:
    if error.needed_by:
        return f"There's no such team that you ({error.needed_by}) can use here."
    near = f" Did you mean {error.near[0]}?" if error.near else ""
    return f"There is no such team.{near}"


def _not_allowed(error: Exception) -> bool:
    return isinstance(error, Refused) and error.status in {403, 404}


def _chosen(asked: str, teams: list[Team] | None) -> Team | None:
    """Return the team to fill in: the typed one, one with a similar name, or the default."""
    if not teams:
        return None
    if not asked:
        return next((team for team in teams if team.default), None)
    meant = match_team(asked, teams) or [
        team for team in teams if team.name in near_teams(asked, teams)[:1]
    ]
    return meant[0] if len(meant) == 1 else None
