"""The dialog that a bare command opens, from the loading view to the answer in the channel."""

import asyncio
from typing import Any

import pytest

from bot.sandbox import Delay, Drop, Hold, Respond
from bot.sandbox.faults import Fault
from tests.conftest import RESEARCH, Env
from tests.scenarios.filled import blocks_of, chosen, dialog, element, typed

OPEN_PROJECT = "/api/views.open"
UPDATE = "/api/views.update"


def refused(code: str) -> Respond:
    return Respond(200, json={"ok": False, "error": code})


async def test_a_loading_view_holds_the_place_until_the_teams_are_there(env: Env) -> None:
    seen = asyncio.Event()
    env.baseten.faults.next("/v1/teams", Hold(seen))
    delivery = await env.slack.command("")
    assert delivery.status == 200
    assert not delivery.body
    await env.slack.until(lambda: bool(env.slack.views))
    (view,) = env.slack.views
    assert "One moment" in str(view.blocks)
    assert view.payload.get("submit") is None
    seen.set()
    await dialog(env)
    assert "One moment" not in str(view.blocks)
    assert blocks_of(view)[0] == "team"
    assert blocks_of(view)[1].startswith("project:")
    assert blocks_of(view)[2:] == ["name"]
    assert len(env.slack.views) == 1
    assert env.baseten.upserts == []


async def test_without_a_team_the_default_one_is_filled_in(env: Env) -> None:
    await env.slack.command("")
    initial = element(await dialog(env), "team")["initial_option"]
    assert initial["text"]["text"].startswith("Default (")


async def test_no_default_team_leaves_the_choice_open(http: Env) -> None:
    team = {"id": RESEARCH, "name": "Research", "default": False}
    http.baseten.faults.next("/v1/teams", Respond(200, json={"teams": [team]}))
    await http.slack.command("")
    assert "initial_option" not in element(await dialog(http), "team")


@pytest.mark.parametrize("text", ["research", RESEARCH, '"Research"', "RESEARCH"])
async def test_the_team_that_was_typed_is_filled_in(env: Env, text: str) -> None:
    await env.slack.command(text)
    view = await dialog(env)
    assert element(view, "team")["initial_option"]["value"] == RESEARCH
    assert "Which team" not in str(view.blocks)


@pytest.mark.parametrize("text", ["zzz", '"zzz"', "`zzz`"])
async def test_a_word_that_is_no_team_is_the_name_of_a_project(env: Env, text: str) -> None:
    await env.slack.command(text)
    view = await dialog(env)
    assert "Which team is *zzz* in?" in str(view.blocks)
    assert "initial_option" not in element(view, "team")
    assert element(view, "project:")["initial_option"]["value"] == "zzz"
    assert blocks_of(view) == ["team", "project:", "name"]


async def test_a_misspelt_team_is_mentioned_but_not_chosen(http: Env) -> None:
    await http.slack.command("reserch")
    view = await dialog(http)
    assert "Which team is *reserch* in? If you meant the team *Research*" in str(view.blocks)
    assert "initial_option" not in element(view, "team")


async def test_two_teams_of_the_typed_name_are_not_called_unknown(http: Env) -> None:
    http.baseten.add_team("Research")
    await http.slack.command("Research")
    view = await dialog(http)
    assert "initial_option" not in element(view, "team")
    assert "Several teams are called *Research*" in str(view.blocks)


async def test_help_is_still_the_help(env: Env) -> None:
    delivery = await env.slack.command("help")
    assert "shows a Baseten training project" in delivery.body["text"]
    await env.bot.drain()
    assert env.slack.views == []


async def test_a_team_called_help_is_filled_in_from_quotes(http: Env) -> None:
    http.baseten.add_team("help", id="he1p123")
    await http.slack.command('"help"')
    assert element(await dialog(http), "team")["initial_option"]["value"] == "he1p123"


async def test_the_answer_goes_to_where_the_command_was_typed(env: Env) -> None:
    env.slack.add_channel("C0OTHER001", name="elsewhere")
    await env.slack.command("research", channel="C0OTHER001")
    view = await dialog(env)
    delivery = await env.slack.submit(view, typed("name", "  sft & <co> "))
    assert delivery.refused is None
    assert delivery.seconds < 3
    assert view.closed
    await env.answered()
    (upsert,) = env.baseten.upserts
    assert upsert.path.split("/")[3] == RESEARCH
    assert upsert.json() == {"training_project": {"name": "sft & <co>"}}
    (message,) = env.slack.messages
    assert message.channel == "C0OTHER001"
    assert message.via == "chat.postMessage"
    assert message.thread_ts is None
    assert "requested by <@U0SANDBOX1>" in str(message.blocks)


async def test_another_team_can_be_chosen(env: Env) -> None:
    await env.slack.command("")
    view = await dialog(env)
    await env.slack.submit(view, chosen(RESEARCH) | typed("name", "sft"))
    await env.answered()
    assert env.baseten.upserts[0].path.split("/")[3] == RESEARCH


async def test_where_the_bot_cannot_post_the_response_url_is_used(env: Env) -> None:
    env.slack.add_channel("C0PRIVATE1", private=True, member=False)
    await env.slack.command("research", channel="C0PRIVATE1")
    await env.slack.submit(await dialog(env), typed("name", "sft"))
    await env.answered()
    (message,) = env.slack.messages
    assert (message.channel, message.via) == ("C0PRIVATE1", "response_url")


async def test_where_nothing_else_works_the_person_is_answered(env: Env) -> None:
    env.slack.add_channel("C0PRIVATE1", private=True, member=False)
    await env.slack.command("research", channel="C0PRIVATE1", response_url=None)
    await env.slack.submit(await dialog(env), typed("name", "sft"))
    await env.answered()
    assert env.slack.messages[0].channel == "D0SANDBOX1"
    assert "✨ sft was created" in env.slack.messages[0].text


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        (typed("name", ""), "name", "or give it a name here"),
        (typed("name", "   "), "name", "or give it a name here"),
        (typed("name", "two\nlines"), "name", "invisible characters"),
        (typed("name", "s\u202eft"), "name", "invisible characters"),
        (chosen("re\u2066search") | typed("name", "sft"), "team", "invisible characters"),
        (chosen("n0team1") | typed("name", "sft"), "team", "no such team"),
        (chosen("reserch") | typed("name", "sft"), "team", "Did you mean Research?"),
    ],
    ids=str,
)
async def test_what_is_wrong_shows_at_its_field(
    env: Env, values: dict[str, Any], field: str, words: str
) -> None:
    await env.slack.command("research")
    view = await dialog(env)
    delivery = await env.slack.submit(view, values)
    assert delivery.body["response_action"] == "errors"
    assert list(delivery.body["errors"]) == [field]
    assert words in delivery.body["errors"][field]
    assert delivery.refused is None
    assert not view.closed
    assert env.baseten.upserts == []


async def test_two_teams_of_the_chosen_name_show_at_the_team(http: Env) -> None:
    await http.slack.command("research")
    view = await dialog(http)
    http.baseten.add_team("Twins")
    http.baseten.add_team("Twins")
    delivery = await http.slack.submit(view, chosen("Twins") | typed("name", "sft"))
    several = "Several teams have this name. Enter the team's ID."
    assert delivery.body["errors"] == {"team": several}


async def test_no_team_shows_at_the_team(env: Env) -> None:
    await env.slack.command("zzz")
    delivery = await env.slack.submit(await dialog(env), typed("name", "sft"))
    assert delivery.body["errors"] == {"team": "Choose a team."}


async def test_what_only_baseten_knows_is_told_where_the_command_was_typed(env: Env) -> None:
    env.baseten.training_enabled = False
    await env.slack.command("research")
    await env.slack.submit(await dialog(env), typed("name", "sft"))
    assert "Training is not enabled" in await env.told()
    assert env.slack.ephemerals[0].channel == "C0SANDBOX1"
    assert env.slack.messages == []


async def test_a_near_name_is_asked_about_after_the_dialog_too(env: Env) -> None:
    env.baseten.add_project(RESEARCH, "llama-3-ft")
    await env.slack.command("research")
    await env.slack.submit(await dialog(env), typed("name", "llama_3_ft"))
    assert "There is already a project `llama-3-ft`" in await env.told()
    assert env.baseten.upserts == []


@pytest.mark.slow
async def test_a_trigger_that_expired_is_told_in_words(env: Env) -> None:
    env.slack.faults.next(OPEN_PROJECT, Delay(3.1))
    await env.slack.command("")
    told = await env.told()
    assert "That took too long and Slack closed the dialog" in told
    assert "Try again" in told
    assert env.slack.views == []


async def test_a_trigger_that_was_used_is_told_in_words(env: Env) -> None:
    first = await env.slack.command("")
    await dialog(env)
    await env.slack.command("", trigger_id=first.trigger_id)
    assert "Slack closed the dialog" in await env.told()
    assert len(env.slack.views) == 1


@pytest.mark.parametrize("fault", [Respond(503), Drop(), refused("internal_error")], ids=str)
async def test_a_dialog_that_does_not_open_is_told_in_words(http: Env, fault: Fault) -> None:
    http.slack.faults.always(OPEN_PROJECT, fault)
    await http.slack.command("")
    await http.hears("⚠️")
    assert http.slack.views == []


async def test_a_dialog_that_was_closed_while_it_loaded_stays_closed(env: Env) -> None:
    left = asyncio.Event()
    env.baseten.faults.next("/v1/teams", Hold(left))
    await env.slack.command("")
    await env.slack.until(lambda: bool(env.slack.views))
    await env.slack.leave(env.slack.views[0])
    left.set()
    await env.bot.drain()
    assert UPDATE in [request.path for request in env.slack.requests]
    assert env.slack.views[0].updates == 0
    assert env.slack.ephemerals == []
    assert env.slack.messages == []


async def test_a_dialog_that_cannot_be_filled_is_told_in_words(env: Env) -> None:
    env.slack.faults.always(UPDATE, refused("invalid_arguments"))
    await env.slack.command("")
    assert "Slack refused what I wanted to show you" in await env.told()


async def test_a_name_is_read_as_in_the_command(http: Env) -> None:
    await http.slack.command("")
    phone = "don\N{RIGHT SINGLE QUOTATION MARK}t\N{NO-BREAK SPACE}stop"
    await http.slack.submit(await dialog(http), typed("name", phone))
    await http.answered()
    assert http.baseten.upserts[0].json() == {"training_project": {"name": "don't stop"}}


async def test_where_the_response_url_is_dead_the_person_is_answered(http: Env) -> None:
    http.slack.add_channel("C0PRIVATE1", private=True, member=False)
    http.slack.faults.always("/response/.*", Respond(404, body=b"expired_url"))
    await http.slack.command("research", channel="C0PRIVATE1")
    await http.slack.submit(await dialog(http), typed("name", "sft"))
    await http.slack.until(lambda: any(" sft " in said.text for said in http.slack.messages))
    assert http.slack.messages[0].channel == "D0SANDBOX1"
    assert "was created" in http.slack.messages[0].text


async def test_a_similar_team_is_named_without_turning_the_sentence_round(http: Env) -> None:
    http.baseten.add_team("מרחב 7")
    await http.slack.command("")
    delivery = await http.slack.submit(await dialog(http), chosen("מרחב 8") | typed("name", "sft"))
    said = "There is no such team. Did you mean \u2068מרחב 7\u2069?"
    assert delivery.body["errors"] == {"team": said}
