"""Take secrets out of text before a log or a person sees it."""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

_SHAPES = re.compile(
    r"""
      xox[a-z](?:\.[a-z]+)?-[\w-]{8,}                          # Slack tokens: bot, user, rotated
    | xapp-[\w-]{8,}                                           # Slack app-level token
    | \b(?:b10_)?[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}\b             # Baseten API key
    | (?<=Api-Key\ )[^\s"',}]+ | (?<=Bearer\ )[^\s"',}]+       # any Authorization header
    | https?(?:://|%3A%2F%2F)hooks\.slack\.com[^\s"'&<>\\|]+    # response URLs, form-encoded too
    | (?<=response_url=)[^\s"'&]+
    | (?<=response_url":\ ")[^"]+ | (?<=response_url':\ ')[^']+
    | (?<=response_url=')[^']+
    | (?<=/link/\?ticket=)[^\s"'&]+                            # a socket's one-time ticket
    """,
    re.VERBOSE,
)

MARK = "[redacted]"
_SHORTEST = 8  # characters


class Redactor:
    """Replace what looks like a secret, and every secret this process was given.

    Args:
        secrets: the exact values to hide, whatever their shape, from 8 characters on.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # A shorter one is part of too many words.
        long = [secret for secret in secrets if len(secret) >= _SHORTEST]
        known = {form for secret in long for form in (secret, quote(secret, safe=""))}
        longest_first = sorted(known, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if known else None

    def text(self, text: str) -> str:
        """Return the text with each secret replaced by a mark."""
        if self._known is not None:
            text = self._known.sub(MARK, text)
        return _SHAPES.sub(MARK, text)

    def tree(self, value: Any) -> Any:  # noqa: ANN401 - JSON is any shape
        """Redact every string in a JSON-like value; the value itself stays as it is."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.tree(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.tree(item) for item in value]
        return value
