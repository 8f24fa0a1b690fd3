"""The team select of the dialog: what it offers, and what it does when the teams cannot be had."""

import pytest

from bot.sandbox import Drop, Hang, Respond
from bot.sandbox.faults import Fault
from bot.sandbox.refusals import (
    internal_500,
    permission_denied_403,
    rate_limited_429,
    training_disabled_403,
    unauthorized_401,
)
from bot.sandbox.slack.records import Delivery
from tests.conftest import RESEARCH, Env
from tests.scenarios.filled import blocks_of, chosen, dialog, element, typed


def values_of(delivery: Delivery) -> list[str]:
    return [option["value"] for option in delivery.body["options"]]


def names_of(delivery: Delivery) -> list[str]:
    return [option["text"]["text"] for option in delivery.body["options"]]


async def test_without_the_list_the_team_is_typed(env: Env) -> None:
    env.baseten.list_teams_allowed = False
    await env.slack.command(RESEARCH)
    view = await dialog(env)
    assert element(view, "team")["type"] == "plain_text_input"
    assert element(view, "team")["initial_value"] == RESEARCH
    assert "There's no team" not in str(view.blocks)
    assert blocks_of(view) == ["team", "name"]
    await env.slack.submit(view, typed("name", "sft"))
    await env.answered()
    assert " sft " in env.slack.messages[0].text


async def test_without_the_list_words_that_are_no_id_show_at_the_field(http: Env) -> None:
    http.baseten.list_teams_allowed = False
    await http.slack.command("")
    delivery = await http.slack.submit(
        await dialog(http), typed("team", "Platform Team") | typed("name", "sft")
    )
    assert list(delivery.body["errors"]) == ["team"]


@pytest.mark.slow
async def test_a_team_list_that_hangs_does_not_hold_the_dialog(env: Env) -> None:
    env.baseten.faults.always("/v1/teams", Hang())
    await env.slack.command("")
    view = await dialog(env)
    assert blocks_of(view) == ["team", "project:", "name"]
    delivery = await env.slack.options(view, "team", "research")
    assert delivery.seconds < 3
    assert values_of(delivery) == ["research"]
    assert "as typed" in names_of(delivery)[0]


async def test_the_typed_team_is_filled_in_though_the_list_hangs(http: Env) -> None:
    http.baseten.faults.always("/v1/teams", Hang())
    await http.slack.command("research")
    assert element(await dialog(http), "team")["initial_option"]["value"] == "research"


@pytest.mark.slow
async def test_what_cannot_be_checked_in_time_is_taken_and_opened_later(idle_env: Env) -> None:
    async with idle_env.running(baseten_timeout=3):
        idle_env.baseten.faults.next("/v1/teams", Hang())
        await idle_env.slack.command("")
        view = await dialog(idle_env)
        delivery = await idle_env.slack.submit(view, chosen("research") | typed("name", "sft"))
        assert delivery.seconds < 3
        assert view.closed
        await idle_env.answered()
        assert idle_env.baseten.upserts[0].path.split("/")[3] == RESEARCH


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Hang(), marks=pytest.mark.slow),
        *(Drop(), internal_500(), permission_denied_403(), training_disabled_403()),
    ],
    ids=str,
)
async def test_options_come_in_time_whatever_baseten_does(http: Env, fault: Fault) -> None:
    await http.slack.command("")
    view = await dialog(http)
    async with http.running(database_url=http.other_database):
        http.baseten.faults.always("/v1/teams", fault)
        delivery = await http.slack.options(view, "team", "  res ")
        assert delivery.seconds < 3
        assert delivery.status == 200
        assert values_of(delivery) == ["res"]
        assert values_of(await http.slack.options(view, "team", " ")) == []


async def test_options_are_filtered_and_what_starts_so_comes_first(env: Env) -> None:
    env.baseten.add_team("Platform Research", id="p1atres")
    env.baseten.add_team("Zoo", id="zoo1234")
    env.baseten.add_team("Alpha")
    await env.slack.command("")
    view = await dialog(env)
    everything = await env.slack.options(view, "team", "")
    assert everything.seconds < 3
    assert [name.split(" (")[0] for name in names_of(everything)] == [
        "Default",
        "Alpha",
        "Platform Research",
        "Research",
        "Zoo",
    ]
    assert values_of(await env.slack.options(view, "team", " RES")) == [RESEARCH, "p1atres"]
    assert values_of(await env.slack.options(view, "team", "zoo1234")) == ["zoo1234"]
    assert values_of(await env.slack.options(view, "team", "nothing like it")) == []


async def test_of_more_than_a_hundred_teams_a_hundred_are_offered(env: Env) -> None:
    for number in range(120):
        env.baseten.add_team(f"Team {number:03}", id=f"team{number:03}")
    await env.slack.command('"team 119"')
    view = await dialog(env)
    assert element(view, "team")["initial_option"]["value"] == "team119"
    everything = await env.slack.options(view, "team", "")
    assert len(everything.body["options"]) == 100
    assert names_of(everything)[0].startswith("Default")
    assert values_of(await env.slack.options(view, "team", "119")) == ["team119"]


@pytest.mark.parametrize("name", ["<&>" * 2000, '"' * 3000, "日" * 3000, "🚀" * 3000])
async def test_a_long_hostile_team_fits_everywhere(http: Env, name: str) -> None:
    http.baseten.add_team(name, id="1ongnam")
    await http.slack.command("1ongnam")
    view = await dialog(http)
    assert element(view, "team")["initial_option"]["value"] == "1ongnam"
    options = (await http.slack.options(view, "team", name[:50])).body["options"]
    assert [len(option["text"]["text"]) <= 75 for option in options] == [True]
    await http.slack.submit(view, typed("name", name))
    await http.answered()
    assert http.baseten.upserts[0].json() == {"training_project": {"name": name}}
    assert http.slack.messages[0].via == "chat.postMessage"


async def test_a_long_unknown_team_fits_too(http: Env) -> None:
    await http.slack.command("<&>" * 1000)
    view = await dialog(http)
    assert "Which team is" in str(view.blocks)
    assert element(view, "name")["initial_value"] == "<&>" * 1000
    http.baseten.list_teams_allowed = False
    async with http.running(database_url=http.other_database):
        await http.slack.command("x" * 3000)
        await http.slack.until(lambda: len(http.slack.views) == 2)
        await dialog(http)
        assert element(http.slack.views[-1], "team")["type"] == "plain_text_input"


@pytest.mark.parametrize("refusal", [rate_limited_429(60), unauthorized_401(), internal_500()])
async def test_a_list_that_failed_is_no_matter_of_rights(http: Env, refusal: Respond) -> None:
    http.baseten.faults.always("/v1/teams", refusal)
    await http.slack.command(RESEARCH)
    view = await dialog(http)
    assert "not allowed" not in str(view.blocks)
    delivery = await http.slack.submit(view, typed("name", "sft"))
    assert not delivery.body


async def test_a_part_of_an_id_finds_the_team(http: Env) -> None:
    await http.slack.command("")
    delivery = await http.slack.options(await dialog(http), "team", RESEARCH[:3])
    assert values_of(delivery) == [RESEARCH]


async def test_a_long_id_fits(http: Env) -> None:
    http.baseten.add_team("T" * 120, id="team-research-production-0123456789", default=True)
    await http.slack.command("T")
    (name,) = names_of(await http.slack.options(await dialog(http), "team", "TTT"))
    assert len(name) <= 75
