"""A deploy of two replicas behind the project's own nginx.conf, under commands."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

from bot.sandbox import Delay
from tests.conftest import Env
from tests.deploy.balancer import balancer
from tests.deploy.name_server import NameServer, name_server
from tests.durable.postgres import postgres_programs, postgres_server, postgres_url
from tests.ports import held_port
from tests.process import Process, settings_of, started
from tests.scenarios.crowd import UPSERT, Crowd

__all__ = ["postgres_programs", "postgres_server", "postgres_url"]  # the fixtures

Record = Callable[[str, object], None]
A_SECOND, SECONDS = 10, 40


class Fleet:
    """Replicas on 127.0.0.2 and up, all on one port, as containers have one port each."""

    def __init__(self, names: NameServer, settings: dict[str, str], folder: Path) -> None:
        self._names = names
        self._settings = settings
        self._folder = folder
        self._numbers = count(2)

    @asynccontextmanager
    async def replica(self) -> AsyncIterator[tuple[Process, str]]:
        """Start one. Its name is known from the start, as Docker does it, before it listens."""
        host = f"127.0.0.{next(self._numbers)}"
        self._names.addresses.append(host)
        async with started(cwd=self._folder, settings=self._settings | {"HOST": host}) as process:
            try:
                yield process, host
            finally:
                if host in self._names.addresses:
                    self._names.addresses.remove(host)

    async def replace(self, old: tuple[Process, str], stack: AsyncExitStack) -> None:
        """Start the next one, wait until it is ready, and end the old one."""
        process, _ = await stack.enter_async_context(self.replica())
        await process.until(lambda said: "Slack knows the bot" in said)
        await old[0].stopped()
        self._names.addresses.remove(old[1])  # as Docker does it, only after the end


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_a_rolling_deploy_loses_no_command_and_answers_each_once(
    idle_env: Env,
    postgres_url: str,
    tmp_path: Path,
    record_property: Record,
) -> None:
    crowd = Crowd(idle_env, people=50, channels=20)
    idle_env.baseten.faults.next(UPSERT, *[Delay(0.2)] * (2 * A_SECOND * SECONDS))
    idle_env.slack.faults.always("/api/auth.test", Delay(3.0))  # a replica starts for this long
    settings = settings_of(idle_env) | {"DATABASE_URL": postgres_url}
    async with AsyncExitStack() as stack:
        port, bot_port = [stack.enter_context(held_port()) for _ in range(2)]
        settings["PORT"] = str(bot_port)
        names, names_port = await stack.enter_async_context(name_server())
        idle_env.slack.bot_url = await stack.enter_async_context(
            balancer(tmp_path, names_port, port, bot_port)
        )
        fleet = Fleet(names, settings, tmp_path)
        first = [await stack.enter_async_context(fleet.replica()) for _ in range(2)]
        for process, _ in first:
            await process.until(lambda said: "Slack knows the bot" in said)

        async def deploy() -> None:
            for old in first:
                await fleet.replace(old, stack)

        deploying, typing = asyncio.create_task(deploy()), []
        loop = asyncio.get_running_loop()
        began, number = loop.time(), 0
        while number < A_SECOND * SECONDS or not deploying.done():
            typing.append(asyncio.create_task(crowd.type(crowd.people[number % 50])))
            number += 1
            await asyncio.sleep(max(0.0, began + number / A_SECOND - loop.time()))
        await deploying
        await asyncio.gather(*typing)
        await crowd.all_answered(60)
    record_property("figure", f"rolling deploy: {number} typed, {crowd.summary()}")
    assert not crowd.refused
    assert len(crowd.accepted) == number
    assert not crowd.doubled()
    assert not crowd.left()
