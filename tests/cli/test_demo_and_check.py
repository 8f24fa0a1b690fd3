"""``python -m bot demo`` and ``python -m bot check``, run as processes."""

import os
import pty
import re
import signal
from functools import partial
from pathlib import Path

import pytest

from tests.process import started


def unwrapped(said: str) -> str:
    """Return the text without frames and line breaks."""
    return " ".join(said.replace("│", "").split())


def shows(answer: str, said: str) -> bool:
    """Return whether the terminal shows an answer."""
    return answer in unwrapped(said)


async def test_the_demo_shows_a_project_without_a_terminal(tmp_path: Path) -> None:
    # The demo must ignore the settings of a real bot.
    real = {"SLACK_APP_TOKEN": "xapp-real", "PORT": "1"}
    async with started("demo", cwd=tmp_path, settings=real) as process:
        assert await process.ended() == 0
    assert "llama-3-finetune was created in Research." in process.said
    assert re.search(r"`[a-z0-9]{7}`", process.said)
    assert "https://app.slack.com/block-kit-builder/#%7B%22blocks%22" in process.said


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["research", "support-bot-sft"], "already existed"),
        (["reserch sft"], "Did you mean Research?"),
        (["help"], "shows a Baseten training project"),
        (["research"], "opened a dialog"),
    ],
)
async def test_the_demo_answers_what_is_typed_after_it(
    tmp_path: Path, words: list[str], answer: str
) -> None:
    async with started("demo", *words, cwd=tmp_path) as process:
        assert await process.ended() == 0
    assert answer in unwrapped(process.said)


async def test_at_a_terminal_the_demo_takes_commands_buttons_and_dialogs(tmp_path: Path) -> None:
    keyboard, terminal = pty.openpty()
    try:
        async with started("demo", cwd=tmp_path, stdin=terminal) as process:
            for typed, answer in (
                ("reserch sft", "Did you mean Research?"),
                ("research llama_3_finetune", "[ 2 Create llama_3_finetune ]"),
                ("2", "llama_3_finetune was created in Research."),
                ("research support-bot-sft", "[ 5 Show the command… ]"),
                ("3", "In Slack this opens https://app.baseten.co/training/"),
                ("2", "The only job of support-bot-sft"),
                ("5", "The project's ID in Baseten:"),
                ("1", "[ 2 Stop watching ]"),
                ("9", "There is no button 9."),
                ('"platform team"', "Team [Platform Team"),
                ("zzz", "Nothing matches."),
                ("", "Project:"),
                ("", "Or type the name here:"),
                ("", "The dialog says: Choose a project, or give it a name here."),
                ("default", "Team [Default"),
                ("resea", "Research ("),
                ("from-the-dialog", "Create “from-the-dialog”"),
                ("", "from-the-dialog was created in Research."),
            ):
                os.write(keyboard, f"{typed}\n".encode())
                await process.until(partial(shows, answer))
            os.write(keyboard, b"quit\n")
            assert await process.ended() == 0
    finally:
        os.close(keyboard)
        os.close(terminal)


async def test_ctrl_c_ends_the_demo_at_its_prompt(tmp_path: Path) -> None:
    keyboard, terminal = pty.openpty()
    # A background job of a shell ignores SIGINT, and its child processes inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        async with started("demo", cwd=tmp_path, stdin=terminal) as process:
            await process.until(partial(shows, "To repair them: mend"))
            process.process.send_signal(signal.SIGINT)
            assert await process.ended() == 130
    finally:
        signal.signal(signal.SIGINT, before)
        os.close(keyboard)
        os.close(terminal)
    assert "Traceback" not in process.said


async def test_a_pipe_is_read_to_its_end_and_can_break_baseten(tmp_path: Path) -> None:
    piped = tmp_path / "typed"
    piped.write_text("break baseten\nresearch b-new\nmend\nresearch c-new\nb\n")
    with piped.open() as lines:
        async with started("demo", cwd=tmp_path, stdin=lines.fileno()) as process:
            assert await process.ended() == 0
    said = unwrapped(process.said)
    assert "Baseten is having problems (error 502)" in said
    assert "c-new was created in Research." in said
