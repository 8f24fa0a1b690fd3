"""Take secrets out of text before a log or a person sees it."""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

_END = r"""(?:[^\s"'&<>|\\]|\\/)"""  # a character of an address, in JSON too
_SHAPES = re.compile(
    rf"""
      xox[a-z](?:\.[a-z]+)?-[\w-]{{8,}}                          # Slack tokens: bot, user, rotated
    | xapp-[\w-]{{8,}}                                           # Slack app-level token
    | (?:b10_)?[A-Za-z0-9]{{8}}\.[A-Za-z0-9]{{32}}\b           # Baseten API key
    | https?(?::|%3A)(?:\\?/|%2F){{2}}hooks\.slack\.com{_END}*    # response URLs, however encoded
    | (?P<kept>
          \b(?:api-key|bearer)\s+                                # any Authorization header
        | response_url\\?["']?\s*[=:]\s*\\?["']?                 # a response URL of any host
        | /link/\?ticket=                                        # a socket's one-time ticket
      ){_END}+
    """,
    re.VERBOSE | re.IGNORECASE,
)

MARK = "[redacted]"
_SHORTEST = 8  # characters


def redact_shapes(text: str) -> str:
    """Take out what looks like a secret, whoever's it is."""
    return _SHAPES.sub(lambda found: (found["kept"] or "") + MARK, text)


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
        return redact_shapes(text)

    def tree(self, value: Any) -> Any:  # noqa: ANN401 - JSON is any shape
        """Redact every string in a JSON-like value; the value itself stays as it is."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.tree(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.tree(item) for item in value]
        return value
