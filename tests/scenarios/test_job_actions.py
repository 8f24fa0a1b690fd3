"""*Job actions…*: each act with the right to it, without it, and on a job that has changed."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from bot.access.rules import Actor, Verb
from bot.handlers.watch import WATCH_MESSAGE
from bot.sandbox import Delay, Respond
from bot.sandbox.refusals import internal_500, validation_400
from bot.wiring import Tuning
from tests.conftest import RESEARCH, Env
from tests.scenarios.acts import (
    ADVICE,
    BUTTONS,
    DANA,
    JOB,
    KIM,
    QUICK,
    RECREATE,
    SAM,
    STOP,
    Scene,
    acting,
    chosen,
    opened,
    scene,
    submit,
    words,
)
from tests.scenarios.tasks import until_ended

ACTS: dict[str, dict[str, Any]] = {
    "stop": {"status": "RUNNING"},
    "run again": {"status": "FAILED"},
    "use spot": {"status": "PENDING", "error_message": ADVICE},
    "set priority": {"status": "PENDING"},
}
REPORTS = {
    "stop": f"⏹️ <@{DANA}> stopped *epoch-1* in *sft*.",
    "run again": f"🔁 <@{DANA}> ran *epoch-1* again in *sft*: the new job ",
    "use spot": f"🔄 <@{DANA}> moved *epoch-1* in *sft* to spot capacity.",
    "set priority": f"🔢 <@{DANA}> set the priority of *epoch-1* in *sft* to 7.",
}


def typed(act: str) -> str | None:
    return "7" if act == "set priority" else None


def acts_sent(it: Scene) -> int:
    return it.calls(STOP) + it.calls(RECREATE) + it.calls(JOB, "PATCH")


@pytest.fixture(params=[False, True], ids=["http", "socket"])
async def both(idle_env: Env, request: pytest.FixtureRequest) -> AsyncIterator[Env]:
    """A bot that lets Dana and Sam act, once for each way in."""
    async with acting(idle_env, socket=request.param):
        yield idle_env


@pytest.fixture
async def acts(idle_env: Env) -> AsyncIterator[Env]:
    """The same over HTTP alone."""
    async with acting(idle_env):
        yield idle_env


@pytest.mark.parametrize("act", ACTS)
async def test_an_act_is_confirmed_done_and_reported_in_the_thread(both: Env, act: str) -> None:
    it = await scene(both, **ACTS[act])
    edits = it.message.edits
    view = await it.ask(act)
    assert "*epoch-1* in *sft* (Research)?" in words(view)
    assert view.payload["submit"]["text"] == view.payload["title"]["text"]
    assert acts_sent(it) == 0
    assert not await submit(both, view, priority=typed(act))
    assert view.closed
    assert (await it.replied()).startswith(REPORTS[act])
    await both.slack.until(lambda: it.message.edits > edits)
    await both.bot.drain()
    assert (acts_sent(it), len(it.replies), len(both.slack.ephemerals)) == (1, 1, 0)
    job = both.baseten.job(it.job_id)
    done = {
        "stop": job["current_status"] == "TRAINING_JOB_STOPPED",
        "run again": it.jobs() == 1,
        "use spot": job["availability_model"] == "spot",
        "set priority": job["priority"] == 7,
    }
    assert done[act]
    if act == "stop":
        assert "was stopped" in words(it.message)
    if act == "run again":
        assert "is waiting for GPU capacity" in words(it.message)


async def test_the_new_job_can_be_watched_from_the_report(acts: Env) -> None:
    it = await scene(acts, "FAILED")
    await it.confirm("run again")
    await it.replied()
    (reply,) = it.replies
    await acts.slack.action(reply, "watch_too", user=SAM)
    await acts.slack.until(lambda: f"<@{SAM}>" in words(reply))
    assert acts.baseten.job_ids(it.project_id)[-1] in json.dumps(reply.blocks)


@pytest.mark.parametrize(
    ("job", "offered"),
    [
        ({"status": "RUNNING"}, ["stop"]),
        ({"status": "DEPLOYING"}, ["stop"]),
        ({"status": "QUEUED"}, ["stop"]),
        ({"status": "PENDING"}, ["stop", "set priority"]),
        ({"status": "PENDING", "error_message": ADVICE}, ["stop", "use spot", "set priority"]),
        (
            {"status": "PENDING", "error_message": ADVICE, "availability_model": "spot"},
            ["stop", "set priority"],
        ),
        ({"status": "COMPLETED"}, ["run again"]),
        ({"status": "FAILED"}, ["run again"]),
        ({"status": "SOMETHING_NEW"}, ["run again"]),
    ],
)
async def test_only_the_acts_that_fit_the_status_are_offered(
    acts: Env, job: dict[str, Any], offered: list[str]
) -> None:
    it = await scene(acts, **job)
    view = await it.menu()
    (row,) = [block for block in view.blocks if block["type"] == "actions"]
    assert [each["action_id"] for each in row["elements"]] == [BUTTONS[act] for act in offered]


async def test_without_a_grant_nobody_can_act_and_the_words_name_the_person_to_ask(
    idle_env: Env,
) -> None:
    async with idle_env.running(contact="U0BOSS0001"):
        it = await scene(idle_env, "RUNNING")
        view = await it.menu()
        assert "You need the right *stop* in *Research*" in words(view)
        assert f"Ask <@U0BOSS0001>: they need {DANA} and *Research*." in words(view)
        assert "actions" not in [block["type"] for block in view.blocks]


@pytest.mark.parametrize("act", ACTS)
async def test_an_act_without_the_right_is_refused_at_each_step(both: Env, act: str) -> None:
    it = await scene(both, **ACTS[act])
    assert "You need the right *stop*" in words(await it.menu(KIM))
    # Kim presses the buttons of Dana's dialogs.
    first, second = await it.menu(), await it.ask(act)
    await chosen(both, first, act, KIM)
    assert "You need the right *stop*" in words(first)
    await submit(both, second, KIM, typed(act))
    assert "You need the right *stop*" in await both.told()
    await both.bot.drain()
    assert (acts_sent(it), it.replies) == (0, [])


async def test_a_right_that_is_lost_before_the_task_runs_is_lost(idle_env: Env) -> None:
    rights = {DANA}

    def now(actor: Actor, verb: Verb, team: str) -> bool:  # noqa: ARG001 - the protocol
        return verb is not Verb.STOP or actor.id in rights

    async with acting(idle_env, Tuning(allows=now)):
        it = await scene(idle_env, "RUNNING")
        view = await it.ask("stop")
        rights.clear()
        await submit(idle_env, view)
        assert "You need the right *stop* in *Research*" in await idle_env.told()
        assert acts_sent(it) == 0


async def test_a_person_who_cannot_view_learns_nothing(idle_env: Env) -> None:
    def now(actor: Actor, verb: Verb, team: str) -> bool:  # noqa: ARG001 - the protocol
        return actor.id == DANA

    async with acting(idle_env, Tuning(allows=now)):
        it = await scene(idle_env, "RUNNING")
        view = await it.menu(KIM)
        assert "There is no project here that you can use." in words(view)
        assert "epoch-1" not in words(view)
        await submit(idle_env, await it.ask("stop"), KIM)
        assert "There is no project here that you can use." in await idle_env.told()
        assert acts_sent(it) == 0


CHANGED = {
    "stop": ("COMPLETED", "finished, so there's nothing to stop. Nothing was changed."),
    "run again": ("RUNNING", "is running. Only a job that has ended can run again."),
    "use spot": ("RUNNING", "is running. Baseten changes only jobs that wait"),
    "set priority": ("DEPLOYING", "is deploying. Baseten changes only jobs that wait"),
}


@pytest.mark.parametrize("act", ACTS)
async def test_a_job_that_has_changed_is_left_alone(both: Env, act: str) -> None:
    it = await scene(both, **ACTS[act])
    first, second = await it.menu(), await it.ask(act)
    status, said = CHANGED[act]
    both.baseten.set_job(it.job_id, status=f"TRAINING_JOB_{status}", error_message=None)
    await chosen(both, first, act)
    assert said in words(first)
    assert "submit" not in first.payload
    await submit(both, second, priority=typed(act))
    assert said in await both.told()
    await both.bot.drain()
    assert (acts_sent(it), it.replies) == (0, [])


@pytest.mark.parametrize("act", ["use spot", "set priority", "stop"])
async def test_a_job_that_changes_between_the_look_and_the_call_is_told_in_words(
    acts: Env, act: str
) -> None:
    it = await scene(acts, **ACTS[act])
    acts.baseten.faults.next(f"{JOB}(/stop)?", Delay(0.3), method="PATCH")
    acts.baseten.faults.next(STOP, Delay(0.3))
    await it.confirm(act, priority=typed(act))
    await acts.baseten.until(lambda: acts_sent(it) == 1)
    status, said = CHANGED[act]
    acts.baseten.set_job(it.job_id, status=f"TRAINING_JOB_{status}", error_message=None)
    assert said in await acts.told()
    assert it.replies == []


async def test_a_refusal_of_another_kind_is_told_with_baseten_s_words(acts: Env) -> None:
    it = await scene(acts, "PENDING")
    acts.baseten.faults.next(JOB, validation_400("priority: too high"), method="PATCH")
    await it.confirm("set priority", priority="7")
    told = await acts.told()
    assert "“priority: too high”" in told
    assert "Nothing was changed." in told


@pytest.mark.parametrize("number", ["", "seven", "1.5", "1001", "-1001", "9" * 4000])
async def test_what_is_no_priority_is_refused_at_the_field(acts: Env, number: str) -> None:
    it = await scene(acts, "PENDING")
    view = await it.ask("set priority")
    body = await submit(acts, view, priority=number)
    assert body["errors"] == {"priority": "Enter a whole number from -1000 to 1000."}
    assert not view.closed
    await submit(acts, view, priority="-5")
    assert "to -5." in await it.replied()


async def test_a_stop_is_followed_until_the_job_has_stopped(idle_env: Env) -> None:
    idle_env.baseten.stops_after(600)
    async with acting(idle_env, replace(QUICK, settles=(0.05,) * 100)):
        it = await scene(idle_env, "RUNNING")
        await it.confirm("stop")
        told = await idle_env.told()
        assert told == "⏳ Baseten is stopping *epoch-1*. I'll tell you when it has stopped."
        assert it.replies == []
        idle_env.baseten.set_job(it.job_id, status="TRAINING_JOB_STOPPED")
        assert await it.replied() == REPORTS["stop"] + "\n" + logs_of(it)
        assert it.calls(STOP) == 1


async def test_a_job_that_does_not_stop_is_reported_as_it_is(acts: Env) -> None:
    acts.baseten.stops_after(600)
    it = await scene(acts, "RUNNING")
    await it.confirm("stop")
    said = await it.replied()
    assert f"<@{DANA}> asked Baseten to stop *epoch-1* in *sft*, but after 1 second" in said
    assert "it is still running." in said


async def test_a_job_that_ends_by_itself_first_is_reported_as_it_is(idle_env: Env) -> None:
    idle_env.baseten.stops_after(600)
    async with acting(idle_env, replace(QUICK, settles=(0.05,) * 100)):
        it = await scene(idle_env, "RUNNING")
        await it.confirm("stop")
        await idle_env.told()
        idle_env.baseten.set_job(it.job_id, status="TRAINING_JOB_COMPLETED")
        said = f"✅ <@{DANA}> asked Baseten to stop *epoch-1* in *sft*, but it finished first."
        assert (await it.replied()).startswith(said)


async def test_a_stop_without_an_answer_is_repeated_and_its_own_effect_is_no_surprise(
    acts: Env,
) -> None:
    acts.baseten.stops_after(0)
    it = await scene(acts, "RUNNING")
    acts.baseten.faults.next(STOP, Respond(500, json={}, after=True))
    await it.confirm("stop")
    assert (await it.replied()).startswith(REPORTS["stop"])
    assert it.calls(STOP) == 2


async def test_from_the_list_only_the_person_is_told(both: Env) -> None:
    project = both.baseten.add_project(RESEARCH, "sft")["id"]
    both.baseten.add_job(project, name="epoch-1")
    await both.slack.command("", command="/training-jobs", user=DANA)
    await both.told()
    (listed,) = both.slack.ephemerals
    await both.slack.action(listed, "job_actions", user=DANA)
    view = await opened(both, 0)
    await submit(both, await chosen(both, view, "stop"))
    await both.hears("⏹️ You stopped *epoch-1* in *sft*.")
    await both.bot.drain()
    assert both.slack.messages == []
    assert {told.user for told in both.slack.ephemerals} == {DANA}


async def test_a_watched_message_stays_watched(acts: Env) -> None:
    it = await scene(acts, "RUNNING")
    await acts.slack.action(it.message, "watch", user=SAM)
    await acts.slack.until(lambda: f"atched by <@{SAM}>" in words(it.message))
    await until_ended(acts, WATCH_MESSAGE)  # a watch is drawn before it is saved
    await it.confirm("stop")
    await acts.slack.until(lambda: any(REPORTS["stop"] in each.text for each in it.replies))
    await acts.bot.drain()
    assert f"atched by <@{SAM}>" in words(it.message)


@pytest.mark.parametrize("act", ACTS)
async def test_while_baseten_is_away_nothing_happens_and_the_words_say_so(
    acts: Env, act: str
) -> None:
    it = await scene(acts, **ACTS[act])
    view = await it.ask(act)
    acts.baseten.faults.always("/v1/.*", internal_500())
    shown = await it.menu()
    assert "Baseten is having problems (error 500). Nothing was changed." in words(shown)
    await submit(acts, view, priority=typed(act))
    told = await acts.told()
    assert "Baseten is having problems" in told
    assert ("Nothing was started." if act == "run again" else "Nothing was changed.") in told
    assert acts_sent(it) == 0


def logs_of(it: Scene) -> str:
    return f"<https://app.baseten.co/training/{it.project_id}/logs/{it.job_id}|Open logs>"


OTHER = {"project_id": "other12", "team": "Research", "outcome": "created"}
STATE = {"project_id": "abc1234", "job_id": "abc1234", "act": "stop"}


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "[]",
        "{}",
        json.dumps(STATE | {"act": "delete"}),
        json.dumps(STATE | {"act": None}),
        json.dumps(STATE | {"job_id": "../../teams"}),
        json.dumps(STATE | {"job_id": ""}),
        json.dumps(STATE | {"project_id": "a b"}),
        json.dumps(STATE | {"newest": "a/b"}),
        json.dumps(STATE | {"channel_id": "x"}),
        json.dumps(STATE | {"ts": "x"}),
        json.dumps(STATE | {"message_state": {"project_id": "../x"}}),
        json.dumps(STATE | {"message_state": OTHER}),
    ],
)
async def test_a_forged_dialog_does_nothing(acts: Env, forged: str) -> None:
    it = await scene(acts, "RUNNING")
    view = await it.ask("stop")
    view.payload["private_metadata"] = forged
    await submit(acts, view)
    assert "is not one that I made" in words(view)
    await acts.bot.drain()
    assert acts_sent(it) == 0


async def test_a_dialog_copied_to_another_team_s_job_is_judged_by_that_job(acts: Env) -> None:
    it = await scene(acts, "RUNNING")
    other = acts.baseten.add_project(acts.baseten.add_team("Secret")["id"], "hidden")["id"]
    job = acts.baseten.add_job(other, name="gpt-9")["id"]
    view = await it.ask("stop")
    state = json.loads(view.payload["private_metadata"])
    copied = {"project_id": other, "message_state": None, "ts": ""}
    view.payload["private_metadata"] = json.dumps(state | copied | {"job_id": job})
    await submit(acts, view)
    assert "You need the right *stop* in *Secret*" in await acts.told()
    assert acts_sent(it) == 0
    mixed = await it.ask("stop")
    mixed.payload["private_metadata"] = json.dumps(state | {"act": "stop", "job_id": job})
    await submit(acts, mixed)
    assert "can't find that project" in await acts.told(2)
    assert acts_sent(it) == 0


@pytest.mark.parametrize("value", ["job actions ", "job actions ../x", "job actions a b"])
async def test_a_forged_option_opens_nothing(acts: Env, value: str) -> None:
    it = await scene(acts, "RUNNING")
    await acts.slack.action(it.message, "more", selected={"value": value}, user=DANA)
    assert "is not one that I made" in await acts.told()
    assert acts.slack.views == []
