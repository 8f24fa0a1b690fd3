"""``check`` prints names of other servers without characters that a terminal executes."""

from pathlib import Path

from bot.sandbox import Respond
from tests.conftest import Env
from tests.process import settings_of, started

NAME = "Res\x1b[2Jearch\r\n✓ all good \x9b31m \u202e Zürich 🚀"
SHOWN = r"Res\x1b[2Jearch\r\n✓ all good \x9b31m \u202e Zürich 🚀"


async def test_control_characters_of_names_are_escaped(idle_env: Env, tmp_path: Path) -> None:
    idle_env.baseten.add_team(NAME)
    said = {"ok": True, "user": NAME, "team": NAME, "team_id": "T0SANDBOX1", "user_id": "U1"}
    idle_env.slack.faults.always("/api/auth.test", Respond(200, said))
    async with started("check", cwd=tmp_path, settings=settings_of(idle_env)) as process:
        assert await process.ended() == 0
    assert process.said.count(SHOWN) == 4  # a bot, its workspace, whom it serves, and a team
    assert process.said.count("all good") == 4
    assert not any(line.startswith("✓ all good") for line in process.said.splitlines())
    assert all(character.isprintable() or character == "\n" for character in process.said)


async def test_control_characters_of_errors_are_escaped(idle_env: Env, tmp_path: Path) -> None:
    idle_env.baseten.faults.always(".*", Respond(403, {"message": NAME}))
    idle_env.slack.faults.always("/api/auth.test", Respond(200, {"ok": False, "error": NAME}))
    async with started("check", cwd=tmp_path, settings=settings_of(idle_env)) as process:
        assert await process.ended() == 1
    assert process.said.count(SHOWN) == 2
    assert all(character.isprintable() or character == "\n" for character in process.said)
