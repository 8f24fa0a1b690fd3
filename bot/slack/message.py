"""A message for Slack, its place in Slack, and the error of a failed call."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Block = dict[str, Any]  # the JSON of a block: building slack_sdk's classes takes ten times as long


@dataclass(frozen=True, slots=True)
class Message:
    """A message to a channel or a person.

    Attributes:
        text: the mrkdwn for notifications, screen readers and clients without blocks.
        blocks: the same content in Block Kit.
    """

    text: str
    blocks: Sequence[Block]

    def payload(self) -> dict[str, Any]:
        """Return the fields for Slack's methods, response URLs and acks."""
        return {"text": self.text, "blocks": list(self.blocks)}


@dataclass(frozen=True, slots=True)
class ReplyTarget:
    """The place of a request, and the ways to reply to it.

    Attributes:
        user_id: the requester; empty for a workflow without a person.
        channel_id: the channel of the request; empty without a channel, as in App Home.
        response_url: accepts 5 messages within 30 minutes, also in channels without the bot.
        thread_ts: the thread to reply in; None outside of a thread.
        ephemeral_thread_ts: the same for ephemeral messages. None also for a thread without a
            reply, in which Slack shows no ephemeral message, without an error.
    """

    user_id: str
    channel_id: str = ""
    response_url: str | None = field(default=None, repr=False)
    thread_ts: str | None = None
    ephemeral_thread_ts: str | None = None


@dataclass(frozen=True, slots=True)
class PostedMessage:
    """A message that stands in Slack.

    Attributes:
        channel_id: the channel, or the direct message with the person.
        ts: the message's id in the channel; empty after a response URL, which returns no id.
        as_member: whether the bot can change the message later.
        thread_ts: the thread of the message; None outside of a thread.
    """

    channel_id: str
    ts: str
    as_member: bool
    thread_ts: str | None = None


class SlackCallFailed(Exception):  # noqa: N818 - "Failed" says it
    """A call of Slack failed, or its outcome is unknown.

    Attributes:
        error: Slack's code, such as ``is_archived``, or the error of the connection.
        outcome_unknown: Slack might have executed the call, so a repeat might post twice.
        retryable: a later repeat can succeed: Slack was unreachable, or limited the rate.
        retry_after: seconds to wait before the repeat; 0 if Slack names none.
        elsewhere: the failed call did not post to the channel or thread itself, so a search there
            cannot clear up an unknown outcome.
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
