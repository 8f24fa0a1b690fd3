"""The arguments of a Web API call, from its query, form or JSON."""

import json
import uuid
from collections.abc import Collection, Mapping
from typing import Final

from bot.sandbox.fake_server import Recorded
from bot.sandbox.faults import Json
from bot.sandbox.slack.workspace import SlackRefusedError

JSON_ARGUMENTS: Final = ("blocks", "view", "metadata", "attachments", "outputs", "unfurls")
LONGEST_METADATA: Final = 8_000


def read(request: Recorded) -> dict[str, Json]:
    """Return all arguments; decode objects also from a form.

    Raises:
        SlackRefusedError: `invalid_json`, or `invalid_arguments` for a broken object.
    """
    arguments: dict[str, Json] = dict(request.query)
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            body = request.json()
        except ValueError:
            raise SlackRefusedError(code="invalid_json") from None
        if not isinstance(body, dict):
            raise SlackRefusedError(code="json_not_object")
        arguments |= body
    else:
        arguments |= request.form()
    for name in JSON_ARGUMENTS:
        if isinstance(arguments.get(name), str):
            arguments[name] = _decoded(name, arguments[name])
    return arguments


def required(arguments: Mapping[str, Json], name: str) -> str:
    """Return a required argument.

    Raises:
        SlackRefusedError: `invalid_arguments`.
    """
    if not arguments.get(name):
        missing = f"[ERROR] missing required field: {name}"
        raise SlackRefusedError(code="invalid_arguments", details=[missing])
    return str(arguments[name])


def metadata(arguments: Mapping[str, Json]) -> dict[str, Json] | None:
    """Return the metadata of a message, if any.

    Raises:
        SlackRefusedError: `invalid_metadata_format` or `metadata_too_large`.
    """
    given = arguments.get("metadata")
    if given is None:
        return None
    if (
        not isinstance(given, dict)
        or not isinstance(given.get("event_type"), str)
        or not isinstance(given.get("event_payload"), dict)
    ):
        raise SlackRefusedError(code="invalid_metadata_format")
    if len(json.dumps(given)) > LONGEST_METADATA:
        raise SlackRefusedError(code="metadata_too_large")
    return given


def client_msg_id(arguments: Mapping[str, Json]) -> str | None:
    """Return the id that the client has chosen for its message, if any.

    Raises:
        SlackRefusedError: `invalid_arguments`: it is no UUID.
    """
    given = arguments.get("client_msg_id")
    if given is None:
        return None
    try:
        return str(uuid.UUID(str(given)))
    except ValueError:
        raise SlackRefusedError(code="invalid_arguments") from None


def need_scope(scope: str, scopes: Collection[str]) -> None:
    """Check that the token has this scope.

    Raises:
        SlackRefusedError: `missing_scope`.
    """
    if scope not in scopes:
        raise SlackRefusedError(code="missing_scope", needed=scope, provided=",".join(scopes))


def true(value: Json) -> bool:
    """Whether a flag is set, in any of Slack's spellings."""
    return str(value).lower() in {"1", "true"}


def within(ts: str, arguments: Mapping[str, Json]) -> bool:
    """Whether a `ts` lies between `oldest` and `latest`, or with `inclusive` equals one of them."""
    at = float(ts)
    oldest = float(arguments.get("oldest") or 0)
    latest = float(arguments.get("latest") or "inf")
    return oldest < at < latest or (true(arguments.get("inclusive")) and at in {oldest, latest})


def _decoded(name: str, text: str) -> Json:
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        if name == "blocks":
            raise SlackRefusedError(code="invalid_blocks_format") from None
        raise SlackRefusedError(code="invalid_arguments") from None
