"""The signature of a delivery, and the errors if no bot answers."""

import asyncio
import time
from typing import Any

import aiohttp
import httpx
import pytest
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.signature import SignatureVerifier

from bot.sandbox import BotUnreachableError, Drop, Hang, Respond, SandboxSlack
from bot.sandbox.faults import Json

from .bolt import over_a_socket


async def socket_url(slack: SandboxSlack, http: httpx.AsyncClient) -> str:
    headers = {"Authorization": f"Bearer {slack.app_token}"}
    opened = await http.post(slack.api_url + "apps.connections.open", headers=headers)
    return str(opened.json()["url"])


def silent(app: AsyncApp) -> None:
    """A bot that acks and no more."""

    async def ack_it(ack: AsyncAck) -> None:
        await ack()

    app.command("/training-project")(ack_it)


async def test_a_delivery_is_signed_as_the_sdk_expects(slack: SandboxSlack) -> None:
    # The second Slack is only a server that records the requests of the first one to its bot.
    async with SandboxSlack() as listener:
        listener.faults.always(".*", Respond(200))
        slack.bot_url = listener.url
        await slack.command("a & b")
        await slack.event({"type": "app_home_opened"})
    verifier = SignatureVerifier(slack.signing_secret)
    for request in listener.requests:
        headers: dict[str, Any] = request.headers
        assert request.path == "/slack/events"
        assert verifier.is_valid_request(request.body, headers)
        assert not verifier.is_valid_request(request.body + b" ", headers)
    command, event = listener.requests
    assert command.form()["text"] == "a &amp; b"
    assert event.json()["event"]["type"] == "app_home_opened"


async def test_a_signature_can_be_made_at_another_time(slack: SandboxSlack) -> None:
    verifier = SignatureVerifier(slack.signing_secret)
    stale: dict[str, Any] = slack.sign(b"body", int(time.time()) - 301)
    assert not verifier.is_valid_request(b"body", stale)
    fresh: dict[str, Any] = slack.sign(b"body")
    assert verifier.is_valid_request(b"body", fresh)


async def test_a_bot_that_is_not_there_is_an_error_with_its_address(slack: SandboxSlack) -> None:
    with pytest.raises(BotUnreachableError, match="no web socket is connected"):
        await slack.command("x")
    async with SandboxSlack() as gone:
        slack.bot_url = gone.url
    with pytest.raises(BotUnreachableError, match=f"{gone.url}/slack/events"):
        await slack.command("x")


@pytest.mark.parametrize("after", [True, False])
async def test_a_bot_that_drops_the_line_is_an_error(slack: SandboxSlack, *, after: bool) -> None:
    async with SandboxSlack() as listener:
        listener.faults.next(".*", Drop(after=after))
        slack.bot_url = listener.url
        with pytest.raises(BotUnreachableError, match="disconnected"):
            await slack.command("x")


async def test_an_answer_that_is_not_200_is_a_failed_dispatch(slack: SandboxSlack) -> None:
    async with SandboxSlack() as listener:
        listener.faults.next(".*", Respond(500, {"text": "not for people"}))
        slack.bot_url = listener.url
        delivery = await slack.command("x")
    assert (delivery.status, delivery.refused) == (500, "dispatch_failed")
    assert slack.ephemerals == []


async def test_patience_ends_over_http(slack: SandboxSlack) -> None:
    slack.delivery_timeout = 0.1
    async with SandboxSlack() as listener:
        listener.faults.next(".*", Hang())
        slack.bot_url = listener.url
        with pytest.raises(TimeoutError):
            await slack.command("x")


async def test_a_socket_is_greeted_and_its_ticket_used_up(
    slack: SandboxSlack, http: httpx.AsyncClient
) -> None:
    url = await socket_url(slack, http)
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url) as socket:
            assert (await socket.receive_json())["type"] == "hello"
            assert slack.sockets == 1
        await slack.until(lambda: slack.sockets == 0)
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await session.ws_connect(url)


async def test_a_socket_can_be_refused(slack: SandboxSlack, http: httpx.AsyncClient) -> None:
    slack.faults.next("/link/", Respond(503))
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await session.ws_connect(await socket_url(slack, http))


async def envelope_of(socket: aiohttp.ClientWebSocketResponse, kind: str) -> dict[str, Json]:
    async with asyncio.timeout(5):
        while True:
            envelope: dict[str, Json] = await socket.receive_json()
            if envelope["type"] == kind:
                return envelope


async def test_an_envelope_waits_for_its_own_ack(
    slack: SandboxSlack, http: httpx.AsyncClient
) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(await socket_url(slack, http)) as socket,
    ):
        await slack.until(lambda: slack.sockets == 1)
        typing = asyncio.create_task(slack.command("x"))
        envelope = await envelope_of(socket, "slash_commands")
        assert envelope["accepts_response_payload"] is True
        assert envelope["payload"]["text"] == "x"
        await socket.send_str("not json")
        await socket.send_json({"envelope_id": "another", "payload": {"text": "wrong"}})
        ack = {"envelope_id": envelope["envelope_id"], "payload": {"text": "right"}}
        await socket.send_json(ack)
        assert (await typing).body == {"text": "right"}


async def test_no_ack_on_a_socket_is_an_error(slack: SandboxSlack, http: httpx.AsyncClient) -> None:
    slack.delivery_timeout = 0.05
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(await socket_url(slack, http))
        await slack.until(lambda: slack.sockets == 1)
        with pytest.raises(TimeoutError):
            await slack.command("x")
        slack.delivery_timeout = 5
        typing = asyncio.create_task(slack.command("x"))
        await envelope_of(socket, "slash_commands")
        await socket.close()
        with pytest.raises(BotUnreachableError, match="closed before the ack"):
            await typing


async def test_deliveries_take_turns_on_the_sockets(
    slack: SandboxSlack, http: httpx.AsyncClient
) -> None:
    async with aiohttp.ClientSession() as session:
        sockets = [await session.ws_connect(await socket_url(slack, http)) for _ in range(2)]
        await slack.until(lambda: slack.sockets == 2)
        typing = [asyncio.create_task(slack.command("x")) for _ in range(2)]
        for socket in sockets:
            envelope = await envelope_of(socket, "slash_commands")
            await socket.send_json({"envelope_id": envelope["envelope_id"]})
        assert [delivery.body for delivery in await asyncio.gather(*typing)] == ["", ""]
        for socket in sockets:
            await socket.close()


async def test_a_client_that_is_asked_to_reconnect_does(slack: SandboxSlack) -> None:
    async with over_a_socket(slack, silent):
        await slack.disconnect_sockets()
        await slack.until(lambda: slack.sockets == 1)
        assert (await slack.command("x")).status == 200
        links = [request for request in slack.requests if request.path == "/link/"]
        assert len(links) == 2


async def test_a_client_that_is_cut_off_reconnects(slack: SandboxSlack) -> None:
    async with over_a_socket(slack, silent):
        await slack.disconnect_sockets(politely=False)
        await slack.until(lambda: slack.sockets == 1)
        assert (await slack.command("x")).status == 200


async def test_it_closes_at_once_with_a_socket_open() -> None:
    async with aiohttp.ClientSession() as session, httpx.AsyncClient(trust_env=False) as http:
        async with SandboxSlack() as slack:
            socket = await session.ws_connect(await socket_url(slack, http))
            await slack.until(lambda: slack.sockets == 1)
            begin = time.monotonic()
        assert time.monotonic() - begin < 5
        _, farewell = [await socket.receive(timeout=5) for _ in range(2)]
        assert farewell.type is aiohttp.WSMsgType.CLOSE
        assert farewell.data == aiohttp.WSCloseCode.GOING_AWAY
