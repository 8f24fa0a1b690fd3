"""The dialog that starts a follow, and the buttons that start and end follows."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.access.rules import MalformedIdError, is_group_id, is_user_id
from bot.durable.model import StoreUnavailableError
from bot.follows.model import Level
from bot.handlers.follow_tasks import FOLLOW, UNFOLLOW, FollowTask, UnfollowTask
from bot.handlers.services import Services
from bot.listeners.actor import user_id_of
from bot.listeners.payloads import carried, checked, click, field, reply_target_of
from bot.projects.follow_choice import (
    FollowChoice,
    FollowDialogState,
    FollowReference,
    choice_of,
)
from bot.slack.message import ReplyTarget
from bot.views.follow_dialog import GROUP, LEVEL, PERSON, PLACE, TARGET

_UNAVAILABLE = "I can't save requests right now, so nothing was done. Try again in a minute."


@dataclass(frozen=True, slots=True)
class Following:
    """The listeners for follows. Each acks once its task is on disk."""

    services: Services

    async def open(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Ack at once; the dialog opens, with the button's project or team in it."""
        clicked = click(body)
        choice = carried(FollowChoice, clicked.value or "{}")
        self.services.open_follow_dialog(clicked.trigger_id, clicked.place, choice)
        await ack()

    async def targets(self, ack: AsyncAck, payload: dict[str, Any]) -> None:
        """Ack with the teams and projects that match the typed text."""
        typed = payload.get("value") or ""
        dialog = self.services.follow_dialog
        await ack(options=await dialog.target_options(reply_target_of(payload), typed))

    async def groups(self, ack: AsyncAck, payload: dict[str, Any]) -> None:
        """Ack with the user groups that match the typed text."""
        dialog = self.services.follow_dialog
        await ack(options=await dialog.group_options(payload.get("value") or ""))

    async def submit(self, ack: AsyncAck, view: dict[str, Any], body: dict[str, Any]) -> None:
        """Ack once the task is on disk; the ack carries an error at its field."""
        state = carried(FollowDialogState, view.get("private_metadata") or "{}")
        place = checked(
            ReplyTarget(
                user_id=user_id_of(body),
                channel_id=state.channel_id,
                response_url=state.response_url,
                thread_ts=state.thread_ts,
                ephemeral_thread_ts=state.ephemeral_thread_ts,
            )
        )
        channel_id, chosen = field(view, PLACE), field(view, TARGET)
        checked(ReplyTarget(place.user_id, channel_id))
        choice = choice_of(chosen)
        if choice == FollowChoice():
            await ack(response_action="errors", errors={TARGET: "Choose a project or a team."})
            return
        mentions = [each for each in (_person(view), _group(view)) if each]
        task = FollowTask(
            place=place,
            target=choice,
            channel_id=channel_id,
            level=_level(view),
            mentions=tuple(mentions),
            home=not state.channel_id,
        )
        asked = sha256(f"{chosen} {channel_id}".encode()).hexdigest()[:16]
        try:
            await self.services.enqueue(f"follow:{view['id']}:{asked}", FOLLOW, task.state(), place)
        except StoreUnavailableError:
            await ack(response_action="errors", errors={TARGET: _UNAVAILABLE})
            return
        await ack()

    async def stop(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """End the follow that the button names."""
        clicked = click(body)
        reference = carried(FollowReference, clicked.value)
        task = UnfollowTask(place=clicked.place, follow=reference, home=not clicked.ts)
        await self._enqueue(f"unfollow:{clicked.trigger_id}", UNFOLLOW, task, clicked.place)
        await ack()

    async def tell_me(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Tell the person about the jobs that they start, from now on."""
        clicked = click(body)
        task = FollowTask(place=clicked.place, target=None, home=not clicked.ts)
        await self._enqueue(f"tell me:{clicked.trigger_id}", FOLLOW, task, clicked.place)
        await ack()

    async def tell_me_no_more(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Tell the person about their jobs no more."""
        clicked = click(body)
        task = UnfollowTask(place=clicked.place, follow=None, home=not clicked.ts)
        await self._enqueue(f"unfollow:{clicked.trigger_id}", UNFOLLOW, task, clicked.place)
        await ack()

    async def _enqueue(
        self, task_id: str, kind: str, task: FollowTask | UnfollowTask, place: ReplyTarget
    ) -> None:
        await self.services.enqueue(task_id, kind, task.state(), place)


def _level(view: dict[str, Any]) -> Level:
    chosen = field(view, LEVEL)
    if chosen and chosen not in set(Level):
        raise MalformedIdError("a dialog carries an unknown level")
    return Level(chosen or Level.ENDS)


def _group(view: dict[str, Any]) -> str:
    chosen = field(view, GROUP)
    return chosen if is_group_id(chosen) else ""


def _person(view: dict[str, Any]) -> str:
    chosen = view["state"]["values"].get(PERSON, {}).get(PERSON, {}).get("selected_user") or ""
    return chosen if is_user_id(chosen) else ""
