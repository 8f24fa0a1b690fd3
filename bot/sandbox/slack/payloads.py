"""The payloads that Slack sends for the actions of its users."""

from dataclasses import dataclass
from typing import Final

from bot.sandbox.faults import Json
from bot.sandbox.slack import block_kit, links
from bot.sandbox.slack.records import (
    APP_ID,
    BOT_USER,
    TEAM_DOMAIN,
    TEAM_ID,
    VERIFICATION_TOKEN,
    Channel,
    Ephemeral,
    PostedMessage,
    Unfurl,
    View,
)
from bot.sandbox.slack.workspace import Workspace

# The field with which each kind of element reports its value. A plural field is a list.
STATE_FIELDS: Final = {
    "plain_text_input": "value",
    "number_input": "value",
    "email_text_input": "value",
    "url_text_input": "value",
    "static_select": "selected_option",
    "external_select": "selected_option",
    "radio_buttons": "selected_option",
    "overflow": "selected_option",
    "checkboxes": "selected_options",
    "multi_static_select": "selected_options",
    "multi_external_select": "selected_options",
    "users_select": "selected_user",
    "multi_users_select": "selected_users",
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
}


def escape(text: str) -> str:
    """Escape a typed text, as Slack does in a command."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def user_json(user: str, team_id: str = TEAM_ID) -> dict[str, Json]:
    """A person."""
    return {"id": user, "username": user.lower(), "name": user.lower(), "team_id": team_id}


def element_state(element: dict[str, Json]) -> dict[str, Json] | None:
    """Return the initial state of an element; None if it has no value."""
    field = STATE_FIELDS.get(element["type"])
    if field is None:
        return None
    initial = {"value": "initial_value"}.get(field, field.replace("selected", "initial"))
    empty: Json = [] if field.endswith("s") else None
    return {"type": element["type"], field: element.get(initial, empty)}


def state_values(blocks: list[dict[str, Json]], given: Json = None) -> dict[str, Json]:
    """Return the state of a view or message: the given values, else the initial ones.

    Raises:
        LookupError: a given value has no element.
    """
    values: dict[str, dict[str, Json]] = {}
    for block_id, element in block_kit.elements(blocks):
        state = element_state(element)
        if state is not None:
            values.setdefault(block_id, {})[element["action_id"]] = state
    for block_id, actions in (given or {}).items():
        for action_id, state in actions.items():
            if action_id not in values.get(block_id, {}):
                missing = f"nothing to fill in at {block_id}/{action_id}; there is {values}"
                raise LookupError(missing)
            values[block_id][action_id] = state
    return values


@dataclass(frozen=True, slots=True)
class Payloads:
    """Builds payloads from the state of the workspace."""

    workspace: Workspace

    def command(  # noqa: PLR0913 - the fields of a command
        self,
        *,
        command: str,
        text: str,
        channel: Channel,
        user: str,
        response_url: str,
        trigger_id: str,
    ) -> dict[str, Json]:
        """A slash command's form."""
        person = self.workspace.person(user)
        organization = {"enterprise_id": person.enterprise_id} if person.enterprise_id else {}
        return {
            "token": VERIFICATION_TOKEN,
            "team_id": person.team_here,
            **organization,
            "team_domain": TEAM_DOMAIN,
            "channel_id": channel.id,
            "channel_name": channel.sent_name,
            "user_id": user,
            "user_name": user.lower(),
            "command": command,
            "text": text,
            "api_app_id": APP_ID,
            "is_enterprise_install": str(self.workspace.enterprise_id is not None).lower(),
            "response_url": response_url,
            "trigger_id": trigger_id,
        }

    def interaction(self, kind: str, user: str, trigger_id: str = "") -> dict[str, Json]:
        """The common fields; in an organization, only a click names the workspace."""
        person, everywhere = self.workspace.person(user), self.workspace.enterprise_id is not None
        team = {"id": person.team_here, "domain": TEAM_DOMAIN}
        payload: dict[str, Json] = {
            "type": kind,
            "user": user_json(user, person.team_id),
            "api_app_id": APP_ID,
            "token": VERIFICATION_TOKEN,
            "team": None if everywhere and kind != "block_actions" else team,
            "enterprise": person.enterprise_id and {"id": person.enterprise_id, "name": "Sandbox"},
            "is_enterprise_install": everywhere,
        }
        return payload | ({"trigger_id": trigger_id} if trigger_id else {})

    def place(
        self, source: PostedMessage | Ephemeral | Unfurl | View, values: Json
    ) -> dict[str, Json]:
        """The fields that identify the message, preview or view of an action."""
        state = state_values(source.blocks, values)
        if isinstance(source, View):
            return {
                "container": {"type": "view", "view_id": source.id},
                "view": self.workspace.view_json(source, state),
            }
        channel = self.workspace.channel(source.channel)
        if isinstance(source, Unfurl):
            return {
                **links.clicked(source),
                "channel": {"id": channel.id, "name": channel.sent_name},
                "state": {"values": state},
            }
        ephemeral = isinstance(source, Ephemeral)
        container: dict[str, Json] = {
            "type": "message",
            "message_ts": source.ts,
            "channel_id": source.channel,
            "is_ephemeral": ephemeral,
        }
        if source.thread_ts:
            container["thread_ts"] = source.thread_ts
        place: dict[str, Json] = {
            "container": container,
            "channel": {"id": channel.id, "name": channel.sent_name},
            "state": {"values": state},
        }
        if isinstance(source, PostedMessage):
            place["message"] = self.workspace.message_json(source)
        return place

    def shortcut(self, callback_id: str, user: str, trigger_id: str) -> dict[str, Json]:
        """A global shortcut."""
        return {
            **self.interaction("shortcut", user, trigger_id),
            "action_ts": self.workspace.stamp(),
            "callback_id": callback_id,
        }

    def message_shortcut(
        self, callback_id: str, message: PostedMessage, user: str, trigger_id: str
    ) -> dict[str, Json]:
        """A shortcut in a message's menu."""
        channel = self.workspace.channel(message.channel)
        return {
            **self.interaction("message_action", user, trigger_id),
            "action_ts": self.workspace.stamp(),
            "callback_id": callback_id,
            "message_ts": message.ts,
            "message": self.workspace.message_json(message),
            "channel": {"id": channel.id, "name": channel.sent_name},
        }

    def event_callback(self, event: dict[str, Json]) -> dict[str, Json]:
        """An event of the Events API in its envelope, sent by the workspace of its user."""
        person = self.workspace.person(str(event.get("user")))
        return {
            "token": VERIFICATION_TOKEN,
            "team_id": person.team_here,
            "enterprise_id": person.enterprise_id,
            "api_app_id": APP_ID,
            "event": {"event_ts": self.workspace.stamp(), **event},
            "type": "event_callback",
            "event_id": self.workspace.new_id("Ev"),
            "event_time": int(self.workspace.now().timestamp()),
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": TEAM_ID,
                    "user_id": BOT_USER,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": False,
        }

    def function_executed(self, callback_id: str, inputs: dict[str, Json]) -> dict[str, Json]:
        """The event for a workflow that reaches a step of the app, with a new token."""
        execution, token = self.workspace.new_id("Fx"), f"xwfp-{self.workspace.new_id('sandbox-')}"
        self.workspace.executions.add(execution)
        self.workspace.workflow_tokens.add(token)
        moment = int(self.workspace.now().timestamp())
        return {
            "type": "function_executed",
            "function": {
                "id": "Fn0SANDBOX1",
                "callback_id": callback_id,
                "title": callback_id,
                "description": "",
                "type": "app",
                "input_parameters": [
                    {"name": name, "type": "string", "title": name, "is_required": True}
                    for name in inputs
                ],
                "output_parameters": [],
                "app_id": APP_ID,
                "date_created": moment,
                "date_updated": moment,
                "date_deleted": 0,
                "form_enabled": False,
            },
            "inputs": inputs,
            "function_execution_id": execution,
            "workflow_execution_id": self.workspace.new_id("Wx"),
            "bot_access_token": token,
        }
