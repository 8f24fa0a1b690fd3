"""The command line: ``python -m bot [run | check | demo [TEXT] | audit | --version]``"""

import os
import signal
import sys

INTERRUPTED = 130  # the shells' code for Ctrl-C


def _ignore(*numbers: int) -> None:
    """Ignore further signals, until the end of the process."""
    sys.unraisablehook = lambda _: None  # reports a signal that arrives in this very moment
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)


def _end(number: int, _: object) -> None:
    """End the process; a second signal finds it ending already."""
    _ignore(number)
    sys.exit(0 if number == signal.SIGTERM else INTERRUPTED)


def _open_standard_streams() -> None:
    """Open the null device for each standard stream that is closed.

    Another file would get its number, and the event loop aborts when it closes one of these.
    """
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:  # noqa: PLR2004 - standard error
        pass
    os.close(opened)
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8")  # noqa: SIM115 - until the end
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8")  # noqa: SIM115 - as above


if __name__ == "__main__":
    # Before the imports, which take a second.
    _open_standard_streams()
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)

import argparse
import asyncio
import errno
import gc
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any

import structlog

from bot import __version__
from bot.access.access_file import BadAccessFileError, read_access_file
from bot.cli.demo_help import COMMANDS, SUMMARY
from bot.cli.lines import encodable
from bot.settings import BadSettingsError, Settings, ignored, load_settings
from bot.telemetry.logs import configure_logs
from bot.telemetry.redaction import Redactor, escaped

log = structlog.stdlib.get_logger(__name__)

BAD_SETTINGS = 2
PIPE_CLOSED = 141  # the shells' code for a reader that has gone
# Python's defaults (700, 10, 10) make the collector scan requests in flight too often under load.
# A middle collection of more than 20,000 new objects would block the event loop for over 10 ms.
COLLECT = (5000, 4, 250)
_CLOSING = 1.0  # seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the process's exit code."""
    chosen = _parser().parse_args(arguments)
    if chosen.command == "demo":
        return _demo(" ".join(chosen.text))
    try:
        settings = load_settings()
        read_access_file(settings.access_file)
    except (BadSettingsError, BadAccessFileError) as error:
        sys.stderr.write(
            "Some settings are missing or wrong. .env.example explains each; `python -m bot demo` "
            "needs none:\n"
        )
        lines = [encodable(escaped(line), sys.stderr.encoding) for line in error.lines]
        sys.stderr.writelines(f"  {line}\n" for line in lines)
        return BAD_SETTINGS
    # A check prints the result of its retries itself, so it hides their warnings.
    level = "error" if chosen.command in {"check", "audit"} else settings.log_level
    configure_logs(level, settings.log_format, Redactor(settings.secrets))
    if chosen.command == "check":
        from bot.cli.check import check  # noqa: PLC0415 - the bot itself does not need it

        return _run_printing(check(settings), "check")
    if chosen.command == "audit":
        from bot.cli.audit import audit  # noqa: PLC0415 - the bot itself does not need it

        return _run_printing(audit(settings, chosen.since, as_json=chosen.json), "audit")
    return _run_loop(run(settings))


def _demo(text: str) -> int:
    """Run the demo, if the extra that draws it is installed."""
    try:
        from bot.cli.demo import demo  # noqa: PLC0415 - nothing else needs the sandbox, nor rich
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "rich":
            raise
        sys.stderr.write(
            "The demo needs the package rich. To install it: .venv/bin/pip install '.[demo]'\n"
        )
        return BAD_SETTINGS
    return _run_printing(demo(text), "demo")


def _run_printing(command: Coroutine[Any, Any, int], name: str) -> int:
    """Run a command until its end, or until nobody reads its output or a disk is full."""
    try:
        return _run_loop(command)
    except BrokenPipeError:  # `demo | head -2`
        code = PIPE_CLOSED
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        sys.stderr.write(f"The {name} cannot go on: {error.strerror}.\n")
        code = 1
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the exit writes the rest
    return code


async def run(settings: Settings) -> int:
    """Run the bot until SIGTERM or SIGINT, and return the exit code."""
    stop, reload = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    events: dict[int, asyncio.Event] = {signal.SIGTERM: stop, signal.SIGINT: stop}
    if settings.access_file is not None and sys.platform != "win32":
        events[signal.SIGHUP] = reload
    for number in events:
        # The loop's own handlers end before the process does.
        signal.signal(number, lambda got, _: loop.call_soon_threadsafe(events[got].set))
    log.info("starting", version=__version__)
    for each in ignored():
        log.warning("a setting is ignored", setting=each.name, why=each.why)
    gc.set_threshold(*COLLECT)  # before the imports, which create many permanent objects
    from bot.app import FatalError, running  # noqa: PLC0415 - bad settings are reported without Bolt
    from bot.server.files import raise_file_limit  # noqa: PLC0415 - as above

    raise_file_limit()
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
            reloading = asyncio.create_task(_reload_on(reload, bot.reload_access))
            # A later full collection of the imports would delay an ack by tens of milliseconds.
            gc.collect()
            gc.freeze()
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if serving.done():
                serving.result()
            serving.cancel()
            proving.cancel()
            reloading.cancel()
    except FatalError as error:
        log.critical("cannot run", why=str(error))
        return 1
    finally:  # a further signal would end the process with an error
        _ignore(*events)
    return 0


async def _reload_on(signaled: asyncio.Event, reload: Callable[[], Awaitable[None]]) -> None:
    """Read ``ACCESS_FILE`` again after each SIGHUP."""
    while await signaled.wait():
        signaled.clear()
        await reload()


def _run_loop(command: Coroutine[Any, Any, int]) -> int:
    """Run the command, which closes what it opens, and return its exit code."""
    new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None
    if sys.platform != "win32":
        import uvloop  # noqa: PLC0415 - does not exist for Windows

        new_loop = uvloop.new_event_loop
    try:
        if signal.getsignal(signal.SIGINT) is _end:  # from here on, the loop ends at Ctrl-C
            signal.signal(signal.SIGINT, signal.default_int_handler)
        with asyncio.Runner(loop_factory=new_loop) as runner:
            code = runner.run(command)
            # The loop waits for its threads. One that looks up a name can wait 10 s and more for a
            # DNS server, and cannot be canceled.
            late = threading.Timer(_CLOSING, os._exit, (code,))
            late.daemon = True
            late.start()
    except KeyboardInterrupt:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C finds it ending already
        sys.stdout.write("\n")
        return INTERRUPTED
    late.cancel()
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bot", description="Open Baseten training projects from Slack."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("run", help="run the bot (the default)")
    commands.add_parser("check", help="check the settings, the credentials and the database")
    audit = commands.add_parser("audit", help="print the acts and the refusals of the last days")
    audit.add_argument(
        "--since",
        type=_since,
        default="7d",
        metavar="TIME",
        help="a duration such as 7d (the default), 12h or 30m, or a date such as 2026-11-23",
    )
    audit.add_argument("--json", action="store_true", help="print a JSON object for each row")
    demo = commands.add_parser(
        "demo",
        help="try the bot without any account",
        description=SUMMARY,
        epilog=COMMANDS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    demo.add_argument(
        "text",
        nargs="*",
        metavar="TEXT",
        help="the words after /training-project; without them, the demo reads commands",
    )
    return parser


def _since(text: str) -> datetime:
    from bot.cli.audit import since  # noqa: PLC0415 - the bot itself does not need it

    return since(text)


if __name__ == "__main__":
    sys.exit(main())
