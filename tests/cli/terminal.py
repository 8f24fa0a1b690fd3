"""A pseudo-terminal in which a test types into ``python -m bot demo``."""

import asyncio
import os
import pty
import re
import signal
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.process import Process, started

# Links and other commands of terminals: OSC up to its end, CSI, carriage returns.
_CONTROL = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x1b\\|\x07|\x1b?$)|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[=>()]B?|\r|\x07"
)
CTRL_D, UP, LEFT = "\x04", "\x1b[A", "\x1b[D"


class Terminal:
    """A terminal with a program in it.

    Attributes:
        raw: everything that the program has written.
        process: the program.
    """

    def __init__(self, keyboard: int, screen: int) -> None:
        self.raw = ""
        self.process: Process
        self._keyboard, self._screen = keyboard, screen
        self._bytes = b""
        self._more = asyncio.Event()

    @property
    def shown(self) -> str:
        """The text without the terminal's own commands."""
        return _CONTROL.sub("", self.raw)

    @property
    def lines(self) -> list[str]:
        """The text in lines."""
        return self.shown.split("\n")

    def read(self) -> None:
        """Read what the program has written."""
        try:
            self._bytes += os.read(self._keyboard, 65536)
        except OSError:  # the program has ended
            asyncio.get_running_loop().remove_reader(self._keyboard)
        self.raw = self._bytes.decode(errors="replace")
        self._more.set()

    def settings(self) -> list[Any]:
        """The terminal's own settings, such as its echo."""
        return termios.tcgetattr(self._screen)[:4]

    async def type(self, keys: str, until: str, seconds: float = 20) -> None:
        """Press keys, and wait until the screen shows a text that it did not show before."""
        before = len(unframed(self.shown))
        os.write(self._keyboard, keys.encode())
        await self.until(lambda: until in unframed(self.shown)[before:], seconds)

    async def press(self, label: str, until: str, place: int = -1) -> None:
        """Type the number of a button with this label, the last one unless a place is given."""
        numbers = re.findall(rf"\[ (\d+) {re.escape(label)} \]", unframed(self.shown))
        await self.type(f"{numbers[place]}\n", until)

    async def until(self, found: Callable[[], bool], seconds: float = 20) -> None:
        """Wait until the screen shows something."""
        try:
            async with asyncio.timeout(seconds):
                while not found():
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            raise AssertionError(self.shown[-3000:]) from None

    async def ends(self, keys: str = "") -> int:
        """Press keys at the prompt, and return the exit code of the program."""
        await self.until(lambda: not keys or self.shown.endswith("> "))
        os.write(self._keyboard, keys.encode())
        return await self.process.ended()


def unframed(text: str) -> str:
    """Return the text without frames and line breaks."""
    return " ".join(re.sub("[│╭╮╰╯─]", "", text).split())


@asynccontextmanager
async def demo_in_a_terminal(
    cwd: Path, *, columns: int = 80, **settings: str
) -> AsyncIterator[Terminal]:
    """Run the demo in a terminal, and wait for its prompt."""
    keyboard, screen = pty.openpty()
    termios.tcsetwinsize(screen, (40, columns))
    terminal = Terminal(keyboard, screen)
    loop = asyncio.get_running_loop()
    loop.add_reader(keyboard, terminal.read)
    # A background job of a shell ignores SIGINT, and its child processes inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    settings = {"TERM": "xterm-256color", "COLUMNS": "", **settings}  # its own width counts
    try:
        async with started("demo", cwd=cwd, settings=settings, stdin=screen, out=screen) as process:
            terminal.process = process
            await terminal.until(lambda: "Ctrl-D ends." in unframed(terminal.shown), 40)
            await terminal.until(lambda: terminal.shown.endswith("> "))
            yield terminal
    finally:
        signal.signal(signal.SIGINT, before)
        loop.remove_reader(keyboard)
        os.close(keyboard)
        os.close(screen)
