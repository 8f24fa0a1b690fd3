"""Open the dialog, offer teams and projects in it, and check a submission."""

import asyncio
from dataclasses import dataclass

from slack_sdk.models.blocks import Option

from bot.access.rules import NotServedError, Refusal
from bot.baseten.errors import BasetenError, Refused
from bot.baseten.models import Team
from bot.durable.model import StoreUnavailableError
from bot.handlers.audit import Audit
from bot.handlers.permissions import Permissions, actor_at
from bot.projects.message_state import DialogState
from bot.projects.recents import Recents
from bot.projects.request import ProjectRequest, has_control_character, plain_characters
from bot.projects.service import Projects, match_team, near_teams
from bot.projects.similar_names import SimilarNames
from bot.projects.team_errors import AmbiguousTeamError, TeamsUnavailableError, UnknownTeamError
from bot.slack.message import ReplyTarget
from bot.slack.modals import Modals
from bot.views.dialog import (
    CHANNEL,
    NAME,
    TEAM,
    Prefilled,
    dialog_view,
    loading_view,
    project_options,
    team_options,
    typed_option,
)
from bot.views.text import isolated, shorten

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
    recents: Recents
    audit: Audit

    async def open(self, trigger_id: str, place: ReplyTarget, asked: str, name: str = "") -> None:
        """Open the dialog, first without the teams: a trigger lives 3 seconds.

        Args:
            trigger_id: from the payload.
            place: the place of the reply; without a channel the dialog asks for one.
            asked: the team that the person typed, or empty. Without a name, a word that is no team
                is taken as the name.
            name: the name of the project, or empty.
        """
        view_id = await self.modals.open(trigger_id, loading_view())
        teams = await self._teams(place)
        filled = _prefilled(asked, name, teams)
        state = DialogState(
            team=filled.team.id if filled.team else "" if teams else asked[:150],
            name=filled.name[:150],
            channel_id=place.channel_id,
            response_url=place.response_url,
            thread_ts=place.thread_ts,
            ephemeral_thread_ts=place.ephemeral_thread_ts,
        )
        await self.modals.update(view_id, dialog_view(state, teams, filled))

    async def choose_team(
        self, view_id: str, place: ReplyTarget, state: DialogState, team: str, chosen: str
    ) -> None:
        """Offer the projects of another team.

        Args:
            view_id: the dialog.
            place: the place of the reply.
            state: the state of the dialog before the choice.
            team: the chosen team.
            chosen: the project that was chosen before, or empty. A new name is kept. The name of a
                project of the other team is not, because it would be created in this team.
        """
        teams = await self._teams(place) or []
        before = await self._names(place, state.team)
        kept = "" if chosen and before is not None and chosen in before else chosen
        names = await self._names(place, team)
        exists = None if names is None else kept in names
        found = match_team(team, teams)
        one = found[0] if len(found) == 1 else None
        filled = Prefilled(one, "" if one else team, kept, exists)
        state = state.model_copy(update={"team": team})
        await self.modals.update(view_id, dialog_view(state, teams if one else [], filled))

    async def team_options(self, place: ReplyTarget, typed: str) -> list[Option]:
        """Return the teams that match the typed text; without a list, the text itself."""
        try:
            return team_options(typed, await self._usable_teams(place))
        except (BasetenError, TimeoutError):
            return typed_option(typed)

    async def project_options(self, place: ReplyTarget, team: str, typed: str) -> list[Option]:
        """Return the projects of the team that match the typed text, and a new one of that name."""
        typed = plain_characters(typed)
        names = await self._names(place, team)
        if names is None:
            return project_options(typed, None)
        return project_options(typed, names, await self._recent(place, team))

    async def errors(self, request: ProjectRequest, place: ReplyTarget) -> dict[str, str]:
        """Return the errors of a submission by field; a slow check counts as no error."""
        if not request.name:
            return {NAME: "Choose a project, or give it a name here."}
        if has_control_character(request.name):
            return {NAME: _NO_CONTROL_CHARACTERS}
        if not request.team:
            return {TEAM: "Choose a team."}
        if has_control_character(request.team):
            return {TEAM: _NO_CONTROL_CHARACTERS}
        return await self._refused(request, place)

    async def _refused(self, request: ProjectRequest, place: ReplyTarget) -> dict[str, str]:
        """Return the errors that the list of teams and the access rules show."""
        actor = actor_at(place)
        try:
            async with asyncio.timeout(TEAM_LIST_TIMEOUT):
                await self.permissions.prepare(actor)
                await self.permissions.find_team(actor, self.projects, request.team)
        except NotServedError as error:
            if error.refusal not in _CHANNELS:
                raise
            self.audit.refused_request(actor, error)
            return {CHANNEL: _CHANNELS[error.refusal]}
        except UnknownTeamError as error:
            self.audit.refused_request(actor, error)
            return {TEAM: _unknown_team(error)}
        except AmbiguousTeamError:
            return {TEAM: "Several teams have this name. Enter the team's ID."}
        except TeamsUnavailableError as error:
            if _not_allowed(error.cause):
                return {TEAM: "Enter the team's ID. The bot's key can't list teams."}
        except TimeoutError:
            pass
        return {}

    async def _teams(self, place: ReplyTarget) -> list[Team] | None:
        """Return the teams; none after a timeout; None if the key is not allowed to list them."""
        try:
            return await self._usable_teams(place)
        except (BasetenError, TimeoutError) as error:
            return None if _not_allowed(error) else []

    async def _usable_teams(self, place: ReplyTarget) -> list[Team]:
        actor = actor_at(place)
        async with asyncio.timeout(TEAM_LIST_TIMEOUT):
            await self.permissions.prepare(actor)
            teams = await self.projects.teams()
        return self.permissions.usable(actor, teams)

    async def _names(self, place: ReplyTarget, team: str) -> SimilarNames | None:
        """Return the names of a team's projects that the person can view.

        None if they do not arrive, or without a team that the person can view.
        """
        if not team:
            return None
        try:
            async with asyncio.timeout(TEAM_LIST_TIMEOUT):
                found = match_team(team, await self._usable_teams(place))
                found = self.permissions.viewable(actor_at(place), found)
                return await self.projects.names_in(found[0]) if len(found) == 1 else None
        except (BasetenError, TimeoutError):
            return None

    async def _recent(self, place: ReplyTarget, team: str) -> list[str]:
        """Return the names of the projects of this team that the person opened last."""
        try:
            async with asyncio.timeout(TEAM_LIST_TIMEOUT / 2):
                recent = await self.recents.of(place.user_id)
                found = match_team(team, await self.projects.teams())
        except (BasetenError, StoreUnavailableError, TimeoutError):
            return []
        return [each.name for each in recent if found and each.team == found[0].name]


def _unknown_team(error: UnknownTeamError) -> str:
    if error.needed_by:
        return f"There's no such team that you ({error.needed_by}) can use here."
    near = f" Did you mean {isolated(shorten(error.near[0], 100))}?" if error.near else ""
    return f"There is no such team.{near}"


def _not_allowed(error: Exception) -> bool:
    return isinstance(error, Refused) and error.status in {403, 404}


def _prefilled(asked: str, name: str, teams: list[Team] | None) -> Prefilled:
    """Return the content of the fields: the typed team, or the default; and the name.

    A word that is no team's name is the name of a project, if the person typed no other.
    """
    if not teams:
        return Prefilled(asked=asked, name=name)
    if not asked:
        default = None if name else next((team for team in teams if team.default), None)
        return Prefilled(default, name=name)
    meant = match_team(asked, teams)
    if meant or name:
        return Prefilled(meant[0] if len(meant) == 1 else None, asked, name)
    return Prefilled(name=asked, near=next(iter(near_teams(asked, teams)), ""))
