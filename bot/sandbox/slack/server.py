"""The server of the sandbox's Slack: Web API, response URLs, Socket Mode, user actions."""

from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Final

import aiohttp
from aiohttp import web

from bot.sandbox.fake_server import FakeServer, Recorded, utc_now
from bot.sandbox.faults import Json, Respond
from bot.sandbox.slack import transports
from bot.sandbox.slack.link_actions import LinkActions
from bot.sandbox.slack.records import (
    CHANNEL,
    TEAM_ID,
    Channel,
    Completion,
    Ephemeral,
    Outsider,
    PostedMessage,
    View,
)
from bot.sandbox.slack.response_urls import ResponseUrls
from bot.sandbox.slack.views import SlackViews
from bot.sandbox.slack.web_api import Credentials, SlackApi
from bot.sandbox.slack.workspace import Workspace

DEFAULT_SCOPES: Final = ("commands", "chat:write", "chat:write.public")


class SandboxSlack(LinkActions, FakeServer):
    """Slack, with one workspace and one app: the bot.

    The channel `C0SANDBOX1` is there from the start, with the bot as a member. It checks
    every limit that Slack checks. An action that a user cannot do raises `LookupError`.

    Attributes:
        bot_token: the bot's token for the Web API.
        app_token: the app's token for Socket Mode.
        signing_secret: the secret that signs HTTP deliveries.
        scopes: the scopes of the bot's token; a test can change them.
        bot_url: the bot's root URL; None: deliveries go through the web sockets.
        drops_repeats: whether a `client_msg_id` that the channel has already posts nothing. Slack
            does not promise this, so the default is False.
        delivery_timeout: seconds until a delivery fails. Slack's own 3 seconds are only
            measured, in `Delivery.seconds`.
    """

    def __init__(
        self,
        *,
        bot_token: str = "xoxb-sandbox-0123456789-abcdefghijklmnop",  # noqa: S107 - made up
        app_token: str = "xapp-1-A0SANDBOX-0123456789-abcdefghijklmnop",  # noqa: S107 - made up
        signing_secret: str = "0123456789abcdef0123456789abcdef",  # noqa: S107 - made up
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Build an empty Slack.

        Args:
            bot_token: the only valid bot token.
            app_token: the only valid app token.
            signing_secret: the secret that the bot must have.
            now: an aware clock for timestamps and expiry; signatures use the real time.
        """
        super().__init__(now=now)
        self.bot_token = bot_token
        self.app_token = app_token
        self.signing_secret = signing_secret
        self.scopes: tuple[str, ...] = DEFAULT_SCOPES
        self.bot_url: str | None = None
        self.delivery_timeout = 30.0
        self._workspace = Workspace(now, self.touch)
        self._sockets = transports.Sockets(self.touch)
        self._session: aiohttp.ClientSession | None = None
        self.add_channel(CHANNEL, name="ml-training")

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
        await super().__aexit__(kind, error, traceback)

    @property
    def api_url(self) -> str:
        """The root of the Web API, with a slash at the end, for `SLACK_API_URL`."""
        return f"{self.url}/api/"

    @property
    def drops_repeats(self) -> bool:
        """Whether a repeated `client_msg_id` posts nothing."""
        return self._workspace.drops_repeats

    @drops_repeats.setter
    def drops_repeats(self, drops: bool) -> None:
        self._workspace.drops_repeats = drops

    def add_email(self, user: str, email: str) -> None:
        """Give a person an email address."""
        self._workspace.emails[email.casefold()] = user

    def add_user_group(self, group_id: str, name: str) -> None:
        """Add a user group."""
        self._workspace.user_groups[group_id] = name

    @property
    def messages(self) -> list[PostedMessage]:
        """Every message that a channel shows, in order of posting."""
        return self._workspace.messages

    @property
    def deleted(self) -> list[PostedMessage]:
        """The deleted messages."""
        return self._workspace.deleted

    @property
    def ephemerals(self) -> list[Ephemeral]:
        """Every message that one person sees, in order of posting."""
        return self._workspace.ephemerals

    @property
    def views(self) -> list[View]:
        """Every modal and home tab ever shown, closed ones included."""
        return self._workspace.views

    @property
    def completions(self) -> list[Completion]:
        """The results of the workflow steps."""
        return self._workspace.completions

    @property
    def sockets(self) -> int:
        """The number of web sockets that take deliveries."""
        return len(self._sockets.connected)

    def add_channel(  # noqa: PLR0913 - a channel has this many fields
        self,
        id: str,  # noqa: A002 - Slack's word
        *,
        name: str = "",
        member: bool = True,
        private: bool = False,
        archived: bool = False,
        post_error: str | None = None,
        shared: bool = False,
    ) -> Channel:
        """Add a channel, or change one.

        Args:
            id: `C…`.
            name: without a `#`.
            member: whether the bot is in it.
            private: whether others cannot see it.
            archived: whether it is closed.
            post_error: the error code of every `chat.postMessage` to it.
            shared: whether another company is in it (Slack Connect).
        """
        channel = Channel(id, name or id.lower(), member, private, archived, post_error, shared)
        self._workspace.channels[id] = channel
        return channel

    def add_outsider(
        self,
        user: str,
        *,
        team_id: str = "T0OTHER001",
        here: bool = True,
        enterprise_id: str | None = None,
    ) -> None:
        """Let a person belong to another workspace.

        Args:
            user: who.
            team_id: their workspace.
            here: they act in a channel that is shared with them; their requests name our workspace.
            enterprise_id: the organization that their requests name.
        """
        team_here = TEAM_ID if here else team_id
        self._workspace.outsiders[user] = Outsider(team_id, team_here, enterprise_id)

    def set_group(self, group_id: str, *users: str) -> None:
        """Let a user group have these people."""
        self._workspace.groups[group_id] = list(users)

    def add_guest(self, user: str, *, single_channel: bool = False) -> None:
        """Let a person of this workspace be a guest, in several channels or in a single one."""
        self._workspace.guests[user] = single_channel

    def install_in_organization(self, enterprise_id: str | None) -> None:
        """Let the bot's token be an organization's, before the bot starts; None: a workspace's."""
        self._workspace.enterprise_id = enterprise_id

    def delete(self, message: PostedMessage) -> None:
        """Delete a message, as a person with that right can, also a message of the bot.

        Raises:
            LookupError: the message is deleted already.
        """
        if message not in self.messages:
            gone = f"no message {message.ts} in {message.channel}"
            raise LookupError(gone)
        self._workspace.remove(message)

    def close_view(self, view_id: str) -> None:
        """Close a modal, without a word to the bot."""
        for view in self.views:
            if view.id == view_id:
                SlackViews(self._workspace).close(view)

    def sign(self, body: bytes, timestamp: int | None = None) -> dict[str, str]:
        """The signature headers for a body.

        Args:
            body: the body to sign.
            timestamp: seconds since the epoch; None is now.
        """
        return transports.signature_headers(self.signing_secret, body, timestamp)

    async def disconnect_sockets(self, *, politely: bool = True) -> None:
        """Ask the clients of all web sockets to reconnect, or cut their connections."""
        await self._sockets.disconnect(politely=politely)

    def seen(self) -> str:
        """Return the records in one line, for an error message."""
        shown = [f"message {message.text!r}" for message in self.messages]
        shown += [f"ephemeral {ephemeral.text!r}" for ephemeral in self.ephemerals]
        shown += [f"view {view.callback_id!r}" for view in self.views]
        return "; ".join([super().seen(), *shown])

    async def answer(self, recorded: Recorded, request: web.Request) -> web.StreamResponse:
        """Answer as Slack does: the Web API, a response URL, or a new web socket."""
        first, _, rest = recorded.path.strip("/").partition("/")
        if first == "api":
            credentials = Credentials(self.bot_token, self.app_token, tuple(self.scopes))
            api = SlackApi(self._workspace, credentials, self._new_socket_url)
            return self.respond(api.call(rest, recorded))
        if first == "response" and recorded.method == "POST":
            return self.respond(ResponseUrls(self._workspace).post(rest, recorded))
        if first == "link":
            return await self._sockets.serve(request)
        return self.respond(Respond(404, body=b"Not found"))

    async def closing(self) -> None:
        """Close the web sockets."""
        await self._sockets.close()

    async def _send(self, outgoing: transports.OutgoingPayload) -> transports.Ack:
        if self.bot_url is None:
            return await self._sockets.deliver(outgoing, self.delivery_timeout)
        if self._session is None:
            # Slack does not promise to reuse a connection for the next delivery.
            connector = aiohttp.TCPConnector(limit=0, force_close=True)
            timeout = aiohttp.ClientTimeout(total=self.delivery_timeout)
            self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)
        return await transports.post(self._session, self.bot_url, self.signing_secret, outgoing)

    def _response_url(self, channel: str, user: str, source: Json = None) -> str:
        return self.url + ResponseUrls(self._workspace).new(channel, user, source)

    def _new_socket_url(self) -> str:
        root = self.url.replace("http://", "ws://", 1)
        return f"{root}/link/?ticket={self._sockets.new_ticket()}&app_id=A0SANDBOX"
