"""The state of the sandbox's Slack: channels, messages, views, triggers and response URLs."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.sandbox.faults import Json
from bot.sandbox.slack.block_kit import message_error, with_ids
from bot.sandbox.slack.records import (
    APP_ID,
    BOT_ID,
    BOT_USER,
    TEAM_ID,
    Channel,
    Completion,
    Ephemeral,
    Outsider,
    PostedMessage,
    ResponseUrl,
    SharedLinks,
    Trigger,
    View,
)

TRIGGER_LIFE = timedelta(seconds=3)


class SlackRefusedError(Exception):
    """Slack refuses a call.

    Attributes:
        code: Slack's error code.
        details: further texts, if any.
        extra: further fields of the response.
    """

    def __init__(self, code: str, details: list[str] | None = None, **extra: Json) -> None:
        super().__init__(code)
        self.code = code
        self.details = details or []
        self.extra = extra

    def json(self) -> dict[str, Json]:
        """The body of the Web API's answer."""
        body = {"ok": False, "error": self.code, **self.extra}
        if self.details:
            words = [detail.removeprefix("[ERROR] ") for detail in self.details]
            body |= {"errors": words, "response_metadata": {"messages": self.details}}
        return body


@dataclass(slots=True)
class Workspace:
    """The data of Slack. Each method that changes it calls `changed`.

    Attributes:
        now: its clock.
        changed: wakes every waiting `FakeServer.until`.
        outsiders: people of other workspaces; everybody else belongs to this one.
        enterprise_id: the organization that the bot is installed in; None: in one workspace.
        user_groups: the names of user groups by their ids.
        emails: the ids of people by their email addresses, in lower case.
        drops_repeats: whether a `client_msg_id` that the channel has already posts nothing.
        groups: the people of each user group.
        guests: the people who are guests; True: of a single channel.
    """

    now: Callable[[], datetime]
    changed: Callable[[], None]
    channels: dict[str, Channel] = field(default_factory=dict)
    messages: list[PostedMessage] = field(default_factory=list)
    deleted: list[PostedMessage] = field(default_factory=list)
    ephemerals: list[Ephemeral] = field(default_factory=list)
    views: list[View] = field(default_factory=list)
    completions: list[Completion] = field(default_factory=list)
    shared: list[SharedLinks] = field(default_factory=list)
    triggers: dict[str, Trigger] = field(default_factory=dict)
    response_urls: dict[str, ResponseUrl] = field(default_factory=dict)
    executions: set[str] = field(default_factory=set)
    workflow_tokens: set[str] = field(default_factory=set)
    drops_repeats: bool = False
    outsiders: dict[str, Outsider] = field(default_factory=dict)
    enterprise_id: str | None = None
    emails: dict[str, str] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    guests: dict[str, bool] = field(default_factory=dict)
    user_groups: dict[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _last_ts: float = 0.0

    def person(self, user: str) -> Outsider:
        """Return the workspaces of a person: their own, and the one that their requests name."""
        return self.outsiders.get(user) or Outsider(TEAM_ID, TEAM_ID, self.enterprise_id)

    def new_id(self, prefix: str) -> str:
        """Return a new id."""
        return f"{prefix}0SANDBOX{next(self._numbers):04d}"

    def stamp(self) -> str:
        """Return a new `ts`: the time, later than every earlier `ts`."""
        self._last_ts = max(self.now().timestamp(), self._last_ts + 0.00001)
        return f"{self._last_ts:.6f}"

    def channel(self, channel_id: str) -> Channel:
        """Return the channel; an unknown one is a private conversation without the bot."""
        return self.channels.get(channel_id, Channel(channel_id, member=False, private=True))

    def visible_channel(self, channel_id: str) -> Channel:
        """Return the channel, if the bot can see it.

        Raises:
            SlackRefusedError: `channel_not_found`: a private channel without the bot.
        """
        channel = self.channel(channel_id)
        if channel.private and not channel.member:
            raise SlackRefusedError(code="channel_not_found")
        return channel

    def direct_message(self, user: str) -> Channel:
        """Return the conversation between the bot and a person; open it if necessary."""
        channel = Channel(f"D{user[1:]}")
        return self.channels.setdefault(channel.id, channel)

    def message(self, channel_id: str, ts: str) -> PostedMessage:
        """A message.

        Raises:
            SlackRefusedError: `message_not_found`.
        """
        for message in self.messages:
            if (message.channel, message.ts) == (channel_id, ts):
                return message
        raise SlackRefusedError(code="message_not_found")

    def earlier(self, channel_id: str, client_msg_id: str | None) -> PostedMessage | None:
        """Return the message with this `client_msg_id`, if `drops_repeats` is set."""
        if not self.drops_repeats or client_msg_id is None:
            return None
        posted = (each for each in self.messages if each.channel == channel_id)
        return next((each for each in posted if each.client_msg_id == client_msg_id), None)

    def replies(self, channel_id: str, ts: str) -> list[PostedMessage]:
        """The replies to a message, the oldest first."""
        return [
            message
            for message in self.messages
            if (message.channel, message.thread_ts) == (channel_id, ts) and message.ts != ts
        ]

    def was_deleted(self, channel_id: str, ts: str) -> bool:
        """Whether this message existed and is deleted."""
        return any((gone.channel, gone.ts) == (channel_id, ts) for gone in self.deleted)

    def thread_is_gone(self, channel_id: str, ts: str) -> bool:
        """Whether a message is deleted and has no replies."""
        return self.was_deleted(channel_id, ts) and not self.replies(channel_id, ts)

    def post(self, message: PostedMessage) -> PostedMessage:
        """Show a message to the channel.

        Raises:
            SlackRefusedError: a limit of Block Kit is exceeded.
        """
        check_message(message.text, message.blocks)
        self.messages.append(message)
        self.changed()
        return message

    def whisper(self, ephemeral: Ephemeral) -> Ephemeral:
        """Show a message to one person; drop it in a thread without a reply, as Slack does.

        Raises:
            SlackRefusedError: a limit of Block Kit is exceeded.
        """
        check_message(ephemeral.text, ephemeral.blocks)
        thread_ts = ephemeral.thread_ts
        if thread_ts is None or self.replies(ephemeral.channel, thread_ts):
            self.ephemerals.append(ephemeral)
        self.changed()
        return ephemeral

    def edit(
        self, message: PostedMessage | Ephemeral, text: str, blocks: list[dict[str, Json]]
    ) -> None:
        """Change a message in place.

        Raises:
            SlackRefusedError: a limit of Block Kit is exceeded.
        """
        check_message(text, blocks)
        message.text, message.blocks = text, blocks
        message.edits += 1
        self.changed()

    def remove(self, message: PostedMessage | Ephemeral) -> None:
        """Delete a message, if it still exists."""
        if isinstance(message, Ephemeral):
            if message in self.ephemerals:
                self.ephemerals.remove(message)
        elif message in self.messages:
            self.messages.remove(message)
            self.deleted.append(message)
        self.changed()

    def new_trigger(self, user: str) -> str:
        """A trigger id: good for 3 seconds, and once."""
        trigger_id = f"{next(self._numbers)}.1234567890.sandbox{len(self.triggers):025d}"
        self.triggers[trigger_id] = Trigger(user, self.now())
        return trigger_id

    def use_trigger(self, trigger_id: str) -> Trigger:
        """Use a trigger.

        Raises:
            SlackRefusedError: it is unknown, used already, or too old.
        """
        trigger = self.triggers.get(trigger_id)
        if trigger is None:
            raise SlackRefusedError(code="invalid_trigger_id")
        if trigger.used:
            raise SlackRefusedError(code="exchanged_trigger_id")
        if self.now() - trigger.made > TRIGGER_LIFE:
            raise SlackRefusedError(code="expired_trigger_id")
        trigger.used = True
        return trigger

    def show(self, user: str, payload: dict[str, Json]) -> View:
        """Show a view to a person."""
        view = View(id=self.new_id("V"), user=user, payload=payload, hash=self.new_hash())
        self.views.append(view)
        self.changed()
        return view

    def redraw(self, view: View, payload: dict[str, Json]) -> None:
        """Replace the content of a view."""
        view.payload, view.hash = payload, self.new_hash()
        view.updates += 1
        self.changed()

    def new_hash(self) -> str:
        """A hash for a view's state."""
        return f"{int(self.now().timestamp())}.{next(self._numbers):08x}"

    def message_json(self, message: PostedMessage, *, metadata: bool = False) -> dict[str, Json]:
        """Return a message in Slack's JSON."""
        sender = {"subtype": "bot_message"} if message.user is None else {"user": message.user}
        shown: dict[str, Json] = {
            "type": "message",
            **sender,
            "ts": message.ts,
            "bot_id": BOT_ID,
            "app_id": APP_ID,
            "team": TEAM_ID,
            "text": message.text,
            "blocks": with_ids(message.blocks),
        }
        if message.edits:
            shown["edited"] = {"user": message.user or BOT_USER, "ts": message.ts}
        if message.thread_ts:
            shown["thread_ts"] = message.thread_ts
        if message.client_msg_id:
            shown["client_msg_id"] = message.client_msg_id
        if metadata and message.metadata:
            shown["metadata"] = message.metadata
        return shown

    def view_json(self, view: View, values: Json = None) -> dict[str, Json]:
        """Return a view in Slack's JSON, with the values of its fields."""
        sent = view.payload
        shown = {
            "id": view.id,
            "team_id": TEAM_ID,
            "type": sent["type"],
            "blocks": with_ids(view.blocks),
            "private_metadata": view.private_metadata,
            "callback_id": view.callback_id,
            "state": {"values": values or {}},
            "hash": view.hash,
            "clear_on_close": sent.get("clear_on_close", False),
            "notify_on_close": sent.get("notify_on_close", False),
            "previous_view_id": None,
            "root_view_id": view.id,
            "app_id": APP_ID,
            "external_id": sent.get("external_id", ""),
            "app_installed_team_id": TEAM_ID,
            "bot_id": BOT_ID,
        }
        return shown | {key: sent.get(key) for key in ("title", "submit", "close")}


def check_message(text: str | None, blocks: Json) -> None:
    """Check a message as Slack does.

    Raises:
        SlackRefusedError: the message is empty, or exceeds a limit of Block Kit.
    """
    if refusal := message_error(text, blocks):
        raise SlackRefusedError(*refusal)
