"""Lines from and to the user of the demo."""

import asyncio
import sys
import threading
from contextlib import suppress


async def ask(prompt: str) -> str | None:
    """Return the next line of input, or None at its end.

    A daemon thread reads it. A read cannot be interrupted, and Ctrl-C must still end the process.
    """
    loop = asyncio.get_running_loop()
    typed: asyncio.Future[str | None] = loop.create_future()

    def set_line(line: str | None) -> None:
        if not typed.done():
            typed.set_result(line)

    def read() -> None:
        line = _line(prompt)
        with suppress(RuntimeError):  # the event loop is closed
            loop.call_soon_threadsafe(set_line, line)

    threading.Thread(target=read, daemon=True).start()
    return await typed


def _line(prompt: str) -> str | None:
    if sys.stdin.isatty() and sys.stdout.isatty():
        try:
            return input(prompt).strip()
        except EOFError:
            return None
    sys.stdout.write(prompt)
    sys.stdout.flush()
    # Unbuffered: the lock of a buffer would still be held when Ctrl-C ends the process.
    with open(0, "rb", buffering=0, closefd=False) as keys:
        read = keys.readline()
    return read.decode(errors="replace").strip() if read else None


def print_line(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
