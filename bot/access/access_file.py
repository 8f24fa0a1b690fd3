"""The operator's rules: ``ACCESS_FILE``, read into values with types."""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from bot.access.rules import Verb
from bot.access.toml_lines import line_of, lines_of
from bot.telemetry.redaction import redact
from bot.text_files import UnreadableError, read_small_file

ALL = "*"  # in a grant: every team
_GROUP = re.compile(r"S[A-Z0-9]{1,30}")
_MOST_LINES = 20  # of errors


class BadAccessFileError(Exception):
    """The file is wrong; ``lines`` has each error with its line and the cure."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


def _id(form: str, cure: str) -> AfterValidator:
    pattern = re.compile(form)

    def check(value: str) -> str:
        if pattern.fullmatch(value):
            return value
        kind = "id"
        raise PydanticCustomError(kind, "{cure}", {"cure": cure})

    return AfterValidator(check)


Workspace = Annotated[str, _id(r"T[A-Z0-9]{1,30}", "the id of a workspace, such as T0123ABCD")]
Channel = Annotated[str, _id(r"[CG][A-Z0-9]{1,30}", "the id of a channel, such as C0123ABCD")]
Grantee = Annotated[
    str,
    _id(
        r"(?:[UWS]|Wf)[A-Z0-9]{1,30}",
        "the id of a person (U0123ABCD), a user group (S0123ABCD) or a workflow (Wf0123ABCD)",
    ),
]
Approver = Annotated[
    str,
    _id(r"[UWS][A-Z0-9]{1,30}", "the id of a person (U0123ABCD) or a user group (S0123ABCD)"),
]
Team = Annotated[str, _id(r"\S(?:.*\S)?", 'the name or the id of a team, or "*" for all teams')]
Choice = Literal["allow", "deny"]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Grant(_Table):
    """Rights for people, user groups and workflows.

    Attributes:
        to: their ids.
        teams: names or ids of teams; `ALL` for every team.
        can: the acts.
        channels: the only channels in which the grant holds; None: it holds everywhere.
    """

    to: tuple[Grantee, ...] = Field(min_length=1)
    teams: tuple[Team, ...] = Field(min_length=1)
    can: tuple[Verb, ...] = Field(min_length=1)
    channels: tuple[Channel, ...] | None = Field(None, alias="in", min_length=1)

    @property
    def groups(self) -> tuple[str, ...]:
        """The user groups among the grantees."""
        return groups_in(self.to)


class Approval(_Table):
    """Teams in which a new project waits for another person's click.

    Attributes:
        teams: names or ids of teams; `ALL` for every team.
        by: the people and user groups that decide.
        channel: the channel of the question.
    """

    teams: tuple[Team, ...] = Field(min_length=1)
    by: tuple[Approver, ...] = Field(min_length=1)
    channel: Channel


class AccessFile(_Table):
    """All rules; without a file, each has its default.

    Attributes:
        workspaces: the workspaces that the bot serves; None: the token's own.
        external: whether it serves people of connected companies.
        guests: whether it serves guests.
        channels: the channels that it posts in; None: all.
        shared_channels: whether it works in channels that are shared with other companies.
        grants: with one or more, everything that is not granted is refused.
        approvals: the teams in which a new project waits.
    """

    workspaces: tuple[Workspace, ...] | None = Field(None, min_length=1)
    external: Choice = "deny"
    guests: Choice = "allow"
    channels: tuple[Channel, ...] | None = Field(None, min_length=1)
    shared_channels: Choice = "allow"
    grants: tuple[Grant, ...] = Field((), alias="grant")
    approvals: tuple[Approval, ...] = Field((), alias="approve")

    @property
    def groups(self) -> frozenset[str]:
        """The user groups that any rule names."""
        named = [grant.to for grant in self.grants] + [each.by for each in self.approvals]
        return frozenset(group for ids in named for group in groups_in(ids))

    @property
    def scopes(self) -> dict[str, str]:
        """The scopes that the rules need, each with the rule that needs it."""
        needed = {}
        if self.groups:
            needed["usergroups:read"] = "a user group"
        if self.guests == "deny":
            needed["users:read"] = 'guests = "deny"'
        if self.shared_channels == "deny":
            needed["channels:read"] = 'shared_channels = "deny"'
        return needed


def groups_in(ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return the ids of user groups among these ids."""
    return tuple(each for each in ids if _GROUP.fullmatch(each))


def missing_scopes(file: AccessFile, granted: str) -> str | None:
    """Return a sentence about the scopes that the token lacks for the rules; None: it has all.

    Args:
        file: the rules.
        granted: the header ``X-OAuth-Scopes`` of an answer; empty: unknown.
    """
    scopes = {scope.strip() for scope in granted.split(",")}
    missing = [f"{scope} (for {why})" for scope, why in file.scopes.items() if scope not in scopes]
    if not granted or not missing:
        return None
    return (
        f"ACCESS_FILE needs the scopes that the token lacks: {', '.join(missing)}; add them under "
        "OAuth & Permissions and reinstall the app, or remove these rules"
    )


def read_access_file(path: Path | None) -> AccessFile:
    """Read the file; without a path, return the defaults.

    Raises:
        BadAccessFileError: it cannot be read, or it is empty, or a rule is wrong.
    """
    if path is None:
        return AccessFile()
    try:
        text = read_small_file(path)
    except UnreadableError as error:
        line = f"ACCESS_FILE cannot be read: {path}: {error}; correct the path, or leave it out"
        raise BadAccessFileError([line]) from None
    if not text.strip():  # after a write that was cut short, everybody would have rights
        line = "ACCESS_FILE is empty; write rules, or only a comment to have none"
        raise BadAccessFileError([line])
    return parse_access_file(text)


def parse_access_file(text: str) -> AccessFile:
    """Return the rules in a text of TOML.

    Raises:
        BadAccessFileError: the text is no TOML, or a rule is wrong.
    """
    try:
        parsed = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number can be too long for Python
        end = f"at line {len(text.splitlines())}, the end of the file"
        why = str(error).replace("at end of document", end)
        raise BadAccessFileError([f"ACCESS_FILE is no TOML: {why}"]) from None
    try:
        return AccessFile.model_validate(parsed)
    except ValidationError as error:
        lines = lines_of(text)
        # A list of wrong items counts as too short too; its items have lines of their own.
        problems = [one for one in error.errors() if one["type"] != "too_short" or not one["input"]]
        told = problems[:_MOST_LINES]
        wrong = sorted((line_of(one["loc"], lines), _cure(one)) for one in told)
        said = [f"ACCESS_FILE, line {line}: {cure}" for line, cure in wrong]
        raise BadAccessFileError(said) from None


_VALUES = {
    "workspaces": 'a list of ids of workspaces, such as ["T0123ABCD"]',
    "external": '"allow" or "deny"',
    "guests": '"allow" or "deny"',
    "channels": 'a list of ids of channels, such as ["C0123ABCD"]',
    "shared_channels": '"allow" or "deny"',
    "grant": "one or more tables that begin with [[grant]]",
    "approve": "one or more tables that begin with [[approve]]",
    "to": 'a list of ids, such as ["S0123ABCD", "U0123ABCD"]',
    "teams": 'a list of names or ids of teams, such as ["Research"], or ["*"]',
    "can": "a list of " + ", ".join(f'"{verb.value}"' for verb in Verb),
    "in": 'a list of ids of channels, such as ["C0123ABCD"]',
    "by": 'a list of ids, such as ["S0123ABCD", "U0123ABCD"]',
    "channel": 'the id of a channel, such as "C0123ABCD"',
}
_TABLES: dict[str, type[_Table]] = {"grant": Grant, "approve": Approval}


def _cure(problem: ErrorDetails) -> str:
    """Return the problem and the cure of one entry."""
    path = problem["loc"]
    key = next(str(part) for part in reversed(path) if isinstance(part, str))
    match problem["type"]:
        case "extra_forbidden":
            table = _TABLES.get(str(path[0]), AccessFile) if len(path) > 1 else AccessFile
            known = [field.alias or name for name, field in table.model_fields.items()]
            return f"{_shown(key)} is no rule; use one of {', '.join(known)}"
        case "missing":
            return f"{key} is missing; give {_VALUES[key]}"
        case "id":
            return f"{_shown(problem['input'])} in {key} is not {problem['msg']}"
        case _:
            return f"{_shown(problem['input'])} is no value for {key}; give {_VALUES[key]}"


def _shown(value: Any) -> str:  # noqa: ANN401 - any value of TOML
    text = redact(repr(value))
    return text if len(text) <= 60 else f"{text[:60]}…"  # noqa: PLR2004 - a short line
