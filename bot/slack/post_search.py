"""The search for a message that an earlier attempt might have posted."""

from dataclasses import dataclass
from datetime import datetime

import structlog

from bot.slack.message import ReplyTarget, SlackCallFailed
from bot.slack.messages import Poster
from bot.slack.refusals import reads_later

log = structlog.stdlib.get_logger(__name__)

LOOKS = (5.0, 25.0)  # seconds before each search for a post with an unknown outcome


class LookAgainError(Exception):
    """The message is not there yet.

    Attributes:
        seconds: the time until the next search.
        looks: the number of searches until now.
    """

    def __init__(self, seconds: float, looks: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds
        self.looks = looks


@dataclass(frozen=True, slots=True)
class PostSearch:
    """Search before a post is repeated.

    Attributes:
        poster: calls Slack.
        waits: seconds before each search for a post with an unknown outcome.
    """

    poster: Poster
    waits: tuple[float, ...] = LOOKS

    async def find(
        self, place: ReplyTarget, post_id: str, since: datetime, looks: int | None
    ) -> str | None:
        """Return the ``ts`` of the message; None: it was not posted, so post it.

        Args:
            place: the channel, or the thread.
            post_id: the id of the post.
            since: the time at which its task was enqueued.
            looks: the number of searches before this one; None after a kill. Then one search is
                enough, and without the right to read the post is repeated with the same
                ``client_msg_id``.

        Raises:
            LookAgainError: the message is not there yet.
            SlackCallFailed: the bot cannot read the place: not now (``retryable``), or never
                (``outcome_unknown``: the message might be there).
        """
        try:
            ts = await self.poster.find_message_ts(place, post_id, since)
        except SlackCallFailed as unread:
            if reads_later(unread):
                wait = unread.retry_after
                raise SlackCallFailed(unread.error, retryable=True, retry_after=wait) from unread
            log.info("cannot search for a message", slack_error=unread.error)
            if looks is None:
                return None
            raise SlackCallFailed(unread.error, outcome_unknown=True) from unread
        if ts is None and looks is not None and looks + 1 < len(self.waits):
            raise LookAgainError(self.waits[looks + 1], looks + 1)
        return ts
