"""The post of a task: once in its channel, as far as Slack allows."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from pydantic import BaseModel

from bot.durable.context import TaskContext
from bot.durable.model import RunAgain, Task
from bot.projects.bounded_set import BoundedSet
from bot.slack.message import Message, PostedMessage, ReplyTarget, SlackCallFailed
from bot.slack.messages import Poster
from bot.views.notice import invite

log = structlog.stdlib.get_logger(__name__)

LOOKS = (5.0, 25.0)  # seconds before each search for a post with an unknown outcome


class PostState(Protocol):
    """The state of a task that posts, as a model of pydantic."""

    @property
    def looks(self) -> int | None:
        """The number of searches for the post until now; None if no post is in doubt."""

    def model_copy(self, *, update: Mapping[str, Any] | None = None) -> BaseModel:
        """Return a changed copy; see pydantic."""


@dataclass(frozen=True, slots=True)
class TaskPost:
    """Post the one message of a task, and search for it after an unknown outcome or a kill.

    Attributes:
        poster: calls Slack.
        context: the attempt at the task. The task's id is the id of the post.
        waits: seconds before each search.
        state: the task's state.
    """

    poster: Poster
    context: TaskContext
    waits: tuple[float, ...]
    state: PostState

    async def post(self, place: ReplyTarget, message: Message) -> PostedMessage | RunAgain:
        """Return the message; or the time of the next search for it.

        Raises:
            SlackCallFailed: Slack refused the message, or (``outcome_unknown``) might have posted
                it in a channel that the bot cannot read.
        """
        stored = self.context.task
        if self.state.looks is not None or stored.step_may_have_run:
            found = await self._find(place, stored)
            if found is not None:
                return found
        try:
            return await self.poster.post(
                place, message, stored.id, guard=self.context.may_post, parked=self.context.park
            )
        except SlackCallFailed as failed:
            if not failed.outcome_unknown or failed.elsewhere:
                raise
            log.warning("Slack did not confirm a message", slack_error=failed.error)
            return self._search(0)

    async def _find(self, place: ReplyTarget, stored: Task) -> PostedMessage | RunAgain | None:
        """Return the message of an earlier attempt; None: it was not posted, so post it.

        Raises:
            SlackCallFailed: ``outcome_unknown``: the bot is not allowed to read the channel.
        """
        try:
            ts = await self.poster.find_message_ts(place, stored.id, stored.created_at)
        except SlackCallFailed as unread:
            if unread.retryable or unread.outcome_unknown:
                raise SlackCallFailed(unread.error, retryable=True) from unread
            log.info("cannot search the channel for the message", slack_error=unread.error)
            if self.state.looks is None:  # after a kill; the post repeats its client_msg_id
                return None
            raise SlackCallFailed(unread.error, outcome_unknown=True) from unread
        if ts is not None:
            return PostedMessage(place.channel_id, ts, as_member=True)
        if self.state.looks is None or self.state.looks + 1 == len(self.waits):
            return None
        return self._search(self.state.looks + 1)

    def _search(self, looks: int) -> RunAgain:
        """Return the time of the next search, after a number of them."""
        state = self.state.model_copy(update={"looks": looks}).model_dump(mode="json")
        return RunAgain(self.waits[looks], state)


async def send_invitation(
    poster: Poster, invited: BoundedSet, place: ReplyTarget, context: TaskContext
) -> None:
    """Send a person the invitation, once a channel; nobody can be added to a DM."""
    if place.channel_id.startswith("D") or place.channel_id in invited:
        return
    invited.add(place.channel_id)
    with suppress(SlackCallFailed):  # the log has it
        await poster.send_privately(place, invite(), guard=context.may_post)
