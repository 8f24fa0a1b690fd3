"""A message for Slack, its place there, and the error of one that did not arrive."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Block = dict[str, Any]  # as Slack takes it: slack_sdk's classes cost ten times as much to build


@dataclass(frozen=True, slots=True)
class Message:
    """A message to a channel or a person.

    Attributes:
        text: for notifications, screen readers and clients without blocks; mrkdwn.
        blocks: the same as Block Kit.
    """

    text: str
    blocks: Sequence[Block]

    def payload(self) -> dict[str, Any]:
        """Return the fields that Slack's methods, response URLs and acks take."""
        return {"text": self.text, "blocks": list(self.blocks)}


@dataclass(frozen=True, slots=True)
class ReplyTarget:
    """Where a person asked for something, and how to answer there.

    Attributes:
        user_id: the person who asked; empty for a workflow without a person.
        channel_id: where it was asked; empty where there is no channel, as in App Home.
        response_url: works for 30 minutes and 5 messages, even where the bot is not a member.
        thread_ts: the thread to answer in.
    """

    user_id: str
    channel_id: str = ""
    response_url: str | None = field(default=None, repr=False)
    thread_ts: str | None = None


@dataclass(frozen=True, slots=True)
class PostedMessage:
    """Where a message is.

    Attributes:
        channel_id: the channel, or the direct message with the person.
        ts: which message; empty where it went through a response URL, which does not tell.
        as_member: whether the bot may change it later.
        thread_ts: the thread that it is in; None outside of one.
    """

    channel_id: str
    ts: str
    as_member: bool
    thread_ts: str | None = None


class SlackCallFailed(Exception):  # noqa: N818 - "Failed" says it
    """A call of Slack failed, or its outcome is unknown.

    Attributes:
        error: Slack's own code, such as ``is_archived``, or the fault of the connection.
        outcome_unknown: Slack might have done it, so a repeat might do it a second time.
        retryable: a later repeat can succeed: Slack was not reached, or was too busy.
        retry_after: seconds to wait before that repeat; 0 where Slack named none.
        elsewhere: the call was not the one for the channel or thread, so a search there proves
            nothing about an unknown outcome.
    """

    def __init__(
        self,
        error: str,
        *,
        outcome_unknown: bool = False,
        retryable: bool = False,
        retry_after: float = 0.0,
    ) -> None:
        super().__init__(error)
        self.error = error
        self.outcome_unknown = outcome_unknown
        self.retryable = retryable
        self.retry_after = retry_after
        self.elsewhere = False
