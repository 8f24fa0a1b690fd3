"""The records of the sandbox's Slack, which tests read."""

from dataclasses import dataclass, field
from datetime import datetime

from bot.sandbox.faults import Json

APP_ID = "A0SANDBOX"
TEAM_ID = "T0SANDBOX1"
TEAM_DOMAIN = "sandbox"
BOT_ID = "B0SANDBOX1"
BOT_USER = "U0SANDBOXB"
CHANNEL = "C0SANDBOX1"
USER = "U0SANDBOX1"
VERIFICATION_TOKEN = "sandbox-verification-token"  # noqa: S105 - Slack's retired check, made up here


@dataclass(frozen=True, slots=True)
class Outsider:
    """A person of another workspace.

    Attributes:
        team_id: their workspace.
        team_here: the workspace that their requests name; ours in a channel shared with them.
        enterprise_id: the organization that their requests name.
    """

    team_id: str
    team_here: str
    enterprise_id: str | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    """A conversation.

    Attributes:
        id: `C…`, or `D…` for a direct message.
        name: without a `#`.
        member: whether the bot is in it.
        private: hidden from everybody except its members.
        archived: closed for new messages.
        post_error: the error code of every `chat.postMessage` to this channel.
        shared: with another company (Slack Connect).
    """

    id: str
    name: str = ""
    member: bool = True
    private: bool = False
    archived: bool = False
    post_error: str | None = None
    shared: bool = False

    @property
    def sent_name(self) -> str:
        """The name that Slack puts into a command's `channel_name`."""
        if self.id.startswith("D"):
            return "directmessage"
        return "privategroup" if self.private else self.name


@dataclass(slots=True, eq=False)
class PostedMessage:
    """A message that everyone in the channel sees; an edit changes it in place.

    Attributes:
        channel: its channel's id.
        ts: its id in the channel.
        user: the bot's user; None for a message from a response URL.
        text: the fallback text, or the whole message if it has no blocks.
        blocks: as they were sent.
        via: `chat.postMessage`, `response_url` or `ack`.
        thread_ts: the message it replies to.
        metadata: as sent.
        client_msg_id: as sent.
        edits: the number of its changes.
    """

    channel: str
    ts: str
    user: str | None
    text: str
    blocks: list[dict[str, Json]]
    via: str
    thread_ts: str | None = None
    metadata: dict[str, Json] | None = None
    client_msg_id: str | None = None
    edits: int = 0


@dataclass(slots=True, eq=False)
class Ephemeral:
    """A message that one person sees.

    Attributes:
        channel: the channel in which the person sees it.
        user: the person that sees it.
        text: the fallback text, or the whole message if it has no blocks.
        blocks: as they were sent.
        via: `ack`, `response_url` or `chat.postEphemeral`.
        ts: its id.
        thread_ts: the thread that it is shown in.
        edits: the number of its changes.
    """

    channel: str
    user: str
    text: str
    blocks: list[dict[str, Json]]
    via: str
    ts: str
    thread_ts: str | None = None
    edits: int = 0


@dataclass(slots=True, eq=False)
class View:
    """A modal or a home tab.

    Attributes:
        id: `V…`.
        user: the person that sees it.
        payload: the view, in its last version.
        hash: changes with every update.
        updates: the number of its changes.
        closed: whether the person has left it.
    """

    id: str
    user: str
    payload: dict[str, Json]
    hash: str
    updates: int = 0
    closed: bool = False

    @property
    def blocks(self) -> list[dict[str, Json]]:
        """Its blocks, as they were sent."""
        blocks: list[dict[str, Json]] = self.payload["blocks"]
        return blocks

    @property
    def callback_id(self) -> str:
        """The callback id that the bot has set."""
        return str(self.payload.get("callback_id", ""))

    @property
    def private_metadata(self) -> str:
        """The metadata that the bot has set."""
        return str(self.payload.get("private_metadata", ""))


@dataclass(slots=True, eq=False)
class SharedLinks:
    """The links to the app's domain that a person has pasted.

    Attributes:
        user: the person; None: another app has posted them.
        channel: the channel; `COMPOSER` while they are not posted yet.
        ts: the message; no `ts` in the composer.
        unfurl_id: identifies them in `chat.unfurl`.
        source: `conversations_history` or `composer`.
        urls: the links.
        event_id: the same for each delivery of the event.
        previews: the blocks that the app has attached, by link.
        unfurled: the number of calls that attached previews.
    """

    user: str | None
    channel: str
    ts: str
    unfurl_id: str
    source: str
    urls: tuple[str, ...]
    event_id: str
    previews: dict[str, list[dict[str, Json]]] = field(default_factory=dict)
    unfurled: int = 0

    def preview(self, url: str) -> "Unfurl":
        """Return the preview of a link.

        Raises:
            LookupError: it has none.
        """
        if url not in self.previews:
            missing = f"no preview of {url}; there is {list(self.previews)}"
            raise LookupError(missing)
        return Unfurl(self.channel, self.ts, url, self.previews[url])


@dataclass(frozen=True, slots=True)
class Unfurl:
    """The preview of a link, under the message of a person.

    Attributes:
        channel: the channel of the message.
        ts: the message.
        url: the link.
        blocks: as they were sent.
    """

    channel: str
    ts: str
    url: str
    blocks: list[dict[str, Json]]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A payload that reached the bot, and the bot's ack.

    Attributes:
        status: of the HTTP response; 200 for an ack on the socket.
        body: the JSON of the ack, else its text; empty if the ack has no body.
        seconds: until the ack; Slack shows `operation_timeout` above 3.
        payload: the payload that the bot got.
        response_url: the response URL in the payload; empty if it has none.
        trigger_id: the trigger id in the payload; empty if it has none.
        refused: Slack's error code, if Slack refuses the content of the ack.
    """

    status: int
    body: Json
    seconds: float
    payload: dict[str, Json]
    response_url: str = ""
    trigger_id: str = ""
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """How a workflow step ended: with outputs, or with an error."""

    function_execution_id: str
    outputs: dict[str, Json] | None = None
    error: str | None = None


@dataclass(slots=True)
class ResponseUrl:
    """A response URL: its person, its channel and its uses.

    Attributes:
        channel: the channel that it posts to.
        user: the person that sees its ephemeral messages.
        made: the time of its creation.
        source: the message of the action, the only one that it can replace or delete.
        uses: the number of its uses.
    """

    channel: str
    user: str
    made: datetime
    source: PostedMessage | Ephemeral | None = None
    uses: int = 0


@dataclass(slots=True)
class Trigger:
    """The person and the time of a trigger id, and whether a call has used it."""

    user: str
    made: datetime
    used: bool = False


class BotUnreachableError(ConnectionError):
    """A delivery failed to reach the bot; the text gives the reason."""
