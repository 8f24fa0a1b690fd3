"""Each act is one event, also one with an unknown outcome: follows and acts on jobs."""

from typing import Any

import pytest

from bot.sandbox import Respond
from tests.conftest import Env
from tests.scenarios.acts import JOB, KIM, RECREATE, STOP, Scene, acting, scene
from tests.scenarios.audited import until_rows
from tests.scenarios.following import CHANNEL, DANA, OTHER, following
from tests.scenarios.rules import LEE, change, granted
from tests.scenarios.test_my_jobs import EMAIL, switch, switched_on

BOUND = granted(DANA) + granted(LEE, more=f'in = ["{OTHER}"]')
AWAY = Respond(500, json={}, headers={"Retry-After": "0"})


def act(row: dict[str, Any]) -> tuple[str, ...]:
    """The fields of an act."""
    return tuple(
        row[name] for name in ("actor", "channel", "verb", "outcome", "team", "name", "rule")
    )


async def test_a_follow_is_judged_in_its_channel_and_its_end_where_it_was_asked() -> None:
    async with following(rules=BOUND) as it:
        first = await it.follow(channel=OTHER)
        row = await until_rows(it.env, 1)
        assert act(row) == (DANA, OTHER, "view", "followed", "Research", "llama", "grant 1")
        assert row["project"] == it.project_id
        await it.slack.action(first, "stop_following", user=LEE)
        row = await until_rows(it.env, 2)
        ended = (LEE, OTHER, "view", "stopped following", "Research", "llama", "grant 2")
        assert act(row) == ended


@pytest.mark.parametrize(
    ("ending", "rule"),
    [("rights", "no grant"), ("gone", "gone"), ("archived", "is_archived")],
)
async def test_a_follow_that_the_bot_ends_is_one_event_of_its_creator(
    ending: str, rule: str
) -> None:
    async with following(rules=BOUND) as it:
        await it.follow(channel=OTHER)
        match ending:
            case "rights":
                await change(it.env, it.env.bot, granted(LEE))
            case "gone":
                it.env.baseten.delete_project(it.project_id)
            case "archived":
                it.slack.add_channel(OTHER, archived=True)
        if ending != "gone":
            it.becomes(it.start(), "COMPLETED")
        await it.pass_time()
        row = await until_rows(it.env, 2)
        assert act(row) == (DANA, OTHER, "view", "follow ended", "Research", "llama", rule)
        assert row["project"] == it.project_id


async def test_a_persons_own_jobs_have_no_team() -> None:
    async with following(scopes=EMAIL) as it:
        it.slack.add_email(DANA, "dana@example.com")
        first = await switched_on(it)
        row = await until_rows(it.env, 1)
        assert act(row) == (DANA, first.channel, "view", "followed", "", "", "no grants")
        await switch(it, on=False)
        row = await until_rows(it.env, 2)
        assert act(row) == (DANA, "", "view", "stopped following", "", "", "no grants")
        assert CHANNEL not in str(row)


async def noted(env: Env, shown: Scene, *outcomes: str) -> None:
    """Wait for the events after the one about the message."""
    row = await until_rows(env, 1 + len(outcomes))
    assert row["outcome"] == outcomes[-1]
    assert (row["verb"], row["team"], row["name"]) == ("stop", "Research", "sft")
    assert (row["project"], row["job"]) == (shown.project_id, shown.job_id)


@pytest.mark.parametrize(
    ("status", "what", "path", "outcome"),
    [
        ("RUNNING", "stop", STOP, "perhaps stopped"),
        ("PENDING", "set priority", JOB, "perhaps given a priority"),
        ("FAILED", "run again", RECREATE, "perhaps run again"),
    ],
)
async def test_an_act_that_baseten_does_not_confirm(
    idle_env: Env, status: str, what: str, path: str, outcome: str
) -> None:
    async with acting(idle_env):
        shown = await scene(idle_env, status)
        view = await shown.ask(what)
        method = "PATCH" if path == JOB else "POST"
        idle_env.baseten.faults.always(path, AWAY, method=method)
        values = {"priority": {"priority": {"type": "number_input", "value": "7"}}}
        await idle_env.slack.submit(view, values if path == JOB else {}, user=DANA)
        await noted(idle_env, shown, outcome)


async def test_a_stop_that_baseten_has_accepted_and_that_nobody_sees_end(idle_env: Env) -> None:
    idle_env.baseten.stops_after(600)
    async with acting(idle_env):
        shown = await scene(idle_env)
        await shown.confirm("stop")
        await idle_env.baseten.until(lambda: shown.calls(STOP) == 1)
        idle_env.baseten.faults.always(JOB, Respond(404, json={}), method="GET")
        await noted(idle_env, shown, "stop accepted")


async def test_the_dialog_of_another_person_is_refused_to_those_without_the_right(
    idle_env: Env,
) -> None:
    async with acting(idle_env):
        shown = await scene(idle_env)
        await idle_env.slack.submit(await shown.ask("stop"), {}, user=KIM)
        row = await until_rows(idle_env, 2)
        assert shown.calls(STOP) == 0
    assert act(row) == (KIM, CHANNEL, "stop", "refused", "Research", "", "no grants")
