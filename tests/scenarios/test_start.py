"""The start names what it waits for, in the log and on /readyz, and a token can die later."""

import asyncio
import json
import shutil
import socket
import sqlite3
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from structlog.testing import capture_logs

from bot.app import running
from bot.durable.database import open_store
from bot.sandbox import Drop, Garble, Hang, Respond
from bot.wiring import Tuning
from tests.conftest import Env
from tests.process import Process, settings_of, started

AUTH_TEST = "/api/auth.test"
WAITS = "Slack does not confirm the bot's token; the start waits"
HTML = Respond(200, body=b"<html>Sign in</html>", headers={"Content-Type": "text/html"})


async def page(url: str, path: str) -> tuple[int, dict[str, Any]]:
    async with httpx.AsyncClient() as platform:
        answer = await platform.get(f"{url}{path}")
    return answer.status_code, answer.json()


async def until_said(process: Process, event: str, words: str) -> None:
    """Wait for a log line with this event and these words."""

    def found(said: str) -> bool:
        lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        return any(line["event"] == event and words in json.dumps(line) for line in lines)

    await process.until(found)


@asynccontextmanager
async def waiting(env: Env, folder: Path, words: str, **settings: str) -> AsyncIterator[Process]:
    """Start a bot that waits for Slack, for a reason in these words."""
    async with started(cwd=folder, settings=settings_of(env) | settings) as process:
        await until_said(process, WAITS, words)
        assert (await page(process.url, "/healthz"))[0] == 200
        status, said = await page(process.url, "/readyz")
        assert status == 503
        assert said["reasons"]["slack"].startswith("Slack has not confirmed the bot's token yet: ")
        assert words in said["reasons"]["slack"]
        assert "127.0.0.1" not in json.dumps(said)
        yield process
        await process.stopped()
    assert "Traceback" not in process.said


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (HTML, "an answer that is not Slack's; check a proxy"),
        (Respond(503), "status 503; see slack-status.com, or check a proxy"),
        (Respond(404), "status 404; check a proxy"),
        (Respond(302, headers={"Location": "/"}), "a redirect; check a proxy"),
        (Drop(), "the connection breaks off"),
        (Garble(), "an answer that is not Slack's; check a proxy"),
    ],
    ids=["html", "503", "404", "redirect", "closed", "no-http"],
)
async def test_an_answer_that_is_not_slacks_is_named_until_the_right_one_comes(
    idle_env: Env, tmp_path: Path, answer: Respond, words: str
) -> None:
    idle_env.slack.faults.always(AUTH_TEST, answer)
    async with waiting(idle_env, tmp_path, words) as process:
        idle_env.slack.faults.clear()
        async with asyncio.timeout(20):
            while (await page(process.url, "/readyz"))[0] != 200:
                await asyncio.sleep(0.01)


async def test_a_refused_connection_is_named(
    idle_env: Env, tmp_path: Path, closed_port: int
) -> None:
    url = f"http://127.0.0.1:{closed_port}/api/"
    async with waiting(idle_env, tmp_path, "a connection is refused", SLACK_API_URL=url):
        pass


async def test_a_server_without_tls_is_named(idle_env: Env, tmp_path: Path) -> None:
    url = idle_env.slack.api_url.replace("http://", "https://")
    async with waiting(idle_env, tmp_path, "does not speak TLS", SLACK_API_URL=url):
        pass


async def test_a_certificate_that_nobody_trusts_is_named_until_it_is_trusted(
    idle_env: Env, tmp_path: Path
) -> None:
    certificate = tmp_path / "own.pem"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*await self_signed(certificate))
    slack = urlsplit(idle_env.slack.api_url)

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_slack, to_slack = await asyncio.open_connection(slack.hostname, slack.port)
        to_slack.write(await reader.readuntil(b"\r\n\r\n"))
        writer.write(await from_slack.readuntil(b"\r\n\r\n") + await from_slack.read(65536))
        await writer.drain()
        for each in (to_slack, writer):
            each.close()

    server = await asyncio.start_server(forward, "127.0.0.1", 0, ssl=context)
    url = f"https://localhost:{server.sockets[0].getsockname()[1]}{slack.path}"
    async with server:
        async with waiting(idle_env, tmp_path, "set SSL_CERT_FILE", SLACK_API_URL=url):
            pass
        trusting = {"SLACK_API_URL": url, "SSL_CERT_FILE": str(certificate)}
        settings = settings_of(idle_env) | trusting
        async with started(cwd=tmp_path, settings=settings) as process:
            await process.ready()
            await process.stopped()


async def self_signed(certificate: Path) -> tuple[Path, Path]:
    """Create a certificate for localhost and its key, and return their files."""
    if (program := shutil.which("openssl")) is None:
        pytest.skip("the program openssl is not here; on Debian: apt-get install openssl")
    key = certificate.with_suffix(".key")
    process = await asyncio.create_subprocess_exec(
        *(program, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
        *("-keyout", str(key), "-out", str(certificate), "-subj", "/CN=localhost"),
        *("-addext", "subjectAltName=DNS:localhost"),
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == 0
    return certificate, key


async def test_a_name_without_an_address_is_named(idle_env: Env, tmp_path: Path) -> None:
    url = "https://slack.invalid/api/"
    async with waiting(idle_env, tmp_path, "the name of Slack's server", SLACK_API_URL=url):
        pass


async def test_a_proxy_that_is_away_is_named_and_no_proxy_goes_around_it(
    idle_env: Env, tmp_path: Path, closed_port: int
) -> None:
    proxy = f"http://127.0.0.1:{closed_port}"
    async with waiting(idle_env, tmp_path, "the proxy cannot be reached", HTTP_PROXY=proxy):
        pass
    around = settings_of(idle_env) | {"HTTP_PROXY": proxy, "NO_PROXY": "127.0.0.1"}
    async with started(cwd=tmp_path, settings=around) as process:
        await process.ready()
        await process.stopped()


@pytest.mark.slow
async def test_swallowed_packets_are_named(idle_env: Env, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:  # a full queue of connections drops further packets
            filler.settimeout(0)
            filler.connect_ex(address)
        url = f"http://127.0.0.1:{address[1]}/api/"
        async with waiting(idle_env, tmp_path, "a connection is not answered", SLACK_API_URL=url):
            pass
        for filler in fillers:
            filler.close()


@pytest.mark.slow
async def test_a_slack_that_never_answers_is_named(idle_env: Env, tmp_path: Path) -> None:
    idle_env.slack.faults.always(AUTH_TEST, Hang())
    async with waiting(idle_env, tmp_path, "no answer in time"):
        pass


async def test_the_log_repeats_what_the_start_waits_for(idle_env: Env) -> None:
    idle_env.slack.faults.always(AUTH_TEST, Respond(503))
    with capture_logs() as lines:
        async with running(idle_env.settings(), Tuning(report_every=0.2)) as bot:
            serving = asyncio.create_task(bot.serve())
            async with asyncio.timeout(20):
                while sum(line["event"] == "the start still waits" for line in lines) < 3:
                    await asyncio.sleep(0.01)
            idle_env.slack.faults.clear()
            async with asyncio.timeout(20):
                await bot.health.ready()
            serving.cancel()
    events = [line["event"] for line in lines]
    assert events.index("the start waits for Slack to confirm the bot's token") < events.index(
        WAITS
    )
    repeated = [line for line in lines if line["event"] == "the start still waits"]
    assert {line["part"] for line in repeated} == {"slack", "database"}
    assert any("status 503" in line["reason"] for line in repeated)


async def test_while_another_bot_has_the_database_the_pages_answer(
    idle_env: Env, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/bot.db"
    settings = settings_of(idle_env) | {"DATABASE_URL": url}
    async with open_store(url), started(cwd=tmp_path, settings=settings) as process:
        event = "waiting for another process to release the database"
        await until_said(process, event, "another process uses its file")
        assert (await page(process.url, "/healthz"))[0] == 200
        status, said = await page(process.url, "/readyz")
        assert (status, said["reasons"]) == (
            503,
            {"start": "the start waits for the database: another process uses its file"},
        )
        idle_env.slack.bot_url = process.url
        delivery = await idle_env.slack.command("research early")
        assert "nothing was done" in delivery.body["text"]
        await process.stopped()


async def test_a_database_that_a_program_locks_is_waited_for(idle_env: Env, tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    async with open_store(f"sqlite:///{path}"):
        pass
    settings = settings_of(idle_env) | {"DATABASE_URL": f"sqlite:///{path}"}
    with closing(sqlite3.connect(path, isolation_level=None)) as shell:
        shell.execute("PRAGMA locking_mode = EXCLUSIVE")
        shell.execute("BEGIN EXCLUSIVE")
        async with started(cwd=tmp_path, settings=settings) as process:
            event = "waiting for another process to release the database"
            await until_said(process, event, "another program has locked its file")
            assert (await page(process.url, "/healthz"))[0] == 200
            assert "locked" in (await page(process.url, "/readyz"))[1]["reasons"]["start"]
            shell.close()
            await process.ready()
            await process.stopped()
    assert "Traceback" not in process.said


async def test_a_token_that_expires_is_named_at_the_start(idle_env: Env) -> None:
    idle_env.slack.bot_token = f"xoxe.{idle_env.slack.bot_token}"
    with capture_logs() as lines:
        async with idle_env.running():
            pass
    (line,) = [line for line in lines if "expires within 12 hours" in line["event"]]
    assert "create the app again from manifest.yml" in line["cure"]


@pytest.mark.parametrize("code", ["token_revoked", "account_inactive", "invalid_auth"])
async def test_a_token_that_dies_later_is_a_problem_until_it_works_again(
    idle_env: Env, code: str
) -> None:
    with capture_logs() as lines:
        async with idle_env.running(Tuning(report_every=0.2), contact="C0HELP0001") as bot:
            idle_env.slack.faults.always("/api/.*", Respond(200, {"ok": False, "error": code}))
            await idle_env.slack.command("research sft")
            async with asyncio.timeout(20):
                while (await page(bot.url, "/readyz"))[0] == 200:
                    await asyncio.sleep(0.01)
            _, said = await page(bot.url, "/readyz")
            assert said["reasons"] == {"token": f"Slack refuses the bot's token ({code})"}
            delivery = await idle_env.slack.command("research refused")
            assert "token, so nothing was done. Tell <#C0HELP0001>." in delivery.body["text"]
            idle_env.slack.faults.clear()
            async with asyncio.timeout(20):
                await bot.health.ready()
            await idle_env.slack.command("research again")
            await idle_env.slack.until(
                lambda: any("again" in message.text for message in idle_env.slack.messages)
            )
    told = [line for line in lines if "Slack refuses the bot's token" in line["event"]]
    assert [(line["log_level"], line["slack_error"]) for line in told] == [("error", code)]
    assert "Slack accepts the bot's token again" in [line["event"] for line in lines]


async def test_an_error_about_one_call_says_nothing_about_the_token(idle_env: Env) -> None:
    async with idle_env.running() as bot:
        refused = Respond(200, {"ok": False, "error": "missing_scope"})
        idle_env.slack.faults.next("/api/chat.postMessage", refused)
        await idle_env.slack.command("research sft")
        await idle_env.answered()
        assert bot.health.reasons() == {}
