"""What Slack sends is read, what it would not send is refused; and why the bot is not ready."""

import asyncio
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.server.health import Health
from bot.server.http import read_body

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
SOON = 1.0  # seconds


@pytest.mark.parametrize(
    "fields",
    [
        {"command": "/training-project", "text": "research llama", "user_id": "U1"},
        {"command": "/training-project", "text": "research payload-model"},
        {"command": "/training-project", "text": "payload", "channel_name": "payload-alerts"},
        {"command": "/training-project", "text": "payload=x&payload={}"},
        {"command": "/training-project", "text": ""},
        {"command": "/training-project", "text": "a+b %20 ü 🚀 &amp;"},
        {"ssl_check": "1", "token": "t"},
    ],
)
def test_a_form_is_read_as_it_was_written(fields: dict[str, str]) -> None:
    assert read_body(urlencode(fields), FORM) == fields


def test_a_form_without_a_content_type_is_a_form() -> None:
    assert read_body("command=%2Fx&text=", "application/octet-stream") == {
        "command": "/x",
        "text": "",
    }


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "block_actions", "actions": [{"action_id": "open_logs"}]},
        {"type": "view_submission", "view": {"private_metadata": "payload=1"}},
        {"text": "ü 🚀 &+%"},
    ],
)
def test_json_is_read_plain_and_from_a_forms_payload_field(payload: dict[str, Any]) -> None:
    written = json.dumps(payload)
    assert read_body(urlencode({"payload": written}), FORM) == payload
    assert read_body(written, JSON) == payload


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("", JSON),
        ("{", JSON),
        ("[]", JSON),
        ("null", JSON),
        ('"command"', JSON),
        ("command=%2Fx", JSON),
        ("{}", JSON),
        ("[" * 10, JSON),
        ("", FORM),
        ("no form at all", FORM),
        ('{"command": "/x"}', FORM),
        ("payload=", FORM),
        ("payload=%5B%5D", FORM),
        ("payload=null", FORM),
        ("payload=%7B%7D", FORM),
        ("payload=%7B", FORM),
        ("payload=x&payload=y", FORM),
    ],
)
def test_anything_else_is_refused(body: str, content_type: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_body(body, content_type)


@given(st.text(), st.sampled_from([FORM, JSON, ""]))
def test_any_text_at_all_is_an_object_or_refused(body: str, content_type: str) -> None:
    try:
        read = read_body(body, content_type)
    except ValueError:
        return
    assert isinstance(read, dict)
    assert read


plain = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(plain.filter(lambda key: key not in {"", "payload"}), plain, min_size=1))
def test_every_form_without_a_payload_reads_back(fields: dict[str, str]) -> None:
    assert read_body(urlencode(fields), FORM) == fields


async def test_a_bot_against_which_nothing_speaks_is_ready() -> None:
    health = Health()
    assert health.reasons() == {}
    async with asyncio.timeout(SOON):
        await health.ready()


async def test_a_bot_is_ready_when_every_reason_against_it_is_gone() -> None:
    health = Health()
    health.set_problem("slack", "not proved")
    health.set_problem("socket", "not connected")
    assert health.reasons() == {"slack": "not proved", "socket": "not connected"}
    waiting = asyncio.create_task(health.ready())
    health.clear_problem("slack")
    await asyncio.wait([waiting], timeout=0.01)
    assert not waiting.done()
    assert health.reasons() == {"socket": "not connected"}
    health.clear_problem("socket")
    async with asyncio.timeout(SOON):
        await waiting
    assert health.reasons() == {}


async def test_a_bot_that_was_ready_may_be_so_no_longer() -> None:
    health = Health()
    health.set_problem("slack", "not proved")
    health.clear_problem("slack")
    health.set_problem("draining", "ending")
    assert health.reasons() == {"draining": "ending"}
    waiting = asyncio.create_task(health.ready())
    await asyncio.wait([waiting], timeout=0.01)
    assert not waiting.done()
    waiting.cancel()


def test_the_last_reason_of_a_part_counts_and_nobody_can_change_it_from_outside() -> None:
    health = Health()
    health.set_problem("socket", "not connected yet")
    health.set_problem("socket", "not connected")
    health.clear_problem("never heard of")
    health.reasons().clear()
    assert health.reasons() == {"socket": "not connected"}
