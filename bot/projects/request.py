"""Parse the text of a slash command into a request. Pure."""

import re
import unicodedata
from dataclasses import dataclass, field
from enum import Enum

from bot.projects.similar_names import INVISIBLE

_PLAIN_QUOTES = str.maketrans(dict.fromkeys("“”„‟", '"') | dict.fromkeys("‘’‚‛", "'"))  # noqa: RUF001
# Slack escapes exactly these three, once.
# https://docs.slack.dev/interactivity/implementing-slash-commands
_ESCAPED = {"&amp;": "&", "&lt;": "<", "&gt;": ">"}
# The team ends at a quote before a space. If the text has no such quote, at the next quote.
_QUOTED_TEAM = (
    re.compile(r"""(["'])(?P<team>.*?)\1(?=\s|$)(?P<rest>.*)"""),
    re.compile(r"""(["'])(?P<team>.*?)\1(?P<rest>.*)"""),
)
# People copy them from an example, such as `/training-project <team> <name>`.
_MARKED = re.compile(r"(?:`+([^`]+)`+|<([^<>]+)>)(?=\s|$)")
# A mention or a link, if the app's command has ``should_escape``; the text after ``|`` was typed.
_ENTITY = re.compile(r"<(?:([@#])[A-Z0-9]+|[a-z]+:[^<>|]+)\|([^<>|]+)>")
_HELP = frozenset({"help", "list", "status", "?", "-h", "-?"})
_OPTION = re.compile(r"--|[–—]")  # noqa: RUF001 - the dashes that phones insert
_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})
# They change the order in which a reader sees the characters around them.
BIDIRECTIONAL = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class ProjectRequest:
    """A team (its id or its name) and the name of a project, as the person typed them.

    Attributes:
        team: the id or the name of the team.
        name: the name of the project.
        unquoted: the team is the first word of a command, without quotes, so it might be only the
            beginning of the team's name.
    """

    team: str
    name: str
    unquoted: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class HelpRequest:
    """A request for help: one word that `reads_like_help`. A team of this name needs quotes."""


@dataclass(frozen=True, slots=True)
class DialogRequest:
    """A command without a project name. A dialog asks for the missing fields."""

    team: str = ""


class Wrong(Enum):
    """The reasons for which the parser rejects a command."""

    EMPTY_TEAM = "nothing between the team's quotes"
    UNCLOSED_TEAM = "unclosed quote before the team"
    UNCLOSED_NAME = "unclosed quote before the name"
    CONTROL_CHARACTER = "control character"


@dataclass(frozen=True, slots=True)
class UsageError:
    """A command that the parser rejects.

    Attributes:
        wrong: the reason.
        team: the parser's best guess of the team; empty if it has none.
        name: the parser's best guess of the project's name; empty if it has none.
    """

    wrong: Wrong
    team: str = ""
    name: str = ""


def parse(text: str) -> ProjectRequest | DialogRequest | HelpRequest | UsageError:
    """Return the request that a command's text stands for.

    The form is ``<team> <name>``. The team is the first word, or a phrase in quotes. The rest of
    the text is the name. Backticks, angle brackets and quotes around either are removed once;
    anything within quotes stays as it is.
    https://docs.slack.dev/interactivity/implementing-slash-commands

    Args:
        text: the ``text`` field of a slash command, as Slack sent it.
    """
    words = plain_characters(_unescaped(text))
    if not words:
        return DialogRequest()
    if " " not in words and reads_like_help(words):
        return HelpRequest()
    if has_control_character(words):
        return _with_control_character(words)
    return _team_and_name(words)


def reads_like_help(name: str) -> bool:
    """Return whether a name reads like a request for help, such as ``list`` or ``--help``.

    Phones replace the two hyphens of an option by a dash.
    """
    word = name.strip().casefold()
    return word in _HELP or bool(_OPTION.match(word))


def has_control_character(text: str) -> bool:
    """Return whether a text has line breaks, bidirectional controls or other control characters."""
    if text.isascii() and text.isprintable():
        return False
    return bool(BIDIRECTIONAL.search(text)) or any(
        unicodedata.category(character) in _CONTROL for character in text
    )


def _team_and_name(words: str) -> ProjectRequest | DialogRequest | UsageError:
    unquoted = False
    marked = _MARKED.match(words)
    if marked and (inner := (marked[1] or marked[2]).strip()):
        team, name = _without_quotes(inner), words[marked.end() :].strip()
    elif words[0] in {'"', "'"}:
        quoted = next(filter(None, (form.fullmatch(words) for form in _QUOTED_TEAM)), None)
        if quoted is None:
            return _unclosed_team(words)
        team, name = quoted["team"].strip(), quoted["rest"].strip()
        if not team:
            return UsageError(Wrong.EMPTY_TEAM, name=name)
    else:
        team, _, name = words.partition(" ")
        name, unquoted = name.strip(), True
    name = without_marks(name)
    if name[:1] in {'"', "'"}:
        quote, inner = name[0], name[1:]
        if quote not in inner:
            return UsageError(Wrong.UNCLOSED_NAME, team, inner.strip())
        if inner.endswith(quote):
            name = inner[:-1]
    return DialogRequest(team) if is_blank(name) else ProjectRequest(team, name, unquoted)


def command_text(team: str, name: str) -> str:
    """Return the text that :func:`parse` reads as this team and name."""
    marked = _MARKED.match(team)
    if marked or " " in team or team[:1] in {'"', "'"} or reads_like_help(team):
        # Choose a quote that the name of the team does not close too early.
        quote = "'" if '" ' in f"{team} " else '"'
        team = f"{quote}{team}{quote}"
    if name[:1] in {'"', "'"} or name != name.strip() or without_marks(name) != name:
        name = f'"{name}"'
    return f"{team} {name}"


def is_typeable(team: str, name: str) -> bool:
    """Return whether `command_text` reads back as this team and name.

    A command changes typographic quotes and spaces, for example.
    """
    words = command_text(team, name)
    if plain_characters(words) != words or has_control_character(words):
        return False
    return _team_and_name(words) == ProjectRequest(team, name)


def without_marks_and_quotes(words: str) -> str:
    """Return the words without backticks, angle brackets or quotes around them, each once."""
    return _without_quotes(without_marks(words)) if words else words


def without_marks(words: str) -> str:
    """Return the words without the backticks or the angle brackets around them."""
    marked = _MARKED.fullmatch(words)
    return ((marked[1] or marked[2]).strip() or words) if marked else words


def _without_quotes(words: str) -> str:
    """Return the words without the pair of quotes around them."""
    quoted = words[0] in {'"', "'"} and len(words) > 1 and words[-1] == words[0]
    return (words[1:-1].strip() or words) if quoted else words


def plain_characters(text: str) -> str:
    """Replace typographic quotes and spaces by plain ones; several spaces in a name stay.

    A text of which a reader sees nothing becomes empty.
    """
    text = text.translate(_PLAIN_QUOTES)
    text = "".join(" " if unicodedata.category(c) == "Zs" else c for c in text).strip()
    return text if BIDIRECTIONAL.search(text) or not is_blank(text) else ""


def is_blank(text: str) -> bool:
    """Return whether a reader sees nothing of a text."""
    return not INVISIBLE.sub("", text).strip()


def _unescaped(text: str) -> str:
    return re.sub("&(?:amp|lt|gt);", lambda found: _ESCAPED[found[0]], _ENTITY.sub(r"\1\2", text))


def _with_control_character(words: str) -> UsageError:
    """Return the error, with the team and the name as they are without control characters."""
    words = BIDIRECTIONAL.sub("", words)
    spaced = "".join(" " if unicodedata.category(c) in _CONTROL else c for c in words)
    match parse(" ".join(spaced.split())):
        case ProjectRequest(team, name) | UsageError(_, team, name):
            return UsageError(Wrong.CONTROL_CHARACTER, team, name)
        case DialogRequest(team):
            return UsageError(Wrong.CONTROL_CHARACTER, team)
        case HelpRequest():
            return UsageError(Wrong.CONTROL_CHARACTER)


def _unclosed_team(words: str) -> UsageError:
    """Return the error, with the last word as the name and the other words as the team."""
    team, _, name = words.strip("\"' ").rpartition(" ")
    return UsageError(Wrong.UNCLOSED_TEAM, team.strip() or name, name if team else "")
