"""``python -m bot check``, run as a process."""

import json
import os
import pty
import re
import struct
import termios
import time
from email.utils import formatdate
from fcntl import ioctl
from pathlib import Path

import pytest

from bot.durable.database import open_store
from bot.sandbox import Respond
from tests.conftest import Env
from tests.process import Process, settings_of, started

AUTH_TEST = "/api/auth.test"


def lines_of(process: Process) -> dict[str, str]:
    """Return the mark and the text of each line by its name."""
    found = {}
    for line in process.said.splitlines():
        mark, _, rest = line.partition(" ")
        name, _, text = rest.partition(": ")
        found[name] = f"{mark} {text}"
    return found


async def checked(
    env: Env, folder: Path, *, code: int = 0, socket: bool = False, **settings: str
) -> dict[str, str]:
    """Run the check, expect its exit code, and return its lines by name."""
    whole = settings_of(env, socket=socket) | settings
    async with started("check", cwd=folder, settings=whole) as process:
        assert await process.ended() == code, process.said
    assert "Traceback" not in process.said
    return lines_of(process)


@pytest.mark.parametrize("socket", [False, True], ids=["http", "socket"])
async def test_check_proves_each_credential(idle_env: Env, tmp_path: Path, *, socket: bool) -> None:
    async with started(
        "check", cwd=tmp_path, settings=settings_of(idle_env, socket=socket)
    ) as process:
        assert await process.ended() == 0
    marks = [line[0] for line in process.said.splitlines()]
    assert marks == ["✓"] * (9 if socket else 8) + ["?"] * (1 if socket else 2)
    assert "sees Default and Research" in process.said
    assert "✓ Access: serves people of Sandbox's workspace (T0SANDBOX1)" in process.said


async def test_check_says_which_credential_is_wrong(idle_env: Env, tmp_path: Path) -> None:
    wrong = {
        "SLACK_BOT_TOKEN": "xoxb-wrong-0123456789",
        "SLACK_APP_TOKEN": "xapp-wrong-0123456789",
        "BASETEN_API_KEY": "wrong",
    }
    settings = settings_of(idle_env) | wrong
    async with started("check", cwd=tmp_path, settings=settings) as process:
        assert await process.ended() == 1
    assert process.said.splitlines()[1:5] == [
        (
            "✗ SLACK_BOT_TOKEN: Slack refuses it: invalid_auth; copy the Bot User OAuth Token "
            "(xoxb-…) from OAuth & Permissions of the app"
        ),
        (
            "✗ SLACK_APP_TOKEN: Slack refuses it: invalid_auth; create an app-level token (xapp-…) "
            "with connections:write under Basic Information"
        ),
        (
            "✗ BASETEN_API_KEY: Baseten refuses it: 403 PERMISSION_DENIED Authorization error; "
            "copy a workspace API key from Baseten's settings"
        ),
        "✓ DATABASE_URL: can be used",
    ]


async def test_check_tells_a_database_that_cannot_be_used_from_one_in_use(
    idle_env: Env, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    settings = settings_of(idle_env) | {"DATABASE_URL": "sqlite:///file/bot.db"}
    async with started("check", cwd=tmp_path, settings=settings) as process:
        assert await process.ended() == 1
    assert "✗ DATABASE_URL: " in process.said
    url = f"sqlite:///{tmp_path}/bot.db"
    settings = settings_of(idle_env) | {"DATABASE_URL": url}
    async with (
        open_store(url),
        started("check", cwd=tmp_path, settings=settings) as process,
    ):
        assert await process.ended() == 0
    assert "✓ DATABASE_URL: in use by a running bot" in process.said


async def test_a_lock_that_the_bot_cannot_take_is_refused(idle_env: Env, tmp_path: Path) -> None:
    """SQLite would open it for reading, and several bots would have the file."""
    (tmp_path / "bot.db.lock").touch(mode=0o444)
    settings = settings_of(idle_env) | {"DATABASE_URL": "sqlite:///bot.db"}
    async with started("check", cwd=tmp_path, settings=settings, bound_by_modes=True) as process:
        assert await process.ended() == 1
    assert "bot.db.lock'. Choose a file in a folder where the bot can write" in process.said


async def test_check_names_missing_scopes_and_servers_that_are_away(
    idle_env: Env, tmp_path: Path, closed_port: int
) -> None:
    idle_env.slack.scopes = ("commands", "chat:write")
    away = {"BASETEN_API_URL": f"http://127.0.0.1:{closed_port}"}
    async with started("check", cwd=tmp_path, settings=settings_of(idle_env) | away) as process:
        assert await process.ended() == 1
    assert "lacks the scopes chat:write.public" in process.said
    assert "✗ BASETEN_API_KEY: Baseten cannot be reached" in process.said


async def test_check_tells_a_slack_that_does_not_answer(
    idle_env: Env, tmp_path: Path, closed_port: int
) -> None:
    away = {"SLACK_API_URL": f"http://127.0.0.1:{closed_port}/api/"}
    async with started("check", cwd=tmp_path, settings=settings_of(idle_env) | away) as process:
        assert await process.ended() == 1
    assert (
        "✗ SLACK_BOT_TOKEN: Slack cannot be reached: a connection is refused; check" in process.said
    )


async def test_check_reads_scopes_with_spaces(idle_env: Env, tmp_path: Path) -> None:
    scopes = {"X-OAuth-Scopes": "commands, chat:write, chat:write.public"}
    answer = {"ok": True, "user": "bot", "team": "T", "team_id": "T0SANDBOX1", "user_id": "U1"}
    idle_env.slack.faults.always(AUTH_TEST, Respond(200, answer, headers=scopes))
    lines = await checked(idle_env, tmp_path)
    assert lines["SLACK_BOT_TOKEN"] == "✓ bot bot in workspace T"


@pytest.mark.parametrize(
    ("seconds", "code", "text"),
    [
        (None, 0, "✓ agrees with Slack's"),  # the sandbox's own time
        (-60, 0, r"! [67]\d s ahead of Slack's; let NTP set it"),
        (3590, 1, r"✗ 35\d\d s behind Slack's; .*refuses all requests of Slack"),
    ],
)
async def test_check_compares_the_clock_with_slacks(
    idle_env: Env, tmp_path: Path, seconds: int | None, code: int, text: str
) -> None:
    answer = {"ok": True, "user": "bot", "team": "T", "team_id": "T0SANDBOX1", "user_id": "U1"}
    if seconds is not None:
        then = formatdate(time.time() + seconds, usegmt=True)
        idle_env.slack.faults.always(AUTH_TEST, Respond(200, answer, headers={"Date": then}))
    lines = await checked(idle_env, tmp_path, code=code)
    assert re.match(text, lines["Clock"])


async def test_check_tells_a_token_that_expires_and_a_time_that_it_cannot_read(
    idle_env: Env, tmp_path: Path
) -> None:
    answer = {"ok": True, "user": "bot", "team": "T", "team_id": "T0SANDBOX1", "user_id": "U1"}
    idle_env.slack.faults.always(AUTH_TEST, Respond(200, answer, headers={"Date": "soon"}))
    token = "xoxe.xoxb-1-0123456789"
    lines = await checked(idle_env, tmp_path, SLACK_BOT_TOKEN=token)
    assert lines["SLACK_BOT_TOKEN"].startswith("! expires within 12 hours. ")
    assert lines["Clock"] == "? Slack's answer has no time to compare it with"


async def test_check_recognizes_an_organization_without_training(
    idle_env: Env, tmp_path: Path
) -> None:
    idle_env.baseten.capacities = {}
    lines = await checked(idle_env, tmp_path, code=1)
    assert lines["Training"].startswith("✗ Baseten has not enabled training")


async def test_check_names_a_key_that_cannot_read_the_capacity(
    idle_env: Env, tmp_path: Path
) -> None:
    idle_env.baseten.capacity_allowed = False
    lines = await checked(idle_env, tmp_path)
    assert lines["Training"].startswith("? the key has no permission")


@pytest.mark.parametrize("status", [429, 500])
async def test_check_blames_the_key_only_for_a_refusal_of_the_key(
    idle_env: Env, tmp_path: Path, status: int
) -> None:
    idle_env.baseten.faults.always("/v1/training/capacity", Respond(status))
    lines = await checked(idle_env, tmp_path)
    assert lines["Training"].startswith(f"? Baseten does not tell the capacity: {status}")
    idle_env.baseten.faults.always("/v1/teams", Respond(status))
    lines = await checked(idle_env, tmp_path, code=1)
    assert lines["BASETEN_API_KEY"].startswith(f"✗ Baseten sends an unexpected answer: {status}")


async def test_check_names_what_it_cannot_prove(idle_env: Env, tmp_path: Path) -> None:
    lines = await checked(idle_env, tmp_path, SLACK_SIGNING_SECRET="'" + "0a" * 16 + "'")
    assert lines["SLACK_SIGNING_SECRET"].startswith("? has the usual form; only a request of Slack")
    lines = await checked(idle_env, tmp_path, SLACK_SIGNING_SECRET="'short'")
    assert lines["SLACK_SIGNING_SECRET"].startswith("? is not 32 characters")


async def test_check_names_variables_that_are_nearly_settings(
    idle_env: Env, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("BASETEN_KEY=zq7\n", encoding="utf-8")
    near = {"SLACK_BOTTOKEN": "xoxb-zq7", "SSL_CERT_FILE": "/nowhere/zq7.pem", "HOST_IP": "zq7"}
    async with started("check", cwd=tmp_path, settings=settings_of(idle_env) | near) as process:
        assert await process.ended() == 0
    lines = lines_of(process)
    assert "did you mean SLACK_BOT_TOKEN? (in the environment)" in lines["SLACK_BOTTOKEN"]
    assert "did you mean BASETEN_API_KEY? (in .env)" in lines["BASETEN_KEY"]
    assert "names no readable file of certificates" in lines["SSL_CERT_FILE"]
    assert "HOST_IP" not in lines
    assert "zq7" not in process.said


async def test_check_tries_the_address_to_listen_on(idle_env: Env, tmp_path: Path) -> None:
    lines = await checked(idle_env, tmp_path, code=1, HOST="x86_64-conda-linux-gnu")
    assert "HOST is no address of this machine" in lines["HOST and PORT"]


async def test_check_tries_the_ports_to_listen_on(idle_env: Env, tmp_path: Path) -> None:
    port = idle_env.slack.url.rsplit(":", 1)[1]
    lines = await checked(idle_env, tmp_path, PORT=port)
    assert lines["HOST and PORT"].startswith("! cannot listen on")
    assert "METRICS_HOST and METRICS_PORT" not in lines
    lines = await checked(idle_env, tmp_path, METRICS_PORT=port)
    assert lines["HOST and PORT"].startswith("✓")
    assert lines["METRICS_HOST and METRICS_PORT"].startswith("! cannot listen on")
    lines = await checked(
        idle_env, tmp_path, code=1, METRICS_PORT="0", METRICS_HOST="192.0.2.1", PORT=port
    )
    assert "METRICS_HOST is no address of this machine" in lines["METRICS_HOST and METRICS_PORT"]


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
async def test_check_works_where_its_marks_do_not_exist(
    idle_env: Env, tmp_path: Path, encoding: str
) -> None:
    wrong = {"PYTHONIOENCODING": encoding, "BASETEN_API_KEY": "wrong", "SLACK_BOT_TOKEN": "xoxb-0"}
    async with started("check", cwd=tmp_path, settings=settings_of(idle_env) | wrong) as process:
        assert await process.ended() == 1
    assert "[ok] Settings: complete" in process.said
    assert "[no] SLACK_BOT_TOKEN: Slack refuses it: invalid_auth; copy" in process.said
    assert "(xoxb-...)" in process.said


async def test_check_escapes_names_that_a_terminal_would_obey(
    idle_env: Env, tmp_path: Path
) -> None:
    idle_env.baseten.add_team("\x1b[2JErased\n✓ Fine\u202e")
    async with started("check", cwd=tmp_path, settings=settings_of(idle_env)) as process:
        assert await process.ended() == 0
    assert "\\x1b[2JErased\\n✓ Fine\\u202e" in process.said
    assert "\x1b" not in process.said


@pytest.mark.parametrize("columns", [10, 40])
async def test_check_fits_a_narrow_terminal(idle_env: Env, tmp_path: Path, columns: int) -> None:
    keyboard, terminal = pty.openpty()
    ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    settings = settings_of(idle_env) | {"NO_COLOR": "1", "TERM": "xterm", "COLUMNS": str(columns)}
    try:
        async with started("check", cwd=tmp_path, settings=settings, out=terminal) as process:
            assert await process.process.wait() == 0
        os.close(terminal)
        terminal = -1
        said = read_all(keyboard)
    finally:
        os.close(keyboard)
        if terminal >= 0:
            os.close(terminal)
    assert "\x1b" not in said
    longest_word = 30
    assert max(map(len, said.splitlines())) <= max(columns, longest_word)
    assert "✓ Settings: complete" in " ".join(said.split())


def read_all(terminal: int) -> str:
    """Return what a program has written to a terminal that it has closed."""
    said = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux reports the end so
            return said.decode()
        if not part:
            return said.decode()
        said += part


async def test_check_ends_quietly_if_nobody_reads_on(idle_env: Env, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        settings = settings_of(idle_env)
        async with started("check", cwd=tmp_path, settings=settings, out=writing) as process:
            assert await process.process.wait() == 0
    finally:
        os.close(writing)


async def test_a_quoted_secret_works_in_the_check_and_in_the_bot(
    idle_env: Env, tmp_path: Path
) -> None:
    quoted = {name: f'"{value}"' for name, value in settings_of(idle_env).items()}
    async with started("check", cwd=tmp_path, settings=quoted) as process:
        assert await process.ended() == 0
    async with started(cwd=tmp_path, settings=quoted) as process:
        idle_env.slack.bot_url = await process.ready()
        assert (await idle_env.slack.command("research sft")).status == 200
        await process.stopped()
    first = json.loads(process.said.splitlines()[0])
    assert first["event"] == "starting"
