"""Signed payloads with missing, mistyped, huge and nested fields, over both transports."""

import asyncio
import copy
import sqlite3
from collections import Counter
from contextlib import closing
from random import Random
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.access.rules import MalformedPayloadError
from bot.listeners.shapes import check_payload
from tests.conftest import Env
from tests.payloads import Payload, paths, read_payloads

MISSING = object()
VALUES: list[Any] = [
    *(MISSING, None, True, 7, -1.5, "", "x", "a b", "\x00", "x" * 50_000, "☃☃☃"),
    *([], {}, [None], ["x"], [[]], {"id": 5}, {"id": None}, {"team": {"team": {"value": 1}}}),
    "\ud800",
]
NESTED: Any = []
for _ in range(400):
    NESTED = [NESTED]
VALUES.append(NESTED)
PAYLOADS = read_payloads()
MALFORMED = "I can't read"


def fresh(env: Env, name: str, number: int) -> tuple[str, Payload]:
    """Return a payload as Slack would send it next: with ids and an address of its own."""
    kind, recorded = PAYLOADS[name]
    payload = copy.deepcopy(recorded)
    if "trigger_id" in payload:
        payload["trigger_id"] = f"1.2.{number}"
    if "response_url" in payload:
        payload["response_url"] = f"{env.slack.url}/response/R{number}"
    if "event" in payload:
        payload["event_id"] = f"Ev{number}"
        if "function_execution_id" in payload["event"]:
            payload["event"]["function_execution_id"] = f"Fx{number}"
    return kind, payload


def changed(payload: Payload, path: tuple[str | int, ...], value: Any) -> Payload:
    """Return the payload with another value at the path."""
    *way, last = path
    place: Any = payload
    for step in way:
        place = place[step]
    if value is MISSING:
        del place[last]
    else:
        place[last] = value
    return payload


def is_malformed(payload: Payload) -> bool:
    try:
        check_payload(payload)
    except MalformedPayloadError:
        return True
    return False


def all_cases() -> list[tuple[str, tuple[str | int, ...], int]]:
    """Return each payload with each path and the number of each value, in a random order."""
    cases = [
        (name, path, value)
        for name, (_, payload) in PAYLOADS.items()
        for path in paths(payload)
        for value in range(len(VALUES))
    ]
    Random(13).shuffle(cases)  # noqa: S311 - no secret
    return cases


async def until_no_task_is_left(env: Env) -> None:
    """Wait until each task of the people has ended, in its first attempt or by its last retry."""
    query = "SELECT count(*) FROM training_bot_tasks WHERE ended_at IS NULL AND queue = 'commands'"
    async with asyncio.timeout(60):
        with closing(sqlite3.connect(env.folder / "bot.db")) as database:
            while database.execute(query).fetchone() != (0,):
                await asyncio.sleep(0.1)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "most", [1500, pytest.param(6000, marks=pytest.mark.slow)], ids=["some", "many"]
)
async def test_no_odd_payload_is_a_failure_of_the_bot(
    env: Env, most: int, record_property: Any
) -> None:
    form = env.slack.bot_url is not None  # over HTTP a command is a form, of texts only
    counted: Counter[str] = Counter()
    room = asyncio.Semaphore(8)

    async def send(number: int, name: str, path: tuple[str | int, ...], value: Any) -> None:
        kind, payload = fresh(env, name, number)
        payload = changed(payload, path, value)
        if kind == "slash_commands" and form:
            if value == "\ud800":
                return
            payload = {key: str(each) for key, each in payload.items()}
        refused = is_malformed(payload)
        async with room:
            delivery = await env.slack.deliver(kind, payload)
        assert delivery.status < 500, (name, path, value)
        if refused and kind == "slash_commands" and "command" in payload:
            assert MALFORMED in str(delivery.body), (name, path, value)
        counted["sent"] += 1
        counted["suggestions" if "suggestion" in str(payload.get("type")) else "others"] += refused

    with capture_logs() as lines:
        cases = all_cases()[:most]
        for at in range(0, len(cases), 200):
            await asyncio.gather(
                *(
                    send(at + number, name, path, VALUES[value])
                    for number, (name, path, value) in enumerate(cases[at : at + 200])
                )
            )
        await until_no_task_is_left(env)
    events = Counter(line["event"] for line in lines)
    named = [line for line in lines if MalformedPayloadError.__name__ in str(line.get("error"))]
    record_property("figure", f"{counted['sent']} payloads: {dict(counted)}, {dict(events)}")
    assert [line for line in lines if "exc_info" in line or "exception" in line] == []
    assert not {"unforeseen failure", "a step failed", "refused an unreadable body"} & set(events)
    assert events["request"] == counted["sent"]
    assert len(named) == counted["suggestions"] + counted["others"]
    assert counted["others"] > counted["sent"] / 5
    assert len(env.baseten.requests) < 3 * counted["sent"]


SEEN = [
    ("jobs", "container", None),
    ("jobs", "container", "x"),
    ("jobs", "actions", []),
    ("jobs", "message", 7),
    ("watch", "trigger_id", None),
    ("submission", "view.state", None),
    ("submission", "view.state.values", []),
    ("submission", "view.state.values.project:.project.selected_option", {"text": "sft"}),
    ("submission", "response_urls", None),
    ("submission", "view.state.values.name.name.selected_user", 7),
    ("choose_team", "view", None),
    ("choose_team", "view.state", None),
    ("choose_team", "view.state.values", []),
    ("choose_team", "actions.0.selected_option", "x"),
    ("choose_team", "actions.0.selected_option.value", "x" * 300),
    ("choose_team", "actions.0.selected_option.value", "\ud800"),
    ("command", "trigger_id", ""),
    ("shortcut", "trigger_id", None),
    ("step", "event.inputs", None),
    ("step", "event.inputs", "x"),
    ("step", "event.inputs.name", {"a": 1}),
    ("step", "authorizations", "x"),
    ("step", "authorizations", [7]),
]


@pytest.mark.parametrize(("name", "path", "value"), SEEN, ids=str)
async def test_a_malformed_payload_is_refused_in_words_and_one_log_line(
    env: Env, name: str, path: str, value: Any
) -> None:
    kind, payload = fresh(env, name, 1)
    env.slack._workspace.executions.add("Fx1")  # noqa: SLF001 - Slack waits for this step
    with capture_logs() as lines:
        way = tuple(int(step) if step.isdecimal() else step for step in path.split("."))
        delivery = await env.slack.deliver(kind, changed(payload, way, value))
        assert delivery.status == 200
        if name in {"command", "submission"}:
            assert MALFORMED in str(delivery.body)
        elif name == "step":
            await env.slack.until(lambda: bool(env.slack.completions))
            assert MALFORMED in (env.slack.completions[0].error or "")
        elif path == "container":
            assert MALFORMED in await env.told()  # in the channel of the payload
        else:
            await env.slack.until(
                lambda: MALFORMED in str(env.slack.ephemerals or env.slack.messages)
            )
    problems = [line for line in lines if line["event"] == "a request failed"]
    assert len(problems) == 1
    assert path.rsplit(".", maxsplit=1)[-1] in problems[0]["error"]
    assert [line["outcome"] for line in lines if line["event"] == "request"] == ["refused"]
    assert env.baseten.upserts == []


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"type": 7},
        {"type": "workflow_step_edit", "callback_id": "x"},
        {"type": "event_callback"},
        {"type": "event_callback", "event": {"type": "workflow_step_execute", "user": 7}},
        {"type": "event_callback", "event": {"type": "message", "channel": 7}},
        {"type": "url_verification", "challenge": {"a": 1}},
        {"ssl_check": "1"},
    ],
    ids=str,
)
async def test_a_kind_that_the_bot_does_not_know_is_no_failure(env: Env, payload: Payload) -> None:
    with capture_logs() as lines:
        delivery = await env.slack.deliver("events_api", {"team_id": "T0SANDBOX1"} | payload)
    assert delivery.status == 200
    assert [line for line in lines if "exc_info" in line] == []
    assert len([line for line in lines if line["event"] == "request"]) == 1


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_payload_as_slack_sends_it_has_its_shape(name: str) -> None:
    _, payload = PAYLOADS[name]
    check_payload(payload)
