"""The workflow step, from ``function_executed`` to the one end that it must have."""

import asyncio
from typing import Any

import pytest

from bot.app import Tuning
from bot.listeners.workflow_step import STEP
from bot.sandbox import Delay, Drop, Hang, Respond
from bot.sandbox.faults import Fault
from bot.sandbox.refusals import bad_gateway_html_502, wrong_key_403
from bot.sandbox.slack.records import Completion, Delivery
from tests.conftest import RESEARCH, World

UPSERT = r"/v1/teams/[^/]+/training_projects"
SUCCESS = "/api/functions.completeSuccess"


async def run(world: World, **inputs: Any) -> Delivery:
    """Let a workflow reach the step with these inputs."""
    return await world.slack.function_executed(STEP, {"team": "research", "name": "sft"} | inputs)


async def ended(world: World) -> Completion:
    """Wait until the step has ended, and return how."""
    await world.slack.until(lambda: bool(world.slack.completions), 30)
    (completion,) = world.slack.completions
    return completion


async def failed(world: World) -> str:
    """The words of a step that failed."""
    completion = await ended(world)
    assert completion.outputs is None
    return completion.error or ""


async def test_a_new_project_is_handed_on(world: World) -> None:
    delivery = await run(world)
    assert delivery.status == 200
    assert delivery.seconds < 1
    completion = await ended(world)
    assert completion.error is None
    event = delivery.payload["event"]
    assert completion.function_execution_id == event["function_execution_id"]
    (upsert,) = world.baseten.upserts
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
    await world.bot.drain()
    assert world.slack.messages == []
    assert world.slack.ephemerals == []


async def test_a_project_with_a_job_is_handed_on_with_its_status_and_link(world: World) -> None:
    project = world.baseten.add_project(RESEARCH, "sft")
    job = world.baseten.add_job(project["id"], status="TRAINING_JOB_FAILED")
    await run(world)
    assert (await ended(world)).outputs == {
        "project_id": project["id"],
        "name": "sft",
        "team": "Research",
        "created": False,
        "latest_job_status": "Failed",
        "link": f"https://app.baseten.co/training/{project['id']}/logs/{job['id']}",
    }


async def test_with_a_channel_the_answer_is_posted_too(world: World) -> None:
    await run(world, channel="C0SANDBOX1", person="U0DANA0001")
    assert (await ended(world)).error is None
    (message,) = world.slack.messages
    assert (message.channel, message.via) == ("C0SANDBOX1", "chat.postMessage")
    assert "Requested by <@U0DANA0001>" in str(message.blocks)


async def test_without_a_person_a_workflow_asked(world: World) -> None:
    await run(world, channel="C0SANDBOX1", person=None)
    assert (await ended(world)).error is None
    assert "Requested by a workflow" in str(world.slack.messages[0].blocks)


async def test_a_team_by_id_with_spaces_around_it_works(http: World) -> None:
    await run(http, team=f" {RESEARCH} ", name=" sft ")
    assert (await ended(http)).error is None
    assert http.baseten.upserts[0].json() == {"training_project": {"name": "sft"}}


@pytest.mark.parametrize(
    "inputs", [{"team": ""}, {"name": ""}, {"team": "  "}, {"name": None}, {"team": None}], ids=str
)
async def test_an_empty_input_fails_in_words(world: World, inputs: dict[str, Any]) -> None:
    await run(world, **inputs)
    assert "one of them is empty" in await failed(world)
    assert world.baseten.requests == []


async def test_inputs_that_are_not_there_fail_in_words(world: World) -> None:
    await world.slack.function_executed(STEP, {})
    assert "one of them is empty" in await failed(world)


async def test_an_unknown_team_fails_in_words(world: World) -> None:
    await run(world, team="reserch & <co>")
    said = await failed(world)
    assert "I don't know a team called *reserch & <co>*" in said
    assert "Nothing was opened" in said
    assert world.baseten.upserts == []


@pytest.mark.parametrize("name", ["llama_3_ft", "llama-3"])
async def test_a_near_name_is_not_asked_about(world: World, name: str) -> None:
    world.baseten.add_project(RESEARCH, "llama-3-ft")
    await run(world, name=name, channel="C0SANDBOX1", person="U0DANA0001")
    assert ((await ended(world)).outputs or {})["name"] == name
    assert world.slack.ephemerals == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (wrong_key_403(), "does not accept the bot's API key"),
        (bad_gateway_html_502(), "it answered 502"),
        (Drop(), "did not answer"),
        (Respond(200, body=b"<html>"), "look like Baseten's"),
    ],
    ids=["wrong key", "502", "drop", "html"],
)
async def test_what_fails_elsewhere_fails_here_in_the_same_words(
    world: World, fault: Fault, words: str
) -> None:
    world.baseten.faults.always(UPSERT, fault)
    await run(world, channel="C0SANDBOX1")
    assert words in await failed(world)
    assert world.slack.messages == []


@pytest.mark.slow
async def test_what_hangs_fails_in_the_end(still: World) -> None:
    async with still.running(baseten_timeout=0.2):
        still.baseten.faults.always(UPSERT, Hang())
        await run(still)
        assert "did not answer" in await failed(still)


@pytest.mark.parametrize("error", ["is_archived", "restricted_action"])
async def test_an_answer_that_cannot_be_posted_fails_the_step(world: World, error: str) -> None:
    world.slack.add_channel("C0LOCKED01", post_error=error)
    await run(world, channel="C0LOCKED01")
    said = await failed(world)
    assert "is open in Baseten, but Slack refused my message" in said
    assert error in said


async def test_a_channel_that_the_bot_cannot_see_fails_the_step(world: World) -> None:
    await run(world, channel="C0NOWHERE1")
    assert "channel_not_found" in await failed(world)


async def test_where_the_bot_cannot_post_the_person_gets_the_answer(world: World) -> None:
    world.slack.add_channel("C0LOCKED01", post_error="restricted_action")
    await run(world, channel="C0LOCKED01", person="U0DANA0001")
    assert (await ended(world)).error is None
    assert world.slack.messages[0].channel == "D0DANA0001"
    assert "Created training project *sft*" in world.slack.messages[0].text


async def test_a_key_that_the_api_echoes_is_not_in_the_words(world: World) -> None:
    key = world.baseten.api_key
    body = {"code": "VALIDATION_ERROR", "message": f"bad key {key}"}
    world.baseten.faults.always(UPSERT, Respond(400, json=body))
    await run(world)
    said = await failed(world)
    assert "bad key" in said
    assert key not in said


async def test_an_end_that_slack_did_not_take_is_sent_again(world: World) -> None:
    world.slack.faults.next(SUCCESS, Respond(429, headers={"Retry-After": "1"}), Respond(503))
    await run(world)
    assert (await ended(world)).outputs


async def test_outputs_that_slack_refuses_fail_the_step(world: World) -> None:
    refusal = Respond(200, json={"ok": False, "error": "parameter_validation_failed"})
    world.slack.faults.always(SUCCESS, refusal)
    await run(world)
    assert "parameter_validation_failed" in await failed(world)


async def test_many_steps_at_once_all_end(world: World) -> None:
    world.baseten.faults.always(UPSERT, Delay(0.3))
    await asyncio.gather(*(run(world, name=f"run-{number}") for number in range(30)))
    await world.slack.until(lambda: len(world.slack.completions) == 30)
    assert {completion.error for completion in world.slack.completions} == {None}


async def test_what_is_too_much_at_once_waits_for_its_turn(still: World) -> None:
    async with still.running(tuning=Tuning(most_work=1)):
        still.baseten.faults.next("/v1/teams", Delay(0.5))
        await still.slack.command("research slow")
        await run(still)
        assert (await ended(still)).error is None
        assert len(still.slack.messages) == 1


async def test_the_project_is_in_the_persons_home(world: World) -> None:
    await run(world, person="U0DANA0001")
    await ended(world)
    opened = {"type": "app_home_opened", "user": "U0DANA0001", "tab": "home"}
    async with asyncio.timeout(10):
        while "*sft* in team *Research*" not in str(world.slack.views):
            await world.slack.event(opened)


async def test_a_long_hostile_name_is_handed_on_whole(http: World) -> None:
    await run(http, name="<&>" * 1000, channel="C0SANDBOX1")
    assert ((await ended(http)).outputs or {})["name"] == "<&>" * 1000
    assert len(http.slack.messages) == 1


@pytest.mark.parametrize(
    "inputs",
    [{"name": "a\nb"}, {"team": "re\tsearch"}, {"name": "s\u202eft"}, {"team": "re\u200fsearch"}],
    ids=str,
)
async def test_control_characters_are_refused_as_elsewhere(
    http: World, inputs: dict[str, str]
) -> None:
    await run(http, **inputs)
    assert "control character" in await failed(http)
    assert http.baseten.requests == []
