"""Task ids stay readable in every place, and secrets beside them are redacted."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.telemetry.logs import configure_logs
from bot.telemetry.redaction import MARK, Redactor, redact
from bot.telemetry.task_ids import KINDS
from tests.conftest import Env
from tests.telemetry.test_redaction import BY_THEMSELVES

KNOWN = "a secret of this process"
BASETEN_KEY = "AbCd1234.0123456789abcdefghijABCDEFGHIJ01"
SECRETS = [*BY_THEMSELVES, BASETEN_KEY, f"b10_{BASETEN_KEY}"]
GIVEN = ["WANDB_API_KEY={}", "token: {}", "password='{}'", "Authorization: Bearer {}"]


def text_of(alphabet: str, *lengths: int) -> st.SearchStrategy[str]:
    return st.one_of(*(st.text(alphabet, min_size=each, max_size=each) for each in lengths))


DIGITS, HEX, CAPITALS = "0123456789", "0123456789abcdef", "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
NUMBERS = text_of(DIGITS, 8, 9, 10, 12, 13)
TRIGGERS = st.builds("{}.{}.{}".format, NUMBERS, NUMBERS, text_of(HEX, 21, 32))
CHANNELS = st.builds("{}{}".format, st.sampled_from("CDG"), text_of(CAPITALS, 8, 10))
IDS = st.one_of(
    st.builds("{}:{}".format, st.sampled_from(["command", "watch/1", "stop/1"]), TRIGGERS),
    st.builds("command:{}".format, text_of(HEX, 32)),
    st.builds("dialog:V{}:{}".format, text_of(CAPITALS, 8, 10), text_of(HEX, 16)),
    st.builds("near name:{}:{}.{}".format, CHANNELS, text_of(DIGITS, 10), text_of(DIGITS, 6)),
    st.builds(
        "show:{}:{}.{}:{}".format,
        CHANNELS,
        text_of(DIGITS, 10),
        text_of(DIGITS, 6),
        text_of(HEX, 16),
    ),
    st.builds("notification:{}:{}".format, text_of(HEX, 32), st.integers(1, 2000)),
    st.builds("act/1:V{}".format, text_of(CAPITALS, 8, 10)),
    st.builds("step:Fx{}".format, text_of(CAPITALS, 8, 10)),
)
PLACES = ["{}", '"{}"', "'{}'", "({})", "<{}>", "{}.", "{}: it", "LostLeaseError: {}", "of {}, two"]
PLACES += ["work={}", "key={}", 'key="{}"', "token={}", "api_key: {}", "--token {}", "Bearer {}"]
PLACES += [
    r"\n{}\n",
    '{{"task": "{}"}}',
    '{{"token": "{}", "a": 1}}',
    "wandb {} it",
    "\x1b[35m{}\x1b[0m",
]
BETWEEN = [" ", ", ", "\n", r"\n", '", "', " | "]
BESIDE = st.one_of(
    st.sampled_from(SECRETS),
    st.builds(str.format, st.sampled_from(GIVEN), st.sampled_from(["abcd1234efgh", BASETEN_KEY])),
)


@given(
    task_id=IDS,
    place=st.sampled_from(PLACES),
    secret=BESIDE,
    between=st.sampled_from(BETWEEN),
    first=st.booleans(),
)
@settings(max_examples=500)
def test_an_id_stays_wherever_it_is_and_a_secret_beside_it_goes(
    *, task_id: str, place: str, secret: str, between: str, first: bool
) -> None:
    parts = [secret, place.format(task_id)]
    redacted = redact(between.join(parts if first else parts[::-1]))
    assert task_id in redacted
    assert secret not in redacted
    assert MARK in redacted
    assert redact(redacted) == redacted


@given(IDS, st.sampled_from(PLACES))
def test_an_id_alone_changes_nothing(task_id: str, place: str) -> None:
    text = place.format(task_id)
    assert redact(text) == text


@pytest.mark.parametrize("kind", [*KINDS, "watch/1"])
@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("text", ["{}:{}", "{}:1.{}", "{}:C012AB3CD:{}", "{}:1.2.ab.{}", "{}:1:{}"])
def test_no_secret_passes_as_an_id(kind: str, secret: str, text: str) -> None:
    assert secret not in redact(text.format(kind, secret))


@pytest.mark.parametrize(
    "text",
    [
        "password=step:20481024",
        "password: command:hunter2",
        "api_key=notification:abcd1234efgh",
        "command:12345678.0123456789abcdefghijABCDEFGHIJ01",
        "token=command:1.2.3/abcd1234efgh",
        "token=key:1345224609.738474920.8088930838d88f008e05c0f5a7b9d1e2",
    ],
)
def test_what_only_begins_like_an_id_is_taken_out(text: str) -> None:
    redacted = redact(text)
    assert redacted.endswith(MARK)
    assert not any(each in redacted for each in ["2048", "hunter2", "efgh", "8088", "ABC"])


@contextmanager
def logs(log_format: str) -> Iterator[io.StringIO]:
    """Collect the log lines."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level, configuration = root.handlers[:], root.level, structlog.get_config()
    configure_logs("info", log_format, Redactor([KNOWN]), stream)
    yield stream
    structlog.configure(**configuration)
    root.handlers[:] = handlers
    root.setLevel(level)


class LostLeaseError(Exception):
    """Raise an error with a task id, like the durable core."""


def lose(task_id: str) -> None:
    raise LostLeaseError(task_id)


@given(IDS, st.sampled_from(["json", "console"]))
def test_the_log_can_be_searched_for_an_id(task_id: str, log_format: str) -> None:
    log = structlog.stdlib.get_logger("bot.somewhere")
    with logs(log_format) as stream, structlog.contextvars.bound_contextvars(task=task_id):
        try:
            lose(task_id)
        except LostLeaseError:
            log.exception("it failed", key=task_id, api_key=f"{KNOWN} {BASETEN_KEY}")
    said = stream.getvalue()
    assert said.count(task_id) == 3
    assert "LostLeaseError" in said
    assert KNOWN not in said
    assert BASETEN_KEY not in said


@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_the_lines_about_a_command_have_its_id(http: Env, log_format: str) -> None:
    with logs(log_format) as stream:
        delivery = await http.slack.command("research llama")
        await http.answered()
        await http.slack.until(lambda: f"command:{delivery.trigger_id}" in stream.getvalue())
