"""The question about a new project and its ends match their golden file and keep the limits."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from bot.projects.approval import (
    AlreadyWaitsError,
    ApprovalRequest,
    Decision,
    OutcomeTask,
    Verdict,
)
from bot.projects.creation import CreationOutcome
from bot.projects.request import ProjectRequest
from bot.sandbox.slack.block_kit import message_error
from bot.slack.message import Message, ReplyTarget
from bot.views.approval import (
    after_approval,
    already_waits,
    cannot_ask,
    card,
    closed_card,
    expired,
    not_a_decider,
    outcome,
    over,
    own_request,
    step_outcome,
    tries_again,
    waits,
)
from bot.views.blocks import plain
from bot.views.failure import attempt_to_open, failure_message
from bot.views.installation import Installation
from tests.golden import assert_golden
from tests.views.drawn import texts
from tests.views.test_project import HOSTILE, LONG

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
LINK = "https://acme.slack.com/archives/C0APPROVALS/p1795750198271506"
INSTALLATION = Installation(contact="U0BOSS0001")
COMMAND = "`/training-project production llama-3-ft`"
CONFIRM = 300  # characters


def asked(name: str = "llama-3-ft", team: str = "Production", **changes: str) -> ApprovalRequest:
    request = ApprovalRequest(
        id="a" * 32,
        key="b" * 32,
        name=name,
        team=team,
        team_id="prd1234",
        requester="U0DANA0001",
        by=("S0LEADS", "U0LEE00001"),
        channel_id="C0APPROVALS",
        asked_at=NOW,
        expires_at=NOW + timedelta(days=1),
        kind="open/2",
        order={},
        card_ts="1795750198.271506",
    )
    return request.model_copy(update=changes)


def decided(verdict: Verdict) -> Decision:
    by = "" if verdict is Verdict.EXPIRED else "U0LEE00001"
    return Decision(verdict=verdict, at=NOW, task_id="t", by=by)


def ended(
    request: ApprovalRequest, verdict: Verdict, origin: CreationOutcome | None = None
) -> OutcomeTask:
    link = LINK if origin else ""
    return OutcomeTask(request=request, decision=decided(verdict), link=link, origin=origin)


def refused(request: ApprovalRequest, place: ReplyTarget | None) -> Message:
    asked = ProjectRequest(request.team, request.name)
    wording = attempt_to_open(asked, place, workflow=place is None)
    return failure_message(AlreadyWaitsError(request, LINK), wording, "0a1b2c3d", INSTALLATION)


def everything(request: ApprovalRequest, workflow: ApprovalRequest) -> dict[str, Message]:
    """Each message, by the situation."""
    drawn = {
        "question": card(request),
        "question_of_a_workflow": card(workflow),
        "waits": waits(request, LINK),
        "waits_without_a_link": waits(request, ""),
        "already_waits": refused(request, ReplyTarget("U0SAM00001", "C0ML")),
        "already_waits_for_a_workflow": refused(workflow, None),
        "cannot_ask": cannot_ask(request, INSTALLATION, unsure=False),
        "question_not_confirmed": cannot_ask(request, INSTALLATION, unsure=True),
        "cannot_ask_for_a_workflow": cannot_ask(workflow, INSTALLATION, unsure=False),
        "own_request": own_request(),
        "not_a_decider": not_a_decider(request.by),
        "expired_click": expired(),
        "over": over(None),
        "tries_again": tries_again(request.name, "U0LEE00001"),
        "after_approval": after_approval(
            request.name, "U0LEE00001", plain("⚠️ It failed."), opened=False
        ),
        "after_approval_opened": after_approval(
            request.name, "U0LEE00001", plain("⚠️ It failed."), opened=True
        ),
    }
    for verdict in Verdict:
        drawn[f"question_{verdict.value}"] = closed_card(request, decided(verdict))
        drawn[f"over_{verdict.value}"] = over(decided(verdict))
        if verdict is not Verdict.APPROVED:
            drawn[f"told_{verdict.value}"] = outcome(ended(request, verdict), COMMAND)
    for origin in CreationOutcome:
        task = ended(request, Verdict.APPROVED, origin)
        drawn[f"told_approved_{origin.value}"] = outcome(task, COMMAND)
    return drawn


def test_the_messages_match_their_golden_file() -> None:
    workflow = asked(requester="", for_person="Dana (nightly)")
    drawn = {name: each.payload() for name, each in everything(asked(), workflow).items()}
    assert_golden("approval", drawn)


@pytest.mark.parametrize("text", [HOSTILE, LONG, "&" * 500, "<!channel>" * 50])
def test_names_of_any_kind_keep_the_limits_and_cause_no_mention(text: str) -> None:
    request = asked(text, text)
    for name, message in everything(request, asked(text, text, requester="")).items():
        assert message_error(message.text, message.payload()["blocks"]) is None, name
        assert not any("<!channel>" in each or "<!here" in each for each in texts(message)), name


def test_the_question_shows_all_of_a_name() -> None:
    name = "x" * 900
    assert name in card(asked(name)).payload()["blocks"][0]["text"]["text"]


@pytest.mark.parametrize("shown", [step_outcome, lambda task: already(task.request)])
def test_the_error_of_a_step_has_no_markup(shown: Callable[[OutcomeTask], str]) -> None:
    for verdict in (Verdict.DECLINED, Verdict.EXPIRED):
        text = shown(ended(asked(requester=""), verdict))
        assert "Nothing was created." in text
        assert "<" not in text


def already(request: ApprovalRequest) -> str:
    return " ".join(already_waits(AlreadyWaitsError(request, LINK), workflow=True))


def test_many_deciders_are_counted() -> None:
    said = not_a_decider(tuple(f"U0PERSON{number:02}" for number in range(12))).text
    assert "U0PERSON09> and 2 more can decide this" in said
