"""Baseten has a bad day: what is tried again, and what people are told."""

import re

import pytest
from pydantic import AnyHttpUrl, SecretStr

from bot.listeners.workflow_step import STEP
from bot.sandbox import Drop, Garble, Hang, Respond
from bot.sandbox.faults import Fault
from bot.sandbox.refusals import (
    bad_gateway_html_502,
    conflict_409,
    firewall_202,
    internal_500,
    not_found_404,
    permission_denied_403,
    rate_limited_429,
    training_disabled_403,
    unauthorized_401,
    validation_400,
    wrong_key_403,
)
from tests.conftest import Env

UPSERT = r"/v1/teams/[^/]+/training_projects"
LOGIN_PAGE = Respond(200, body=b"<html>Log in</html>", headers={"Content-Type": "text/html"})


@pytest.mark.parametrize(
    "fault",
    [
        rate_limited_429(1),
        rate_limited_429(1, header=True),
        Respond(429),
        internal_500(),
        bad_gateway_html_502(),
        Drop(),
        Drop(after=True),
        Garble(),
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/v1/teams", UPSERT])
async def test_what_passes_is_tried_again(http: Env, fault: Fault, path: str) -> None:
    http.baseten.faults.next(path, fault)
    await http.slack.command("research sft")
    await http.answered()
    assert len(http.slack.messages) == 1
    assert " sft " in http.slack.messages[0].text
    assert len([r for r in http.baseten.requests if re.fullmatch(path, r.path)]) == 2


async def test_a_hanging_answer_is_given_up_and_asked_for_again(idle_env: Env) -> None:
    async with idle_env.running(baseten_timeout=1):
        idle_env.baseten.faults.next(UPSERT, Hang())
        await idle_env.slack.command("research sft")
        await idle_env.answered()
    assert len(idle_env.baseten.upserts) == 2


async def test_a_retry_after_a_lost_answer_still_says_created(http: Env) -> None:
    http.baseten.faults.next(UPSERT, Drop(after=True))
    await http.slack.command("research sft")
    await http.answered()
    assert "✨ sft was created" in http.slack.messages[0].text


@pytest.mark.parametrize(
    ("fault", "words", "requests"),
    [
        (
            wrong_key_403(),
            ["does not accept the bot's API key", "Nothing was created or changed"],
            1,
        ),
        (unauthorized_401(), ["does not accept the bot's API key"], 1),
        (training_disabled_403(), ["Training is not enabled", "key itself works"], 1),
        (permission_denied_403("No."), ["isn't allowed to do this", "Baseten says: “No.”"], 1),
        (validation_400("Bad <name>"), ["rejected the name *sft*: “Bad &lt;name&gt;”"], 1),
        (not_found_404("Team not found"), ["can't find that team", "Team not found"], 1),
        (conflict_409(), ["Something else is changing *sft*"], 1),
        (firewall_202(), ["doesn't look like Baseten's", "may or may not have been created"], 1),
        (LOGIN_PAGE, ["doesn't look like Baseten's"], 1),
        (Respond(200, json={"training_project": {"id": 7}}), ["doesn't look like Baseten's"], 1),
        (Respond(302, headers={"Location": "/login"}), ["doesn't look like Baseten's"], 1),
        (rate_limited_429(3600), ["Try again in 1 hour"], 1),
        (rate_limited_429(50, header=True), ["Try again in 50 seconds"], 1),
        (internal_500(), ["is having problems", "you won't get a duplicate"], 4),
        (bad_gateway_html_502(), ["error 502"], 4),
        (Drop(), ["did not answer", "may or may not have been created"], 4),
        (Garble(), ["did not answer"], 4),
    ],
    ids=str,
)
async def test_what_stays_is_told_in_words(
    http: Env, fault: Fault, words: list[str], requests: int
) -> None:
    http.baseten.faults.always(UPSERT, fault)
    await http.slack.command("research sft")
    await http.hears("⚠️")
    told = http.slack.ephemerals[-1].text
    for word in words:
        assert word in told
    assert len(http.baseten.upserts) == requests
    assert http.slack.messages == []


@pytest.mark.slow
async def test_what_hangs_for_ever_is_told_in_words(idle_env: Env) -> None:
    async with idle_env.running(baseten_timeout=0.2):
        idle_env.baseten.faults.always(UPSERT, Hang())
        await idle_env.slack.command("research sft")
        await idle_env.hears("did not answer")
    assert len(idle_env.baseten.upserts) == 4


async def test_nobody_there_means_nothing_was_done(idle_env: Env, closed_port: int) -> None:
    nowhere = AnyHttpUrl(f"http://127.0.0.1:{closed_port}")
    async with idle_env.running(baseten_api_url=nowhere):
        await idle_env.slack.command("research sft")
        await idle_env.hears("can't reach")
    assert "Nothing was created or changed" in idle_env.slack.ephemerals[-1].text


async def test_a_wrong_key_is_told_though_the_team_list_is_refused_too(idle_env: Env) -> None:
    async with idle_env.running(baseten_api_key=SecretStr("wrong1234.key")):
        await idle_env.slack.command("wp7ndew sft")
        assert "does not accept the bot's API key" in await idle_env.told()


async def test_a_key_that_the_api_echoes_reaches_nobody(http: Env) -> None:
    key = http.baseten.api_key
    http.baseten.faults.always(UPSERT, validation_400(f"bad key {key} or b10_{key}"))
    await http.slack.command("research sft")
    told = await http.told()
    assert "bad key" in told
    assert key not in str([(said.text, said.blocks) for said in http.slack.ephemerals])


@pytest.mark.parametrize(
    "fault",
    [internal_500(), Drop(), firewall_202(), validation_400(), rate_limited_429(3600)],
    ids=str,
)
async def test_where_the_teams_cannot_be_had_nothing_was_opened(http: Env, fault: Fault) -> None:
    http.baseten.faults.always("/v1/teams", fault)
    await http.slack.command("research sft")
    await http.hears("Nothing was created or changed")
    assert http.baseten.upserts == []


async def test_a_wrong_key_is_not_blamed_on_a_team_of_several_words(idle_env: Env) -> None:
    async with idle_env.running(baseten_api_key=SecretStr("wrong1234.key")):
        await idle_env.slack.command('"Platform Team" sft')
        assert "does not accept the bot's API key" in await idle_env.told()


@pytest.mark.parametrize("date", ["Mon, 23 Nov 2026 17:10:00 -0000", "soon"])
async def test_an_odd_date_is_no_failure(http: Env, date: str) -> None:
    project = http.baseten.add_project("wp7ndew", "sft")
    answer = Respond(200, json={"training_project": project}, headers={"Date": date})
    http.baseten.faults.next(UPSERT, answer)
    await http.slack.command("research sft")
    await http.answered()
    assert " sft " in http.slack.messages[0].text


@pytest.mark.parametrize("before", range(250, 300, 7))
async def test_not_even_a_part_of_a_key_is_shown_where_words_are_cut(
    idle_env: Env, before: int
) -> None:
    key = "Qp3.ZxWvUtSrQpOnMlKjIhGfEdCbA0123456789"  # of no shape that gives it away
    idle_env.baseten.faults.always("/v1/.*", validation_400(f"{'x' * before}{key} is no name"))
    async with idle_env.running(baseten_api_key=SecretStr(key)):
        await idle_env.slack.command("research sft")
        assert key[:10] not in await idle_env.told()


@pytest.mark.parametrize("first", [Drop(after=True), internal_500()], ids=str)
async def test_a_rate_limit_after_an_attempt_that_may_have_worked_claims_nothing(
    http: Env, first: Fault
) -> None:
    http.baseten.faults.next(UPSERT, first, rate_limited_429(3600))
    await http.slack.command("research sft")
    await http.hears("*sft* may or may not have been created")


async def test_an_upsert_with_an_unreadable_job_is_a_success(idle_env: Env) -> None:
    env = idle_env
    project = env.baseten.add_project("wp7ndew", "sft") | {"latest_job": {"status": "new shape"}}
    env.baseten.faults.always(UPSERT, Respond(200, json={"training_project": project}))
    async with env.running(watch_answers=True) as bot:
        await env.slack.command("research sft")
        await env.answered()
        await env.slack.function_executed(STEP, {"team": "research", "name": "sft"})
        await env.slack.until(lambda: bool(env.slack.completions))
        await bot.drain()
    (message,) = env.slack.messages
    assert "sft is ready in Research.\nIt has a job, but I couldn't read" in message.text
    assert f"Project `{project['id']}`" in message.text
    outputs = env.slack.completions[0].outputs or {}
    assert (outputs["latest_job_status"], outputs["created"]) == ("Unknown", False)
    assert env.slack.ephemerals == []
    assert "Watched by" not in str(message.blocks)  # nothing is known that could be watched


@pytest.mark.parametrize("element", ["more", "jobs", "watch"])
async def test_a_click_shows_a_project_although_its_job_is_unreadable(
    http: Env, element: str
) -> None:
    project = http.baseten.add_project("wp7ndew", "sft")
    http.baseten.add_job(project["id"])
    await http.slack.command("research sft")
    await http.answered()
    (message,) = http.slack.messages
    said = {"training_project": project | {"latest_job": {"status": "new shape"}}}
    jobs = said | {"training_jobs": [http.baseten.job(http.baseten.job_ids(project["id"])[0])]}
    http.baseten.faults.always(f"/v1/training_projects/{project['id']}", Respond(200, json=said))
    http.baseten.faults.always(
        f"/v1/training_projects/{project['id']}/jobs", Respond(200, json=jobs)
    )
    selected = "refresh" if element == "more" else None
    await http.slack.action(message, element, selected=selected)
    if element == "jobs":
        await http.hears("The only job of *sft*")
    else:
        await http.slack.until(lambda: "I couldn't read its state" in message.text)
    if element == "watch":
        await http.hears("I couldn't read the state of the latest job in Baseten's answer")
