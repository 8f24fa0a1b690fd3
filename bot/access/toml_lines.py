"""The lines of the entries of a TOML file; the standard parser keeps no positions. Pure."""

import tomllib
from collections import Counter
from collections.abc import Iterator
from typing import Any, TypeAlias

Path: TypeAlias = tuple[str | int, ...]

_LONGEST_LIST = 500  # lines; an item of a longer list has the line of the list
_ENDS = ("]", '"""', "'''")  # of a statement of several lines


def lines_of(text: str) -> dict[Path, int]:
    """Return the number of the line of each table, key and item of a list in valid TOML.

    A path has the keys and positions that lead to an entry, such as ``("grant", 0, "to", 1)``.
    """
    found: dict[Path, int] = {}
    lists: Counter[Path] = Counter()
    table: Path = ()
    for first, statement in _statements(text.splitlines()):
        parsed: dict[str, Any] = tomllib.loads("\n".join(statement))
        if statement[0].lstrip().startswith("["):
            table = _next_table(parsed, lists)
            found[table] = first
            continue
        for key, value in parsed.items():
            found[(*table, key)] = first
            if isinstance(value, list) and len(statement) <= _LONGEST_LIST:
                for position, offset in enumerate(_offsets(statement, key, len(value))):
                    found[(*table, key, position)] = first + offset
    return found


def line_of(path: Path, lines: dict[Path, int]) -> int:
    """Return the line of an entry; if it is missing, the line of the table that needs it."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _statements(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield each key or header with the number of its first line.

    A statement ends at the first line at which it is valid on its own: before that, a list or a
    text is open.
    """
    first = 0
    while first < len(lines):
        last = first
        while not (
            (last == first or any(end in lines[last] for end in _ENDS))
            and _is_valid(lines[first : last + 1])
        ):
            last += 1
        if tomllib.loads("\n".join(lines[first : last + 1])):
            yield first + 1, lines[first : last + 1]
        first = last + 1


def _is_valid(lines: list[str]) -> bool:
    try:
        tomllib.loads("\n".join(lines))
    except tomllib.TOMLDecodeError:
        return False
    return True


def _next_table(parsed: dict[str, Any], lists: Counter[Path]) -> Path:
    """Return the path of the table that a header begins.

    Args:
        parsed: the header alone.
        lists: the number of tables so far in each list of tables; it grows.
    """
    path: Path = ()
    while parsed:
        ((key, value),) = parsed.items()
        path = (*path, key)
        if isinstance(value, list):  # [[key]]: one more table of this name
            lists[path] += 1
            path, value = (*path, lists[path] - 1), value[0]
        parsed = value
    return path


def _offsets(statement: list[str], key: str, count: int) -> list[int]:
    """Return, for each item of a list, the number of lines between its beginning and the item."""
    offsets: list[int] = []
    for offset in range(len(statement) - 1):
        try:
            parsed = tomllib.loads("\n".join([*statement[: offset + 1], "]"]))
        except tomllib.TOMLDecodeError:
            continue
        offsets += [offset] * (len(parsed[key]) - len(offsets))
    return offsets + [len(statement) - 1] * (count - len(offsets))
