"""The HTTP side as Slack, a platform and a stranger see it."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import httpx
import pytest

from bot import __version__
from bot.durable.database import open_store
from bot.durable.store import Store
from bot.sandbox import Delay
from tests.conftest import Env, over_a_socket

EVENTS = "/slack/events"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
FIELDS = {"command": "/training-project", "team_id": "T0SANDBOX1", "text": "research sft"}
COMMAND = urlencode(FIELDS).encode()


@pytest.fixture
async def stranger(http: Env) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who talks HTTP to the bot."""
    async with httpx.AsyncClient(base_url=http.bot.url) as client:
        yield client


async def test_a_signed_command_is_accepted(http: Env, stranger: httpx.AsyncClient) -> None:
    answer = await stranger.post(EVENTS, content=COMMAND, headers=FORM | http.slack.sign(COMMAND))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Slack-Request-Timestamp": "now"},
        {"X-Slack-Request-Timestamp": "1" * 5000},
        {"X-Slack-Request-Timestamp": "-5"},
        {"X-Slack-Request-Timestamp": "²"},
        {"X-Slack-Signature": "v0=é"},
        {"X-Slack-Signature": ""},
        {"X-Slack-Signature": "v0=" + "0" * 64},
    ],
    ids=str,
)
async def test_what_slack_did_not_sign_is_refused(
    http: Env, stranger: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    signed = http.slack.sign(COMMAND) if headers else {}
    sent = [(name.encode(), value.encode()) for name, value in (FORM | signed | headers).items()]
    answer = await stranger.post(EVENTS, content=COMMAND, headers=sent)
    assert answer.status_code == 401
    assert http.baseten.requests == []


async def test_a_body_that_was_changed_is_refused(http: Env, stranger: httpx.AsyncClient) -> None:
    headers = FORM | http.slack.sign(COMMAND)
    answer = await stranger.post(EVENTS, content=COMMAND + b"x", headers=headers)
    assert answer.status_code == 401


# 360 and -240 are a minute off the limit: the clock goes on between signing and arrival.
@pytest.mark.parametrize(
    ("seconds", "status"), [(-86_400, 401), (-301, 401), (-240, 200), (300, 200), (360, 401)]
)
async def test_a_signature_is_refused_if_its_time_is_more_than_five_minutes_off(
    http: Env, stranger: httpx.AsyncClient, seconds: int, status: int
) -> None:
    signed = http.slack.sign(COMMAND, timestamp=int(time.time()) + seconds)
    answer = await stranger.post(EVENTS, content=COMMAND, headers=FORM | signed)
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", FORM),
        (b"{", JSON),
        (b"[]", JSON),
        (b"[" * 100_000, JSON),
        (b"\xff\xfe", FORM),
        (b"payload=%7B", FORM),
        (b"payload=[]", FORM),
        (b"just words", FORM),
    ],
    ids=repr,
)
async def test_a_signed_body_that_cannot_be_read_is_refused(
    http: Env, stranger: httpx.AsyncClient, body: bytes, headers: dict[str, str]
) -> None:
    answer = await stranger.post(EVENTS, content=body, headers=headers | http.slack.sign(body))
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "body", [{}, {"type": "event_callback"}, {"type": "block_actions", "actions": []}, {"type": 7}]
)
async def test_a_signed_body_that_means_nothing_to_the_bot_is_no_failure(
    http: Env, stranger: httpx.AsyncClient, body: dict[str, object]
) -> None:
    sent = json.dumps(body).encode()
    answer = await stranger.post(EVENTS, content=sent, headers=JSON | http.slack.sign(sent))
    assert answer.status_code < 500


async def test_a_body_over_a_mebibyte_is_refused(http: Env, stranger: httpx.AsyncClient) -> None:
    body = b"text=" + b"x" * 1024 * 1024
    answer = await stranger.post(EVENTS, content=body, headers=FORM | http.slack.sign(body))
    assert answer.status_code == 413


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
async def test_a_compressed_body_is_no_failure(
    http: Env, stranger: httpx.AsyncClient, encoding: str
) -> None:
    headers = FORM | {"Content-Encoding": encoding}
    answer = await stranger.post(EVENTS, content=b"x=1", headers=headers)
    assert answer.status_code == 401
    signed = headers | http.slack.sign(COMMAND)
    assert (await stranger.post(EVENTS, content=COMMAND, headers=signed)).status_code == 200


async def test_slack_can_verify_the_address(http: Env, stranger: httpx.AsyncClient) -> None:
    body = json.dumps({"type": "url_verification", "challenge": "c0ffee"}).encode()
    answer = await stranger.post(EVENTS, content=body, headers=JSON | http.slack.sign(body))
    assert answer.status_code == 200
    assert "c0ffee" in answer.text


async def test_other_ways_in_do_not_exist(stranger: httpx.AsyncClient) -> None:
    assert (await stranger.get(EVENTS)).status_code == 405
    assert (await stranger.get("/")).status_code == 404


async def test_with_a_socket_nothing_is_taken_over_http(idle_env: Env) -> None:
    async with over_a_socket(idle_env), httpx.AsyncClient(base_url=idle_env.bot.url) as stranger:
        headers = FORM | idle_env.slack.sign(COMMAND)
        assert (await stranger.post(EVENTS, content=COMMAND, headers=headers)).status_code == 404


async def test_the_health_pages_tell_life_and_readiness(env: Env) -> None:
    async with httpx.AsyncClient(base_url=env.bot.url) as platform:
        assert (await platform.get("/healthz")).json() == {"ok": True, "version": __version__}
        ready = await platform.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"ready": True, "reasons": {}, "warnings": {}}


@asynccontextmanager
async def shared(url: str) -> AsyncIterator[Store]:
    """Open a store as if it were of a database that replicas share."""
    async with open_store(url) as store:
        store.shared = True
        yield store


async def test_a_replica_that_ends_leaves_a_command_to_the_next_one(idle_env: Env) -> None:
    url = idle_env.settings().database_url.get_secret_value()
    async with (
        shared(url) as store,
        idle_env.running_on(store) as ending,
        idle_env.running_on(store) as other,
    ):
        idle_env.slack.bot_url = ending.url
        ending.refuse_requests()
        assert (await idle_env.slack.command("research late")).status == 503
        idle_env.slack.bot_url = other.url
        delivery = await idle_env.slack.command("research late")
        assert (delivery.status, delivery.body) == (200, "")
        await idle_env.answered()
    assert len(idle_env.slack.messages) == 1


async def test_while_it_ends_the_bot_finishes_its_work_and_takes_no_more(
    http: Env, stranger: httpx.AsyncClient
) -> None:
    http.baseten.faults.next("/v1/teams", Delay(1.0))
    await http.slack.command("research last")
    http.bot.refuse_requests()
    ready = await stranger.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["reasons"] == {"draining": "the bot is shutting down"}
    delivery = await http.slack.command("research late")
    assert "nothing was done" in delivery.body["text"]
    button = b"payload=" + json.dumps({"type": "block_actions"}).encode()
    answer = await stranger.post(EVENTS, content=button, headers=FORM | http.slack.sign(button))
    assert answer.status_code == 503
    await http.bot.drain()
    assert [" last " in message.text for message in http.slack.messages] == [True]
