"""Each log line of every logger is one line without secrets."""

import io
import json
import logging
import secrets
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
import structlog

from bot.telemetry.logs import configure_logs
from bot.telemetry.redaction import MARK, Redactor

# No pattern matches this value, so only the exact value can be redacted. It is random, so no source
# line in a traceback contains it.
SECRET = secrets.token_hex(16)
HOOK = "https://hooks.slack.com/commands/T012AB3C4/567890/Zm9yZ2V0IG1lIG5vdA"
NEEDLE = "Zm9yZ2V0IG1lIG5vdA"
FORMATS = ["json", "console"]


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    manager = logging.root.manager
    levels = {
        name: logger.level
        for name, logger in manager.loggerDict.items()
        if isinstance(logger, logging.Logger)
    }
    configuration = structlog.get_config()
    yield
    logging.captureWarnings(capture=False)
    structlog.configure(**configuration)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, logger in manager.loggerDict.items():
        if isinstance(logger, logging.Logger):
            logger.setLevel(levels.get(name, logging.NOTSET))


class Terminal(io.StringIO):
    """A stream whose `isatty` is true."""

    def isatty(self) -> bool:
        return True


def logs(log_format: str | None, level: str = "debug", stream: io.StringIO | None = None) -> Any:
    stream = stream or io.StringIO()
    configure_logs(level, log_format, Redactor([SECRET]), stream)
    return stream


def leaked(text: str, secret: str = SECRET) -> bool:
    """Return whether the text contains a third of the secret or more."""
    third = len(secret) // 3
    return any(secret[at : at + third] in text for at in range(len(secret) - third + 1))


def ours() -> structlog.stdlib.BoundLogger:
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("bot.somewhere")
    return logger


def theirs() -> logging.Logger:
    return logging.getLogger("lib")


def fail(words: str) -> None:
    raise RuntimeError(words)


def failing(logger: Callable[[], Any], words: str) -> None:
    try:
        fail(words)
    except RuntimeError:
        logger().exception("it failed")


SAYINGS: dict[str, Callable[[], object]] = {
    "our event": lambda: ours().info(f"it is {SECRET}"),
    "our field": lambda: ours().info("it", key=SECRET, deep={"a": [SECRET]}),
    "our argument": lambda: ours().info("it is %s", SECRET),
    "our bound field": lambda: ours().bind(key=SECRET).info("it"),
    "our error": lambda: ours().error("it", error=RuntimeError(SECRET)),
    "our traceback": lambda: failing(ours, SECRET),
    "our exc_info": lambda: ours().error("it", exc_info=RuntimeError(SECRET)),
    "our encoded field": lambda: ours().info("it", url=quote(f"/{SECRET}/", safe="")),
    "a library's message": lambda: theirs().warning(f"it is {SECRET}"),
    "a library's argument": lambda: theirs().warning("it is %s", SECRET),
    "a library's named argument": lambda: theirs().warning("it is %(key)s", {"key": SECRET}),
    "a library's extra": lambda: theirs().warning("it", extra={"key": SECRET}),
    "a library's traceback": lambda: failing(theirs, SECRET),
    "a library's stack": lambda: theirs().warning(SECRET, stack_info=True),
}


@pytest.mark.parametrize("log_format", FORMATS)
@pytest.mark.parametrize("say", SAYINGS.values(), ids=SAYINGS.keys())
def test_no_secret_passes_whoever_logs_it(
    log_format: str, say: Callable[[], object], capfd: pytest.CaptureFixture[str]
) -> None:
    stream = logs(log_format)
    say()
    assert "it" in stream.getvalue() or MARK in stream.getvalue()
    assert not leaked(stream.getvalue())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("log_format", FORMATS)
@pytest.mark.parametrize("padding", [0, 40, 55, 65, 70])
def test_no_part_of_a_secret_passes_where_a_traceback_is_cut_or_wrapped(
    log_format: str, padding: int
) -> None:
    stream = logs(log_format)

    def raise_with_a_local() -> None:
        kept = "x" * padding + SECRET
        fail(kept)

    try:
        raise_with_a_local()
    except RuntimeError:
        ours().exception("it failed")
    assert "it failed" in stream.getvalue()
    assert "RuntimeError" in stream.getvalue()
    assert not leaked(stream.getvalue())


@pytest.mark.parametrize("log_format", FORMATS)
def test_no_secret_passes_in_a_message_that_cannot_be_formatted(
    log_format: str, capfd: pytest.CaptureFixture[str]
) -> None:
    stream = logs(log_format)
    theirs().warning(f"%d of {SECRET}", "not a number")
    out, err = capfd.readouterr()
    assert not leaked(stream.getvalue() + out + err)


@pytest.mark.parametrize("log_format", FORMATS)
def test_a_response_url_in_a_body_does_not_pass(log_format: str) -> None:
    stream = logs(log_format)
    theirs().warning("body: %s", {"response_url": HOOK, "user_id": "U1"})
    ours().warning("body", body=f"user_id=U1&response_url={quote(HOOK, safe='')}")
    ours().warning("body", body=json.dumps({"response_url": HOOK}))
    assert not leaked(stream.getvalue(), NEEDLE)


@pytest.mark.parametrize(
    "event",
    [
        'sent "Api-Key s3cr3t" twice',
        'sent {"Authorization": "Bearer s3cr3t", "a": 1}',
        '{"response_url": "https://chat.example.org/s3cr3t", "a": 1}',
        "{'response_url': 'https://chat.example.org/s3cr3t', 'a': 1}",
        "cut off: {'response_url': 'https://chat.example.org/s3cr3t",
        'cut off: {"response_url": "https://chat.example.org/s3cr3t',
        f'{{"u": "{HOOK}s3cr3t"}}',
        'a="response_url=https://chat.example.org/s3cr3t"',
        "line\nbreak\ttab \\ \"quotes\" 'apostrophes' \N{LINE SEPARATOR} \ud800 é 🚀",
    ],
)
def test_a_json_line_can_still_be_read_after_secrets_were_taken_out(event: str) -> None:
    stream = logs("json")
    ours().info(event, last="kept")
    (line,) = stream.getvalue().splitlines()
    read = json.loads(line)
    assert read["last"] == "kept"
    assert "s3cr3t" not in line


def test_a_json_line_says_what_when_where_and_how_severe() -> None:
    stream = logs("json")
    ours().warning("it happened", user="U1", seconds=1.5)
    logging.getLogger("lib.part").error("so did %s", "this")
    ours().info("and %s", "that")
    first, second, third = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first["event"] == "it happened"
    assert (first["level"], first["logger"]) == ("warning", "bot.somewhere")
    assert (first["user"], first["seconds"]) == ("U1", 1.5)
    assert (second["event"], second["level"]) == ("so did this", "error")
    assert second["logger"] == "lib.part"
    assert third["event"] == "and that"
    assert first["timestamp"].endswith("Z")


def test_a_warning_of_python_is_a_log_line_without_secrets(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        stream = logs("json")
        warnings.warn(
            f"old way to log in with {SECRET} at {HOOK}", DeprecationWarning, stacklevel=1
        )
        logging.captureWarnings(capture=False)
    (line,) = stream.getvalue().splitlines()
    read = json.loads(line)
    assert (read["level"], read["logger"]) == ("warning", "py.warnings")
    assert "old way to log in" in read["event"]
    assert not leaked(line)
    assert not leaked(line, NEEDLE)
    assert capfd.readouterr() == ("", "")


def test_a_traceback_is_one_json_line() -> None:
    stream = logs("json")
    failing(ours, "because")
    failing(theirs, "because")
    for line in stream.getvalue().splitlines():
        assert "because" in json.dumps(json.loads(line)["exception"])


@pytest.mark.parametrize(
    ("log_format", "stream", "is_json"),
    [
        (None, io.StringIO, True),
        (None, Terminal, False),
        ("json", Terminal, True),
        ("console", io.StringIO, False),
    ],
)
def test_the_format_is_console_on_a_terminal_and_json_elsewhere(
    log_format: str | None, stream: Callable[[], io.StringIO], *, is_json: bool
) -> None:
    written = logs(log_format, stream=stream())
    ours().info("hello")
    assert written.getvalue().startswith("{") == is_json
    assert "hello" in written.getvalue()


@pytest.mark.parametrize(
    ("level", "written"),
    [("debug", "diwe"), ("info", "iwe"), ("warning", "we"), ("error", "e")],
)
def test_nothing_below_the_level_is_written(level: str, written: str) -> None:
    stream = logs("json", level)
    for logger in (ours(), theirs()):
        logger.debug("d")
        logger.info("i")
        logger.warning("w")
        logger.error("e")
    events = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert events == list(written * 2)


@pytest.mark.parametrize(
    "library",
    [
        *("slack_bolt", "slack_sdk.web", "aiohttp.access", "httpx"),
        "asyncpg",
    ],
)
def test_libraries_that_repeat_bodies_are_kept_to_what_is_grave(library: str) -> None:
    stream = logs("json", "debug")
    logging.getLogger(library).info("a whole body")
    assert stream.getvalue() == ""
    logging.getLogger(library).error("trouble")
    assert "trouble" in stream.getvalue()


def test_configuring_twice_writes_each_line_once_and_to_the_last_stream() -> None:
    first, second = logs("json"), logs("json")
    ours().info("hello")
    assert first.getvalue() == ""
    assert second.getvalue().count("hello") == 1


def test_standard_error_is_where_lines_go_by_default(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json", Redactor(), sys.stderr)
    ours().info("hello")
    out, err = capfd.readouterr()
    assert out == ""
    assert json.loads(err)["event"] == "hello"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), BrokenPipeError()])
def test_a_line_that_cannot_be_written_is_lost_and_the_work_goes_on(error: OSError) -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise error

    logs("json", stream=Full())
    structlog.stdlib.get_logger("bot").info("a request")
    logging.getLogger("bot").error("%d", "no number")
