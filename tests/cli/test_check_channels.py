"""``python -m bot check`` proves that the bot can post in the channels that the settings name."""

from pathlib import Path

import pytest

from bot.sandbox import Respond
from tests.cli.test_check import checked
from tests.conftest import Env

CHANNEL = "C0APPROVE1"
NAME = f"Approvals in {CHANNEL}"
RULE = f'[[approve]]\nteams = ["Research"]\nby = ["U0LEE00001"]\nchannel = "{CHANNEL}"\n'
READS = ("channels:read", "groups:read")


async def line(env: Env, folder: Path, *, code: int = 0) -> str:
    (folder / "access.toml").write_text(RULE * 2, encoding="utf-8")
    return (await checked(env, folder, code=code, ACCESS_FILE="access.toml"))[NAME]


@pytest.mark.parametrize(
    ("member", "private", "archived", "public_posts", "words"),
    [
        (True, False, False, True, ""),
        (True, True, False, True, ""),
        (False, False, False, True, ""),
        (False, False, False, False, "the bot is not in the channel; invite it"),
        (True, False, True, True, "the channel is archived; choose another one"),
        (False, True, False, True, "Slack shows no such channel to the bot"),
    ],
)
async def test_the_channel_of_a_rule_is_proved(  # noqa: PLR0913 - the facts about a channel
    idle_env: Env,
    tmp_path: Path,
    *,
    member: bool,
    private: bool,
    archived: bool,
    public_posts: bool,
    words: str,
) -> None:
    scopes = ("commands", "chat:write", *(["chat:write.public"] if public_posts else []), *READS)
    idle_env.slack.scopes = scopes
    idle_env.slack.add_channel(CHANNEL, member=member, private=private, archived=archived)
    said = await line(idle_env, tmp_path, code=1 if words or not public_posts else 0)
    assert said.startswith(f"✗ {words}" if words else "✓ the bot can post")


@pytest.mark.parametrize(("member", "code"), [(True, 0), (False, 1)])
async def test_the_channel_of_the_audit_log_is_proved(
    idle_env: Env, tmp_path: Path, *, member: bool, code: int
) -> None:
    idle_env.slack.scopes = ("commands", "chat:write", "chat:write.public", *READS)
    idle_env.slack.add_channel(CHANNEL, member=member, private=True)
    lines = await checked(idle_env, tmp_path, code=code, AUDIT_CHANNEL=CHANNEL)
    words = "✓ the bot can post" if member else "✗ Slack shows no such channel to the bot"
    assert lines["AUDIT_CHANNEL"].startswith(words)


async def test_without_the_scope_nothing_is_proved(idle_env: Env, tmp_path: Path) -> None:
    idle_env.slack.add_channel(CHANNEL)
    assert "? only channels:read" in await line(idle_env, tmp_path)
    refused = Respond(200, {"ok": False, "error": "team_not_found"})
    idle_env.slack.faults.always("/api/conversations.info", refused)
    assert "? Slack does not tell" in await line(idle_env, tmp_path)
