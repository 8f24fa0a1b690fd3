"""The dialog: the options of its team select, and its submission."""

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.durable.model import StoreUnavailableError
from bot.handlers.services import Services
from bot.listeners.payloads import carried, checked, field, reply_target_of
from bot.projects.message_state import DialogState
from bot.projects.request import ProjectRequest
from bot.slack.message import ReplyTarget
from bot.views.dialog import CHANNEL, NAME, TEAM

_UNAVAILABLE = "My database does not answer, so nothing was done. Try again in a minute."
_UNKNOWN = "My database did not answer in time. Submit this again: it won't be done twice."


@dataclass(frozen=True, slots=True)
class Dialog:
    """The listeners for the dialog. https://docs.slack.dev/surfaces/modals"""

    services: Services

    async def teams(self, ack: AsyncAck, payload: dict[str, Any]) -> None:
        """Ack with the teams that match the typed text.

        https://docs.slack.dev/reference/interaction-payloads/block_suggestion-payload
        """
        state = carried(DialogState, payload["view"].get("private_metadata") or "{}")
        place = replace(reply_target_of(payload), channel_id=state.channel_id)
        typed = payload.get("value") or ""
        await ack(options=await self.services.dialog.team_options(place, typed))

    async def submit(self, ack: AsyncAck, view: dict[str, Any], body: dict[str, Any]) -> None:
        """Ack once the task is on disk; the ack carries the errors, each at its field.

        https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload
        """
        request, place = ProjectRequest(field(view, TEAM), field(view, NAME)), _place(view, body)
        errors = await self.services.dialog.errors(request, place)
        if not place.channel_id:
            errors[CHANNEL] = "Choose where to show it."
        if not errors:
            try:
                # The id names the input too: after a failure a person can submit other input.
                asked = sha256(f"{request.team}\n{request.name}".encode()).hexdigest()[:16]
                await self.services.enqueue_open_project(
                    f"dialog:{view['id']}:{asked}", request, place
                )
            except StoreUnavailableError as error:
                errors = {NAME: _UNKNOWN if error.outcome_unknown else _UNAVAILABLE}
        if CHANNEL in errors and CHANNEL not in view["state"]["values"]:
            errors = {
                NAME: errors[CHANNEL]
            }  # the dialog was opened in a channel, and asks for none
        if errors:
            await ack(response_action="errors", errors=errors)
        else:
            await ack()


def _place(view: dict[str, Any], body: dict[str, Any]) -> ReplyTarget:
    """Read the place of the reply: the origin of the dialog, or the channel chosen in it."""
    state = carried(DialogState, view.get("private_metadata") or "{}")
    urls = body.get("response_urls") or [{}]
    return checked(
        ReplyTarget(
            user_id=body["user"]["id"],
            channel_id=state.channel_id or field(view, CHANNEL),
            response_url=state.response_url or urls[0].get("response_url"),
            thread_ts=state.thread_ts,
            ephemeral_thread_ts=state.ephemeral_thread_ts,
        )
    )
