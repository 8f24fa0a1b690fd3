"""The small files that the bot reads: ``.env``, secrets, and ``ACCESS_FILE``."""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_LARGEST = 1024 * 1024  # bytes


class UnreadableError(Exception):
    """A file cannot be read; the text has the reason."""


def read_small_file(path: Path) -> str:
    """Return the text of a file of settings or rules.

    The bot reads such a file more than once, and a pipe would hold it without end.

    Raises:
        UnreadableError: it is no file of text, it is too large, or this user cannot read it.
    """
    try:
        found = path.stat()
        if not (path.is_file() or path.is_dir() or path.samefile(os.devnull)):
            raise UnreadableError("it is no regular file")
        if found.st_size > _LARGEST:
            raise UnreadableError("it has more than 1 MiB")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableError("it is not UTF-8 text") from None
    except ValueError:
        raise UnreadableError("a path has no null characters") from None
    except OSError as error:
        raise UnreadableError(f"{error.strerror}{_access(path, error)}") from error


def unreadable_files(dotenv: Path, secrets: Path, names: Iterable[str]) -> list[str]:
    """Return a line for each file of settings that exists and cannot be read."""
    wanted = {name.lower() for name in names}
    try:
        absent = dotenv.is_dir() or not (dotenv.exists() or dotenv.is_symlink())
    except PermissionError:  # of its folder
        absent = False
    files = [] if absent else [dotenv]
    try:
        if secrets.is_dir():
            files += [path for path in sorted(secrets.iterdir()) if path.name.lower() in wanted]
    except OSError as error:
        return [f"{secrets} cannot be read: {error.strerror}{_access(secrets, error)}"]
    return [why for path in files if (why := _unreadable(path)) is not None]


def _unreadable(path: Path) -> str | None:
    try:
        read_small_file(path)
    except UnreadableError as error:
        if isinstance(error.__cause__, IsADirectoryError):
            return f"{path} is a folder: Docker makes one if the file to mount does not exist"
        return f"{path} cannot be read: {error}"
    return None


def _access(path: Path, error: OSError) -> str:
    """Return the owner and the mode of a file, or of its folder, and the user of this process."""
    if not isinstance(error, PermissionError):
        return ""
    for each in (path, *path.resolve().parents):
        with suppress(OSError, AttributeError):  # Windows has no users of this kind
            found, user = each.stat(), f"{os.geteuid()}:{os.getegid()}"
            owner, mode = f"{found.st_uid}:{found.st_gid}", stat.S_IMODE(found.st_mode)
            name = "" if each == path else f"{each}: "
            cure = f"Let user {user}, as which the bot runs, read it"
            return f" ({name}owner {owner}, mode {mode:04o}). {cure}"
    return ""
