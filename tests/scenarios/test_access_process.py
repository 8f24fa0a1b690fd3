"""``ACCESS_FILE`` in a process: its start, SIGHUP, and ``check``."""

import signal
from pathlib import Path

import pytest

from tests.conftest import Env
from tests.process import Process, settings_of, started
from tests.scenarios.rules import DANA, GROUP, LEE, granted


def settings(env: Env, folder: Path, rules: str) -> dict[str, str]:
    """Settings with these rules."""
    (folder / "access.toml").write_text(rules, encoding="utf-8")
    return settings_of(env) | {"ACCESS_FILE": "access.toml"}


async def refused(env: Env, user: str, name: str) -> bool:
    """Type a command; return whether the person reads a refusal."""
    told, shown = len(env.slack.ephemerals), len(env.slack.messages)
    await env.slack.command(f"research {name}", user=user)
    await env.slack.until(
        lambda: len(env.slack.ephemerals) > told or len(env.slack.messages) > shown
    )
    return len(env.slack.ephemerals) > told


@pytest.mark.parametrize("command", [[], ["check"]])
async def test_a_wrong_line_stops_the_start_with_its_number(
    idle_env: Env, tmp_path: Path, command: list[str]
) -> None:
    wrong = 'guests = "no"\n\n[[grant]]\nto = ["dana"]\nteams = ["R"]\ncan = ["view"]\n'
    chosen = settings(idle_env, tmp_path, wrong)
    async with started(*command, cwd=tmp_path, settings=chosen) as process:
        assert await process.ended() == 2
    assert "ACCESS_FILE, line 1: 'no' is no value for guests" in process.said
    assert "ACCESS_FILE, line 4: 'dana' in to is not the id of a person" in process.said
    assert "Traceback" not in process.said


async def test_a_missing_file_stops_the_start(idle_env: Env, tmp_path: Path) -> None:
    chosen = settings_of(idle_env) | {"ACCESS_FILE": "nowhere.toml"}
    async with started(cwd=tmp_path, settings=chosen) as process:
        assert await process.ended() == 2
    assert "ACCESS_FILE cannot be read: nowhere.toml: No such file or directory" in process.said


@pytest.mark.parametrize(
    ("rules", "scope"),
    [
        ('guests = "deny"', "users:read"),
        ('shared_channels = "deny"', "channels:read"),
        (granted(GROUP), "usergroups:read"),
    ],
)
async def test_a_missing_scope_stops_the_start_and_the_check(
    idle_env: Env, tmp_path: Path, rules: str, scope: str
) -> None:
    chosen = settings(idle_env, tmp_path, rules)
    async with started(cwd=tmp_path, settings=chosen) as process:
        assert await process.ended() == 1
    assert f"ACCESS_FILE needs the scopes that the token lacks: {scope} (for" in process.said
    async with started("check", cwd=tmp_path, settings=chosen) as process:
        assert await process.ended() == 1
    assert f"✗ SLACK_BOT_TOKEN: ACCESS_FILE needs the scopes that the token lacks: {scope}" in (
        process.said
    )
    idle_env.slack.scopes = (*idle_env.slack.scopes, scope)
    async with started("check", cwd=tmp_path, settings=chosen) as process:
        assert await process.ended() == 0


async def test_the_start_and_the_check_count_the_grants(idle_env: Env, tmp_path: Path) -> None:
    chosen = settings(idle_env, tmp_path, granted(DANA) + granted(LEE))
    words = "serves people of Sandbox's workspace (T0SANDBOX1), guests included: 2 grants"
    async with started("check", cwd=tmp_path, settings=chosen) as process:
        assert await process.ended() == 0
    assert f"✓ Access: {words}" in process.said
    async with started(cwd=tmp_path, settings=chosen) as process:
        await process.until(lambda said: words in said)
        await process.stopped()


async def test_without_a_file_the_start_warns(idle_env: Env, tmp_path: Path) -> None:
    async with started(cwd=tmp_path, settings=settings_of(idle_env)) as process:
        await process.ready()
        await process.until(lambda said: "nobody can stop" in said)
        await process.stopped()
    (line,) = [line for line in process.said.splitlines() if "nobody can stop" in line]
    assert '"level": "warning"' in line
    assert "guests included: all of them can create, view and see log lines" in line
    assert "e-mail addresses" in line


async def _hang_up(process: Process, words: str) -> None:
    process.process.send_signal(signal.SIGHUP)
    await process.until(lambda said: words in said)


async def test_sighup_reads_the_file_again_and_refuses_a_wrong_one(
    idle_env: Env, tmp_path: Path
) -> None:
    chosen = settings(idle_env, tmp_path, granted(DANA))
    async with started(cwd=tmp_path, settings=chosen) as process:
        idle_env.slack.bot_url = await process.ready()
        assert await refused(idle_env, LEE, "one")
        assert not await refused(idle_env, DANA, "two")
        settings(idle_env, tmp_path, "grants = 1")
        await _hang_up(process, "ACCESS_FILE, line 1: 'grants' is no rule")
        assert "kept the old access rules" in process.said
        assert not await refused(idle_env, DANA, "three")
        settings(idle_env, tmp_path, granted(GROUP))
        await _hang_up(process, "needs the scopes that the token lacks: usergroups:read")
        assert not await refused(idle_env, DANA, "four")
        (tmp_path / "access.toml").unlink()
        await _hang_up(process, "ACCESS_FILE cannot be read")
        assert await refused(idle_env, LEE, "five")
        settings(idle_env, tmp_path, "")
        await _hang_up(process, "ACCESS_FILE is empty")
        assert await refused(idle_env, LEE, "five more")
        settings(idle_env, tmp_path, granted(LEE) + granted(LEE, teams="Reserch"))
        await _hang_up(process, "read the access rules again")
        await process.until(lambda said: '"teams": ["Reserch"]' in said)
        assert "2 grants" in process.said
        assert not await refused(idle_env, LEE, "six")
        assert await refused(idle_env, DANA, "seven")
        await process.stopped()


async def test_teams_that_do_not_exist_are_named(idle_env: Env, tmp_path: Path) -> None:
    idle_env.baseten.add_team("Twins")
    idle_env.baseten.add_team("Twins")
    rules = granted(DANA, teams="research") + granted(LEE, teams="Twins") + granted(LEE, teams="*")
    chosen = settings(idle_env, tmp_path, rules)
    async with started("check", cwd=tmp_path, settings=chosen) as process:
        assert await process.ended() == 1
    assert (
        "✗ ACCESS_FILE: no team, or more than one, is called research and Twins; correct"
        in process.said
    )
    async with started(cwd=tmp_path, settings=chosen) as process:
        await process.until(lambda said: "ACCESS_FILE names teams that cannot be used" in said)
        await process.ready()
        await process.stopped()
