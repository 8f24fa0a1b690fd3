"""``python -m bot demo`` without a terminal."""

import asyncio
import re
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

from bot.cli.demo_help import COMMANDS
from tests.cli.terminal import unframed
from tests.process import FULL_DISK, environment, needs_full_disk, started


async def output(cwd: Path, program: list[str], **settings: str) -> tuple[int | None, bytes, bytes]:
    """Return the exit code, the output and the errors of a program without input."""
    process = await asyncio.create_subprocess_exec(
        *program,
        cwd=cwd,
        env=environment(settings),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    return process.returncode, out, errors


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
        (["/training-jobs"], "3 running, 1 waiting"),
        (["/weather"], "no command /weather"),
    ],
)
async def test_the_demo_answers_what_is_typed_after_it(
    tmp_path: Path, words: list[str], answer: str
) -> None:
    async with started("demo", *words, cwd=tmp_path) as process:
        assert await process.ended() == 0
    assert answer in unframed(process.said)


async def shown(folder: Path, *lines: str) -> str:
    """Return everything that the demo shows for these lines of a pipe, once it has ended."""
    typed = folder / "typed"
    typed.write_text("".join(f"{line}\n" for line in lines))
    with typed.open() as pipe:
        async with started("demo", cwd=folder, stdin=pipe.fileno()) as process:
            assert await process.ended() == 0
    return process.said


async def test_a_pipe_is_read_to_its_end_and_can_break_baseten(tmp_path: Path) -> None:
    lines = ("break baseten", "research b-new", "mend", "", "research c-new", "b", "fail c-new")
    said = unframed(await shown(tmp_path, *lines))
    assert "Baseten is having problems (error 502)" in said
    assert "c-new was created in Research." in said
    assert "c-new has no job that runs or waits; push c-new starts one." in said


@pytest.mark.slow
async def test_a_broken_slack_is_not_shown_as_log_lines(tmp_path: Path) -> None:
    said = await shown(tmp_path, "break slack", "/training-jobs")
    assert "No answer yet." in said
    assert '"event"' not in said


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
async def test_every_character_has_a_replacement_of_its_width(
    tmp_path: Path, encoding: str
) -> None:
    demo = [sys.executable, "-m", "bot", "demo", "research", "tool-use-sft"]
    status, out, errors = await output(tmp_path, demo, PYTHONIOENCODING=encoding)
    assert (status, errors) == (0, b"")
    lines = out.decode(encoding).splitlines()
    framed = [line for line in lines if line[:1] in {"|", "+"}]
    assert len(framed) > 5
    assert {len(line) for line in framed} == {80}
    assert any(line.startswith("| >  tool-use-1 is running") for line in framed)


async def test_it_works_in_the_c_locale(tmp_path: Path) -> None:
    locale = {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    demo = [sys.executable, "-m", "bot", "demo"]
    status, out, errors = await output(tmp_path, demo, **locale)
    assert (status, errors) == (0, b"")
    assert b"llama-3-finetune was created in Research." in out


async def test_it_fits_into_the_columns_of_a_pipe(tmp_path: Path) -> None:
    demo = [sys.executable, "-m", "bot", "demo", "/training-jobs"]
    _, out, _ = await output(tmp_path, demo, COLUMNS="60")
    lines = [line for line in out.decode().splitlines() if "https://" not in line]
    assert max(cell_len(line) for line in lines) <= 60


@pytest.mark.parametrize("columns", ["0", "1"])
async def test_without_a_sensible_width_it_is_narrow(tmp_path: Path, columns: str) -> None:
    demo = [sys.executable, "-m", "bot", "demo", "help"]
    _, out, _ = await output(tmp_path, demo, COLUMNS=columns)
    assert max(cell_len(line) for line in out.decode().splitlines() if "%7B" not in line) == 20


async def test_a_reader_that_leaves_early_ends_it_without_a_word(tmp_path: Path) -> None:
    line = '"$0" -m bot demo | head -2; exit "${PIPESTATUS[0]}"'
    status, out, errors = await output(tmp_path, ["/bin/bash", "-c", line, sys.executable])
    assert (status, errors) == (141, b"")
    assert len(out.splitlines()) == 2


async def test_without_rich_it_says_how_to_install_it(tmp_path: Path) -> None:
    # Python's own way to make the import of a package fail.
    code = "import sys; sys.modules['rich'] = None; from bot.__main__ import main; sys.exit(main())"
    status, out, errors = await output(tmp_path, [sys.executable, "-c", code, "demo"])
    assert (status, out) == (2, b"")
    assert errors.decode() == (
        "The demo needs the package rich. To install it: .venv/bin/pip install '.[demo]'\n"
    )


async def test_another_missing_package_is_not_called_rich(tmp_path: Path) -> None:
    code = "import sys; sys.modules['yarl'] = None; from bot.__main__ import main; sys.exit(main())"
    status, out, errors = await output(tmp_path, [sys.executable, "-c", code, "demo"])
    assert (status, out) == (1, b"")
    assert errors.splitlines()[-1].startswith(b"ModuleNotFoundError: import of yarl halted")


async def test_the_help_describes_every_command(tmp_path: Path) -> None:
    async with started("demo", "--help", cwd=tmp_path, settings={"COLUMNS": "60"}) as process:
        assert await process.ended() == 0
    assert COMMANDS in process.said
    assert max(map(len, process.said.splitlines())) <= 60


@needs_full_disk
async def test_a_full_disk_ends_it_in_words(tmp_path: Path) -> None:
    line = f'"$0" -m bot demo >{FULL_DISK}'
    status, _, errors = await output(tmp_path, ["/bin/sh", "-c", line, sys.executable])
    assert (status, errors) == (1, b"The demo cannot go on: No space left on device.\n")
