"""The fixed lists of labels name everything that the code can report."""

import re
from typing import Any

import pytest

from bot.baseten.endpoints import ENDPOINTS, OTHER, endpoint_of
from bot.listeners.actor import actor_of
from bot.slack.methods import METHODS, RESPONSE_URL, is_refusal, method_of
from bot.telemetry.metrics import ENTRY_POINTS
from tests.listeners.test_register import LISTENERS
from tests.test_repository import PYTHON_FILES, read


def found(folder: str, pattern: str) -> set[str]:
    """Every match of a pattern in a folder of the bot."""
    texts = [read(str(path)) for path in PYTHON_FILES if str(path).startswith(f"bot/{folder}")]
    return {match for text in texts for match in re.findall(pattern, text)}


def test_each_endpoint_that_the_client_documents_has_a_name() -> None:
    documented = found("baseten/", r"``((?:GET|POST|PUT|PATCH|DELETE) /v1/[^`]*)``")
    assert documented == set(ENDPOINTS)


def test_the_client_shortens_no_endpoint() -> None:
    assert found("baseten/client", r"``(?:GET|POST|PUT|PATCH|DELETE) (?!/v1/)[^`]*``") == set()


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("prefix", ["", "/proxy"])
def test_a_request_has_the_name_of_its_endpoint(endpoint: str, prefix: str) -> None:
    method, path = re.sub(r"\{\w+\}", "qvv%2Fxyz", endpoint).split(" ")
    assert endpoint_of(method, prefix + path) == endpoint
    assert endpoint_of("DELETE", path) == OTHER


@pytest.mark.parametrize("path", ["", "/", "/v1/", "/v1/secrets", "/v1/teams/a/b", "/v2/teams"])
def test_another_path_has_no_name(path: str) -> None:
    assert endpoint_of("GET", path) == OTHER


def test_each_method_of_slack_that_the_code_calls_has_a_name() -> None:
    called = found("", r"docs\.slack\.dev/reference/methods/([\w.]+)") - {""}
    called |= {
        name.replace("_", ".")
        for name in found("slack/", r"_client\.([a-z]+_[A-Za-z_]+)\b")
        if name != "api_call"
    }
    assert called - METHODS == set()


def test_a_request_to_slack_has_the_name_of_its_method() -> None:
    assert method_of("/api/chat.postMessage", "/api/") == "chat.postMessage"
    assert method_of("/api/users.list", "/api/") == OTHER
    assert method_of("/commands/T0/1/x", "/api/") == RESPONSE_URL


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (b'{"ok":false,"error":"not_in_channel"}', True),
        (b'{"error":"not_in_channel","ok": false}', True),
        (b'{"ok":true,"message":{"text":"\\"ok\\":false"}}', False),
        (b"ok", False),
    ],
)
def test_a_refusal_is_read_from_the_body(body: bytes, *, refused: bool) -> None:
    assert is_refusal(body) is refused


def test_each_entry_point_that_is_registered_has_a_name() -> None:
    buttons = {f"button:{key}" for kind, key, _ in LISTENERS if kind == "action"}
    kinds = ("view_submission", "view_closed", "block_suggestion", "shortcut", "message_action")
    events = ("app_home_opened", "link_shared", "function_executed", "any")
    bodies: list[dict[str, Any]] = [
        {"command": "/x"},
        *({"type": kind} for kind in kinds),
        *({"type": "event_callback", "event": {"type": kind}} for kind in events),
    ]
    assert buttons | {actor_of(body).entry_point for body in bodies} == ENTRY_POINTS
