"""All settings, from the environment, ``.env``, or files in ``/run/secrets``."""

import logging
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.durable.database_url import passwords, read_url
from bot.durable.model import DatabaseError
from bot.environment import (
    ApiUrl,
    Command,
    Host,
    Ignored,
    OtherCommand,
    ignored_settings,
    level,
    lower,
    stripped,
    unquoted,
    without_version,
)
from bot.proxies import missing_certificates, unused_proxy, wrong_proxies
from bot.text_files import unreadable_files

SECRETS_DIRECTORY = Path("/run/secrets")
_DOTENV = Path(".env")
_QUOTES = frozenset("\"'`")

_GIVE_ADDRESS = (
    "give an https address (http only on this machine), without a user, a password, ? or #, or "
    "leave it out for"
)
_CURES = {
    "slack_bot_token": "copy the Bot User OAuth Token (xoxb-…) from OAuth & Permissions of the app",
    "slack_signing_secret": "copy it from Basic Information of the app, or set SLACK_APP_TOKEN "
    "(xapp-…) to use Socket Mode instead",
    "slack_app_token": "create an app-level token (xapp-…) with connections:write under Basic "
    "Information, or leave it out to use HTTP",
    "slack_api_url": f"{_GIVE_ADDRESS} Slack's own",
    "baseten_api_key": "copy a workspace API key from Baseten's settings",
    "baseten_api_url": f"{_GIVE_ADDRESS} Baseten's own",
    "baseten_timeout": "give the seconds for one attempt, more than 0 and at most 300",
    "command": "give a slash command such as /training-project, of at most 32 characters",
    "jobs_command": "give a slash command such as /training-jobs, of at most 32 characters",
    "contact": "give the id of a person or a channel, or a few words, of at most 100 characters",
    "access_file": "give the path of a TOML file, or leave it out",
    "audit_channel": "give the id of a channel, such as C0123456789, or leave it out",
    "ask_near_names": "use true or false",
    "watch_answers": "use true or false",
    "waiting_too_long": "give the minutes until a waiting job is reported to its thread, from 1",
    "database_url": "give sqlite:///… or postgresql://…, or leave it out for data/bot.db",
    "baseten_per_second": "give a whole number, or 0 for no limit",
    "person_per_minute": "give a whole number, or 0 for no limit",
    "person_waiting": "give a whole number, or 0 for no limit",
    "shutdown_seconds": "give the seconds until the platform kills the bot, 1 to 600",
    "host": "give the address to listen on, such as 0.0.0.0",
    "port": "give a port number, 0 to 65535",
    "metrics_port": "give a port number, 0 to 65535, or leave it out for no metrics",
    "metrics_host": "give the address to listen on for the metrics, such as 127.0.0.1",
    "log_level": "use one of debug, info, warning, error, critical",
    "log_format": "use json or console, or leave it out",
}


class BadSettingsError(Exception):
    """The settings are invalid; ``lines`` names each one with its cure, and without its value."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def _secret(*prefixes: str, optional: bool = False) -> BeforeValidator:
    """Return a validator that refuses values unfit for a header, and values with a wrong prefix."""

    def check(value: object) -> object:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not isinstance(text, str):
            return value
        text = text.strip()
        if not text and optional:
            return None
        if not text:
            kind = "missing"
            raise PydanticCustomError(kind, "is empty")
        quoted = _QUOTES & {text[0], text[-1]}  # one alone, or a pair within another pair
        if quoted or not (text.isascii() and text.isprintable()) or " " in text:
            kind = "malformed"
            raise PydanticCustomError(kind, "has invalid characters")
        if prefixes and not text.startswith(prefixes):
            kind = "malformed"
            raise PydanticCustomError(kind, f"does not start with {' or '.join(prefixes)}")
        return text

    return BeforeValidator(check)


def _database(url: SecretStr) -> SecretStr:
    """Validate the URL without opening the database."""
    try:
        read_url(url.get_secret_value())
    except DatabaseError as error:
        kind = "malformed"  # the text of the error is the whole line
        raise PydanticCustomError(kind, "{why}", {"why": str(error)}) from None
    return url


class Settings(BaseSettings):
    """The settings of an operator; each name in capitals is an environment variable."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    slack_bot_token: Annotated[SecretStr, _secret("xoxb-", "xoxe.xoxb-")] = Field(
        description="The bot's token, from OAuth & Permissions."
    )
    slack_app_token: Annotated[SecretStr | None, _secret("xapp-", optional=True)] = Field(
        None, description="Selects Socket Mode; needs `connections:write`."
    )
    slack_signing_secret: Annotated[SecretStr | None, _secret(optional=True)] = Field(
        None,
        validate_default=True,
        description="HTTP mode: proves that a request comes from Slack; from Basic Information.",
    )
    slack_api_url: ApiUrl = Field(
        AnyHttpUrl("https://slack.com/api/"), description="The address of Slack's Web API."
    )
    baseten_api_key: Annotated[SecretStr, _secret()] = Field(
        description="The workspace API key for all projects."
    )
    baseten_api_url: Annotated[ApiUrl, AfterValidator(without_version)] = Field(
        AnyHttpUrl("https://api.baseten.co"), description="The address of Baseten's management API."
    )
    baseten_timeout: float = Field(
        15, gt=0, le=300, description="Timeout in seconds of one request to Baseten."
    )
    command: Command = Field(
        "/training-project", description="The slash command that opens a project."
    )
    jobs_command: OtherCommand = Field(
        "/training-jobs",
        validate_default=True,
        description="The slash command that lists jobs.",
    )
    contact: Annotated[str, BeforeValidator(stripped)] = Field(
        "",
        max_length=100,
        description="The id of a person or a channel to ask, or free text, for messages.",
    )
    access_file: Path | None = Field(
        None, description="A TOML file with the rules who can do what, and where; see the RUNBOOK."
    )
    audit_channel: Annotated[str | None, BeforeValidator(stripped)] = Field(
        None,
        pattern=r"^[CG][A-Z0-9]+$",
        description="The id of a channel that gets a line for each act; without it, none.",
    )
    ask_near_names: bool = Field(
        default=True,
        description="Ask first if a new project's name is nearly another's, or could mean "
        "something else.",
    )
    watch_answers: bool = Field(
        default=False,
        description="Watch the latest job of each project that is opened, without a click.",
    )
    waiting_too_long: float = Field(
        30, ge=1, description="Minutes before a waiting, watched job is reported in its thread."
    )
    database_url: Annotated[SecretStr, _secret(), AfterValidator(_database)] = Field(
        SecretStr("sqlite:///data/bot.db"),
        description="The database for tasks and watches; the URL can contain a password.",
    )
    baseten_per_second: int = Field(
        100,
        ge=0,
        description="Requests a second to each of Baseten's endpoints, for each replica; 0 for no "
        "limit.",
    )
    person_per_minute: int = Field(
        30,
        ge=0,
        description="Requests of one person in a minute, for each replica; 0 for no limit.",
    )
    person_waiting: int = Field(
        20, ge=0, description="Requests of one person that wait, for each replica; 0 for no limit."
    )
    shutdown_seconds: float = Field(
        25,
        ge=1,
        le=600,
        description="Seconds for running tasks after SIGTERM; the database gets 3 more.",
    )
    host: Host = Field(
        "0.0.0.0",  # noqa: S104 - other hosts connect to a container
        description="The address to listen on; `::` serves IPv4 and IPv6.",
    )
    port: int = Field(
        3000, ge=0, le=65535, description="The port to listen on; 0 chooses a free one."
    )
    metrics_port: int | None = Field(
        None, ge=0, le=65535, description="The port of `/metrics` for Prometheus; without it, none."
    )
    metrics_host: Host = Field("127.0.0.1", description="The address that `/metrics` listens on.")
    log_level: Annotated[
        Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(level)
    ] = Field("info", description="The least severe level to log.")
    log_format: Annotated[Literal["json", "console"] | None, BeforeValidator(lower)] = Field(
        None, description="`json` or `console`; a terminal gets `console` by default."
    )

    @model_validator(mode="before")
    @classmethod
    def _without_quotes(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Remove quotes; a pair of quotes around nothing counts as unset."""
        bare = {k: unquoted(v) if isinstance(v, str) else v for k, v in values.items()}
        return {k: v for k, v in bare.items() if v != "" or values[k].strip() == ""}

    @field_validator("slack_signing_secret", mode="after")
    @classmethod
    def _requires_a_mode(cls, secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        # info.data has no malformed app token, which gets a line of its own.
        if secret is None and info.data.get("slack_app_token", "malformed") is None:
            kind = "missing"
            raise PydanticCustomError(kind, "neither mode is configured")
        return secret

    @property
    def socket_mode(self) -> bool:
        """Whether the bot connects to Slack over a socket instead of HTTP."""
        return self.slack_app_token is not None

    @property
    def secrets(self) -> list[str]:
        """The values to redact in logs and messages."""
        secrets = (
            self.slack_bot_token,
            self.slack_signing_secret,
            self.slack_app_token,
            self.baseten_api_key,
        )
        values = [secret.get_secret_value() for secret in secrets if secret is not None]
        return [*values, *passwords(self.database_url.get_secret_value())]


def load_settings(secrets: Path = SECRETS_DIRECTORY) -> Settings:
    """Read the settings of this process.

    Args:
        secrets: the folder with a file for each secret.

    Raises:
        BadSettingsError: a setting is missing, empty or malformed; it has a line for each.
    """
    problems = unreadable_files(_DOTENV, secrets, Settings.model_fields)
    if problems := problems + wrong_proxies():
        raise BadSettingsError(problems)
    logging.getLogger("dotenv.main").setLevel(logging.ERROR)  # `ignored` names a wrong line
    try:
        return Settings(
            _env_file=_DOTENV,
            _env_file_encoding="utf-8-sig",  # Windows begins a file with a mark
            _secrets_dir=secrets if secrets.is_dir() else None,
        )
    except ValidationError as error:
        hints = [f"{each.name} is ignored: {each.why}" for each in ignored(secrets)]
        raise BadSettingsError([_line(problem) for problem in error.errors()] + hints) from None


def ignored(secrets: Path = SECRETS_DIRECTORY) -> list[Ignored]:
    """Return the variables and files that have no effect, although somebody might think so."""
    near = ignored_settings(Settings.model_fields, os.environ, _DOTENV, secrets)
    return near + missing_certificates(os.environ) + unused_proxy()


def _line(problem: ErrorDetails) -> str:
    """Return the problem and the cure of one setting, without its value."""
    if why := problem.get("ctx", {}).get("why"):
        return str(why)
    name = str(problem["loc"][0]).lower()
    wrong = "missing or empty" if problem["type"] == "missing" else "malformed"
    return f"{name.upper()} is {wrong}: {_CURES[name]}"
