"""One method for each method of Slack's Web API that the sandbox answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from bot.sandbox.fake_server import Recorded
from bot.sandbox.faults import Json, Respond
from bot.sandbox.slack import arguments as slack_arguments
from bot.sandbox.slack.directory import SlackDirectory
from bot.sandbox.slack.history import History
from bot.sandbox.slack.links import SlackLinks
from bot.sandbox.slack.records import (
    BOT_ID,
    BOT_USER,
    TEAM_DOMAIN,
    TEAM_ID,
    Channel,
    Completion,
    Ephemeral,
    PostedMessage,
)
from bot.sandbox.slack.views import SlackViews
from bot.sandbox.slack.workspace import SlackRefusedError, Workspace

Method: TypeAlias = Callable[[dict[str, Json]], dict[str, Json]]

LONGEST_UPDATE: Final = 4_000  # bytes of the text of an update
# The scope that each method needs with any arguments.
SCOPES: Final = {
    "chat.postMessage": "chat:write",
    "chat.postEphemeral": "chat:write",
    "chat.update": "chat:write",
    "chat.delete": "chat:write",
    "chat.unfurl": "links:write",
    "conversations.open": "im:write",
    "usergroups.list": "usergroups:read",
    "usergroups.users.list": "usergroups:read",
    "users.info": "users:read",
    "users.lookupByEmail": "users:read.email",
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """The valid tokens, and the scopes of the bot's."""

    bot_token: str
    app_token: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SlackApi:
    """The Web API.

    Attributes:
        workspace: the state.
        credentials: the tokens and scopes of the app.
        new_socket_url: returns the address of a new web socket.
    """

    workspace: Workspace
    credentials: Credentials
    new_socket_url: Callable[[], str]

    def call(self, name: str, request: Recorded) -> Respond:
        """Return the response to a call: its status is always 200, its body says `ok` or not."""
        scopes = {"x-oauth-scopes": ",".join(self.credentials.scopes)}
        try:
            arguments = slack_arguments.read(request)
            self._authorize(name, request, arguments)
            answer = self._method(name)(arguments)
        except SlackRefusedError as refused:
            return Respond(200, refused.json(), headers=scopes)
        return Respond(200, {"ok": True, **answer}, headers=scopes)

    def _authorize(self, name: str, request: Recorded, arguments: dict[str, Json]) -> None:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        token = bearer or str(arguments.get("token", ""))
        if not token:
            raise SlackRefusedError(code="not_authed")
        bot_tokens = {self.credentials.bot_token, *self.workspace.workflow_tokens}
        if token not in {self.credentials.app_token, *bot_tokens}:
            raise SlackRefusedError(code="invalid_auth")
        if (token in bot_tokens) == (name == "apps.connections.open"):
            raise SlackRefusedError(code="not_allowed_token_type")
        if name in SCOPES:
            slack_arguments.need_scope(SCOPES[name], self.credentials.scopes)

    def _method(self, name: str) -> Method:
        views = SlackViews(self.workspace)
        history = History(self.workspace, self.credentials.scopes)
        directory = SlackDirectory(self.workspace, self.credentials.scopes)
        methods: dict[str, Method] = {
            "apps.connections.open": self.apps_connections_open,
            "auth.test": self.auth_test,
            "chat.delete": self.chat_delete,
            "chat.getPermalink": self.chat_get_permalink,
            "chat.postEphemeral": self.chat_post_ephemeral,
            "chat.postMessage": self.chat_post_message,
            "chat.unfurl": SlackLinks(self.workspace).unfurl,
            "chat.update": self.chat_update,
            "conversations.history": history.channel,
            "conversations.info": directory.conversations_info,
            "conversations.open": self.conversations_open,
            "conversations.replies": history.thread,
            "functions.completeError": self.functions_complete_error,
            "functions.completeSuccess": self.functions_complete_success,
            "usergroups.list": directory.usergroups_list,
            "usergroups.users.list": directory.usergroups_users_list,
            "users.info": directory.users_info,
            "users.lookupByEmail": directory.users_lookup_by_email,
            "views.open": views.open,
            "views.publish": views.publish,
            "views.update": views.update,
        }
        if name not in methods:
            raise SlackRefusedError(code="unknown_method")
        return methods[name]

    def auth_test(self, _arguments: dict[str, Json]) -> dict[str, Json]:
        """`auth.test`."""
        return {
            "url": f"https://{TEAM_DOMAIN}.slack.com/",
            "team": "Sandbox",
            "user": "training_projects",
            "team_id": TEAM_ID,
            "user_id": BOT_USER,
            "bot_id": BOT_ID,
            "enterprise_id": self.workspace.enterprise_id,
            "is_enterprise_install": self.workspace.enterprise_id is not None,
        }

    def apps_connections_open(self, _arguments: dict[str, Json]) -> dict[str, Json]:
        """`apps.connections.open`."""
        return {"url": self.new_socket_url()}

    def chat_post_message(self, arguments: dict[str, Json]) -> dict[str, Json]:
        """`chat.postMessage`, to the id of a channel, or of a person for a direct message.

        A reply to a deleted message does not fail. Slack shows it in the channel; the only sign is
        the missing `thread_ts` in the response. Slack does not document this, but its users report
        it. If the thread has other replies, it goes on below the note on the deleted message.
        A repeat with the same `client_msg_id` posts again, unless `drops_repeats` is set: Slack
        promises nothing else.
        https://docs.slack.dev/reference/methods/chat.postMessage
        https://github.com/slack-go/slack/issues/1571
        https://github.com/PostHog/posthog/pull/83601
        https://github.com/slackapi/python-slack-events-api/issues/87
        """
        channel = self._addressed(arguments)
        if channel.post_error:
            raise SlackRefusedError(channel.post_error)
        if channel.archived:
            raise SlackRefusedError(code="is_archived")
        if not channel.member and "chat:write.public" not in self.credentials.scopes:
            raise SlackRefusedError(code="not_in_channel")
        thread_ts = arguments.get("thread_ts")
        if thread_ts and self.workspace.thread_is_gone(channel.id, str(thread_ts)):
            thread_ts = None
        client_msg_id = slack_arguments.client_msg_id(arguments)
        message = self.workspace.earlier(channel.id, client_msg_id) or self.workspace.post(
            PostedMessage(
                channel=channel.id,
                ts=self.workspace.stamp(),
                user=BOT_USER,
                text=str(arguments.get("text") or ""),
                blocks=arguments.get("blocks") or [],
                via="chat.postMessage",
                thread_ts=thread_ts,
                metadata=slack_arguments.metadata(arguments),
                client_msg_id=client_msg_id,
            )
        )
        shown = self.workspace.message_json(message, metadata=True)
        return {"channel": channel.id, "ts": message.ts, "message": shown}

    def chat_post_ephemeral(self, arguments: dict[str, Json]) -> dict[str, Json]:
        """`chat.postEphemeral`: only where the bot is a member."""
        channel = self._addressed(arguments)
        if channel.archived:
            raise SlackRefusedError(code="is_archived")
        if not channel.member:
            raise SlackRefusedError(code="not_in_channel")
        ephemeral = self.workspace.whisper(
            Ephemeral(
                channel=channel.id,
                user=slack_arguments.required(arguments, "user"),
                text=str(arguments.get("text") or ""),
                blocks=arguments.get("blocks") or [],
                via="chat.postEphemeral",
                ts=self.workspace.stamp(),
                thread_ts=arguments.get("thread_ts"),
            )
        )
        return {"message_ts": ephemeral.ts}

    def chat_update(self, arguments: dict[str, Json]) -> dict[str, Json]:
        """`chat.update`: only the bot's own messages; an update without blocks removes them."""
        channel = self._addressed(arguments)
        message = self.workspace.message(channel.id, slack_arguments.required(arguments, "ts"))
        if channel.archived:
            raise SlackRefusedError(code="is_inactive")
        if message.user != BOT_USER:
            raise SlackRefusedError(code="cant_update_message")
        metadata = slack_arguments.metadata(arguments)
        text, blocks = str(arguments.get("text") or ""), arguments.get("blocks") or []
        if len(text.encode()) > LONGEST_UPDATE:
            raise SlackRefusedError(code="msg_too_long")
        self.workspace.edit(message, text, blocks)
        message.metadata = metadata or message.metadata
        shown = self.workspace.message_json(message, metadata=True)
        return {"channel": channel.id, "ts": message.ts, "text": text, "message": shown}

    def chat_delete(self, arguments: dict[str, Json]) -> dict[str, Json]:
        """`chat.delete`: the bot's own messages only."""
        channel = self._addressed(arguments)
        message = self.workspace.message(channel.id, slack_arguments.required(arguments, "ts"))
        if message.user != BOT_USER:
            raise SlackRefusedError(code="cant_delete_message")
        self.workspace.remove(message)
        return {"channel": channel.id, "ts": message.ts}

    def chat_get_permalink(self, arguments: dict[str, Json]) -> dict[str, Json]:
        """`chat.getPermalink`: needs no scope; the bot must see the channel."""
        channel = self._addressed(arguments)
        ts = slack_arguments.required(arguments, "message_ts")
        message = self.workspace.message(channel.id, ts)
        place = f"{channel.id}/p{message.ts.replace('.', '')}"
        return {
            "channel": channel.id,
            "permalink": f"https://{TEAM_DOMAIN}.slack.com/archives/{place}",
        }

    def conversations_open(self, arguments: dict[str, Json]) -> dict[str, Json]:
        """`conversations.open`, with one person."""
        users = arguments.get("users") or ""
        names = users if isinstance(users, list) else str(users).split(",")
        if len(names) != 1 or not str(names[0]).startswith("U"):
            raise SlackRefusedError(code="user_not_found")
        return {"channel": {"id": self.workspace.direct_message(str(names[0])).id}}

    def functions_complete_success(self, arguments: dict[str, Json]) -> dict[str, Json]:
        """`functions.completeSuccess`."""
        outputs = arguments.get("outputs")
        if not isinstance(outputs, dict):
            raise SlackRefusedError(code="invalid_arguments")
        return self._complete(arguments, outputs=outputs)

    def functions_complete_error(self, arguments: dict[str, Json]) -> dict[str, Json]:
        """`functions.completeError`."""
        return self._complete(arguments, error=slack_arguments.required(arguments, "error"))

    def _complete(
        self,
        arguments: dict[str, Json],
        outputs: dict[str, Json] | None = None,
        error: str | None = None,
    ) -> dict[str, Json]:
        execution = slack_arguments.required(arguments, "function_execution_id")
        if execution not in self.workspace.executions:
            raise SlackRefusedError(code="function_execution_not_found")
        self.workspace.executions.remove(execution)
        self.workspace.completions.append(Completion(execution, outputs, error))
        self.workspace.changed()
        return {}

    def _addressed(self, arguments: dict[str, Json]) -> Channel:
        channel_id = slack_arguments.required(arguments, "channel")
        if channel_id.startswith("U"):
            return self.workspace.direct_message(channel_id)
        return self.workspace.visible_channel(channel_id)
