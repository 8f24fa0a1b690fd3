"""``python -m bot`` as a platform runs it: started, stopped, misconfigured, listened to."""

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from bot import __version__
from bot.durable.database import open_store
from bot.sandbox import Delay, Respond
from bot.sandbox.refusals import validation_400
from tests.conftest import Env
from tests.process import ROOT, environment, settings_of, started

UPSERT = r"/v1/teams/[^/]+/training_projects"


@pytest.mark.parametrize("socket", [False, True], ids=["http", "socket"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_after_the_work_in_flight(
    idle_env: Env, tmp_path: Path, number: signal.Signals, *, socket: bool
) -> None:
    idle_env.baseten.faults.next(UPSERT, Delay(1.0))
    async with started(cwd=tmp_path, settings=settings_of(idle_env, socket=socket)) as process:
        connected = "the socket to Slack is connected" if socket else "Slack knows the bot"
        await process.until(lambda said: connected in said)
        idle_env.slack.bot_url = None if socket else process.url
        await idle_env.slack.command("research last")
        await idle_env.baseten.until(lambda: len(idle_env.baseten.upserts) == 1)
        process.process.send_signal(number)
        assert await process.ended() == 0
    assert [" last " in message.text for message in idle_env.slack.messages] == [True]
    assert "Traceback" not in process.said


@pytest.mark.parametrize("during", ["listening", "Slack knows the bot"])
@pytest.mark.parametrize("socket", [False, True], ids=["http", "socket"])
async def test_further_signals_change_nothing_at_its_end(
    idle_env: Env, tmp_path: Path, during: str, *, socket: bool
) -> None:
    async with started(cwd=tmp_path, settings=settings_of(idle_env, socket=socket)) as process:
        await process.until(lambda said: during in said)
        with suppress(ProcessLookupError):
            while process.process.returncode is None:
                os.kill(process.process.pid, signal.SIGTERM)
                await asyncio.sleep(0)
        assert await process.ended() == 0
    assert "Traceback" not in process.said


# Python runs this file at each start.
_INTERRUPTS_AN_IMPORT = """
import os, signal, sys

class Interrupt:
    def find_spec(name, path, target=None):
        if name == os.environ["INTERRUPTED"]:
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt)
"""


@pytest.mark.parametrize(
    ("command", "imported", "code"),
    [
        ("run", "bot.settings", 130),
        ("run", "bot.app", 0),
        ("check", "bot.cli.check", 130),
        ("audit", "bot.cli.audit", 130),
        ("demo", "bot.cli.demo", 130),
    ],
)
async def test_ctrl_c_during_an_import_ends_it_without_a_traceback(
    idle_env: Env, tmp_path: Path, command: str, imported: str, code: int
) -> None:
    (tmp_path / "sitecustomize.py").write_text(_INTERRUPTS_AN_IMPORT)
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    settings = settings_of(idle_env) | {"PYTHONPATH": path, "INTERRUPTED": imported}
    async with started(command, cwd=tmp_path, settings=settings) as process:
        assert await process.ended() == code
    assert "Traceback" not in process.said


async def test_a_signal_ends_it_while_it_waits_for_the_database(
    idle_env: Env, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/bot.db"
    settings = settings_of(idle_env) | {"DATABASE_URL": url}
    async with open_store(url), started(cwd=tmp_path, settings=settings) as process:
        await process.until(lambda said: "waiting" in said)
        process.process.terminate()
        assert await process.ended() == 0
    assert "Traceback" not in process.said


async def test_it_is_not_ready_until_slack_confirms_the_token(
    idle_env: Env, tmp_path: Path
) -> None:
    idle_env.slack.faults.always("/api/auth.test", Respond(503))
    async with started(cwd=tmp_path, settings=settings_of(idle_env)) as process:
        await process.until(lambda said: "the start waits for Slack" in said)
        async with httpx.AsyncClient(base_url=process.url) as platform:
            assert (await platform.get("/healthz")).status_code == 200
            ready = await platform.get("/readyz")
        assert ready.status_code == 503
        assert "token" in ready.json()["reasons"]["slack"]
        idle_env.slack.faults.clear()
        await process.until(lambda said: "Slack knows the bot" in said)
        process.process.terminate()
        assert await process.ended() == 0


@pytest.mark.parametrize("name", ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"])
async def test_a_refused_token_ends_it_with_a_clear_line(
    idle_env: Env, tmp_path: Path, name: str
) -> None:
    prefix = "xoxb" if name == "SLACK_BOT_TOKEN" else "xapp"
    wrong = {name: f"{prefix}-0-not-the-one-0123456789"}
    async with started(
        cwd=tmp_path, settings=settings_of(idle_env, socket=True) | wrong
    ) as process:
        assert await process.ended() == 1
    assert f"Slack refuses {name} (invalid_auth). C" in process.said  # copy, or create one
    assert "not-the-one" not in process.said
    assert "Traceback" not in process.said


async def test_a_refused_key_is_told_in_the_log_at_the_start(idle_env: Env, tmp_path: Path) -> None:
    wrong = {"BASETEN_API_KEY": "not-the-one-0123456789"}
    async with started(cwd=tmp_path, settings=settings_of(idle_env) | wrong) as process:
        await process.until(lambda said: "cannot list the teams" in said)
        await process.until(lambda said: "Slack knows the bot" in said)
        process.process.terminate()
        assert await process.ended() == 0
    assert "403 PERMISSION_DENIED" in process.said
    assert "not-the-one" not in process.said


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"null", b'{"ok": true}'])
async def test_an_odd_answer_about_the_token_is_asked_again(
    idle_env: Env, tmp_path: Path, body: bytes
) -> None:
    odd = Respond(200, body=body, headers={"Content-Type": "application/json"})
    idle_env.slack.faults.next("/api/auth.test", odd)
    async with started(cwd=tmp_path, settings=settings_of(idle_env)) as process:
        await process.until(lambda said: "Slack knows the bot" in said)
        process.process.terminate()
        assert await process.ended() == 0
    assert "an answer that is not Slack's" in process.said


async def test_a_half_sent_request_does_not_hold_the_end(idle_env: Env, tmp_path: Path) -> None:
    async with started(cwd=tmp_path, settings=settings_of(idle_env)) as process:
        await process.until(lambda said: "Slack knows the bot" in said)
        port = int(process.url.rsplit(":", 1)[1])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /slack/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
        await writer.drain()
        process.process.terminate()
        assert await process.ended(20) == 0
        writer.close()


async def test_a_taken_port_ends_it_with_a_clear_line(idle_env: Env, tmp_path: Path) -> None:
    port = idle_env.slack.url.rsplit(":", 1)[1]
    async with started(cwd=tmp_path, settings=settings_of(idle_env) | {"PORT": port}) as process:
        assert await process.ended() == 1
    assert f"cannot listen on 127.0.0.1:{port}" in process.said
    assert "Traceback" not in process.said


async def test_it_prints_its_version_without_any_setting(tmp_path: Path) -> None:
    async with started("--version", cwd=tmp_path) as process:
        assert await process.ended() == 0
    assert process.said == f"{__version__}\n"


async def test_a_setting_that_is_ignored_is_told_in_the_log(idle_env: Env, tmp_path: Path) -> None:
    settings = settings_of(idle_env) | {"BASETEN_KEY": "zq7"}
    async with started(cwd=tmp_path, settings=settings) as process:
        await process.ready()
        await process.stopped()
    (line,) = [line for line in map(json.loads, process.said.splitlines()) if "setting" in line]
    assert (line["event"], line["setting"]) == ("a setting is ignored", "BASETEN_KEY")
    assert "did you mean BASETEN_API_KEY?" in line["why"]
    assert "zq7" not in process.said


async def test_the_first_line_of_the_log_names_the_version(idle_env: Env, tmp_path: Path) -> None:
    async with started(cwd=tmp_path, settings=settings_of(idle_env)) as process:
        await process.ready()
        await process.stopped()
    first = json.loads(process.said.splitlines()[0])
    assert (first["event"], first["version"]) == ("starting", __version__)


@pytest.mark.parametrize("command", [[], ["run"], ["check"]])
async def test_missing_settings_are_told_a_line_each(tmp_path: Path, command: list[str]) -> None:
    async with started(*command, cwd=tmp_path) as process:
        assert await process.ended() == 2
    assert [line.split()[0] for line in process.said.splitlines()[1:]] == [
        "SLACK_BOT_TOKEN",
        "SLACK_SIGNING_SECRET",
        "BASETEN_API_KEY",
    ]


async def test_no_secret_reaches_the_log_whatever_happens(idle_env: Env, tmp_path: Path) -> None:
    settings = settings_of(idle_env) | {"LOG_LEVEL": "debug"}
    idle_env.slack.add_channel("C0PRIVATE1", private=True, member=False)
    async with started(cwd=tmp_path, settings=settings) as process:
        await process.until(lambda said: "Slack knows the bot" in said)
        idle_env.slack.bot_url = url = process.url
        urls = [(await idle_env.slack.command("research one", channel="C0PRIVATE1")).response_url]
        key = idle_env.baseten.api_key
        idle_env.baseten.faults.next(UPSERT, validation_400(f"what is {key}?"), Respond(500))
        urls += [(await idle_env.slack.command(f"research {name}")).response_url for name in "ab"]
        forged = f"command=%2Ftraining-project&response_url={urls[0]}".encode()
        async with httpx.AsyncClient() as stranger:
            await stranger.post(f"{url}/slack/events", content=forged)
        await idle_env.slack.until(lambda: len(idle_env.slack.messages) >= 2)
        process.process.terminate()
        assert await process.ended() == 0
    secrets = [idle_env.slack.bot_token, idle_env.slack.signing_secret, key, *urls]
    assert [secret for secret in secrets if secret in process.said] == []
    assert '"outcome": "created"' in process.said


async def test_a_socket_app_token_never_reaches_the_log(idle_env: Env, tmp_path: Path) -> None:
    settings = settings_of(idle_env, socket=True) | {"LOG_LEVEL": "debug"}
    async with started(cwd=tmp_path, settings=settings) as process:
        await process.until(lambda said: "the socket to Slack is connected" in said)
        response_url = (await idle_env.slack.command("research one")).response_url
        await idle_env.answered()
        process.process.terminate()
        assert await process.ended() == 0
    for secret in (idle_env.slack.app_token, idle_env.slack.bot_token, response_url, "ticket="):
        assert secret not in process.said.replace("ticket=[redacted]", "")


async def test_a_thread_that_waits_for_a_dead_server_does_not_hold_the_end(tmp_path: Path) -> None:
    (tmp_path / "ends.py").write_text(
        "import asyncio, sys, time\n"
        "from bot.__main__ import _run_loop\n"
        "async def command():\n"
        "    asyncio.get_running_loop().run_in_executor(None, time.sleep, 300)\n"
        "    return 7\n"
        "sys.exit(_run_loop(command()))\n",
        encoding="utf-8",
    )
    async with started(cwd=tmp_path, module="ends") as process:
        assert await process.ended() == 7


@pytest.mark.parametrize("module", ["pydantic_core", "structlog", "slack_bolt", "aiohttp"])
async def test_sigterm_during_the_imports_ends_it_with_0(
    idle_env: Env, tmp_path: Path, module: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "importtime", "-m", "bot"),
        cwd=tmp_path,
        env=environment(settings_of(idle_env)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(30):
            while f" {module}" not in (line := await process.stderr.readline()).decode():
                assert line
            for _ in range(2):  # the second one changes nothing
                os.kill(process.pid, signal.SIGTERM)
            said, _ = await asyncio.gather(process.stderr.read(), process.wait())
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0
    assert b"Traceback" not in said
