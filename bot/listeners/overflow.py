"""The overflow menu of a project's message, and the dialog that confirms one of its options."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.access.rules import MalformedIdError
from bot.handlers.follow_tasks import UNFOLLOW, UnfollowTask
from bot.handlers.services import Services
from bot.handlers.watch import STOP_FOR_EVERYONE, WatchTask
from bot.listeners.actor import user_id_of
from bot.listeners.payloads import (
    Click,
    carried,
    checked,
    checked_state,
    click,
    message_state_beside,
)
from bot.projects.follow_choice import FollowChoice, FollowReference
from bot.projects.message_state import MessageState, StopState
from bot.slack.message import ReplyTarget
from bot.views.failure import READING
from bot.views.project import (
    MORE_COMMAND,
    MORE_FOLLOW,
    MORE_REFRESH,
    MORE_STOP,
    MORE_STOP_FOLLOWING,
)


@dataclass(frozen=True, slots=True)
class Overflow:
    """The listeners for the menu and for its dialog.

    The value of an option holds 150 characters, too few for the message's state. The payload of a
    click holds the whole message, so the state comes from the *Watch* button, which each message
    with a menu has.

    https://docs.slack.dev/reference/block-kit/block-elements/overflow-menu-element
    """

    services: Services

    async def choose(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Ack at once; the update, or the dialog, follows.

        Raises:
            MalformedIdError: the bot offers no such option, or the message carries no state.
        """
        clicked, state = click(body), message_state_beside(body)
        place, trigger_id, more = clicked.place, clicked.trigger_id, self.services.more
        options = {
            MORE_REFRESH: partial(self.services.refresh.refresh, place, clicked.ts, state),
            MORE_COMMAND: partial(more.show_command, trigger_id, place, state),
            MORE_STOP: partial(more.confirm_stop, trigger_id, place, clicked.ts, state),
            MORE_FOLLOW: partial(
                self.services.follow_dialog.open,
                trigger_id,
                place,
                FollowChoice(project_id=state.project_id),
            ),
        }
        if clicked.value == MORE_STOP_FOLLOWING:
            await self._stop_following(clicked, state)
            await ack()
            return
        if (work := options.get(clicked.value)) is None:
            raise MalformedIdError("a menu carries an unknown option")
        self.services.run_in_background(place, READING, work)
        await ack()

    async def _stop_following(self, clicked: Click, state: MessageState) -> None:
        """Enqueue the end of the follow that posted the message.

        Raises:
            MalformedIdError: the message names no follow.
        """
        if not state.follow_digest:
            raise MalformedIdError("a message of no follow")
        reference = FollowReference(digest=state.follow_digest, id=state.follow_id)
        task = UnfollowTask(place=clicked.place, follow=reference)
        await self.services.enqueue(
            f"unfollow:{clicked.trigger_id}", UNFOLLOW, task.state(), clicked.place
        )

    async def stop_for_everyone(
        self, ack: AsyncAck, view: dict[str, Any], body: dict[str, Any]
    ) -> None:
        """Ack once the task is on disk."""
        meant = carried(StopState, view.get("private_metadata") or "{}")
        place = ReplyTarget(
            user_id=user_id_of(body),
            channel_id=meant.channel_id,
            response_url=meant.response_url,
            thread_ts=meant.thread_ts,
            ephemeral_thread_ts=meant.ephemeral_thread_ts,
        )
        task = WatchTask(
            place=checked(place, meant.ts),
            ts=meant.ts,
            message_state=checked_state(meant.message_state),
        )
        await self.services.enqueue(
            f"{STOP_FOR_EVERYONE}:{view['id']}", STOP_FOR_EVERYONE, task.state(), place
        )
        await ack()
