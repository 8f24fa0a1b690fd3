"""The screen of the demo: lines, and frames around messages and views."""

import codecs
import io
import sys
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.console import Console, ConsoleDimensions
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from bot.cli.drawing import Drawing
from bot.sandbox.slack.records import Ephemeral, PostedMessage, View

BOT_NAME = "Training Projects"  # as in manifest.yml
_NARROWEST, _WIDEST = 20, 100  # columns; longer lines are hard to read
_SAME_WIDTH = "same-width"  # the name of the codec's error handler
_AS_EMOJI = "\ufe0f"  # after a character of one column, it makes an emoji of two
_SIMILAR = dict(zip("…•·→✓✗❌✅✨⏳▶📂⚠“”–—", '.*.>+xx+*~>=!""--', strict=True))  # noqa: RUF001 - looked up


class _Console(Console):
    """A console of limited width, which raises `BrokenPipeError`: one place ends the demo."""

    @property
    def size(self) -> ConsoleDimensions:
        """The size of the terminal, as it is now."""
        size = super().size
        return ConsoleDimensions(max(_NARROWEST, min(size.width, _WIDEST)), size.height)

    @size.setter
    def size(self, new_size: tuple[int, int]) -> None:
        self._width, self._height = new_size

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console() -> Console:
    """Return a console on standard output that has a replacement for every character."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        codecs.register_error(_SAME_WIDTH, _replace)
        sys.stdout.reconfigure(errors=_SAME_WIDTH)
    return _Console(highlight=False, markup=False, emoji=False)


@dataclass(frozen=True, slots=True)
class Screen:
    """Print for the user of the demo.

    Attributes:
        console: the terminal, the pipe or the recording.
        names: the names to show for the ids of people and channels.
    """

    console: Console
    names: Mapping[str, str] = field(default_factory=dict)

    def say(self, text: str = "", style: str = "") -> None:
        """Print a line of the demo itself."""
        self.console.print(Text(text, style=style))

    def link(self, text: str, address: str) -> None:
        """Print a link; without a terminal, print its address."""
        if self.console.is_terminal:
            self.console.print(Text(text, style=f"dim link {address}"))
        else:
            self.console.out(f"{text}: {address}")

    def message(self, message: PostedMessage | Ephemeral) -> None:
        """Print a message; a reply in a thread is indented."""
        drawing = Drawing(self.names)
        content = drawing.draw(message.blocks) if message.blocks else drawing.text(message.text)
        private = isinstance(message, Ephemeral)
        where = "only you see this" if private else self.names.get(message.channel, message.channel)
        where = "in the thread" if message.thread_ts and not private else where
        panel = Panel(
            content,
            title=Text.assemble((BOT_NAME, "bold"), f" · {where}"),
            title_align="left",
            border_style="dim" if private else "green",
        )
        self.console.print(Padding(panel, (0, 0, 0, 4 if message.thread_ts else 0)))

    def view(self, view: View) -> None:
        """Print a modal or a home tab."""
        title = view.payload.get("title", {}).get("text", "Home")
        panel = Panel(
            Drawing(self.names).draw(view.blocks),
            title=Text.assemble((BOT_NAME, "bold"), f" · {title}"),
            title_align="left",
            border_style="blue",
        )
        self.console.print(panel)


def _replace(error: UnicodeError) -> tuple[str, int]:
    """Return similar characters of the same width, so that frames keep their form."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    pairs = zip(found, f"{found[1:]} ", strict=True)
    return "".join(_similar(each, wide=after == _AS_EMOJI) for each, after in pairs), error.end


def _similar(character: str, *, wide: bool) -> str:
    if unicodedata.category(character) in {"Mn", "Cf"}:
        return ""
    wide = wide or unicodedata.east_asian_width(character) in "WF"
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    similar = _SIMILAR.get(character, plain if len(plain) == 1 else "?")
    return similar.ljust(2) if wide else similar
