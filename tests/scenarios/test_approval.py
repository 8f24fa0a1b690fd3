"""A new project waits for another person's click: from the request to each of its ends."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from bot.handlers.open_task import OPEN_PROJECT
from bot.handlers.workflow_step import RUN_WORKFLOW_STEP
from bot.listeners.workflow_step import STEP
from bot.sandbox import Clock, Drop, Respond
from bot.sandbox.refusals import slack_rate_limited_429
from bot.slack.web_api import ATTEMPTS
from bot.wiring import Tuning
from tests.conftest import RESEARCH, Env
from tests.scenarios.approvals import (
    APPROVE,
    ASK,
    DECLINE,
    RULE,
    SAM,
    asked,
    buttons,
    cards,
    closed,
    copied,
    decide,
    direct,
    heard,
    nothing_created,
    projects,
    said,
    told,
)
from tests.scenarios.audited import rows
from tests.scenarios.filled import chosen, dialog, typed
from tests.scenarios.rules import DANA, GROUP, HERE, LEE, THERE, WORKFLOW, change, granted, ruled
from tests.scenarios.tasks import enqueue, grow_old, order, set_columns, until_ended

DAY, KIM = 86_400, "U0KIM00001"
HTTP_AND_SOCKET = pytest.mark.parametrize("socket", [False, True], ids=["http", "socket"])
POST, UPDATE = "/api/chat.postMessage", "/api/chat.update"


@HTTP_AND_SOCKET
async def test_an_approved_project_is_created_and_posted(idle_env: Env, *, socket: bool) -> None:
    async with ruled(idle_env, RULE, socket=socket):
        card = await asked(idle_env)
        assert f"<@{LEE}> asks for a new project *sft* in team *Research*" in card.text
        assert [each["text"]["text"] for each in buttons(card)] == ["Approve", "Decline"]
        confirm = buttons(card)[0]["confirm"]["text"]["text"]
        assert all(part in confirm for part in ("*sft*", "*Research*", f"<@{LEE}>"))
        (waits,) = said(idle_env, LEE)
        assert f"*sft* in *Research* waits for approval: I asked in <#{THERE}>" in waits
        assert f"archives/{THERE}/p{card.ts.replace('.', '')}|Show the question>" in waits
        assert nothing_created(idle_env)
        await decide(idle_env, card)
        text = await heard(idle_env, "approved *sft* in *Research*. I created it")
        assert text.startswith(f"✅ <@{DANA}>")
        (shown,) = projects(idle_env)
        assert f"archives/{HERE}/p{shown.ts.replace('.', '')}|show the message>" in text
        assert (shown.via, "*sft* was created" in str(shown.blocks)) == ("chat.postMessage", True)
        assert f"requested by <@{LEE}>" in str(shown.blocks)
        assert f"approved by <@{DANA}>" in await closed(idle_env, card)
    assert len(idle_env.baseten.upserts) == 1
    assert len(direct(idle_env)) == 1


@HTTP_AND_SOCKET
async def test_a_declined_project_is_not_created(idle_env: Env, *, socket: bool) -> None:
    async with ruled(idle_env, RULE, socket=socket):
        card = await asked(idle_env)
        await decide(idle_env, card, DECLINE, SAM)
        text = await heard(idle_env, "declined *sft* in *Research*. Nothing was created.")
        assert f"<@{SAM}>" in text
        assert "/training-project research sft" in text
        assert f"declined by <@{SAM}>" in await closed(idle_env, card)
        await asked(idle_env)  # the project can be asked for again
    assert nothing_created(idle_env)
    assert projects(idle_env) == []


async def test_each_step_and_each_refusal_is_in_the_audit_log(idle_env: Env) -> None:
    async with ruled(idle_env, RULE):
        first, second = await asked(idle_env), await asked(idle_env, "other")
        await decide(idle_env, first, user=LEE)
        await told(idle_env, "another person must decide", LEE)
        await decide(idle_env, first)
        await heard(idle_env, "approved *sft*")
        await decide(idle_env, second, DECLINE, SAM)
        await heard(idle_env, "declined *other*")
        await until_ended(idle_env)
    fields = ("actor", "channel", "entry_point", "outcome", "team", "name", "rule")
    found = [tuple(row[field] for field in fields) for row in rows(idle_env)]
    by_rule = "the rule of approval"
    command, click = (LEE, HERE, "command"), "button:approve_project"
    assert sorted(found) == sorted(
        [
            (*command, "approval requested", "Research", "sft", "no grants"),
            (*command, "approval requested", "Research", "other", "no grants"),
            (LEE, THERE, click, "refused", "Research", "sft", by_rule),
            (DANA, THERE, click, "approved", "Research", "sft", by_rule),
            (*command, "created", "Research", "sft", "no grants"),
            (SAM, THERE, "button:decline_project", "declined", "Research", "other", by_rule),
        ]
    )


async def test_an_existing_project_and_other_teams_need_no_approval(idle_env: Env) -> None:
    idle_env.baseten.add_project(RESEARCH, "old")
    async with ruled(idle_env, RULE):
        await idle_env.slack.command("research old", user=LEE)
        await idle_env.slack.command("default new", user=LEE)
        await idle_env.slack.until(lambda: len(projects(idle_env)) == 2)
    assert cards(idle_env) == []
    assert len(idle_env.baseten.upserts) == 1  # of the other team: an upsert could create


async def test_the_list_of_names_in_memory_decides_nothing(idle_env: Env) -> None:
    old = idle_env.baseten.add_project(RESEARCH, "old")
    async with ruled(idle_env, RULE):
        await idle_env.slack.command("research old", user=LEE)
        await idle_env.slack.until(lambda: len(projects(idle_env)) == 1)
        idle_env.baseten.delete_project(old["id"])
        await asked(idle_env, "old")
        idle_env.baseten.add_project(RESEARCH, "new")
        await idle_env.slack.command("research new", user=LEE)
        await idle_env.slack.until(lambda: len(projects(idle_env)) == 2)
    assert len(cards(idle_env)) == 1
    assert nothing_created(idle_env)


@pytest.mark.parametrize("team", [RESEARCH, "*"])
async def test_a_rule_names_a_team_by_its_id_or_all_teams(idle_env: Env, team: str) -> None:
    async with ruled(idle_env, RULE.replace("Research", team)):
        await asked(idle_env)
    assert nothing_created(idle_env)


async def test_a_team_without_a_known_name_could_be_in_a_rule(idle_env: Env) -> None:
    refused = Respond(403, {"code": "PERMISSION_DENIED", "message": "no"})
    idle_env.baseten.faults.always("/v1/teams", refused, method="GET")
    async with ruled(idle_env, RULE):
        await idle_env.slack.command(f"{RESEARCH} sft", user=LEE)
        await told(idle_env, "doesn't tell me right now which teams there are", LEE)
        await change(idle_env, idle_env.bot, RULE.replace("Research", RESEARCH))
        await asked_by_id(idle_env)
    assert nothing_created(idle_env)


async def asked_by_id(env: Env) -> None:
    await env.slack.command(f"{RESEARCH} sft", user=LEE)
    await env.slack.until(lambda: bool(cards(env)))


@HTTP_AND_SOCKET
async def test_the_dialog_and_the_buttons_of_a_question_wait_too(
    idle_env: Env, *, socket: bool
) -> None:
    idle_env.baseten.add_project(RESEARCH, "llama-3-ft")
    async with ruled(idle_env, RULE, socket=socket):
        await idle_env.slack.command("", user=LEE)
        view = await dialog(idle_env)
        await idle_env.slack.submit(view, chosen(RESEARCH) | typed("name", "sft"), user=LEE)
        await idle_env.slack.until(lambda: len(cards(idle_env)) == 1)
        await idle_env.slack.command("research llama_3_ft", user=LEE)
        await told(idle_env, "Did you mean that one", LEE)
        question = next(each for each in idle_env.slack.ephemerals if "Did you mean" in each.text)
        await idle_env.slack.action(question, "create_anyway", user=LEE)
        await idle_env.slack.until(lambda: len(cards(idle_env)) == 2)
        assert nothing_created(idle_env)
        await idle_env.slack.until(lambda: len(said(idle_env, LEE)) == 2)
        await idle_env.slack.command("research llama_3-ft", user=LEE)
        await told(idle_env, "Did you mean that one", LEE)
        question = next(each for each in idle_env.slack.ephemerals if "Did you mean" in each.text)
        await idle_env.slack.action(question, "use_existing", user=LEE)
        await idle_env.slack.until(lambda: len(projects(idle_env)) == 1)
        assert nothing_created(idle_env)
        assert len(cards(idle_env)) == 2
        await decide(idle_env, cards(idle_env)[1])  # the name was confirmed, or approved, already
        await heard(idle_env, "approved *llama_3_ft*")


@pytest.mark.parametrize("step", [False, True])
async def test_an_approved_project_has_no_other_expiry(idle_env: Env, *, step: bool) -> None:
    waits = order(approved_by=DANA, sure=True, execution_id="Fx0SANDBOX1" if step else "")
    await enqueue(idle_env, waits, kind=RUN_WORKFLOW_STEP if step else OPEN_PROJECT)
    grow_old(idle_env, 50)
    async with ruled(idle_env, RULE):
        await idle_env.slack.until(lambda: bool(idle_env.baseten.upserts))
        await idle_env.slack.until(lambda: len(projects(idle_env)) == 1)


async def test_the_same_request_twice_posts_one_question(idle_env: Env) -> None:
    async with ruled(idle_env, RULE):
        card = await asked(idle_env)
        for user in (LEE, SAM):
            await idle_env.slack.command("research sft", user=user)
            text = await told(idle_env, f"already waits for approval in <#{THERE}>", user)
            assert f"<@{LEE}> asked for it" in text
            assert f"p{card.ts.replace('.', '')}|Show the question>" in text
        await asked(idle_env, "other")
    assert len(cards(idle_env)) == 2
    assert nothing_created(idle_env)


async def test_a_requester_does_not_decide(idle_env: Env) -> None:
    async with ruled(idle_env, RULE):
        card = await asked(idle_env, user=DANA)
        for button in (APPROVE, DECLINE):
            await decide(idle_env, card, button, DANA)
        await idle_env.slack.until(lambda: len(said(idle_env, DANA)) == 3)
        assert "another person must decide. Nothing was changed." in said(idle_env, DANA)[-1]
        assert len(buttons(card)) == 2
        await decide(idle_env, card, user=SAM)
        await heard(idle_env, "approved", DANA)


@HTTP_AND_SOCKET
async def test_others_do_not_decide(idle_env: Env, *, socket: bool) -> None:
    async with ruled(idle_env, RULE, socket=socket):
        card = await asked(idle_env)
        await decide(idle_env, card, user="U0OTHER001")
        text = await told(idle_env, "can decide this. Nothing was changed.", "U0OTHER001")
        assert f"<!subteam^{GROUP}>" in text
        assert f"<@{SAM}>" in text
    assert nothing_created(idle_env)
    assert len(buttons(card)) == 2


async def test_the_rules_in_force_name_the_people_who_decide(idle_env: Env) -> None:
    async with ruled(idle_env, RULE) as bot:
        card = await asked(idle_env)
        await change(idle_env, bot, RULE.replace(f'"{GROUP}", ', ""))
        await decide(idle_env, card, user=DANA)
        await told(idle_env, "can decide this", DANA)
        await change(idle_env, bot, "# none")
        await decide(idle_env, card, user=LEE)
        await told(idle_env, "another person must decide", LEE)
        await decide(idle_env, card, user="U0OTHER001")
        await told(idle_env, "can decide this", "U0OTHER001")
        await decide(idle_env, card, user=DANA)
        await heard(idle_env, "approved")


async def test_a_group_of_a_rule_that_is_gone_still_decides(idle_env: Env) -> None:
    async with ruled(idle_env, RULE):
        card = await asked(idle_env)
    async with ruled(idle_env, "# none"):  # a new process, whose file names no group
        await decide(idle_env, card, user="U0OTHER001")
        await told(idle_env, "can decide this", "U0OTHER001")
        await decide(idle_env, card, user=DANA)
        await heard(idle_env, "approved")


async def test_the_channel_of_the_rule_is_for_decisions(idle_env: Env) -> None:
    async with ruled(idle_env, f'channels = ["{HERE}"]\n{RULE}'):
        card = await asked(idle_env)
        delivery = await idle_env.slack.command("research sft", user=DANA, channel=THERE)
        assert "I don't work in this channel" in delivery.body["text"]
        await decide(idle_env, copied(card, buttons(card)[0]["value"], "C0THIRD001"))
        await told(idle_env, "I don't work in this channel", DANA)
        await decide(idle_env, card)
        await heard(idle_env, "approved *sft*")


@pytest.mark.parametrize("here", [True, False], ids=["connected company", "another workspace"])
async def test_an_outsider_does_not_decide_even_if_the_rule_names_them(
    idle_env: Env, *, here: bool
) -> None:
    idle_env.slack.add_outsider(KIM, here=here)
    async with ruled(idle_env, RULE.replace(SAM, KIM)):
        card = await asked(idle_env)
        for button in (APPROVE, DECLINE):
            await decide(idle_env, card, button, user=KIM)
        await told(idle_env, "I only work for people of Sandbox's workspace", KIM)
        assert len(buttons(card)) == 2
        await decide(idle_env, card)
        await heard(idle_env, "approved")
    assert len(idle_env.baseten.upserts) == 1


async def test_a_guest_does_not_decide(idle_env: Env) -> None:
    idle_env.slack.add_guest(SAM)
    async with ruled(idle_env, f'guests = "deny"\n{RULE}'):
        card = await asked(idle_env)
        await decide(idle_env, card, user=SAM)
        await told(idle_env, "I don't work for guests", SAM)
        assert nothing_created(idle_env)
        await decide(idle_env, card)
        await heard(idle_env, "approved *sft*")


async def test_unknown_members_of_a_group_do_not_decide(idle_env: Env) -> None:
    refused = Respond(200, {"ok": False, "error": "internal_error"})
    idle_env.slack.faults.always("/api/usergroups.users.list", refused)
    async with ruled(idle_env, RULE):
        card = await asked(idle_env)
        await decide(idle_env, card, user=DANA)
        await told(idle_env, "Slack doesn't tell me right now who is in a group", DANA)
        assert nothing_created(idle_env)
        await decide(idle_env, card, user=SAM)  # the rule names them
        await heard(idle_env, "approved")


@pytest.mark.parametrize(
    "value", ["", "sft", '{"project": "a"}', '{"project": "a/b", "id": "c d"}']
)
async def test_a_button_of_another_form_decides_nothing(idle_env: Env, value: str) -> None:
    async with ruled(idle_env, RULE):
        card = await asked(idle_env)
        await decide(idle_env, copied(card, value))
        await told(idle_env, "is not one that I made", DANA)
    assert nothing_created(idle_env)


async def test_a_forged_button_decides_nothing(idle_env: Env) -> None:
    async with ruled(idle_env, RULE):
        card, other = await asked(idle_env), await asked(idle_env, "other")
        one, two = (json.loads(buttons(each)[0]["value"]) for each in (card, other))
        mixed = json.dumps({"project": one["project"], "id": two["id"]})
        await decide(idle_env, copied(card, mixed))
        await told(idle_env, "does not wait for a decision any more. Nothing was changed.", DANA)
    assert nothing_created(idle_env)
    assert len(buttons(card)) == len(buttons(other)) == 2


async def test_a_copied_button_decides_about_the_stored_request(idle_env: Env) -> None:
    async with ruled(idle_env, RULE):
        card = await asked(idle_env)
        fake = copied(card, buttons(card)[0]["value"], HERE)
        fake.ts = "1700000000.000001"
        await decide(idle_env, fake, user="U0OTHER001")
        await told(idle_env, "can decide this", "U0OTHER001")
        await decide(idle_env, fake)
        await closed(idle_env, card)
        await heard(idle_env, "approved *sft*")
    assert len(idle_env.baseten.upserts) == 1


async def test_a_click_while_the_database_is_away_decides_nothing_and_says_so(
    idle_env: Env,
) -> None:
    async with ruled(idle_env, RULE):
        card = await asked(idle_env)
        await until_ended(idle_env, OPEN_PROJECT)
        with closing(sqlite3.connect(idle_env.folder / "bot.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            delivery = await decide(idle_env, card)
            assert delivery.status == 200
            words = "I can't save requests right now. Nothing was changed."
            await told(idle_env, words, DANA)
            other.execute("ROLLBACK")
        assert nothing_created(idle_env)
        assert len(buttons(card)) == 2
        await decide(idle_env, card)
        await heard(idle_env, "approved *sft*")
    assert len(idle_env.baseten.upserts) == 1


async def test_a_second_decision_hears_about_the_first(idle_env: Env) -> None:
    async with ruled(idle_env, RULE):
        card = await asked(idle_env)
        old = copied(card, buttons(card)[0]["value"])
        await decide(idle_env, card, DECLINE)
        await closed(idle_env, card)
        await decide(idle_env, old, user=SAM)
        await told(idle_env, f"<@{DANA}> already declined this", SAM)
    assert nothing_created(idle_env)


async def test_a_restart_between_request_and_decision(idle_env: Env) -> None:
    async with ruled(idle_env, RULE):
        card = await asked(idle_env)
    set_columns(idle_env, "due_at = 1", ASK)  # too early: it waits on
    async with ruled(idle_env, RULE):
        await idle_env.slack.command("research sft", user=LEE)
        await told(idle_env, "already waits", LEE)
        await decide(idle_env, card)
        await heard(idle_env, "approved *sft*")
        await closed(idle_env, card)
    assert (len(cards(idle_env)), len(idle_env.baseten.upserts)) == (1, 1)


@HTTP_AND_SOCKET
async def test_a_request_expires_after_a_day(idle_env: Env, *, socket: bool) -> None:
    clock = Clock()
    async with ruled(idle_env, RULE, socket=socket, tuning=Tuning(now=clock)):
        card = await asked(idle_env)
        old = copied(card, buttons(card)[0]["value"])
    set_columns(idle_env, "due_at = 1", ASK)
    clock.advance(DAY + 1)
    async with ruled(idle_env, RULE, socket=socket, tuning=Tuning(now=clock)):
        text = await heard(idle_env, "Nobody decided about *sft* in *Research* within a day")
        assert "Nothing was created." in text
        assert "expired" in await closed(idle_env, card)
        await decide(idle_env, old)
        await told(idle_env, "This request has expired. Nothing was changed.", DANA)
        await asked(idle_env)
    ends = [(row["actor"], row["name"]) for row in rows(idle_env) if "expired" in row["outcome"]]
    assert ends == [(LEE, "sft")]
    assert nothing_created(idle_env)


async def test_the_installed_command_asks_again(idle_env: Env) -> None:
    async with ruled(idle_env, RULE, command="/staging-project"):
        await idle_env.slack.command("research sft", user=LEE, command="/staging-project")
        await idle_env.slack.until(lambda: bool(cards(idle_env)))
        await decide(idle_env, cards(idle_env)[0], DECLINE)
        assert "/staging-project research sft" in await heard(idle_env, "declined")


async def test_a_decision_just_after_the_expiry_is_refused(idle_env: Env) -> None:
    clock = Clock()
    async with ruled(idle_env, RULE, tuning=Tuning(now=clock)):
        card = await asked(idle_env)
        clock.advance(DAY)  # the task that ends the request has not run yet
        await decide(idle_env, card)
        await told(idle_env, "This request has expired. Nothing was changed.", DANA)
        assert nothing_created(idle_env)


async def test_a_request_that_lost_its_task_does_not_block_the_project(idle_env: Env) -> None:
    clock = Clock()
    async with ruled(idle_env, RULE, tuning=Tuning(now=clock)):
        await asked(idle_env)
    set_columns(idle_env, "due_at = NULL, ended_at = 1", ASK)
    clock.advance(DAY + 3601)
    async with ruled(idle_env, RULE, tuning=Tuning(now=clock)):
        await asked(idle_env)


async def test_the_project_of_another_team_of_the_same_name_is_not_opened(idle_env: Env) -> None:
    idle_env.baseten.add_project(RESEARCH, "sft")
    idle_env.baseten.add_team("Research", id="0ther01")
    async with ruled(idle_env, RULE):
        await idle_env.slack.command("0ther01 sft", user=LEE)
        await told(idle_env, "waits for approval", LEE)
        await decide(idle_env, cards(idle_env)[0])
        await heard(idle_env, "approved *sft* in *Research*. I created it")
    (upsert,) = idle_env.baseten.upserts
    assert "0ther01" in str(upsert)


@pytest.mark.parametrize("workflow", [False, True])
async def test_without_a_question_nothing_waits(idle_env: Env, *, workflow: bool) -> None:
    async with ruled(idle_env, RULE):
        idle_env.slack.add_channel(THERE, archived=True)
        if workflow:
            inputs = {"team": "research", "name": "sft"}
            await idle_env.slack.function_executed(STEP, inputs, workflow_id=WORKFLOW)
            await idle_env.slack.until(lambda: bool(idle_env.slack.completions))
            error = idle_env.slack.completions[0].error or ""
            assert "Slack does not let me ask in its channel. Nothing was created." in error
        else:
            await idle_env.slack.command("research sft", user=LEE)
            text = await told(idle_env, f"Slack does not let me ask in <#{THERE}>", LEE)
            assert "Nothing was created. Your request does not wait any more." in text
        idle_env.slack.add_channel(THERE)
        await until_ended(idle_env, "approval/1")
        actor, rule = WORKFLOW if workflow else LEE, "the rule of approval"
        ends = [row for row in rows(idle_env) if row["outcome"] == "approval withdrawn"]
        assert [(row["actor"], row["name"], row["rule"]) for row in ends] == [(actor, "sft", rule)]
        await asked(idle_env)


async def test_a_question_with_an_unknown_outcome_is_withdrawn(idle_env: Env) -> None:
    async with ruled(idle_env, RULE, tuning=Tuning(looks=(0.05, 0.05))):
        idle_env.slack.faults.next(POST, Drop(after=True))
        await idle_env.slack.command("research sft", user=LEE)
        await told(idle_env, "did not confirm my question", LEE)
        await decide(idle_env, cards(idle_env)[0])  # it stands there, and decides nothing
        await told(idle_env, "does not wait for a decision any more", DANA)
        await asked(idle_env)
    assert nothing_created(idle_env)


async def test_the_rights_of_the_requester_are_asked_again(idle_env: Env) -> None:
    rules = granted(LEE) + granted(DANA)
    async with ruled(idle_env, rules + RULE) as bot:
        card = await asked(idle_env)
        await change(idle_env, bot, granted(DANA) + RULE)
        await decide(idle_env, card)
        text = await heard(idle_env, f"<@{DANA}> approved *sft*, but I couldn't finish")
        assert "that you can use here. Nothing was created." in text
    assert nothing_created(idle_env)
    assert projects(idle_env) == []


async def test_a_project_that_exists_by_then_is_opened(idle_env: Env) -> None:
    async with ruled(idle_env, RULE):
        card = await asked(idle_env)
        earlier = datetime.now(UTC) - timedelta(hours=1)
        idle_env.baseten.add_project(RESEARCH, "sft", created_at=earlier)
        await decide(idle_env, card)
        await heard(idle_env, "It already existed by then, so I opened it")
        (shown,) = projects(idle_env)
        assert "already existed" in str(shown.blocks)


async def test_without_the_channel_the_requester_gets_the_project_directly(idle_env: Env) -> None:
    alone = "C0PRIVATE1"  # the bot is not in this channel
    async with ruled(idle_env, RULE):
        card = await asked(idle_env, channel=alone)
        used = idle_env.slack.requests.copy()
        await decide(idle_env, card)
        await heard(idle_env, "approved *sft*")
        assert any("was created in Research" in text for text in direct(idle_env))
        later = [each.path for each in idle_env.slack.requests[len(used) :]]
        assert not any("/response" in path and alone in path for path in later)


async def test_a_channel_that_was_archived_since_then_stops_nothing(idle_env: Env) -> None:
    async with ruled(idle_env, RULE):
        first, second = await asked(idle_env), await asked(idle_env, "other")
        idle_env.slack.add_channel(THERE, archived=True)  # the question's
        await decide(idle_env, first)
        await heard(idle_env, "approved *sft*")
        idle_env.slack.add_channel(HERE, archived=True)  # the requester's
        await decide(idle_env, second)
        await heard(idle_env, "approved *other*")
        assert any("other was created in Research" in text for text in direct(idle_env))
    assert len(projects(idle_env)) == 1


@HTTP_AND_SOCKET
@pytest.mark.parametrize("button", [APPROVE, DECLINE])
async def test_a_workflow_step_waits(idle_env: Env, button: str, *, socket: bool) -> None:
    inputs = {"team": "research", "name": "sft", "channel": HERE, "person": LEE}
    async with ruled(idle_env, RULE, socket=socket):
        await idle_env.slack.function_executed(STEP, inputs)
        await idle_env.slack.until(lambda: bool(cards(idle_env)))
        assert f"A workflow for <@{LEE}> asks" in cards(idle_env)[0].text
        await until_ended(idle_env, "workflow step/2")
        assert idle_env.slack.completions == []
        await idle_env.slack.function_executed(STEP, inputs)
        await idle_env.slack.until(lambda: len(idle_env.slack.completions) == 1)
        assert "already waits for approval" in (idle_env.slack.completions.pop().error or "")
        await decide(idle_env, cards(idle_env)[0], button)
        await idle_env.slack.until(lambda: bool(idle_env.slack.completions))
        await closed(idle_env, cards(idle_env)[0])
    (completion,) = idle_env.slack.completions
    if button == APPROVE:
        assert (completion.outputs or {})["created"] is True
        assert len(projects(idle_env)) == 1
    else:
        assert (
            completion.error
            == "The new project sft in team Research was declined. Nothing was created."
        )
        assert nothing_created(idle_env)
    assert direct(idle_env) == []


async def test_a_workflow_step_fails_after_a_day(idle_env: Env) -> None:
    clock = Clock()
    async with ruled(idle_env, RULE, tuning=Tuning(now=clock)):
        await idle_env.slack.function_executed(STEP, {"team": "research", "name": "sft"})
        await idle_env.slack.until(lambda: bool(cards(idle_env)))
        await idle_env.slack.until(lambda: True)
    set_columns(idle_env, "due_at = 1", ASK)
    clock.advance(DAY)
    async with ruled(idle_env, RULE, tuning=Tuning(now=clock)):
        await idle_env.slack.until(lambda: bool(idle_env.slack.completions))
    assert "within a day about the new project sft in team Research. Nothing was" in (
        idle_env.slack.completions[0].error or ""
    )


async def test_what_slack_limits_is_done_later(idle_env: Env) -> None:
    busy = slack_rate_limited_429(2)
    async with ruled(idle_env, RULE):
        idle_env.slack.faults.next(POST, busy)
        idle_env.slack.faults.next("/response/.*", busy)
        idle_env.slack.faults.next("/api/chat.postEphemeral", busy)
        idle_env.slack.faults.next(POST, busy, containing=f'"{LEE}"')
        card = await asked(idle_env)
        soon = slack_rate_limited_429(0)
        idle_env.slack.faults.next(UPDATE, *[soon] * ATTEMPTS)  # and one more is the task's own
        for channel in (HERE, LEE):
            idle_env.slack.faults.next(POST, busy, containing=f'"{channel}"')
        await decide(idle_env, card)
        await heard(idle_env, "approved *sft*")
        await closed(idle_env, card)
    assert (len(cards(idle_env)), len(projects(idle_env)), len(direct(idle_env))) == (1, 1, 1)


async def test_a_card_that_cannot_be_changed_delays_nothing(idle_env: Env) -> None:
    async with ruled(idle_env, RULE):
        card = await asked(idle_env)
        refused = Respond(200, {"ok": False, "error": "cant_update_message"})
        idle_env.slack.faults.always(UPDATE, refused)
        await decide(idle_env, card)
        await heard(idle_env, "approved *sft*")
        await decide(idle_env, card, user=SAM)
        await told(idle_env, f"<@{DANA}> already approved this", SAM)
    assert len(idle_env.baseten.upserts) == 1
