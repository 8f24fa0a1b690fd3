"""Take secrets out of text before a log or a person sees it."""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from bot.telemetry.secret_patterns import MARK, has_hint, mark, without_shapes
from bot.telemetry.task_ids import put_back, set_aside

__all__ = ["MARK", "Redactor", "redact_shapes"]

_SHORTEST = 8  # characters

# --- what is given to a name that tells of a secret

_WORDS = ("key", "token", "secret", "password", "passwd", "passphrase", "credential", "credentials")
_CHARACTER = r"""[^\s"'`,;&<>(){}\[\]|\\]"""  # of a value
# A value with another name in it is no value: what is given to that name is looked at by itself. No
# possessive quantifier here or in other patterns: before Python 3.11.5 they can miss a secret
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
# The rest of a name, before its last word; in prose, a word before that.
_BEFORE = re.compile(r"(?:(?:access|api|private|secret)\ )?[\w.-]{0,40}\Z", re.IGNORECASE)

_ENDS_AS_ONE = re.compile(rf"(?:{'|'.join(_WORDS)})\Z", re.IGNORECASE)
_PASSWORD = re.compile(r"(?:password|passwd|passphrase)\Z", re.IGNORECASE)
# A key that opens something. Other keys are those of dictionaries, columns and caches.
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
_NOTHING = frozenset({"empty", "false", "none", "null", "true", "unset"})
# What a traceback's line gives to a name: a call or an item, an attribute, another name.
_IDENTIFIER = re.compile(r"[A-Za-z_.]+")
_CODE = re.compile(r"[A-Za-z_]+(?:\.[A-Za-z_]+)+|\w*(?:key|token|secret|password)", re.IGNORECASE)
# Letters and digits in turn, as in no word, no step and no layer.
_RANDOM = re.compile(
    r"(?<![a-z0-9])(?=[a-z0-9]{12})(?:[a-z]*\d+[a-z]+\d|\d*[a-z]+\d+[a-z])", re.IGNORECASE
)


def _tells(name: str, sign: str, value: str, follows: str) -> bool:
    """Tell whether a value that is given to a name is a secret, and not one of many other things.

    Args:
        name: that ends in one of the words.
        sign: what stands between the two.
        value: without its quotes.
        follows: the character after it, if any.
    """
    if value.lower() in _NOTHING or (follows in {"(", "["} and _IDENTIFIER.fullmatch(value)):
        return False
    if _PASSWORD.search(name):
        return len(value) > 3 or sign.isspace()  # noqa: PLR2004 - "no", "yes", "-"
    if _NUMBER.fullmatch(value) or len(value) < (3 if sign.isspace() else _SHORTEST):
        return False
    if (_KEY.search(name) and not _OPENING_KEY.search(name)) or _TOKENIZERS.search(name):
        return _RANDOM.search(value) is not None
    if name.isupper() or sign[-1:] in {'"', "'"}:
        return True
    if _CODE.fullmatch(value):
        return False
    word = value.rstrip(".!?")
    return not (": " in sign and word.isalpha() and (word.islower() or word.istitle()))


def _after_its_name(found: re.Match[str]) -> str:
    """Keep the name, and hide what is given to it."""
    text, begin = found.string, found.start()
    before = _BEFORE.search(text, max(0, begin - 40), begin)
    name = (before[0] if before else "") + found["word"]
    if _tells(name, found["sign"], found["value"], text[found.end() : found.end() + 1]):
        return found["word"] + found["sign"] + mark(found["value"])
    return found[0]


def _after_its_flag(found: re.Match[str]) -> str:
    """Do the same on a command line, where a space is enough."""
    return _after_its_name(found) if _ENDS_AS_ONE.search(found["word"]) else found[0]


def redact_shapes(text: str) -> str:
    """Take out what looks like a secret, whoever's it is; the ids of tasks stay."""
    text, task_ids = set_aside(text)
    text, lower = without_shapes(text), text.lower()
    if any(word in lower for word in _WORDS[:-1]):
        text = _ASSIGNED.sub(_after_its_name, text)
        if "--" in text or " -" in text:
            text = _FLAGGED.sub(_after_its_flag, text)
    return put_back(text, task_ids)


class Redactor:
    """Replace what looks like a secret, and every secret this process was given.

    Args:
        secrets: the exact values to hide, whatever their shape, from 8 characters on.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # A shorter one is part of too many words.
        long = [secret for secret in secrets if len(secret) >= _SHORTEST]
        known = {form for secret in long for form in (secret, quote(secret, safe=""))}
        self._known = sorted(known, key=len, reverse=True)  # the longest first

    def text(self, text: str) -> str:
        """Return the text with each secret replaced by a mark."""
        for secret in self._known:
            text = text.replace(secret, MARK)
        return redact_shapes(text)

    def tree(self, value: Any) -> Any:  # noqa: ANN401 - JSON is any shape
        """Redact every string in a JSON-like value; the value itself stays as it is."""
        # Hardly any message holds a hint of a secret, and one look at all its strings finds out.
        return self._tree(value) if self._has_hint("\n".join(_strings(value))) else value

    def _tree(self, value: Any) -> Any:  # noqa: ANN401 - JSON is any shape
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self._tree(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._tree(item) for item in value]
        return value

    def _has_hint(self, text: str) -> bool:
        return (
            any(map(text.__contains__, self._known))
            or any(map(text.lower().__contains__, _WORDS))
            or has_hint(text)
        )


def _strings(value: Any) -> list[str]:  # noqa: ANN401 - JSON is any shape
    """Return every string in a JSON-like value, in no order."""
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
