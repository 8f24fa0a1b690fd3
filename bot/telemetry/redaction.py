"""Redact secrets in text for logs and messages."""

import re
from collections.abc import Iterable
from typing import Any

from bot.telemetry.hints import Hints
from bot.telemetry.own_secrets import SHORTEST, OwnSecrets
from bot.telemetry.secret_patterns import (
    ANY_CASE_HINTS,
    EXACT_HINTS,
    HINT_PATTERNS,
    MARK,
    mark,
    redact_patterns,
)
from bot.telemetry.task_ids import put_back, set_aside

__all__ = ["MARK", "Redactor", "escaped", "redact"]

# --- values of names such as "token"

_WORDS = ("key", "token", "secret", "password", "passwd", "passphrase", "credential", "credentials")
_HINTS = Hints(EXACT_HINTS, (*ANY_CASE_HINTS, *_WORDS), HINT_PATTERNS)  # most texts have none
_CHARACTER = r"""[^\s"'`,;&<>(){}\[\]|\\]"""  # of a value
# A value cannot contain another such name; that name and its value match by themselves. Possessive
# quantifiers can miss a secret before Python 3.11.5, so no pattern has them
# (https://github.com/python/cpython/issues/106052).
_NAME_INSIDE = "|".join(f"(?<={word}[=:])" for word in _WORDS)
_VALUE = rf"(?!{_CHARACTER}*?[=:](?:{_NAME_INSIDE}))(?P<value>{_CHARACTER}+)"
_ASSIGNED = re.compile(
    rf"""
      (?P<word>{"|".join(sorted(_WORDS, reverse=True))})
      (?P<sign>\\*["']?\]?[ \t]*(?::=|=>|={{1,2}}|:(?!:))[ \t]*(?:\bb)?\\*["']?){_VALUE}
    """,
    re.VERBOSE | re.IGNORECASE,
)
_FLAGGED = re.compile(
    rf"""
      (?:(?<![\w-])|(?<=\\[nrt]))(?P<word>--?[a-z][\w-]{{0,60}})
      (?P<sign>[ \t]+["']?)(?!-){_VALUE}
    """,
    re.VERBOSE | re.IGNORECASE,
)
# The part of a name before its last word; in prose, also the word before it.
_BEFORE = re.compile(r"(?:(?:access|api|private|secret)\ )?[\w.-]{0,40}\Z", re.IGNORECASE)

_ENDS_AS_ONE = re.compile(rf"(?:{'|'.join(_WORDS)})\Z", re.IGNORECASE)
_PASSWORD = re.compile(r"(?:password|passwd|passphrase)\Z", re.IGNORECASE)
# Keys that give access. Other keys belong to dictionaries, columns and caches.
_OPENING_KEY = re.compile(
    r"[A-Z0-9]_KEY\Z"
    r"|(?i:(?:api|access|account|auth|encryption|private|secret|service|signing|ssh)[_. -]?key\Z)"
)
_KEY = re.compile(r"key\Z", re.IGNORECASE)
_TOKENIZERS = re.compile(
    r"(?:bos|cls|end|eos|first|image|last|mask|next|pad|prev|sep|special|start|stop|unk)"
    r"[_.-]?token\Z",
    re.IGNORECASE,
)

_NUMBER = re.compile(r"[\d.,:_/TZ+-]*(?:[eE][-+]?\d+)?(?:[munk]?s|[kKMGT]i?B?|%)?")  # a date too
# A state in words, such as "undefined" or "not_found_in_environment", or the name of a variable.
_STATE = re.compile(
    r"(?:absent|expired|forbidden|found|has|incorrect|invalid|is|loaded|malformed|missing|no|not"
    r"|read|rejected|required|revoked|set|unauthorized|unavailable|undefined|unknown|unset|was)"
    r"(?:[_-][a-z]+)*[.!?]?"
    r"|\$[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+"
)
# Words of a sentence about a password; no password is one of them.
_PROSE = frozenset(
    {"cannot", "click", "does", "expected", "expired", "incorrect", "invalid", "missing", "must"}
    | {"needs", "required", "should", "wrong", "your"}
)
_EMPTY_VALUES = frozenset({"empty", "false", "none", "null", "true", "unset"})
# Source code in a traceback assigns calls, items, attributes and other names.
_IDENTIFIER = re.compile(r"[A-Za-z_.]+")
_CODE = re.compile(r"[A-Za-z_]+(?:\.[A-Za-z_]+)+|\w*(?:key|token|secret|password)", re.IGNORECASE)
# Letters and digits alternate; words, steps and layers do not look like this.
_RANDOM = re.compile(
    r"(?<![a-z0-9])(?=[a-z0-9]{12})(?:[a-z]*\d+[a-z]+\d|\d*[a-z]+\d+[a-z])", re.IGNORECASE
)


def _is_secret_value(name: str, sign: str, value: str, follows: str) -> bool:
    """Return whether the value of a name is a secret.

    Args:
        name: a name that ends in one of `_WORDS`.
        sign: the text between name and value.
        value: the value without quotes.
        follows: the character after the value, or an empty string.
    """
    if value.lower() in _EMPTY_VALUES or (follows in {"(", "["} and _IDENTIFIER.fullmatch(value)):
        return False
    if _PASSWORD.search(name):
        if value.lower().rstrip(".!?") in _PROSE and sign[-1:] not in {'"', "'"}:
            return False
        return len(value) > 3 or sign.isspace()  # noqa: PLR2004 - "no", "yes", "-"
    if _STATE.fullmatch(value) and sign[-1:] not in {'"', "'"}:
        return False
    if _NUMBER.fullmatch(value) or len(value) < (3 if sign.isspace() else SHORTEST):
        return False
    if (_KEY.search(name) and not _OPENING_KEY.search(name)) or _TOKENIZERS.search(name):
        return _RANDOM.search(value) is not None
    if name.isupper() or sign[-1:] in {'"', "'"}:
        return True
    if _CODE.fullmatch(value):
        return False
    word = value.rstrip(".!?")
    return not (": " in sign and word.isalpha() and (word.islower() or word.istitle()))


def _redact_assigned(found: re.Match[str]) -> str:
    """Return the assignment; its value is redacted if it is a secret."""
    text, begin = found.string, found.start()
    before = _BEFORE.search(text, max(0, begin - 40), begin)
    name = (before[0] if before else "") + found["word"]
    if _is_secret_value(name, found["sign"], found["value"], text[found.end() : found.end() + 1]):
        return found["word"] + found["sign"] + mark(found["value"])
    return found[0]


def _redact_flag(found: re.Match[str]) -> str:
    """Return the command-line flag; its value is redacted if it is a secret."""
    return _redact_assigned(found) if _ENDS_AS_ONE.search(found["word"]) else found[0]


def redact(text: str) -> str:
    """Return the text without recognizable secrets; task ids stay readable."""
    if not _HINTS.are_in(text):
        return text
    text, task_ids = set_aside(text)
    if _HINTS.are_in(text):
        text, lower = redact_patterns(text), text.lower()
        if any(word in lower for word in _WORDS):
            text = _ASSIGNED.sub(_redact_assigned, text)
            if "--" in text or " -" in text:
                text = _FLAGGED.sub(_redact_flag, text)
    return put_back(text, task_ids)


def escaped(text: str) -> str:
    """Return the text with escapes for characters that a terminal obeys instead of showing them."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


class Redactor:
    """Redact recognizable secrets, and the secrets of this process.

    Args:
        secrets: the values to redact, also where they are encoded or cut short.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._own = OwnSecrets(secrets)

    def text(self, text: str) -> str:
        """Return the redacted text."""
        return redact(self._own.redact(text, MARK))

    def tree(self, value: Any) -> Any:  # noqa: ANN401 - JSON is any shape
        """Return a redacted copy of a JSON-like value, or the value itself if it has no secret."""
        text = "\n".join(_strings(value))
        return self._tree(value) if self._own.are_in(text) or _HINTS.are_in(text) else value

    def _tree(self, value: Any) -> Any:  # noqa: ANN401 - JSON is any shape
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self._tree(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._tree(item) for item in value]
        return value


def _strings(value: Any) -> list[str]:  # noqa: ANN401 - JSON is any shape
    """Return all strings of a JSON-like value except keys, in any order."""
    found, rest = [], [value]
    while rest:
        value = rest.pop()
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict):
            rest.extend(value.values())
        elif isinstance(value, (list, tuple)):
            rest.extend(value)
    return found
