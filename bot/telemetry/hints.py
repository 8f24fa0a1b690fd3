"""Search a text for all hints of a secret in one pass."""

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import StringConstraints, TypeAdapter


class Hints:
    """The strings that a text with a secret contains.

    Pydantic's regular expressions search for all of them at once. Python's ``in`` takes 30 times as
    long for 100 of them, and `re` takes longer than that.

    Args:
        exact: strings.
        any_case: strings in upper or lower case.
        patterns: regular expressions in the syntax of https://docs.rs/regex.
    """

    def __init__(
        self, exact: Iterable[str] = (), any_case: Iterable[str] = (), patterns: Iterable[str] = ()
    ) -> None:
        parts = [re.escape(_encodable(hint)) for hint in exact]
        parts += [f"(?i:{re.escape(_encodable(hint))})" for hint in any_case]
        parts += patterns
        found = Annotated[str, StringConstraints(pattern="|".join(parts), strict=True)]
        self._are_in = TypeAdapter(found).validator.isinstance_python if parts else None

    def are_in(self, text: str) -> bool:
        """Return whether the text contains one of them."""
        return self._are_in is not None and self._are_in(_encodable(text))


def _encodable(text: str) -> str:
    """Return the text with "?" for each lone surrogate, which no encoding of Unicode has."""
    return text if text.isascii() else text.encode(errors="replace").decode()
