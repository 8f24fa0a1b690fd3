"""The workflow step, from ``function_executed`` to the one end that it must have."""

import asyncio
import re
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.handlers.workflow_step import RUN_WORKFLOW_STEP
from bot.listeners.workflow_step import STEP
from bot.sandbox import Delay, Drop, Hang, Respond
from bot.sandbox.faults import Fault
from bot.sandbox.refusals import bad_gateway_html_502, wrong_key_403
from bot.sandbox.slack.records import Completion, Delivery
from bot.wiring import Tuning
from tests.conftest import RESEARCH, Env
from tests.scenarios.tasks import until_ended

UPSERT = r"/v1/teams/[^/]+/training_projects"
SUCCESS = "/api/functions.completeSuccess"


async def run(env: Env, **inputs: Any) -> Delivery:
    """Let a workflow reach the step with these inputs."""
    return await env.slack.function_executed(STEP, {"team": "research", "name": "sft"} | inputs)


async def ended(env: Env) -> Completion:
    """Wait until the step has ended, and return how."""
    await env.slack.until(lambda: bool(env.slack.completions), 30)
    (completion,) = env.slack.completions
    return completion


async def failed(env: Env) -> str:
    """The words of a step that failed."""
    completion = await ended(env)
    assert completion.outputs is None
    return completion.error or ""


async def test_a_new_project_is_handed_on(env: Env) -> None:
    delivery = await run(env)
    assert delivery.status == 200
    assert delivery.seconds < 3
    completion = await ended(env)
    assert completion.error is None
    event = delivery.payload["event"]
    assert completion.function_execution_id == event["function_execution_id"]
    (upsert,) = env.baseten.upserts
    assert upsert.json() == {"training_project": {"name": "sft"}}
    outputs = completion.outputs or {}
    assert outputs.pop("project_id")
    assert outputs == {
        "name": "sft",
        "team": "Research",
        "created": True,
        "latest_job_status": "No job yet",
        "link": "https://app.baseten.co/training",
    }
    await env.bot.drain()
    assert env.slack.messages == []
    assert env.slack.ephemerals == []


async def test_a_project_with_a_job_is_handed_on_with_its_status_and_link(env: Env) -> None:
    project = env.baseten.add_project(RESEARCH, "sft")
    job = env.baseten.add_job(project["id"], status="TRAINING_JOB_FAILED")
    await run(env)
    assert (await ended(env)).outputs == {
        "project_id": project["id"],
        "name": "sft",
        "team": "Research",
        "created": False,
        "latest_job_status": "Failed",
        "link": f"https://app.baseten.co/training/{project['id']}/logs/{job['id']}",
    }


async def test_with_a_channel_the_answer_is_posted_too(env: Env) -> None:
    await run(env, channel="C0SANDBOX1", person="U0DANA0001")
    assert (await ended(env)).error is None
    (message,) = env.slack.messages
    assert (message.channel, message.via) == ("C0SANDBOX1", "chat.postMessage")
    assert "requested by a workflow for <@U0DANA0001>" in str(message.blocks)


async def test_without_a_person_a_workflow_asked(env: Env) -> None:
    await run(env, channel="C0SANDBOX1", person=None)
    assert (await ended(env)).error is None
    assert "requested by a workflow" in str(env.slack.messages[0].blocks)


async def test_a_team_by_id_with_spaces_around_it_works(http: Env) -> None:
    await run(http, team=f" {RESEARCH} ", name=" sft ")
    assert (await ended(http)).error is None
    assert http.baseten.upserts[0].json() == {"training_project": {"name": "sft"}}


@pytest.mark.parametrize(
    "inputs", [{"team": ""}, {"name": ""}, {"team": "  "}, {"name": None}, {"team": None}], ids=str
)
async def test_an_empty_input_fails_in_words(env: Env, inputs: dict[str, Any]) -> None:
    await run(env, **inputs)
    assert "one of them is empty" in await failed(env)
    assert env.baseten.requests == []


async def test_inputs_that_are_not_there_fail_in_words(env: Env) -> None:
    await env.slack.function_executed(STEP, {})
    assert "one of them is empty" in await failed(env)


async def test_an_unknown_team_fails_in_words(env: Env) -> None:
    await run(env, team="reserch & <co>")
    said = await failed(env)
    assert "I don't know a team called reserch & <co>" in said
    assert "Nothing was created or changed" in said
    assert env.baseten.upserts == []


async def test_the_words_for_a_workflow_name_no_command(env: Env) -> None:
    await run(env, team="reserch")
    assert (await failed(env)).endswith(
        "Did you mean Research?\nIf so, correct the team in Workflow Builder."
    )


async def test_a_team_that_is_like_no_other_is_to_be_corrected_in_the_workflow(http: Env) -> None:
    await run(http, team="zzz")
    assert (await failed(http)).endswith(
        "Correct the team in Workflow Builder. The teams I can see: Default and Research."
    )


async def test_a_step_that_can_run_again_is_told_so_without_a_command(env: Env) -> None:
    env.baseten.faults.always(UPSERT, bad_gateway_html_502())
    await run(env)
    said = await failed(env)
    assert said.endswith("\nTry again in a few minutes.")


@pytest.mark.parametrize("name", ["llama_3_ft", "llama-3"])
async def test_a_near_name_is_not_asked_about(env: Env, name: str) -> None:
    env.baseten.add_project(RESEARCH, "llama-3-ft")
    await run(env, name=name, channel="C0SANDBOX1", person="U0DANA0001")
    assert ((await ended(env)).outputs or {})["name"] == name
    assert env.slack.ephemerals == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (wrong_key_403(), "does not accept the bot's API key"),
        (bad_gateway_html_502(), "error 502"),
        (Drop(), "did not answer"),
        (Respond(200, body=b"<html>"), "look like Baseten's"),
    ],
    ids=["wrong key", "502", "drop", "html"],
)
async def test_what_fails_elsewhere_fails_here_in_the_same_words(
    env: Env, fault: Fault, words: str
) -> None:
    env.baseten.faults.always(UPSERT, fault)
    await run(env, channel="C0SANDBOX1")
    assert words in await failed(env)
    assert env.slack.messages == []


@pytest.mark.slow
async def test_what_hangs_fails_in_the_end(idle_env: Env) -> None:
    async with idle_env.running(baseten_timeout=0.2):
        idle_env.baseten.faults.always(UPSERT, Hang())
        await run(idle_env)
        assert "did not answer" in await failed(idle_env)


@pytest.mark.parametrize("error", ["is_archived", "restricted_action"])
async def test_an_answer_that_cannot_be_posted_fails_the_step(env: Env, error: str) -> None:
    env.slack.add_channel("C0LOCKED01", post_error=error)
    await run(env, channel="C0LOCKED01")
    said = await failed(env)
    archived = "I can't post about it here: this channel is archived"
    assert (archived if error == "is_archived" else "I'm not allowed to post in this") in said
    assert "To show it, choose another channel in Workflow Builder." in said
    assert "invite" not in said
    assert "sft is ready in Baseten" in said
    assert not re.search(r"[*`<>]|is_archived|restricted_action", said)


async def test_a_channel_that_the_bot_cannot_see_fails_the_step(env: Env) -> None:
    await run(env, channel="C0NOWHERE1")
    assert "Slack refused my message" in await failed(env)


async def test_a_workflows_free_text_makes_nobody_get_a_direct_message(env: Env) -> None:
    env.slack.add_channel("C0LOCKED01", post_error="restricted_action")
    await run(env, channel="C0LOCKED01", person="U0DANA0001")
    assert "I'm not allowed to post in this channel" in await failed(env)
    assert env.slack.messages == []


async def test_a_key_that_the_api_echoes_is_not_in_the_words(env: Env) -> None:
    key = env.baseten.api_key
    body = {"code": "VALIDATION_ERROR", "message": f"bad key {key}"}
    env.baseten.faults.always(UPSERT, Respond(400, json=body))
    await run(env)
    said = await failed(env)
    assert "bad key" in said
    assert key not in said


async def test_an_end_that_slack_did_not_take_is_sent_again(env: Env) -> None:
    env.slack.faults.next(SUCCESS, Respond(429, headers={"Retry-After": "1"}), Respond(503))
    await run(env)
    assert (await ended(env)).outputs


async def test_outputs_that_slack_refuses_fail_the_step(env: Env) -> None:
    refusal = Respond(200, json={"ok": False, "error": "parameter_validation_failed"})
    env.slack.faults.always(SUCCESS, refusal)
    await run(env)
    assert "Slack refused" in await failed(env)


async def test_many_steps_at_once_all_end(env: Env) -> None:
    env.baseten.faults.always(UPSERT, Delay(0.3))
    await asyncio.gather(*(run(env, name=f"run-{number}") for number in range(30)))
    await env.slack.until(lambda: len(env.slack.completions) == 30)
    assert {completion.error for completion in env.slack.completions} == {None}


async def test_what_is_too_much_at_once_waits_for_its_turn(idle_env: Env) -> None:
    async with idle_env.running(tuning=Tuning(most_work=1)):
        idle_env.baseten.faults.next("/v1/teams", Delay(0.5))
        await idle_env.slack.command("research slow")
        await run(idle_env)
        assert (await ended(idle_env)).error is None
        assert len(idle_env.slack.messages) == 1


async def test_the_project_is_not_in_the_home_of_the_person_that_the_workflow_names(
    env: Env,
) -> None:
    await run(env, person="U0DANA0001")
    await ended(env)
    await until_ended(env)
    await env.slack.event({"type": "app_home_opened", "user": "U0DANA0001", "tab": "home"})
    await env.slack.until(lambda: bool(env.slack.views))
    assert "will be listed here" in str(env.slack.views[0].blocks)


async def test_a_long_hostile_name_is_handed_on_whole(http: Env) -> None:
    await run(http, name="<&>" * 1000, channel="C0SANDBOX1")
    assert ((await ended(http)).outputs or {})["name"] == "<&>" * 1000
    assert len(http.slack.messages) == 1


@pytest.mark.parametrize(
    "inputs",
    [{"name": "a\nb"}, {"team": "re\tsearch"}, {"name": "s\u202eft"}, {"team": "re\u200fsearch"}],
    ids=str,
)
async def test_control_characters_are_refused_as_elsewhere(
    http: Env, inputs: dict[str, str]
) -> None:
    await run(http, **inputs)
    said = await failed(http)
    assert "control character" in said
    assert "/training-project" not in said  # nobody typed a command
    assert http.baseten.requests == []


@pytest.mark.parametrize("code", ["execution_not_in_running_state", "function_execution_not_found"])
async def test_a_step_that_has_ended_already_is_done(http: Env, code: str) -> None:
    refused = Respond(200, json={"ok": False, "error": code})
    http.slack.faults.always("/api/functions.complete.*", refused)
    with capture_logs() as lines:
        await run(http)
        await until_ended(http, RUN_WORKFLOW_STEP)
    asked = [each.path for each in http.slack.requests if "functions.complete" in each.path]
    assert asked == [SUCCESS]
    assert "a request failed" not in [line["event"] for line in lines]
