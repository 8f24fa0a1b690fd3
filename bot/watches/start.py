"""Starting the watch of a message."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from bot.baseten.models import TrainingProject
from bot.projects.message_state import MessageState
from bot.slack.message import ReplyTarget, SlackCallFailed
from bot.slack.messages import Poster
from bot.watches.model import Watch
from bot.watches.redraw import ReadProject, show_present
from bot.watches.store import Watches


@dataclass(frozen=True, slots=True)
class WatchStarter:
    """Start watches for people.

    Attributes:
        poster: calls Slack.
        watches: the store of watches.
        now: an aware clock.
    """

    poster: Poster
    watches: Watches
    now: Callable[[], datetime]

    async def start(
        self,
        place: ReplyTarget,
        ts: str,
        state: MessageState,
        project: TrainingProject,
        read_project: ReadProject,
    ) -> None:
        """Watch a message for a person, beside the people who watch it already, and show this.

        The watch is saved first: whoever updates the message at the same time draws it too.
        A second call for the same person changes nothing. The watch can end during the call; then
        the message shows the project.

        Args:
            place: the person, and the channel and thread of the message.
            ts: the id of the message in its channel.
            state: the state that the message's buttons carry.
            project: the project now, for a message that is not watched yet.
            read_project: returns the project, if the watch ends during the call.

        Raises:
            SlackCallFailed: the bot cannot change this message. The person does not watch it,
                unless a repeat of the call can succeed (``retryable``).
        """
        channel_id = place.channel_id
        watch = await self.watches.create(
            Watch(
                id=uuid4().hex,
                channel_id=channel_id,
                ts=ts,
                thread_ts=place.thread_ts or ts,
                watchers=(place.user_id,),
                message_state=state,
                project=project,
                started_at=self.now(),
            )
        )
        # Without the response URL: later updates need the bot's own right to change the message.
        here = ReplyTarget("", channel_id)
        try:
            await show_present(self.poster, self.watches, here, ts, state, read_project)
        except SlackCallFailed as refused:
            if not refused.retryable:
                await self.watches.stop(channel_id, ts, watch.id, place.user_id)
            raise
