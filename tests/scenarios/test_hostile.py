"""A full disk, deleted files, callers that leave, and thousands of tasks that are due at once."""

import asyncio
import resource
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from bot.durable.database import open_store
from bot.durable.model import Enqueue
from bot.handlers.open_task import OPEN_PROJECT
from bot.projects.request import ProjectRequest
from bot.slack.message import ReplyTarget
from tests.conftest import Env
from tests.process import Process, settings_of, started
from tests.scenarios.crowd import Crowd
from tests.scenarios.tasks import order, until_ended
from tests.scenarios.test_database_away import until_ready

Record = Callable[[str, object], None]
FIELDS = {"command": "/training-project", "team_id": "T0SANDBOX1", "user_id": "U0SANDBOX1"}
FIELDS |= {"channel_id": "C0SANDBOX1", "api_app_id": "A0SANDBOX"}


@pytest.fixture
async def bot(idle_env: Env, tmp_path: Path) -> AsyncIterator[Process]:
    """A bot as a process of its own."""
    async with started(cwd=tmp_path, settings=settings_of(idle_env)) as process:
        idle_env.slack.bot_url = await process.ready()
        yield process


def limit_files(bot: Process, size: int) -> None:
    """Let no file of the bot grow beyond this size, as on a full disk."""
    _, hard = resource.prlimit(bot.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(bot.process.pid, resource.RLIMIT_FSIZE, (size, hard))


@pytest.mark.slow
async def test_a_full_disk_refuses_in_words_and_loses_nothing(
    idle_env: Env, bot: Process, tmp_path: Path
) -> None:
    crowd = Crowd(idle_env)
    await crowd.type_many(crowd.people)
    await crowd.all_answered(20)
    limit_files(bot, (tmp_path / "data" / "bot.db-wal").stat().st_size + 8192)
    for _ in range(20):  # one after the other, until the disk is full
        await crowd.type()
        if crowd.refused:
            break
    await crowd.type_many(crowd.people[:5])
    assert len(crowd.refused) > 5
    await until_ready(bot.url, ready=False)
    limit_files(bot, resource.RLIM_INFINITY)
    await until_ready(bot.url, ready=True)
    await crowd.type()
    await crowd.all_answered(20)
    await bot.stopped()
    assert not crowd.doubled()
    assert not crowd.untrue()
    assert crowd.answers().keys() == crowd.accepted.keys()


@pytest.mark.parametrize("name", ["bot.db", "bot.db-wal"])
async def test_a_deleted_file_is_noticed(
    idle_env: Env, bot: Process, tmp_path: Path, name: str
) -> None:
    await idle_env.slack.command("research sft")
    await idle_env.answered()
    (tmp_path / "data" / name).unlink()
    async with httpx.AsyncClient() as platform:
        answer = await platform.get(f"{bot.url}/readyz")
    assert answer.status_code == 503
    assert f"{name} was deleted" in answer.json()["reasons"]["database"]


async def test_a_caller_that_leaves_before_the_ack_is_answered_once(
    idle_env: Env, bot: Process
) -> None:
    address = urlsplit(bot.url)
    for number in range(50):
        fields = FIELDS | {"text": f"research gone-{number:02}", "trigger_id": f"1.2.{number}"}
        body = urlencode(fields).encode()
        headers = {
            "Host": address.netloc,
            "Content-Type": "application/x-www-form-urlencoded",
            "Content-Length": str(len(body)),
            **idle_env.slack.sign(body),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        _, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(f"POST /slack/events HTTP/1.1\r\n{lines}\r\n".encode() + body)
        await writer.drain()
        writer.transport.abort() if number % 2 else writer.close()
    await idle_env.slack.command("research stays")
    await idle_env.slack.until(lambda: any(" stays " in m.text for m in idle_env.slack.messages))
    await bot.stopped()
    names = [message.text.split(" ")[1] for message in idle_env.slack.messages]
    assert len(names) == len(set(names)) >= 25  # those whose request had arrived
    assert "Traceback" not in bot.said


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_thousands_of_tasks_that_are_due_at_once_are_each_done_once(
    idle_env: Env, record_property: Record
) -> None:
    count = 3000
    async with open_store(idle_env.url) as store:
        for number in range(count):
            place = ReplyTarget(f"U0PERSON{number % 200:03}", f"C0CROWD{number % 50:03}")
            asked = order(request=ProjectRequest("research", f"p-{number:05}"), place=place)
            store.submit(
                Enqueue(
                    f"w{number}", OPEN_PROJECT, asked.state(), "commands", place.user_id, delay=1.0
                )
            )
    for number in range(50):
        idle_env.slack.add_channel(f"C0CROWD{number:03}")
    began = time.monotonic()
    async with idle_env.running():
        await idle_env.slack.until(lambda: len(idle_env.slack.messages) >= count, 120)
        took = time.monotonic() - began
        await until_ended(idle_env)
    record_property("figure", f"{count} tasks due at once: done in {took:.1f} s")
    names = {message.text.split(" ")[1] for message in idle_env.slack.messages}
    assert len(names) == len(idle_env.slack.messages) == len(idle_env.baseten.upserts) == count
