"""Lines from the user of the demo."""

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

if sys.platform != "win32":
    import readline  # input() has arrow keys and a history with it
    import termios

_ERASE_LINE = "\r\033[2K"


@dataclass(slots=True)
class Prompt:
    """Ask the user, and let news appear above a question that waits."""

    _waiting: str | None = None

    async def ask(self, question: str, *, remember: bool = False) -> str | None:
        """Return the next line of input, or None at its end (Ctrl-D).

        A daemon thread reads it. A read cannot be interrupted, and Ctrl-C must still end the
        process.

        Args:
            question: the text before the cursor.
            remember: add the line to the history of the arrow keys.
        """
        loop = asyncio.get_running_loop()
        typed: asyncio.Future[str | None] = loop.create_future()

        def set_line(line: str | None) -> None:
            if not typed.done():
                typed.set_result(line)

        def read() -> None:
            line = _line(question)
            with suppress(RuntimeError):  # the event loop is closed
                loop.call_soon_threadsafe(set_line, line)

        self._waiting = question
        threading.Thread(target=read, daemon=True).start()
        try:
            line = await typed
        finally:
            self._waiting = None
        if line and remember and sys.platform != "win32":
            readline.add_history(line)
        return line

    @contextmanager
    def above(self) -> Iterator[None]:
        """Print above the question that waits; it appears again with the typed text."""
        if self._waiting is None or not at_terminal():
            yield
            return
        sys.stdout.write(_ERASE_LINE)
        yield
        typed = readline.get_line_buffer() if sys.platform != "win32" else ""
        sys.stdout.write(f"{self._waiting}{typed}")
        sys.stdout.flush()


def at_terminal() -> bool:
    """Return whether a person types and reads at a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


@contextmanager
def line_editing() -> Iterator[None]:
    """Set up the arrow keys, and restore the terminal in the end, also after Ctrl-C."""
    if sys.platform == "win32" or not at_terminal():
        yield
        return
    readline.set_auto_history(False)  # answers in a dialog stay out
    readline.parse_and_bind("set enable-bracketed-paste off")
    before = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _line(question: str) -> str | None:
    if at_terminal():
        try:
            return input(question).strip()
        except EOFError:
            sys.stdout.write("\n")
            return None
    try:
        sys.stdout.write(question)
        sys.stdout.flush()
    except BrokenPipeError:  # the next print of the demo raises it, too
        return None
    # Unbuffered: the lock of a buffer would still be held when Ctrl-C ends the process.
    with open(0, "rb", buffering=0, closefd=False) as keys:
        read = keys.readline()
    return read.decode(errors="replace").strip() if read else None
