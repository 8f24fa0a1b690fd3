"""A file of settings that the bot's user cannot read, with the real rules of the system."""

import os
from pathlib import Path

from tests.process import started


async def test_an_unreadable_dotenv_file_is_named_with_its_owner_and_mode(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SLACK_BOT_TOKEN=zq7", encoding="utf-8")
    (tmp_path / ".env").chmod(0o200)
    user = f"{os.geteuid()}:{os.getegid()}"
    async with started("check", cwd=tmp_path, bound_by_modes=True) as process:
        assert await process.ended() == 2
    assert (
        f"  .env cannot be read: Permission denied (owner {user}, mode 0200). Let user {user},"
        " as which the bot runs, read it\n"
    ) in process.said
    assert "zq7" not in process.said
    assert "Traceback" not in process.said


async def test_a_folder_that_is_closed_to_the_bot_is_named_with_its_owner_and_mode(
    tmp_path: Path,
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    (closed / ".env").write_text("SLACK_BOT_TOKEN=zq7", encoding="utf-8")
    closed.chmod(0o600)
    user = f"{os.geteuid()}:{os.getegid()}"
    (tmp_path / ".env").symlink_to("closed/.env")
    try:
        async with started("check", cwd=tmp_path, bound_by_modes=True) as process:
            assert await process.ended() == 2
    finally:
        closed.chmod(0o700)
    where = f"({closed}: owner {user}, mode 0600)"
    assert f"  .env cannot be read: Permission denied {where}. Let user {user}," in process.said
    assert "Traceback" not in process.said
