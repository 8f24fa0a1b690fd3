"""The project select of the dialog: what it offers, and what happens when the team changes."""

from typing import Any

import pytest

from bot.sandbox import Drop, Hang, Respond
from bot.sandbox.faults import Fault
from bot.sandbox.slack.records import View
from tests.conftest import RESEARCH, Env
from tests.scenarios.filled import (
    blocks_of,
    chosen,
    dialog,
    element,
    option,
    picked,
    project_block,
    typed,
)
from tests.scenarios.tasks import until_ended

LIST = "/v1/training_projects"
OTHER = "p1atf0m"


async def offered(env: Env, view: View, text: str) -> list[str]:
    delivery = await env.slack.options(view, "project", text)
    assert delivery.refused is None
    assert delivery.seconds < 3
    return [each["text"]["text"] for each in delivery.body["options"]]


async def choose(env: Env, view: View, team: str, **more: Any) -> None:
    """Choose a team, and wait until the dialog has its projects."""
    updates = view.updates
    await env.slack.action(view, "team", selected=option(team), **more)
    await env.slack.until(lambda: view.updates > updates)


async def research(env: Env) -> View:
    await env.slack.command("research")
    return await dialog(env)


def names(env: Env) -> list[str]:
    return [request.json()["training_project"]["name"] for request in env.baseten.upserts]


async def test_the_projects_of_the_team_are_offered_and_the_typed_name_comes_first(
    env: Env,
) -> None:
    other = env.baseten.add_team("Platform")
    for name in ("b-llama", "Llama-3", "llama-2", "qwen"):
        env.baseten.add_project(RESEARCH, name)
    env.baseten.add_project(other["id"], "llama-of-platform")
    view = await research(env)
    assert await offered(env, view, "") == ["b-llama", "llama-2", "Llama-3", "qwen"]
    assert await offered(env, view, " llama ") == [
        "Create “llama”",
        "llama-2",
        "Llama-3",
        "b-llama",
    ]
    assert await offered(env, view, "qwen") == ["qwen"]
    assert await offered(env, view, "zzz") == ["Create “zzz”"]


async def test_the_last_projects_of_the_person_come_first(env: Env) -> None:
    for name in ("aaa", "bbb"):
        env.baseten.add_project(RESEARCH, name)
    await env.slack.command("research zz-mine")
    await env.answered()
    await until_ended(env)
    view = await research(env)
    assert await offered(env, view, "") == ["zz-mine", "aaa", "bbb"]
    assert await offered(env, view, "b") == ["Create “b”", "bbb"]


async def test_another_team_has_other_projects_and_a_new_field(env: Env) -> None:
    env.baseten.add_team("Platform", id=OTHER)
    env.baseten.add_project(RESEARCH, "of-research")
    env.baseten.add_project(OTHER, "of-platform")
    view = await research(env)
    assert project_block(view) == f"project:{RESEARCH}"
    await choose(env, view, OTHER, values=picked(view, "of-research"))
    assert project_block(view) == f"project:{OTHER}"
    assert "initial_option" not in element(view, f"project:{OTHER}")
    assert await offered(env, view, "") == ["of-platform"]
    await env.slack.submit(view, chosen(OTHER) | picked(view, "of-platform"))
    await env.answered()
    assert env.baseten.upserts[0].path.split("/")[3] == OTHER
    assert names(env) == ["of-platform"]


async def test_a_new_name_is_kept_when_the_team_changes(env: Env) -> None:
    env.baseten.add_team("Platform", id=OTHER)
    env.baseten.add_project(OTHER, "mine")
    await env.slack.command("mine")
    view = await dialog(env)
    await choose(env, view, RESEARCH)
    shown = element(view, f"project:{RESEARCH}")["initial_option"]
    assert (shown["text"]["text"], shown["value"]) == ("Create “mine”", "mine")
    await choose(env, view, OTHER)
    shown = element(view, f"project:{OTHER}")["initial_option"]
    assert (shown["text"]["text"], shown["value"]) == ("mine", "mine")


async def test_a_picked_project_is_opened_exactly_as_it_is_called(http: Env) -> None:
    name = "don\N{RIGHT SINGLE QUOTATION MARK}t  stop"
    http.baseten.add_project(RESEARCH, name)
    view = await research(http)
    assert await offered(http, view, "don") == ["Create “don”", name]
    await http.slack.submit(view, picked(view, name))
    await http.answered()
    assert names(http) == [name]


async def test_a_typed_name_beats_the_one_that_the_dialog_was_filled_in_with(http: Env) -> None:
    await http.slack.command("zzz")
    view = await dialog(http)
    delivery = await http.slack.submit(view, chosen(RESEARCH) | typed("name", "another"))
    assert not delivery.body
    await http.answered()
    assert names(http) == ["another"]


async def test_a_choice_and_another_typed_name_show_at_the_field(http: Env) -> None:
    view = await research(http)
    delivery = await http.slack.submit(view, picked(view, "one") | typed("name", "two"))
    assert list(delivery.body["errors"]) == ["name"]
    assert "You chose a project above too" in delivery.body["errors"]["name"]
    assert http.baseten.upserts == []


async def test_a_project_of_another_teams_list_shows_at_the_field(http: Env) -> None:
    http.baseten.add_team("Platform", id=OTHER)
    view = await research(http)
    delivery = await http.slack.submit(view, chosen(OTHER) | picked(view, "sft"))
    assert delivery.refused is None
    assert list(delivery.body["errors"]) == [f"project:{RESEARCH}"]
    assert http.baseten.upserts == []


@pytest.mark.parametrize(
    "fault", [Drop(), Respond(500), Respond(403), pytest.param(Hang(), marks=pytest.mark.slow)]
)
async def test_without_the_list_the_typed_name_is_still_offered(http: Env, fault: Fault) -> None:
    http.baseten.add_project(RESEARCH, "llama-3")
    http.baseten.faults.always(LIST, fault, method="GET")
    view = await research(http)
    assert await offered(http, view, "llama") == ["Use “llama”"]
    assert await offered(http, view, "") == []


async def test_without_a_team_only_the_typed_name_is_offered(http: Env) -> None:
    http.baseten.add_project(RESEARCH, "llama-3")
    await http.slack.command("zzz")
    assert await offered(http, await dialog(http), "llama") == ["Use “llama”"]


async def test_many_projects_are_listed_once(http: Env) -> None:
    for number in range(2_000):
        http.baseten.add_project(RESEARCH, f"run-{number:05}")
    view = await research(http)
    for text in ("", "r", "ru", "run-019", "999"):
        assert len(await offered(http, view, text)) <= 100
    assert len(await offered(http, view, "")) == 100
    assert await offered(http, view, "run-01999") == ["run-01999"]
    lists = [request for request in http.baseten.requests if request.path == LIST]
    pages = {request.query.get("cursor", "") for request in lists}
    assert len(lists) == len(pages)


@pytest.mark.parametrize("letter", ["<", '"', "日", "🚀", "\\", "\u202e"])
@pytest.mark.parametrize("length", [1, 76, 150, 151, 5000])
async def test_long_and_hostile_names_fit(http: Env, letter: str, length: int) -> None:
    name = letter * length
    http.baseten.add_project(RESEARCH, name)
    view = await research(http)
    shown = await offered(http, view, "")
    assert len(shown) == (1 if length <= 150 else 0)
    assert all(0 < len(label) <= 75 for label in shown)
    await offered(http, view, f"x{name}")
    await choose(http, view, RESEARCH, values=picked(view, "y" * min(length, 150)))


async def test_a_name_too_long_for_the_list_is_typed_below_it(http: Env) -> None:
    name = "x" * 151
    await http.slack.command(name)
    view = await dialog(http)
    assert blocks_of(view) == ["team", "project:", "name"]
    assert element(view, "name")["initial_value"] == name
    await http.slack.submit(view, chosen(RESEARCH))
    await http.answered()
    assert names(http) == [name]


async def test_a_dialog_that_does_not_change_its_team_is_told_in_words(http: Env) -> None:
    view = await research(http)
    refusal = Respond(200, json={"ok": False, "error": "invalid_arguments"})
    http.slack.faults.always("/api/views.update", refusal)
    await http.slack.action(view, "team", selected=option(RESEARCH))
    assert "Slack refused" in await http.told()


async def test_a_forged_state_offers_nothing(http: Env) -> None:
    view = await research(http)
    view.payload["private_metadata"] = "nonsense"
    delivery = await http.slack.options(view, "project", "x")
    assert delivery.body == {"options": []}
    await http.slack.action(view, "team", selected=option(RESEARCH))
    await http.bot.drain()
    assert view.updates == 1
