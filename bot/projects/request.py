"""The words after the command, as any keyboard types them, become a request. Pure."""

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum

_PLAIN_QUOTES = str.maketrans(dict.fromkeys("“”„‟", '"') | dict.fromkeys("‘’‚‛", "'"))  # noqa: RUF001
# Slack escapes exactly these three, once.
# https://docs.slack.dev/interactivity/implementing-slash-commands
_ESCAPED = {"&amp;": "&", "&lt;": "<", "&gt;": ">"}
# The quote closes before a space; where none does, at the next quote.
_QUOTED_TEAM = (
    re.compile(r"""(["'])(?P<team>.*?)\1(?=\s|$)(?P<rest>.*)"""),
    re.compile(r"""(["'])(?P<team>.*?)\1(?P<rest>.*)"""),
)
_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})
# They change the order in which a reader sees the characters around them.
_BIDIRECTIONAL = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class ProjectRequest:
    """A team, by id or name, and the name of a project, as the person gave them."""

    team: str
    name: str


@dataclass(frozen=True, slots=True)
class HelpRequest:
    """``help``, the one reserved word; a team of that name goes in quotes."""


@dataclass(frozen=True, slots=True)
class DialogRequest:
    """Nothing, or a team alone: the rest is asked for in a dialog."""

    team: str = ""


class Wrong(Enum):
    """What keeps a command from being understood."""

    EMPTY_TEAM = "nothing between the team's quotes"
    UNCLOSED_TEAM = "unclosed quote before the team"
    UNCLOSED_NAME = "unclosed quote before the name"
    CONTROL_CHARACTER = "control character"


@dataclass(frozen=True, slots=True)
class UsageError:
    """A command that was not understood, with what could be told of it.

    Attributes:
        wrong: what is wrong with it.
        team: the team, as far as it could be made out, else empty.
        name: the project's name, as far as it could be made out, else empty.
    """

    wrong: Wrong
    team: str = ""
    name: str = ""


def parse(text: str) -> ProjectRequest | DialogRequest | HelpRequest | UsageError:
    """Read ``<team> <name>``: the first word or quoted phrase, then all that follows.

    Args:
        text: the ``text`` field of a slash command, as Slack sent it.
    """
    words = plain_characters(_unescaped(text))
    if not words:
        return DialogRequest()
    if words.casefold() == "help":
        return HelpRequest()
    if has_control_character(words):
        return _with_control_character(words)
    return _team_and_name(words)


def has_control_character(text: str) -> bool:
    """Tell whether a text holds line breaks, bidirectional controls or other control characters."""
    if text.isascii() and text.isprintable():
        return False
    return bool(_BIDIRECTIONAL.search(text)) or any(
        unicodedata.category(character) in _CONTROL for character in text
    )


def _team_and_name(words: str) -> ProjectRequest | DialogRequest | UsageError:
    if words[0] in {'"', "'"}:
        quoted = next(filter(None, (form.fullmatch(words) for form in _QUOTED_TEAM)), None)
        if quoted is None:
            return _unclosed_team(words)
        team, name = quoted["team"].strip(), quoted["rest"].strip()
        if not team:
            return UsageError(Wrong.EMPTY_TEAM, name=name)
    else:
        team, _, name = words.partition(" ")
        name = name.strip()
    if name[:1] in {'"', "'"}:
        quote, inner = name[0], name[1:]
        if quote not in inner:
            return UsageError(Wrong.UNCLOSED_NAME, team, inner.strip())
        if inner.endswith(quote):
            name = inner[:-1]
    return ProjectRequest(team, name) if name.strip() else DialogRequest(team)


def command_text(team: str, name: str) -> str:
    """Write the words that :func:`parse` reads as this team and name."""
    awkward = " " in team or team[:1] in {'"', "'"} or team.casefold() == "help"
    if awkward:
        quote = "'" if '" ' in f"{team} " else '"'  # one that closes at the end, not before
        team = f"{quote}{team}{quote}"
    if name[:1] in {'"', "'"} or name != name.strip():
        name = f'"{name}"'
    return f"{team} {name}"


def plain_characters(text: str) -> str:
    """Undo what phones do to quotes and spaces; runs of spaces stay inside a name."""
    text = text.translate(_PLAIN_QUOTES)
    return "".join(" " if unicodedata.category(c) == "Zs" else c for c in text).strip()


def _unescaped(text: str) -> str:
    return re.sub("&(?:amp|lt|gt);", lambda found: _ESCAPED[found[0]], text)


def _with_control_character(words: str) -> UsageError:
    """Return the error, with the team and the name that remain without these characters."""
    words = _BIDIRECTIONAL.sub("", words)
    spaced = "".join(" " if unicodedata.category(c) in _CONTROL else c for c in words)
    match parse(" ".join(spaced.split())):
        case ProjectRequest(team, name) | UsageError(_, team, name):
            return UsageError(Wrong.CONTROL_CHARACTER, team, name)
        case DialogRequest(team):
            return UsageError(Wrong.CONTROL_CHARACTER, team)
        case HelpRequest():
            return UsageError(Wrong.CONTROL_CHARACTER)


def _unclosed_team(words: str) -> UsageError:
    """Guess that the last word was meant as the name, and the rest as the team."""
    team, _, name = words.strip("\"' ").rpartition(" ")
    return UsageError(Wrong.UNCLOSED_TEAM, team.strip() or name, name if team else "")
