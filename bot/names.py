"""Project names that one person could take for another. Pure."""

import re

_SEPARATORS = re.compile(r"[-_\s]+")
_LONG_ENOUGH = 8  # characters; one letter makes another word of a shorter name


def near_name(name: str, existing: list[str]) -> str | None:
    """Return the existing name that this one may be a slip of, or None.

    Names are near when they differ only in case or in ``-``, ``_`` and spaces, or when a longer one
    has one typo. A digit is never a typo: ``run-1`` and ``run-2`` are meant to differ.

    Args:
        name: the name that was given, and is not among the existing ones.
        existing: the names of the team's projects.
    """
    plain = _plain(name)
    alike = [other for other in existing if _plain(other) == plain]
    if not alike and len(plain) >= _LONG_ENOUGH:
        alike = [other for other in existing if _one_typo(plain, _plain(other))]
    return min(alike, default=None)


def _plain(name: str) -> str:
    return _SEPARATORS.sub("-", name.strip().casefold())


def _one_typo(one: str, other: str) -> bool:
    """Whether one letter was added, left out, changed, or swapped with the next."""
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    start = next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    a, b = one[start:], other[start:]
    changed = a[1:] == b[1:] and a[:1] + b[:1]
    added = a[1:] == b and a[:1]
    left_out = a == b[1:] and b[:1]
    swapped = a[:2] == b[1::-1] and a[2:] == b[2:] and a[:2]
    slip = changed or added or left_out or swapped
    return bool(slip) and not any(character.isdigit() for character in str(slip))
