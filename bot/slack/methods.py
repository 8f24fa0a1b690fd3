"""The requests to Slack by name, for metrics and traces, which hold no ids."""

import re

METHODS = frozenset(
    {
        "apps.connections.open",
        "auth.test",
        "chat.delete",
        "chat.getPermalink",
        "chat.postEphemeral",
        "chat.postMessage",
        "chat.unfurl",
        "chat.update",
        "conversations.history",
        "conversations.info",
        "conversations.replies",
        "functions.completeError",
        "functions.completeSuccess",
        "usergroups.list",
        "usergroups.users.list",
        "users.info",
        "users.lookupByEmail",
        "views.open",
        "views.publish",
        "views.update",
    }
)
RESPONSE_URL = "response_url"
OTHER = "other"
# Within a string of JSON, each quote has a backslash, so no text of a message matches.
# Slack sends the field first, so the search ends there.
_OK = re.compile(rb'(?<!\\)"ok"\s*:\s*(true|false)')


def method_of(path: str, api: str) -> str:
    """Return the method of the Web API, `RESPONSE_URL`, or `OTHER`.

    Args:
        path: of the request.
        api: the path of the Web API, such as ``/api/``.
    """
    if not path.startswith(api):
        return RESPONSE_URL
    method = path.removeprefix(api)
    return method if method in METHODS else OTHER


def is_refusal(body: bytes) -> bool:
    """Return whether the body of an answer with status 200 says that Slack refused the call."""
    found = _OK.search(body)
    return found is not None and found[1] == b"false"
