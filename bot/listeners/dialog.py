"""The dialog: its buttons and shortcuts, the options of its selects, and its submission."""

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
from bot.views.dialog import CHANNEL, NAME, PROJECT, PROJECT_OF, TEAM
from bot.views.failure import READING

FROM_ANYWHERE = "open_project_from_anywhere"  # the shortcuts, by their callback ids
FROM_MESSAGE = "open_project_from_message"
_UNAVAILABLE = "I can't save requests right now, so nothing was done. Try again in a minute."
_BOTH = "You chose a project above too. Leave this empty to open that one."
_OTHER_TEAM = "This project was chosen for another team. Choose it again."
_UNKNOWN = "Saving this took too long. Submit it again: it won't be done twice."


@dataclass(frozen=True, slots=True)
class Dialog:
    """The listeners for the dialog. https://docs.slack.dev/surfaces/modals"""

    services: Services

    async def open(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Ack at once, and open the dialog; where the click was in no channel, it asks for one.

        https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
        https://docs.slack.dev/interactivity/implementing-shortcuts
        """
        self.services.open_dialog(body["trigger_id"], checked(reply_target_of(body)))
        await ack()

    async def teams(self, ack: AsyncAck, payload: dict[str, Any]) -> None:
        """Ack with the teams that match the typed text.

        https://docs.slack.dev/reference/interaction-payloads/block_suggestion-payload
        """
        place = _origin(payload)
        typed = payload.get("value") or ""
        await ack(options=await self.services.dialog.team_options(place, typed))

    async def projects(self, ack: AsyncAck, payload: dict[str, Any]) -> None:
        """Ack with the projects of the team that the dialog carries.

        https://docs.slack.dev/reference/interaction-payloads/block_suggestion-payload
        """
        place, team = _origin(payload), _state(payload["view"]).team
        typed = payload.get("value") or ""
        await ack(options=await self.services.dialog.project_options(place, team, typed))

    async def choose_team(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Ack at once, and offer the projects of the chosen team.

        https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
        """
        view, option = body["view"], body["actions"][0].get("selected_option") or {}
        place, state, team = _place(view, body), _state(view), option.get("value", "")
        chosen, _ = _chosen_project(view)
        dialog = self.services.dialog
        self.services.run_in_background(
            place, READING, lambda: dialog.choose_team(view["id"], place, state, team, chosen)
        )
        await ack()

    async def submit(self, ack: AsyncAck, view: dict[str, Any], body: dict[str, Any]) -> None:
        """Ack once the task is on disk; the ack carries the errors, each at its field.

        https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload
        """
        typed, (chosen, chosen_in) = field(view, NAME), _chosen_project(view)
        request, place = ProjectRequest(field(view, TEAM), typed or chosen), _place(view, body)
        errors = await self.services.dialog.errors(request, place)
        if typed and chosen not in {"", typed, _state(view).name}:
            errors.setdefault(NAME, _BOTH)
        if not typed and chosen_in not in {"", request.team[:150]}:
            errors.setdefault(f"{PROJECT_OF}{chosen_in}", _OTHER_TEAM)
        if not place.channel_id:
            errors[CHANNEL] = "Choose where to show it."
        if not errors:
            try:
                # The id names the input too: after a failure a person can submit other input.
                asked = sha256(f"{request.team}\n{request.name}".encode()).hexdigest()[:16]
                await self.services.enqueue_open_project(
                    f"dialog:{view['id']}:{asked}",
                    request,
                    place,
                    home=not _state(view).channel_id,
                )
            except StoreUnavailableError as error:
                errors = {NAME: _UNKNOWN if error.outcome_unknown else _UNAVAILABLE}
        if CHANNEL in errors and CHANNEL not in view["state"]["values"]:
            # The dialog was opened in a channel, and asks for none.
            errors = {NAME: errors[CHANNEL]}
        if errors:
            await ack(response_action="errors", errors=errors)
        else:
            await ack()


def _state(view: dict[str, Any]) -> DialogState:
    """Read the state that the dialog carries."""
    return carried(DialogState, view.get("private_metadata") or "{}")


def _origin(payload: dict[str, Any]) -> ReplyTarget:
    """Read the person, and the channel that the dialog was opened in; empty if it was in none."""
    channel_id = _state(payload["view"]).channel_id
    return replace(reply_target_of(payload), channel_id=channel_id)


def _chosen_project(view: dict[str, Any]) -> tuple[str, str]:
    """Read the chosen project exactly as it is called, and the team of the list; or two blanks."""
    values: dict[str, Any] = view["state"]["values"]
    for block_id, elements in values.items():
        option = elements.get(PROJECT, {}).get("selected_option")
        if option and block_id.startswith(PROJECT_OF):
            return str(option["value"]), block_id.removeprefix(PROJECT_OF)
    return "", ""


def _place(view: dict[str, Any], body: dict[str, Any]) -> ReplyTarget:
    """Read the place of the reply: the origin of the dialog, or the channel chosen in it."""
    state = _state(view)
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
