"""Record the demo: the real bot between the sandboxes, drawn by rich as SVG."""

import io
import re

from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, DIMMED_MONOKAI, TerminalTheme

from bot.cli.demo import DEFAULT, demo_session
from bot.cli.demo_data import NAMES
from bot.cli.demo_session import DemoSession
from bot.cli.screen import BOT_NAME, Screen
from bot.views.job_list import SHOW_JOB, WATCH_JOB

FIRST_LINE = "llama-3-finetune was created in Research."
_FAILING = "support-bot-sft"
_LOG = "Last log lines"
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)  # addresses in the network
_MOST_SECONDS = 30.0


async def pictures() -> dict[str, str]:
    """Return the SVG of each picture by its name."""
    return {"demo": await _demo(), "message": await _message(), "home": await _home()}


async def _demo() -> str:
    """Return the beginning of the demo in a terminal: a new project, a watch, and a first job."""
    console = _console(84)
    async with demo_session(Screen(console, NAMES)) as session:
        console.print("$ python -m bot demo\n", style="bold")
        await session.user.type(DEFAULT)
        await _typed(session, console, "1")
        await _typed(session, console, "push llama-3-finetune")
        await _reply(session, "has its first job")
        session.user.draw_news()
    return _svg(console, "python -m bot demo", DIMMED_MONOKAI)


async def _message() -> str:
    """Return a message whose job has failed, with the reply in its thread."""
    console = _console(80)
    async with demo_session(Screen(_console(80), NAMES)) as session:
        await session.user.type(f"research {_FAILING}")
        await session.do("1")
        await session.do(f"fail {_FAILING}")
        await _reply(session, _LOG)
        slack = session.user.slack
        screen = Screen(console, NAMES)
        failed = slack.messages[0]
        await slack.until(lambda: "failed" in failed.text, timeout=_MOST_SECONDS)
        screen.message(failed)
        screen.message(next(each for each in slack.messages if _LOG in each.text))
    return _svg(console, f"{BOT_NAME} in Slack", DEFAULT_TERMINAL_THEME)


async def _home() -> str:
    """Return the home tab of a person who has opened a project."""
    console = _console(80)
    async with demo_session(Screen(_console(80), NAMES)) as session:
        user = session.user
        await user.type(f"research {_FAILING}")
        home = None
        # The project is remembered after its message, and a slow list of jobs comes later.
        while home is None or not all(each in str(home.blocks) for each in (SHOW_JOB, WATCH_JOB)):
            await user.open_home()
            home = next(view for view in user.slack.views if view.payload["type"] == "home")
        Screen(console, NAMES).view(home)
    return _svg(console, f"{BOT_NAME}: home tab", DEFAULT_TERMINAL_THEME)


async def _typed(session: DemoSession, console: Console, command: str) -> None:
    console.print(f"> {command}", style="bold")
    await session.do(command)


async def _reply(session: DemoSession, words: str) -> None:
    """Wait for a reply in a thread."""
    slack = session.user.slack
    await slack.until(
        lambda: any(words in each.text for each in slack.messages if each.thread_ts),
        timeout=_MOST_SECONDS,
    )


def _console(width: int) -> Console:
    """Return a console that only records."""
    return Console(
        width=width,
        record=True,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
        markup=False,
        emoji=False,
    )


def _svg(console: Console, title: str, theme: TerminalTheme) -> str:
    svg = console.export_svg(title=title, theme=theme, unique_id="picture")
    return _FONTS.sub("", svg)
