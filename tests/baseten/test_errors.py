"""Every status and every body gives a model or one of the errors of the family."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.baseten.errors import (
    BasetenError,
    Paused,
    RateLimited,
    Refused,
    Throttled,
    Unreachable,
    Unreadable,
    decipher,
    outcome_of,
)
from bot.baseten.models import OneTrainingProject, Team, Teams, TrainingJobs

PROJECT = {
    "id": "yqvj7q3",
    "name": "demo/qwen3-0.6b",
    "created_at": "2026-11-23T17:10:00Z",
    "updated_at": "2026-11-23T17:10:00Z",
}
JOB = {
    "id": "j7q3abc",
    "created_at": "2026-11-23T17:10:00Z",
    "updated_at": "2026-11-23T17:10:00Z",
    "current_status": "TRAINING_JOB_RUNNING",
}
HTML = b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>"
TOO_DEEP = b"[" * 100_000
NO_HEADERS = httpx.Headers()


def body(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def refusal(status: int, said: bytes, headers: dict[str, str] | None = None) -> Refused:
    with pytest.raises(Refused) as refused:
        decipher(status, httpx.Headers(headers), said, Teams)
    return refused.value


def test_a_good_answer_is_read() -> None:
    said = body(teams=[{"id": "abc1234", "name": "research", "default": True, "new_field": 1}])
    teams = decipher(200, NO_HEADERS, said, Teams).teams
    assert teams == [Team(id="abc1234", name="research", default=True)]
    project = decipher(201, NO_HEADERS, body(training_project=PROJECT), OneTrainingProject)
    assert project.training_project.name == "demo/qwen3-0.6b"


def test_half_a_character_hides_nothing() -> None:
    said = body(training_project=PROJECT | {"name": "cut \ud83d"})
    project = decipher(200, NO_HEADERS, said, OneTrainingProject).training_project
    assert project.name == "cut ?"


def test_a_body_cut_within_half_a_character_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        decipher(200, NO_HEADERS, b'{"training_project": "\\ud83d', OneTrainingProject)


def test_an_odd_item_does_not_hide_the_others() -> None:
    said = body(training_jobs=[JOB | {"updated_at": None}, JOB, 7])
    (job,) = decipher(200, NO_HEADERS, said, TrainingJobs).training_jobs
    assert job.id == "j7q3abc"


@pytest.mark.parametrize("said", [[JOB | {"updated_at": None}], [7], 7, None, {"a": 1}])
def test_a_list_of_odd_items_alone_is_unreadable(said: object) -> None:
    with pytest.raises(Unreadable):
        decipher(200, NO_HEADERS, body(training_jobs=said), TrainingJobs)


@pytest.mark.parametrize(
    ("status", "said", "code", "message"),
    [
        (
            400,
            body(code="VALIDATION_ERROR", message="name: too long"),
            "VALIDATION_ERROR",
            "name: too long",
        ),
        (401, body(error="Unauthorized"), "", "Unauthorized"),
        (
            403,
            body(code="PERMISSION_DENIED", message="Authorization error"),
            "PERMISSION_DENIED",
            "Authorization error",
        ),
        (
            403,
            body(code="PERMISSION_DENIED", message="You are not authorized for Baseten training."),
            "PERMISSION_DENIED",
            "You are not authorized for Baseten training.",
        ),
        (404, body(code="NOT_FOUND", message="No team", details={}), "NOT_FOUND", "No team"),
        (409, body(code="CONFLICT", message="Busy", details=[]), "CONFLICT", "Busy"),
        (500, body(code="INTERNAL_ERROR", message="Oops"), "INTERNAL_ERROR", "Oops"),
        (502, HTML, "", ""),
        (503, b"", "", ""),
        (504, b"upstream request timeout", "", ""),
        (400, body(message=None, error="words"), "", "words"),
        (400, body(code=None, message=None, error=None), "", ""),
        (400, b'["message"]', "", ""),
        (400, b'"message"', "", ""),
        (400, b"null", "", ""),
        (400, b'{"message": "\xff"}', "", ""),
        (400, b'{"message": "cut o', "", ""),
        (400, TOO_DEEP, "", ""),
        (400, b'{"message":' + TOO_DEEP, "", ""),
        (400, b"1" * 10_000, "", ""),
    ],
)
def test_a_refusal_carries_the_status_the_code_and_the_apis_words(
    status: int, said: bytes, code: str, message: str
) -> None:
    refused = refusal(status, said)
    assert (refused.status, refused.code, refused.message) == (status, code, message)
    assert not isinstance(refused, RateLimited)
    assert str(status) in str(refused)


def test_a_refusals_words_are_not_kept_without_end() -> None:
    assert len(refusal(400, body(message="x" * 100_000)).message) <= 2000
    assert len(str(refusal(400, body(code="x" * 100_000, message="y" * 100_000)))) <= 5000


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        pytest.param(202, {"x-amzn-waf-action": "challenge"}, b"", id="a firewall's empty 202"),
        pytest.param(200, {"content-type": "text/html"}, HTML, id="a login page"),
        pytest.param(204, {}, b"", id="no content"),
        pytest.param(200, {}, b"null", id="null"),
        pytest.param(200, {}, b"[]", id="a list"),
        pytest.param(200, {}, b"{}", id="an empty object"),
        pytest.param(200, {}, body(teams=None), id="null for the list"),
        pytest.param(200, {}, body(teams={}), id="an object for the list"),
        pytest.param(200, {}, body(teams=[None]), id="null in the list"),
        pytest.param(200, {}, body(teams=[{"id": 5, "name": "n"}]), id="a number for the id"),
        pytest.param(200, {}, body(teams=[{"id": "x"}]), id="no name"),
        pytest.param(200, {}, body(error="Unauthorized"), id="an error with a good status"),
        pytest.param(200, {}, b'{"teams": [', id="cut off"),
        pytest.param(200, {}, b'{"teams": []} trailing', id="more than JSON"),
        pytest.param(200, {}, b'{"teams": ["\xff"]}', id="not UTF-8"),
        pytest.param(200, {}, TOO_DEEP, id="too deep"),
        pytest.param(200, {}, b'{"teams":' + TOO_DEEP, id="too deep inside"),
        pytest.param(200, {}, b"9" * 10_000, id="a huge number"),
    ],
)
def test_a_yes_without_the_apis_json_is_an_error(
    status: int, headers: dict[str, str], said: bytes
) -> None:
    with pytest.raises(Unreadable) as unreadable:
        decipher(status, httpx.Headers(headers), said, Teams)
    assert str(status) in str(unreadable.value)
    assert headers.get("content-type", "") in str(unreadable.value)


def test_what_could_not_be_read_is_named_but_never_quoted() -> None:
    said = body(training_project=PROJECT | {"created_at": "s3cr3t", "name": None})
    with pytest.raises(Unreadable) as unreadable:
        decipher(200, NO_HEADERS, said, OneTrainingProject)
    assert "training_project.created_at" in str(unreadable.value)
    assert "s3cr3t" not in str(unreadable.value)
    assert unreadable.value.__suppress_context__, "pydantic's error quotes what it read"
    assert unreadable.value.__cause__ is None, "and would be in the traceback as the cause"


DAY = "Mon, 23 Nov 2026"


@pytest.mark.parametrize(
    ("headers", "said", "wait"),
    [
        ({}, body(error="Rate limit exceeded", retry_after=37), 37),
        ({}, body(error="Rate limit exceeded", retry_after="37"), 37),
        ({}, body(retry_after=0.5), 0.5),
        ({}, body(retry_after=0), 0),
        ({"Retry-After": "12"}, b"", 12),
        ({"retry-after": "12"}, HTML, 12),
        ({"RETRY-AFTER": "12"}, body(retry_after=37), 37),
        ({"Retry-After": "60"}, body(retry_after=37), 60),
        ({"Retry-After": "soon"}, body(retry_after=37), 37),
        ({"Retry-After": "12"}, body(retry_after=-1), 12),
        ({"Retry-After": f"{DAY} 17:10:30 GMT", "Date": f"{DAY} 17:10:00 GMT"}, b"", 30),
        ({"Retry-After": f"{DAY} 17:09:00 GMT", "Date": f"{DAY} 17:10:00 GMT"}, b"", None),
        ({"Retry-After": f"{DAY} 17:10:30 GMT", "Date": "today"}, b"", None),
        ({"Retry-After": f"{DAY} 17:10:30 GMT"}, body(retry_after=37), 37),
        ({"Retry-After": "-12"}, b"", None),
        ({"Retry-After": ""}, b"", None),
        ({"Retry-After": "inf"}, b"", None),
        ({"Retry-After": "nan"}, b"", None),
        ({"Retry-After": "1e999"}, b"", None),
        ({}, b'{"retry_after": Infinity}', None),
        ({}, b'{"retry_after": -Infinity}', None),
        ({}, b'{"retry_after": NaN}', None),
        ({}, b'{"retry_after": 1e999}', None),
        ({}, b'{"retry_after": ' + b"9" * 4000 + b"}", None),
        ({}, b'{"retry_after": ' + b"9" * 10_000 + b"}", None),
        ({}, body(retry_after=True), None),
        ({}, body(retry_after=None), None),
        ({}, body(retry_after=[37]), None),
        ({}, body(retry_after={"seconds": 37}), None),
        ({}, body(error="Rate limit exceeded"), None),
        ({}, TOO_DEEP, None),
    ],
)
def test_a_rate_limit_tells_the_seconds_to_wait_if_they_are_known(
    headers: dict[str, str], said: bytes, wait: float | None
) -> None:
    limited = refusal(429, said, headers)
    assert isinstance(limited, RateLimited)
    assert limited.status == 429
    assert limited.retry_after == wait


def test_a_rate_limit_carries_the_apis_words() -> None:
    assert refusal(429, body(error="Rate limit exceeded.")).message == "Rate limit exceeded."


def test_only_a_429_is_a_rate_limit() -> None:
    assert not isinstance(refusal(503, body(retry_after=5), {"Retry-After": "5"}), RateLimited)


def test_no_answer_tells_whether_the_request_was_sent() -> None:
    assert Unreachable("too slow", sent=True).sent
    assert not Unreachable("nobody there", sent=False).sent
    assert isinstance(Unreachable("too slow", sent=True), BasetenError)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["message", "error", "code", "retry_after", "teams", "id", "name"]),
            inner,
        )
    ),
    max_leaves=8,
)
bodies = st.binary() | st.text().map(lambda text: text.encode(errors="replace"))
bodies |= values.map(lambda value: json.dumps(value).encode())
tokens = st.text(st.characters(min_codepoint=32, max_codepoint=126))


@given(st.integers(100, 999), bodies, tokens)
@example(429, b'{"retry_after": 1e999}', "1e999")
@example(200, b"\xff\xfe", "")
@example(500, b"\xff\xfe\x00", "")
def test_any_answer_at_all_is_read_or_is_one_of_the_familys_errors(
    status: int, said: bytes, wait: str
) -> None:
    answer: object
    try:
        answer = decipher(status, httpx.Headers({"Retry-After": wait}), said, Teams)
    except BasetenError as error:
        answer = error
    if status < 400:
        assert isinstance(answer, Teams | Unreadable)
    else:
        assert isinstance(answer, Refused)
        assert isinstance(answer, RateLimited) == (status == 429)
    assert str(answer)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Unreachable("no connection", sent=False), "not taken"),
        (Paused("it keeps failing", 5.0), "not taken"),
        (Throttled(1.0), "not taken"),
        (RateLimited("", 37.0), "not taken"),
        (Refused(503), "not taken"),
        (Refused(400), "refused"),
        (Refused(403), "refused"),
        (Refused(409), "refused"),
        (Refused(408), "unknown"),
        (Refused(500), "unknown"),
        (Refused(502), "unknown"),
        (Refused(504), "unknown"),
        (Unreachable("a timeout", sent=True), "unknown"),
        (Unreadable("a page"), "unknown"),
    ],
    ids=str,
)
def test_an_error_tells_what_became_of_a_request(error: BasetenError, outcome: str) -> None:
    assert outcome_of(error).value == outcome
