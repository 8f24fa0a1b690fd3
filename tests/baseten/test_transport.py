"""An answer of Baseten is cut off at its limit, also a compressed one; redirects are refused."""

import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest

from bot.baseten.client import Baseten
from bot.baseten.errors import TooLarge, Unreadable
from bot.baseten.transport import MOST_BYTES, MOST_LOG_BYTES, AiohttpTransport
from bot.sandbox import Respond, SandboxBaseten
from bot.telemetry.redaction import Redactor

TEAMS, LOGS = b'{"teams": []', b'{"logs": []'
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def sandbox() -> AsyncIterator[SandboxBaseten]:
    async with SandboxBaseten() as sandbox:
        yield sandbox


@pytest.fixture
async def baseten(sandbox: SandboxBaseten) -> AsyncIterator[Baseten]:
    async with aiohttp.ClientSession() as session:
        transport = AiohttpTransport(session)
        yield Baseten(transport, sandbox.url, sandbox.api_key, 10, Redactor())


def padded(start: bytes, size: int) -> bytes:
    return start + b" " * (size - len(start) - 1) + b"}"


def deflated(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.compress,
    "GZIP": gzip.compress,
    "deflate": zlib.compress,
    "deflate, bare": deflated,
}


@pytest.mark.parametrize("encoding", PACKED)
@pytest.mark.parametrize("more", [0, 1])
async def test_an_answer_is_read_up_to_its_limit(
    sandbox: SandboxBaseten, baseten: Baseten, encoding: str, more: int
) -> None:
    headers = JSON | ({"Content-Encoding": encoding.partition(",")[0]} if encoding else {})
    for path, start, most in (("/v1/teams", TEAMS, MOST_BYTES), (".*/logs", LOGS, MOST_LOG_BYTES)):
        body = PACKED[encoding](padded(start, most + more))
        sandbox.faults.next(path, Respond(200, body=body, headers=headers))
    if more:
        with pytest.raises(TooLarge, match="more than 16 MiB"):
            await baseten.list_teams()
        with pytest.raises(TooLarge, match="more than 2 MiB"):
            await baseten.get_training_job_logs("p", "j", 10)
    else:
        assert await baseten.list_teams() == []
        assert await baseten.get_training_job_logs("p", "j", 10) == []
    assert len(sandbox.requests) == 2, "too large is not repeated"


async def test_a_bomb_takes_little_memory(sandbox: SandboxBaseten, baseten: Baseten) -> None:
    bomb = gzip.compress(b" " * (400 << 20))
    assert len(bomb) < 1 << 20
    headers = JSON | {"Content-Encoding": "gzip"}
    sandbox.faults.next("/v1/teams", Respond(200, body=bomb, headers=headers))
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            await baseten.list_teams()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * MOST_BYTES


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "gzip"])
async def test_an_encoding_that_cannot_be_read_is_unreadable(
    sandbox: SandboxBaseten, baseten: Baseten, encoding: str
) -> None:
    headers = JSON | {"Content-Encoding": encoding}
    sandbox.faults.next("/v1/teams", Respond(200, body=b'{"teams": []}', headers=headers))
    with pytest.raises(Unreadable):
        await baseten.list_teams()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(
    sandbox: SandboxBaseten, baseten: Baseten, status: int
) -> None:
    async with SandboxBaseten() as elsewhere:
        moved = Respond(status, headers={"Location": f"{elsewhere.url}/v1/teams"})
        sandbox.faults.always(".*", moved)
        with pytest.raises(Unreadable):
            await baseten.list_teams()
        with pytest.raises(Unreadable):
            await baseten.upsert_training_project("wp7ndew", "new")
        assert elsewhere.requests == []
    assert len(sandbox.requests) == 2
