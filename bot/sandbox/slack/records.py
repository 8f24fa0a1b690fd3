"""What the sandbox's Slack keeps, and what a test looks at."""

from dataclasses import dataclass
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
        enterprise_id: the organisation that their requests name.
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
        private: hidden from those who are not in it.
        archived: closed for new messages.
        post_error: with which `chat.postMessage` is refused here whatever it says.
    """

    id: str
    name: str = ""
    member: bool = True
    private: bool = False
    archived: bool = False
    post_error: str | None = None

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
        user: the bot's user; None if it came through a response URL.
        text: the fallback text, or all there is where there are no blocks.
        blocks: as they were sent.
        via: `chat.postMessage`, `response_url` or `ack`.
        thread_ts: the message it replies to.
        metadata: as sent.
        client_msg_id: as sent.
        edits: how often it was changed.
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
        channel: where they see it.
        user: who sees it.
        text: the fallback text, or all there is where there are no blocks.
        blocks: as they were sent.
        via: `ack`, `response_url` or `chat.postEphemeral`.
        ts: its id.
        thread_ts: the thread that it is shown in.
        edits: how often it was replaced.
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
    """A modal or a home tab, as it stands.

    Attributes:
        id: `V…`.
        user: who sees it.
        payload: the view as it was sent last.
        hash: changes with every update.
        root_id: the view at the bottom of its stack.
        previous_id: the view below it.
        updates: how often it was changed.
        closed: whether the person has left it.
    """

    id: str
    user: str
    payload: dict[str, Json]
    hash: str
    root_id: str
    previous_id: str | None = None
    updates: int = 0
    closed: bool = False

    @property
    def blocks(self) -> list[dict[str, Json]]:
        """Its blocks, as they were sent."""
        blocks: list[dict[str, Json]] = self.payload["blocks"]
        return blocks

    @property
    def callback_id(self) -> str:
        """What the bot called it."""
        return str(self.payload.get("callback_id", ""))

    @property
    def private_metadata(self) -> str:
        """What the bot keeps in it."""
        return str(self.payload.get("private_metadata", ""))


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something that was sent to the bot, and its ack.

    Attributes:
        status: of the HTTP response; 200 for an ack on the socket.
        body: the ack's JSON if it is JSON, else its text, empty if there is none.
        seconds: until the ack; Slack shows `operation_timeout` above 3.
        payload: what was sent.
        response_url: that Slack gave with it; empty if none.
        trigger_id: that Slack gave with it; empty if none.
        refused: Slack's error code, if it refuses what the ack wants shown.
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
    """A response URL: whose it is, and what is left of it.

    Attributes:
        channel: where it posts.
        user: whom it shows ephemeral messages.
        made: when.
        source: the message acted on, which alone it may replace or delete.
        uses: how many times it was used.
    """

    channel: str
    user: str
    made: datetime
    source: PostedMessage | Ephemeral | None = None
    uses: int = 0


@dataclass(slots=True)
class Trigger:
    """A trigger id's person and time, and whether a view was opened with it."""

    user: str
    made: datetime
    view_id: str | None = None
    used: bool = False


class BotUnreachableError(ConnectionError):
    """What Slack wanted to deliver reached no bot; the message says why."""
