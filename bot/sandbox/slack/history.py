"""The Web API's methods that read a channel's messages and threads."""

from dataclasses import dataclass
from typing import Final

from bot.sandbox.faults import Json
from bot.sandbox.slack import arguments as slack_arguments
from bot.sandbox.slack.records import USER, Channel, PostedMessage
from bot.sandbox.slack.workspace import SlackRefusedError, Workspace

MOST: Final = 999  # of one page
SLACKBOT: Final = "USLACKBOT"


@dataclass(frozen=True, slots=True)
class History:
    """The reading methods.

    Attributes:
        workspace: the state.
        scopes: the scopes of the bot's token.
    """

    workspace: Workspace
    scopes: tuple[str, ...]

    def channel(self, arguments: dict[str, Json]) -> dict[str, Json]:
        """`conversations.history`: the newest first, replies in threads left out.

        https://docs.slack.dev/reference/methods/conversations.history
        """
        channel = self._readable(arguments)
        chosen = [
            message
            for message in self.workspace.messages
            if message.channel == channel.id
            and message.thread_ts in {None, message.ts}
            and slack_arguments.within(message.ts, arguments)
        ]
        chosen.sort(key=lambda message: float(message.ts), reverse=True)
        shown = [self._json(message, arguments) for message in chosen]
        return {**_page(shown, arguments, 100), "pin_count": 0}

    def thread(self, arguments: dict[str, Json]) -> dict[str, Json]:
        """`conversations.replies`: a message, and the replies to it from the oldest on.

        The result always begins with the message, also outside of `oldest` and `latest`. A reply
        has no replies, so the result for its `ts` is the reply alone. If the message is deleted
        and replies are left, Slackbot's note takes its place. A message that the sandbox never
        had counts as a message of a person.
        https://docs.slack.dev/reference/methods/conversations.replies
        https://github.com/slackapi/bolt-python/issues/783
        """
        channel = self._readable(arguments)
        ts = slack_arguments.required(arguments, "ts")
        replies = self.workspace.replies(channel.id, ts)
        try:
            parent = self.workspace.message(channel.id, ts)
        except SlackRefusedError:
            if not replies:
                raise SlackRefusedError(code="thread_not_found") from None
            first = _stand_in(ts, deleted=self.workspace.was_deleted(channel.id, ts))
        else:
            first = self._json(parent, arguments)
        if replies:
            first |= {
                "thread_ts": ts,
                "reply_count": len(replies),
                "latest_reply": replies[-1].ts,
            }
        shown = [
            self._json(reply, arguments)
            for reply in replies
            if slack_arguments.within(reply.ts, arguments)
        ]
        return _page([first, *shown], arguments, 1000)

    def _readable(self, arguments: dict[str, Json]) -> Channel:
        """Return the channel if the bot can read it, which needs membership also in a public one.

        Raises:
            SlackRefusedError: `channel_not_found`, `missing_scope` or `not_in_channel`.
        """
        channel = self.workspace.visible_channel(slack_arguments.required(arguments, "channel"))
        kind = "im" if channel.id.startswith("D") else "groups" if channel.private else "channels"
        slack_arguments.need_scope(f"{kind}:history", self.scopes)
        if not channel.member:
            raise SlackRefusedError(code="not_in_channel")
        return channel

    def _json(self, message: PostedMessage, arguments: dict[str, Json]) -> dict[str, Json]:
        metadata = slack_arguments.true(arguments.get("include_all_metadata"))
        return self.workspace.message_json(message, metadata=metadata)


def _stand_in(ts: str, *, deleted: bool) -> dict[str, Json]:
    """Return a substitute for the first message of a thread that the sandbox does not have."""
    if not deleted:
        return {"type": "message", "user": USER, "ts": ts, "text": ""}
    note = {"subtype": "tombstone", "user": SLACKBOT, "text": "This message was deleted."}
    return {"type": "message", "hidden": True, "ts": ts, **note}


def _page(
    messages: list[dict[str, Json]], arguments: dict[str, Json], default: int
) -> dict[str, Json]:
    """Return one page of the messages, and the cursor of the next page.

    Raises:
        SlackRefusedError: `invalid_limit` or `invalid_cursor`.
    """
    cursor, limit = str(arguments.get("cursor") or "next:0"), int(arguments.get("limit") or default)
    if not 1 <= limit <= max(MOST, default):
        raise SlackRefusedError(code="invalid_limit")
    begin = cursor.removeprefix("next:")
    if not begin.isdecimal():
        raise SlackRefusedError(code="invalid_cursor")
    end = int(begin) + limit
    more = end < len(messages)
    page: dict[str, Json] = {"messages": messages[int(begin) : end], "has_more": more}
    if more:
        page["response_metadata"] = {"next_cursor": f"next:{end}"}
    return page
