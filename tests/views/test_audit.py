"""The message for ``AUDIT_CHANNEL``, and the texts of an event."""

from dataclasses import replace
from typing import Any

from bot.access.audit import Event, cleaned, event_of
from bot.sandbox.slack.block_kit import message_error
from bot.telemetry.redaction import Redactor
from bot.views.audit import MOST_EVENTS, audit_message, fitting
from tests.golden import assert_golden

CREATED = Event(
    time="2026-11-23T17:10:03.120Z",
    actor_kind="person",
    actor="U0DANA0001",
    workspace="T0ACME",
    channel="C0ML",
    entry_point="command",
    verb="create",
    team="Research",
    project="sbpcdp3",
    name="support-bot-sft",
    outcome="created",
    rule="grant 1",
    task="command:1.2.a",
    seconds=0.4,
)
STOPPED = replace(CREATED, entry_point="dialog", verb="stop", job="eiw8uo9", outcome="stopped")
BY_A_WORKFLOW = replace(
    CREATED, actor_kind="workflow", actor="Wf0NIGHTLY", channel="", entry_point="workflow step"
)
NAMELESS = replace(CREATED, name="", team="", outcome="stopped watching", channel="")
SECRET = "xoxb-" + "1234567890-abcdefABCDEF"
HOSTILE = f"<!channel> <@U0SAM00001> *b* `c` & \n\u202e\u2066{SECRET}\x1b[31m\0\ud800"


def events(event: Event, count: int) -> list[Event]:
    return [replace(event, project=f"p{number}") for number in range(count)]


def test_the_lines() -> None:
    shown = audit_message([CREATED, STOPPED, BY_A_WORKFLOW, NAMELESS])
    assert_golden("audit/message", shown.payload())


def hostile() -> Event:
    """An event with a hostile text in each field."""
    texts: dict[str, Any] = {
        name: HOSTILE
        for name, value in CREATED.fields().items()
        if isinstance(value, str) and name not in {"time", "actor_kind"}
    }
    return replace(CREATED, **texts)


def test_every_text_of_an_event_is_redacted_and_escaped() -> None:
    event = cleaned(hostile(), Redactor(["own-secret-value"]))
    for name, value in event.fields().items():
        if isinstance(value, str):
            assert value.isprintable(), name
            assert SECRET not in value, name
    assert "\\n\\u202e\\u2066" in event.name
    assert event.name.endswith("\\x1b[31m\\x00\\ud800")
    own = cleaned(replace(CREATED, name="x own-secret-value"), Redactor(["own-secret-value"]))
    assert "own-secret-value" not in own.name
    assert len(cleaned(replace(CREATED, name="x" * 9999), Redactor()).name) == 200


def test_no_mention_can_be_forged() -> None:
    shown = str(audit_message([cleaned(hostile(), Redactor())]).payload())
    assert "<!" not in shown.replace("<!date^", "")
    assert "<@" not in shown
    assert "&lt;!channel&gt;" in shown


def test_so_many_events_are_posted_as_fit_into_one_message() -> None:
    assert fitting(events(CREATED, 50)) == MOST_EVENTS
    for name in ("&" * 200, "x" * 200, "\u05d0" * 200):
        long = events(cleaned(replace(CREATED, name=name), Redactor()), 50)
        assert 5 < fitting(long) < 50
        shown = audit_message(long[: fitting(long)])
        assert message_error(shown.text, shown.payload()["blocks"]) is None
    longest = cleaned(replace(hostile(), actor="U" + "X" * 30), Redactor())
    assert fitting([longest]) == 1


def test_an_event_of_a_later_version_is_read() -> None:
    assert event_of(CREATED.fields() | {"new": 1}) == CREATED
