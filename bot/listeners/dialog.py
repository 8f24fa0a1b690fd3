"""The dialog that opens from a bare command, a shortcut and the home tab."""

import asyncio
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.baseten.errors import BasetenError, Refused
from bot.baseten.models import Team
from bot.durable.model import StoreUnavailableError
from bot.handlers.permissions import actor_at
from bot.handlers.services import Services
from bot.listeners.payloads import checked, field, reply_target_of
from bot.projects.request import ProjectRequest, has_control_character
from bot.projects.service import (
    AmbiguousTeamError,
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
    DialogState,
    dialog_view,
    loading_view,
    team_options,
    typed_option,
)
from bot.views.failure import looking

_UNAVAILABLE = "My database does not answer, so nothing was done. Try again in a minute."
_UNKNOWN = "My database did not answer in time. Submit this again: it won't be done twice."
_NO_CONTROL_CHARACTERS = "Leave out the line breaks and other invisible characters."
PATIENCE = 1.5  # seconds for the teams; Slack waits 3 for an answer, and 1 may go to the database


@dataclass(frozen=True, slots=True)
class Dialog:
    """Ask for the team and the name, and open the project.

    https://docs.slack.dev/surfaces/modals
    """

    services: Services
    modals: Modals

    def accept(self, trigger_id: str, place: ReplyTarget, team: str = "") -> None:
        """Take on opening the dialog.

        Args:
            trigger_id: what Slack sent a moment ago; it lives 3 seconds.
            place: who asked, and where; without a channel the dialog asks for one.
            team: what was typed of the team.

        Raises:
            BusyError: there is too much to do already; nothing was taken on.
        """
        self.services.run_in_background(
            place, looking(), lambda: self._open(trigger_id, place, team)
        )

    async def teams(self, ack: AsyncAck, payload: dict[str, Any]) -> None:
        """Answer the team select with what matches; in time, whatever Baseten does.

        https://docs.slack.dev/reference/interaction-payloads/block_suggestion-payload
        """
        typed = payload.get("value") or ""
        try:
            async with asyncio.timeout(PATIENCE):
                teams = await self.services.projects.teams()
            actor = actor_at(reply_target_of(payload))
            options = team_options(typed, self.services.permissions.visible(actor, teams))
        except (BasetenError, TimeoutError):
            options = typed_option(typed)
        await ack(options=options)

    async def submit(self, ack: AsyncAck, view: dict[str, Any], body: dict[str, Any]) -> None:
        """Take what was filled in; what is wrong with it shows at its field.

        https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload
        """
        request, place = ProjectRequest(field(view, TEAM), field(view, NAME)), _place(view, body)
        errors = await self._errors(request, place)
        if not place.channel_id:
            errors[CHANNEL] = "Choose where to show it."
        if not errors:
            try:
                # By what is asked, too: after a failure it can be changed and submitted again.
                asked = sha256(f"{request.team}\n{request.name}".encode()).hexdigest()[:16]
                await self.services.enqueue_open_project(
                    f"dialog:{view['id']}:{asked}", request, place
                )
            except StoreUnavailableError as error:
                errors = {NAME: _UNKNOWN if error.outcome_unknown else _UNAVAILABLE}
        if errors:
            await ack(response_action="errors", errors=errors)
        else:
            await ack()

    async def _open(self, trigger_id: str, place: ReplyTarget, asked: str) -> None:
        view_id = await self.modals.open(trigger_id, loading_view())
        kept = DialogState(
            channel_id=place.channel_id,
            response_url=place.response_url,
            thread_ts=place.thread_ts,
        )
        teams = await self._teams(place)
        await self.modals.update(view_id, dialog_view(kept, teams, asked, _chosen(asked, teams)))

    async def _teams(self, place: ReplyTarget) -> list[Team] | None:
        """Return the teams, none if they take too long, None if they may not be listed."""
        try:
            async with asyncio.timeout(PATIENCE):
                teams = await self.services.projects.teams()
                return self.services.permissions.visible(actor_at(place), teams)
        except (BasetenError, TimeoutError) as error:
            return None if _not_allowed(error) else []

    async def _errors(self, request: ProjectRequest, place: ReplyTarget) -> dict[str, str]:
        """Say what is wrong, by field; what cannot be told in time is told later, in words."""
        if not request.name:
            return {NAME: "Give the project a name."}
        if has_control_character(request.name):
            return {NAME: _NO_CONTROL_CHARACTERS}
        if not request.team:
            return {TEAM: "Choose a team."}
        if has_control_character(request.team):
            return {TEAM: _NO_CONTROL_CHARACTERS}
        try:
            async with asyncio.timeout(PATIENCE):
                await self.services.permissions.find_team(
                    actor_at(place), self.services.projects, request.team
                )
        except UnknownTeamError as error:
            near = f" Did you mean {error.near[0]}?" if error.near else ""
            return {TEAM: f"There is no such team.{near}"}
        except AmbiguousTeamError:
            return {TEAM: "Several teams have this name. Give the team's id."}
        except TeamsUnavailableError as error:
            if _not_allowed(error.cause):
                return {TEAM: "I'm not allowed to list the teams. Give the team's id."}
        except TimeoutError:
            pass
        return {}


def _not_allowed(error: Exception) -> bool:
    return isinstance(error, Refused) and error.status in {403, 404}


def _chosen(asked: str, teams: list[Team] | None) -> Team | None:
    """Fill in the team that was typed, or the one that is written nearly so, or the default."""
    if not teams:
        return None
    if not asked:
        return next((team for team in teams if team.default), None)
    meant = match_team(asked, teams) or [
        team for team in teams if team.name in near_teams(asked, teams)[:1]
    ]
    return meant[0] if len(meant) == 1 else None


def _place(view: dict[str, Any], body: dict[str, Any]) -> ReplyTarget:
    """Read where the answer goes: where the dialog came from, or the channel that was chosen."""
    kept = DialogState.model_validate_json(view.get("private_metadata") or "{}")
    urls = body.get("response_urls") or [{}]
    return checked(
        ReplyTarget(
            user_id=body["user"]["id"],
            channel_id=kept.channel_id or field(view, CHANNEL),
            response_url=kept.response_url or urls[0].get("response_url"),
            thread_ts=kept.thread_ts,
        )
    )
