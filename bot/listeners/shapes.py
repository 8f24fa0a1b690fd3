"""The shape of each kind of payload: the fields that the bot and Bolt read, with their types.

Fields that are not here are ignored. https://docs.slack.dev/reference/interaction-payloads
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.access.rules import MalformedPayloadError

_CHARACTER = r"[\x21-\x7e]"  # of an id: it becomes a part of keys and of log lines
Id = Annotated[str, Field(max_length=255, pattern=rf"^{_CHARACTER}*$")]
Needed = Annotated[str, Field(max_length=255, pattern=rf"^{_CHARACTER}+$")]
ChannelId = Annotated[str, Field(pattern=r"^([CDG][A-Z0-9]{1,30})?$")]
Timestamp = Annotated[str, Field(pattern=r"^([0-9]{1,20}\.[0-9]{1,20})?$")]
Text = Annotated[str, Field(max_length=40_000, pattern=r"^[^\x00]*$")]
Option = Annotated[Text, Field(max_length=255)]
Url = Annotated[str, Field(max_length=3000)]


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class _Part(_Shape):
    id: Id | None = None
    enterprise_id: Id | None = None


class _User(_Shape):
    id: Needed
    team_id: Id | None = None


class _Channel(_Shape):
    id: ChannelId | None = None


class _Container(_Shape):
    message_ts: Timestamp = ""
    channel_id: ChannelId | None = None
    thread_ts: Timestamp | None = None


class _Message(_Shape):
    ts: Timestamp | None = None
    thread_ts: Timestamp | None = None


class _Choice(_Shape):
    value: Option


class _Element(_Shape):
    value: Text | None = None
    selected_option: _Choice | None = None
    selected_conversation: ChannelId | None = None
    selected_user: Id | None = None


class _State(_Shape):
    values: dict[str, dict[str, _Element]]


class _View(_Shape):
    id: Needed
    type: Id
    callback_id: Id = ""
    private_metadata: Text | None = None
    app_installed_team_id: Id | None = None
    team_id: Id | None = None
    state: _State | None = None


class _ViewWithState(_View):  # of a click and of a submission; without fields it is empty
    state: _State


class _ResponseUrl(_Shape):
    response_url: Url | None = None


class _Action(_Shape):
    action_id: Id
    value: Text = ""
    selected_option: _Choice | None = None


class _Authorization(_Shape):
    team_id: Id | None = None
    enterprise_id: Id | None = None


class _Event(_Shape):
    type: Id = ""
    user_team: Id | None = None
    bot_id: Id | None = None


class _HomeOpened(_Event):
    user: Needed
    channel: ChannelId | None = None
    tab: Id | None = None


class _LinkShared(_Event):
    user: Id | None = None  # the posts of some apps have none
    channel: ChannelId
    message_ts: Needed  # in the composer it is no time
    unfurl_id: Id | None = None
    source: Id | None = None


class _Function(_Shape):
    callback_id: Id


class _Inputs(_Shape):
    team: Text | None = None
    name: Text | None = None
    channel: Id | None = None
    person: Text | None = None


class _StepReached(_Event):
    function_execution_id: Needed
    function: _Function
    inputs: _Inputs = _Inputs()
    workflow: _Part | None = None
    workflow_id: Id | None = None
    bot_access_token: Id | None = None


class _Payload(_Shape):
    """The fields of every kind."""

    type: Id = ""
    team_id: Id | None = None
    enterprise_id: Id | None = None
    team: _Part | None = None
    enterprise: _Part | None = None
    event: _Event = _Event()
    authorizations: list[_Authorization] | None = None


class _Command(_Payload):
    command: Id
    text: Text = ""
    user_id: Needed
    channel_id: ChannelId = ""
    trigger_id: Needed
    response_url: Url | None = None


class _Interaction(_Payload):
    user: _User
    channel: _Channel | None = None
    container: _Container = _Container()
    message: _Message | None = None
    view: _View | None = None
    response_url: Url | None = None
    trigger_id: Id | None = None


class _Click(_Interaction):
    actions: Annotated[list[_Action], Field(min_length=1)]
    view: _ViewWithState | None = None
    trigger_id: Needed


class _ViewClick(_Click):
    view: _ViewWithState


class _Submission(_Interaction):
    view: _ViewWithState
    response_urls: list[_ResponseUrl] = []


class _Closed(_Interaction):
    view: _View


class _Suggestion(_Interaction):
    view: _View
    action_id: Id
    value: Text | None = None


class _Shortcut(_Interaction):
    callback_id: Id
    trigger_id: Needed


class _MessageShortcut(_Shortcut):
    message: _Message
    channel: _Channel


class _EventPayload(_Payload):
    event: _Event


class _HomePayload(_Payload):
    event: _HomeOpened


class _LinkPayload(_Payload):
    event: _LinkShared
    event_id: Needed


class _StepPayload(_Payload):
    event: _StepReached


_SHAPES: dict[object, type[_Payload]] = {
    "block_actions": _Click,
    "view_submission": _Submission,
    "view_closed": _Closed,
    "block_suggestion": _Suggestion,
    "shortcut": _Shortcut,
    "message_action": _MessageShortcut,
}
_EVENT_SHAPES: dict[object, type[_Payload]] = {
    "app_home_opened": _HomePayload,
    "link_shared": _LinkPayload,
    "function_executed": _StepPayload,
}


def check_payload(body: dict[str, Any]) -> None:
    """Check the types of all fields that the bot reads; the payload itself stays as it is.

    Raises:
        MalformedPayloadError: a field is missing, or has another type or form.
    """
    try:
        _shape_of(body).model_validate(body)
    except ValidationError as error:  # its text would repeat the values in the log
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part)[:50] for part in problem["loc"][:6])
        raise MalformedPayloadError(f"{where}: {problem['type']}") from None


def _shape_of(body: dict[str, Any]) -> type[_Payload]:
    if "command" in body:
        return _Command
    kind = body.get("type")
    if not isinstance(kind, str):
        return _Payload
    match body:
        case {"type": "block_actions", "container": {"type": "view"}}:
            return _ViewClick
    if kind != "event_callback":
        return _SHAPES.get(kind, _Payload)
    event = body.get("event")
    inner = event.get("type") if isinstance(event, dict) else None
    return _EVENT_SHAPES.get(inner, _EventPayload) if isinstance(inner, str) else _EventPayload
