"""``python -m bot demo`` at a terminal, used by a person."""

import re
import signal
from pathlib import Path

from rich.cells import cell_len

from tests.cli.terminal import CTRL_D, LEFT, UP, demo_in_a_terminal


async def test_it_takes_commands_buttons_and_menus(tmp_path: Path) -> None:
    async with demo_in_a_terminal(tmp_path) as terminal:
        await terminal.type("reserch sft\n", "Did you mean Research?")
        await terminal.type("research llama_3_finetune\n", "Create llama_3_finetune ]")
        await terminal.press("Create llama_3_finetune", "llama_3_finetune was created in Research.")
        await terminal.type("/training-project research support-bot-sft\n", "Show the command… ]")
        await terminal.press("Open logs", "In Slack this opens https://app.baseten.co/training/")
        await terminal.press("Jobs", "The only job of support-bot-sft")
        await terminal.press("Show the command…", "The project's ID in Baseten:")
        await terminal.press("Watch", "Stop watching ]")
        for typed, answer in (
            ("99", "There is no button 99."),
            ("home", "Open a training project ]"),
            ("help", "To see a failing job:"),
            ("b", "https://app.slack.com/block-kit-builder/#"),
            ("/weather", "This Slack has no command /weather."),
            ("push nothing", "There is no project “nothing”."),
        ):
            await terminal.type(f"{typed}\n", answer)
        assert await terminal.ends("quit\n") == 0


async def test_a_button_of_a_list_belongs_to_its_own_job(tmp_path: Path) -> None:
    async with demo_in_a_terminal(tmp_path) as terminal:
        await terminal.type("/training-jobs\n", "Show here posts for everyone;")
        shown = "gpt-oss-sft-3 is running in support-bot-sft (Research)"
        await terminal.press("Show here", shown, place=1)
        assert await terminal.ends(CTRL_D) == 0


async def test_a_job_is_stopped(tmp_path: Path) -> None:
    async with demo_in_a_terminal(tmp_path) as terminal:
        await terminal.type("/training-jobs\n", "Show here posts for everyone;")
        await terminal.press("Job actions…", "Stop job… ]")
        await terminal.press("Stop job…", "Stop job? y or n:")
        await terminal.type("y\n", "You stopped k9ep1fr")


async def test_a_follow_reports_a_failing_job(tmp_path: Path) -> None:
    async with demo_in_a_terminal(tmp_path) as terminal:
        await terminal.type("home\n", "Open a training project ]")
        await terminal.press("Follow a project or a team…", "What:")
        await terminal.type("support\n", "Post [Each job that ends]:")
        await terminal.type("\n", "Channel (optional):")
        await terminal.type("\n", "Mention a person on failure (optional):")
        await terminal.type("\n", "Following support-bot-sft (Research).")
        await terminal.type("fail support-bot-sft\n", "gpt-oss-sft-3 failed")
        await terminal.until(lambda: "HF_TOKEN=[redacted]" in terminal.shown)


async def test_a_watch_follows_a_failing_job_to_its_end(tmp_path: Path) -> None:
    async with demo_in_a_terminal(tmp_path) as terminal:
        await terminal.type("push llama-3-finetune\n", "llama-3-finetune-run started.")
        await terminal.type("research llama-3-finetune\n", "Watch ]")
        await terminal.press("Watch", "Stop watching ]")
        await terminal.until(lambda: "in the thread" in terminal.shown)
        await terminal.type("fail llama-3-finetune-run\n", "HF_TOKEN=[redacted]")
        assert "Last log lines" in terminal.shown
        assert "hf_abc" not in terminal.raw


async def test_news_keep_the_typed_text(tmp_path: Path) -> None:
    async with demo_in_a_terminal(tmp_path) as terminal:
        await terminal.type("research support-bot-sft\n", "Watch ]")
        await terminal.press("Watch", "Stop watching ]")
        await terminal.type("finish support-bot-sft\n", "has ended.")
        await terminal.type("research from-a-", "from-a-")
        await terminal.until(lambda: terminal.shown.count("in the thread") > 0)
        await terminal.until(lambda: terminal.shown.endswith("> research from-a-"))
        await terminal.type("prompt\n", "from-a-prompt was created in Research.")


async def test_arrow_keys_edit_the_line_and_bring_back_the_last_ones(tmp_path: Path) -> None:
    async with demo_in_a_terminal(tmp_path) as terminal:
        await terminal.type(f"fail nx{LEFT}i\n", "There is no project “nix”.")
        await terminal.type("break slack\n", "Done, until you type mend.")
        await terminal.type(f"{UP}{UP}\n", "There is no project “nix”.")


async def test_the_dialog_lists_choices_and_keeps_the_text_after_an_error(tmp_path: Path) -> None:
    async with demo_in_a_terminal(tmp_path) as terminal:
        for typed, answer in (
            ("/training-project\n", "Team [Default"),
            ("zzz\n", "Nothing matches. 1 Default"),
            ("3\n", "Project (optional):"),
            ("\n", "Or type the name here (optional):"),
            ("two\u202elines\n", "Leave out the line breaks"),
            ("\n", "Project (optional):"),
            ("\n", "Or type the name here (optional) [two"),
            ("from-the-dialog\n", "from-the-dialog was created in Research."),
        ):
            await terminal.type(typed, answer)


async def test_a_name_is_found_as_it_is_typed(tmp_path: Path) -> None:
    async with demo_in_a_terminal(tmp_path) as terminal:
        for typed, answer in (
            ('"platform team"\n', "Team [Platform Team"),
            ("resea\n", "Project (optional):"),
            ("sft\n", "3 tool-use-sft Project (optional):"),
            ("3\n", "Or type the name here"),
            ("\n", "tool-use-1 is running in tool-use-sft (Research)"),
        ):
            await terminal.type(typed, answer)


async def test_ctrl_d_leaves_a_dialog_and_then_ends_the_demo(tmp_path: Path) -> None:
    async with demo_in_a_terminal(tmp_path) as terminal:
        await terminal.type("/training-project\n", "Team [Default")
        await terminal.type(CTRL_D, "You left the dialog. >")
        assert await terminal.ends(CTRL_D) == 0
        assert "The demo ends" in terminal.shown
        assert "Traceback" not in terminal.shown


async def test_ctrl_c_ends_it_and_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    async with demo_in_a_terminal(tmp_path) as terminal:
        await terminal.type("hel", "hel")
        during = terminal.settings()
        terminal.process.process.send_signal(signal.SIGINT)
        assert await terminal.ends() == 130
        assert terminal.settings() != during
        assert "Traceback" not in terminal.shown


async def test_it_fits_into_60_columns_and_has_no_color_on_request(tmp_path: Path) -> None:
    async with demo_in_a_terminal(tmp_path, columns=60, NO_COLOR="1") as terminal:
        await terminal.type("/training-jobs\n", "Show here posts for everyone;")
        await terminal.type("home\n", "Questions? Ask")
        await terminal.until(lambda: terminal.shown.endswith("> "))
        framed = [line for line in terminal.lines if line[:1] in {"│", "╭", "╰"}]
        assert framed
        assert {cell_len(line) for line in framed} == {60}
        assert not re.search(r"\x1b\[(?:\d+;)*(?:3[0-8]|9[0-7])[;m]", terminal.raw)


async def test_colors_and_links_are_there_otherwise(tmp_path: Path) -> None:
    async with demo_in_a_terminal(tmp_path) as terminal:
        assert re.search(r"\x1b\[(?:\d+;)*3[0-7]m", terminal.raw)
        assert "\x1b]8;" in terminal.raw
