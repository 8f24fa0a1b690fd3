"""The image's HEALTHCHECK follows the settings of the address, as an operator writes them."""

import asyncio
import json
import sys

import pytest

from bot.server.listener import Listener
from bot.views.installation import Installation
from tests.process import environment
from tests.test_repository import instruction


async def healthy(host: str, port: str) -> bool:
    """Run the command of the HEALTHCHECK."""
    _, command = instruction("HEALTHCHECK").split(" CMD ")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *json.loads(command)[1:],
        env=environment({"HOST": host, "PORT": port}),
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait() == 0


@pytest.mark.parametrize(
    ("host", "setting"),
    [
        ("0.0.0.0", "0.0.0.0"),  # noqa: S104
        ("127.0.0.1", ""),
        ("::", "::"),
        ("::", "[::]"),
        ("::1", "::1"),
        ("127.0.0.2", "'127.0.0.2'"),
    ],
)
async def test_the_health_check_asks_where_the_bot_listens(host: str, setting: str) -> None:
    listener = Listener(host, 0, None, Installation(), shared=False)
    await listener.listen()
    port = listener.url.rsplit(":", 1)[1]
    assert await healthy(setting, port)
    assert await healthy(setting, f'"{port}"')
    await listener.close()
    assert not await healthy(setting, port)
