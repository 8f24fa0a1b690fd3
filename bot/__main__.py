"""The command line: ``python -m bot [run | check | demo [TEXT] | --version]``"""

import argparse
import asyncio
import gc
import signal
import sys
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any

import structlog

from bot import __version__
from bot.settings import BadSettingsError, Settings, load_settings
from bot.telemetry.logs import configure_logs
from bot.telemetry.redaction import Redactor

log = structlog.stdlib.get_logger(__name__)

BAD_SETTINGS = 2
INTERRUPTED = 130  # the shells' code for Ctrl-C
# Python's defaults (700, 10, 10) make the collector scan requests in flight too often under load.
COLLECT = (5000, 20, 50)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the process's exit code."""
    chosen = _parser().parse_args(arguments)
    if chosen.command == "demo":
        from bot.cli.demo import demo  # noqa: PLC0415 - nothing else needs the sandbox

        return _run_loop(demo(" ".join(chosen.text)))
    try:
        settings = load_settings()
    except BadSettingsError as error:
        sys.stderr.write(
            "Some settings are missing or wrong. .env.example explains each; `python -m bot demo` "
            "needs none:\n"
        )
        sys.stderr.writelines(f"  {line}\n" for line in error.lines)
        return BAD_SETTINGS
    # A check prints the result of its retries itself, so it hides their warnings.
    level = "error" if chosen.command == "check" else settings.log_level
    configure_logs(level, settings.log_format, Redactor(settings.secrets))
    if chosen.command == "check":
        from bot.cli.check import check  # noqa: PLC0415 - the bot itself does not need it

        return _run_loop(check(settings))
    return _run_loop(run(settings))


async def run(settings: Settings) -> int:
    """Run the bot until SIGTERM or SIGINT, and return the exit code."""
    log.info("starting", version=__version__)
    gc.set_threshold(*COLLECT)  # before the imports, which create many permanent objects
    from bot.app import FatalError, running  # noqa: PLC0415 - bad settings are reported without Bolt

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with AsyncExitStack() as stack:
            # The start can wait for the database; SIGTERM must end it at once.
            starting = asyncio.create_task(stack.enter_async_context(running(settings)))
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                starting.cancel()
                await asyncio.wait({starting})
                return 0
            bot = starting.result()
            serving = asyncio.create_task(bot.serve())
            proving = asyncio.create_task(bot.prove_key())
            # A later full collection of the imports would delay an ack by tens of milliseconds.
            gc.collect()
            gc.freeze()
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if serving.done():
                serving.result()
            serving.cancel()
            proving.cancel()
    except FatalError as error:
        log.critical("cannot run", why=str(error))
        return 1
    return 0


def _run_loop(command: Coroutine[Any, Any, int]) -> int:
    try:
        if sys.platform == "win32":
            return asyncio.run(command)
        import uvloop  # noqa: PLC0415 - does not exist for Windows

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(command)
    except KeyboardInterrupt:
        sys.stdout.write("\n")
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bot", description="Open Baseten training projects from Slack."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("run", help="run the bot (the default)")
    commands.add_parser("check", help="check the settings, the credentials and the database")
    demo = commands.add_parser("demo", help="try the bot without any account")
    demo.add_argument("text", nargs="*", metavar="TEXT", help="the words after the command")
    return parser


if __name__ == "__main__":
    sys.exit(main())
