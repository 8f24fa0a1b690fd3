"""The places where settings come from, and the variables and lines there that the bot ignores."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import StringIO
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from dotenv.parser import Binding, parse_stream
from pydantic import AfterValidator, AnyHttpUrl, BeforeValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from bot.text_files import UnreadableError, read_small_file

# No user, no query and no fragment: the bot adds the path of each endpoint at the end.
_ADDRESS = re.compile(r"https?://[^\s/?#@\\]+(/[^\s?#\\]*)?", re.IGNORECASE)
_WORD = re.compile(r"[^A-Z0-9]+")
_LONG = 14  # letters; a longer name can have two errors
_SHORT = 9  # letters; a shorter name is a common word
_FOREIGN = frozenset({"SLACK_API_TOKEN", "SLACK_TOKEN"})  # of other programs
# Read by other libraries, which know no .env and no secrets.
_ENVIRONMENT_ONLY = re.compile(r"(HTTPS?|NO|ALL)_PROXY|SSL_CERT_(FILE|DIR)|OTEL_\w+")
_LEVELS = {"warn": "warning", "fatal": "critical", "notset": "debug"}  # Python's other names
_LEVELS |= {"10": "debug", "20": "info", "30": "warning", "40": "error", "50": "critical"}


@dataclass(frozen=True, slots=True)
class Ignored:
    """A variable that has no effect, although somebody might think so.

    Attributes:
        name: its name.
        why: the reason with the cure, and without its value.
    """

    name: str
    why: str


def unquoted(value: str) -> str:
    """Return the value without spaces around it, and without a matching pair of quotes.

    ``docker run --env-file`` and Kubernetes keep quotes that a shell removes. Editors of Windows
    begin a file with a byte order mark.
    """
    value = value.removeprefix("\N{BOM}").strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1].strip()
    return value


def stripped(value: object) -> object:
    """Return a text without spaces around it."""
    return value.strip() if isinstance(value, str) else value


def lower(value: object) -> object:
    """Return a text in small letters."""
    return value.strip().lower() if isinstance(value, str) else value


def level(value: object) -> object:
    """Return the level of a log for one of Python's names or numbers."""
    return _LEVELS.get(str(lower(value)), lower(value))


def without_brackets(value: object) -> object:
    """Accept ``[::]``, as URLs write an IPv6 address."""
    return value.strip().removeprefix("[").removesuffix("]") if isinstance(value, str) else value


def ignored_settings(
    names: Iterable[str], env: Mapping[str, str], dotenv: Path, secrets: Path
) -> list[Ignored]:
    """Return the variables and the files that nearly name a setting, repeat one, or do not count.

    Args:
        names: of the settings.
        env: the environment.
        dotenv: a file with lines of the form ``NAME=value``, if it exists.
        secrets: a folder with a file for each secret, if it exists.
    """
    ours = [name.upper() for name in names]
    in_files: list[tuple[str, str]] = []
    lines = _lines(dotenv)
    in_files += [(line.key, str(dotenv)) for line in lines if line.key is not None]
    with suppress(OSError):
        if secrets.is_dir():
            in_files += [(path.name, str(secrets)) for path in sorted(secrets.iterdir())]
    found = [(name, "the environment") for name in env] + in_files
    return [
        *_repeated(env, ours),
        *_hidden_secrets(env, ours, [name for name, place in in_files if place == str(secrets)]),
        *(_no_assignment(dotenv, line) for line in lines if line.error),
        *(
            Ignored(name, f"it is no setting of the bot; did you mean {meant}? (in {place})")
            for name, place in dict.fromkeys(found)
            if (meant := _meant(name.upper(), ours)) is not None
        ),
        *_not_in_files(env, in_files),
        *_empty_folder(dotenv),
    ]


def _lines(dotenv: Path) -> list[Binding]:
    with suppress(UnreadableError):
        return list(parse_stream(StringIO(read_small_file(dotenv))))
    return []


def _no_assignment(dotenv: Path, line: Binding) -> Ignored:
    why = "it is not of the form NAME=value, or a quotation mark has no second one"
    return Ignored(f"line {line.original.line} of {dotenv}", why)


def _not_in_files(env: Mapping[str, str], in_files: list[tuple[str, str]]) -> list[Ignored]:
    """Return the names in files that count only in the environment, unless they are there too."""
    set_already = {name.upper() for name in env}
    return [
        Ignored(name, f"only the environment can set it, and {place} does not")
        for name, place in dict.fromkeys(in_files)
        if _ENVIRONMENT_ONLY.fullmatch(name.upper()) and name.upper() not in set_already
    ]


def _empty_folder(dotenv: Path) -> list[Ignored]:
    with suppress(OSError):
        if dotenv.is_dir() and not any(dotenv.iterdir()):
            why = "it is an empty folder: Docker makes one if the file to mount does not exist"
            return [Ignored(str(dotenv), why)]
    return []


def _repeated(env: Mapping[str, str], ours: list[str]) -> list[Ignored]:
    """Return the variables whose setting a later variable gives in other letters, such as port."""
    last = {name.upper(): name for name in env}
    return [
        Ignored(name, f"{last[name.upper()]} gives the same setting; remove one of them")
        for name in env
        if name.upper() in ours and last[name.upper()] != name
    ]


def _hidden_secrets(env: Mapping[str, str], ours: list[str], files: list[str]) -> list[Ignored]:
    """Return the files of secrets whose setting a variable gives too."""
    given = {name.upper() for name, value in env.items() if value}
    return [
        Ignored(name, "the environment gives the same setting; remove one of them")
        for name in files
        if name.upper() in given and name.upper() in ours
    ]


def _meant(name: str, ours: list[str]) -> str | None:
    """Return the setting that a name nearly is, or None."""
    if name in ours or name in _FOREIGN:
        return None
    words = [word for word in _WORD.split(name) if word]
    for one in ours:
        same = len(one.split("_")) > 1 and "".join(words) == _joined(one)
        if same or name in {f"{one}_FILE", f"{one}.TXT"}:
            return one
    for one in ours:
        errors = 2 if len(one) > _LONG else 1
        if len(one) >= _SHORT and _distance(name, one, errors) <= errors:
            return one
    for one in ours:
        parts = one.split("_")
        same_ends = words[:1] == parts[:1] and words[-1:] == parts[-1:]
        if parts[0] in {"SLACK", "BASETEN"} and same_ends and len(words) > 1:
            short, long = sorted((words, parts), key=len)
            if _in_order(short, long):
                return one
    return None


def _joined(name: str) -> str:
    return name.replace("_", "")


def _in_order(short: list[str], long: list[str]) -> bool:
    """Return whether all words of one name stand in the other one, in the same order."""
    rest = iter(long)
    return all(word in rest for word in short)


def _distance(one: str, other: str, most: int) -> int:
    """Return the number of changed, missing, extra or swapped letters; beyond ``most`` any more."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if last and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]


def without_version(url: AnyHttpUrl) -> AnyHttpUrl:
    """Remove ``/v1``, which the paths of the endpoints begin with, and slashes at the end."""
    return AnyHttpUrl(re.sub(r"(?i)(?<![:/])(/+v1)?/*\Z", "", str(url)))


def _plain(value: object) -> object:
    """Refuse an address that the path of an endpoint cannot be added to."""
    if not _ADDRESS.fullmatch(str(stripped(value))):
        kind = "malformed"
        raise PydanticCustomError(kind, "is no plain address")
    return value


def _usable(url: AnyHttpUrl) -> AnyHttpUrl:
    """Validate the host, and that tokens and texts are sent over https or stay on this machine."""
    host = (url.host or "").strip("[]")
    try:
        loopback = ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not is_host(host) or (url.scheme != "https" and not loopback):
        kind = "malformed"
        raise PydanticCustomError(kind, "is not encrypted, or has no host")
    return url


def _differs(command: str, info: ValidationInfo) -> str:
    """Validate that Slack can tell one command from the other."""
    if command == info.data.get("command"):
        kind, why = "malformed", "JOBS_COMMAND is the same as COMMAND: give another slash command"
        raise PydanticCustomError(kind, "{why}", {"why": why})
    return command


def is_host(text: str) -> bool:
    """Return whether a name can be looked up; ``api..example.com`` would raise at each look-up."""
    try:
        text.encode("idna")
    except UnicodeError:
        return False
    return True


def _host(value: str) -> str:
    if not is_host(value):
        kind = "malformed"
        raise PydanticCustomError(kind, "is no host")
    return value


ApiUrl = Annotated[AnyHttpUrl, BeforeValidator(_plain), AfterValidator(_usable)]
Command = Annotated[str, BeforeValidator(stripped), Field(pattern=r"^/[^\s/]{1,31}$")]
OtherCommand = Annotated[Command, AfterValidator(_differs)]
Host = Annotated[
    str, BeforeValidator(without_brackets), Field(pattern=r"^[\w.:-]+$"), AfterValidator(_host)
]
