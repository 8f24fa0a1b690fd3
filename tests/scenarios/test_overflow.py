"""The menu of the message: the command to copy, and the end of a watch for everyone."""

import asyncio
import sqlite3
from contextlib import closing
from functools import partial
from typing import Any

import pytest

from bot.handlers.watch import WATCH_MESSAGE
from bot.projects.request import ProjectRequest, parse
from bot.sandbox import Respond
from bot.sandbox.refusals import not_found_404
from bot.sandbox.slack.records import Ephemeral, PostedMessage, View
from tests.conftest import RESEARCH, Env
from tests.scenarios.tasks import until_ended

DANA, SAM, KIM = "U0DANA0001", "U0SAM00001", "U0KIM00001"
VIEWS_OPEN, VIEWS_UPDATE = "/api/views.open", "/api/views.update"


async def answer(env: Env, name: str = "sft", *watchers: str) -> PostedMessage:
    """A message about a project with a job that runs, and its watchers."""
    project = env.baseten.add_project(RESEARCH, name)
    env.baseten.add_job(project["id"], name="epoch-1", id="firstjb")
    await env.slack.command(f"research {name}")
    await env.answered()
    message = env.slack.messages[0]
    for user in watchers:
        await env.slack.action(message, "watch", user=user)
        await env.slack.until(partial(is_watched_by, message, user))
        await until_ended(env, WATCH_MESSAGE)  # a watch is drawn before it is saved
    return message


async def dialog(env: Env) -> View:
    """The dialog, once it is more than a note to wait."""
    await env.slack.until(lambda: bool(env.slack.views) and env.slack.views[-1].updates > 0)
    return env.slack.views[-1]


def is_watched_by(message: PostedMessage, user: str) -> bool:
    return f"<@{user}>" in str(message.blocks[-1]).partition("atched by")[2]


async def question(env: Env, message: PostedMessage, user: str, *words: str) -> View:
    """The question before a watch ends; a message changes a moment before its watch on disk."""
    async with asyncio.timeout(20):
        while True:
            views = len(env.slack.views)
            await env.slack.action(message, "more", selected="stop for everyone", user=user)
            await env.slack.until(lambda: len(env.slack.views) > views)  # noqa: B023
            view = await dialog(env)
            if all(word in "\n".join(texts(view)) for word in words):
                return view
            await env.slack.leave(view)


def texts(view: View | PostedMessage | Ephemeral) -> list[str]:
    found: list[str] = []

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("text"), str):
                found.append(value["text"])
            for inner in value.values():
                collect(inner)
        elif isinstance(value, list):
            for inner in value:
                collect(inner)

    collect(view.blocks)
    return found


def refusal(code: str) -> Respond:
    return Respond(200, json={"ok": False, "error": code})


@pytest.mark.parametrize("name", ["sft", "two  spaces & <more>", "`*x*` \"y\" 'z'"])
async def test_the_command_can_be_copied_and_opens_the_same_project(env: Env, name: str) -> None:
    message = await answer(env, name)
    await env.slack.action(message, "more", selected="command", user=DANA)
    view = await dialog(env)
    assert view.user == DANA
    (command,) = [text for text in texts(view) if text.startswith("/training-project ")]
    typed = command.removeprefix("/training-project ")
    typed = typed.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")  # as Slack does
    assert parse(typed) == ProjectRequest("Research", name)
    assert message.blocks[-1]["elements"][0]["text"].split("`")[1] in texts(view)
    assert message.edits == 0
    assert env.slack.ephemerals == []


async def test_a_command_too_long_to_copy_is_not_shown_in_part(http: Env) -> None:
    message = await answer(http, "x" * 2600)
    await http.slack.action(message, "more", selected="command")
    shown = "\n".join(texts(await dialog(http)))
    assert "too long to show" in shown
    assert "/training-project" not in shown


async def test_a_watch_ends_for_everyone_after_a_question_that_names_its_watchers(
    env: Env,
) -> None:
    message = await answer(env, "sft", DANA, SAM)
    view = await question(env, message, DANA, DANA, SAM)
    (asked,) = texts(view)
    assert asked.startswith(
        f"Stop watching *sft* for everyone?\nWatched by <@{DANA}> and <@{SAM}>."
    )
    assert "The others get a message that you stopped it." in asked
    assert view.payload["submit"]["text"] == "Stop for everyone"
    delivery = await env.slack.submit(view, {}, user=DANA)
    assert (delivery.status, delivery.refused) == (200, None)
    await env.slack.until(lambda: "stop_watching" not in str(message.blocks))
    await env.bot.drain()
    assert view.closed
    assert "atched by" not in str(message.blocks)
    options = message.blocks[-2]["elements"][-1]["options"]
    assert [each["value"] for each in options] == [
        "refresh",
        "command",
        "job actions firstjb",
        "follow",
    ]
    told = [(one.channel, one.text) for one in env.slack.messages if one.channel[0] == "D"]
    assert told == [(f"D{SAM[1:]}", f"<@{DANA}> stopped watching *sft* for everyone.")]


async def test_who_cancels_the_question_ends_nothing(http: Env) -> None:
    message = await answer(http, "sft", DANA, SAM)
    await http.slack.leave(await question(http, message, KIM, DANA, SAM))
    await http.bot.drain()
    assert f"Watched by <@{DANA}> and <@{SAM}>" in str(message.blocks)


async def test_there_is_nothing_to_stop_on_a_message_that_nobody_watches_any_more(
    env: Env,
) -> None:
    message = await answer(env, "sft", DANA)
    await question(env, message, SAM, DANA)
    shown = message.blocks
    await env.slack.action(message, "stop_watching", user=DANA)
    await env.slack.until(lambda: "stop_watching" not in str(message.blocks))
    message.blocks = shown  # a client that has not drawn the change yet
    view = await question(env, message, SAM, "Nobody")
    assert texts(view) == ["Nobody is watching this message any more."]
    assert "submit" not in view.payload


@pytest.mark.parametrize("option", ["command", "stop for everyone"])
async def test_a_trigger_that_expired_is_told_in_words(env: Env, option: str) -> None:
    message = await answer(env, "sft", DANA)
    env.slack.faults.always(VIEWS_OPEN, refusal("expired_trigger_id"))
    await env.slack.action(message, "more", selected=option, user=SAM)
    told = await env.told()
    assert "That took too long and Slack closed the dialog. Nothing was changed." in told
    assert "expired_trigger_id" not in told
    assert env.slack.ephemerals[0].user == SAM
    assert env.slack.views == []


@pytest.mark.parametrize("option", ["command", "stop for everyone"])
async def test_a_dialog_that_slack_refuses_is_told_in_words(env: Env, option: str) -> None:
    message = await answer(env, "sft", DANA)
    env.slack.faults.always(VIEWS_UPDATE, refusal("invalid_arguments"))
    await env.slack.action(message, "more", selected=option, user=SAM)
    told = await env.told()
    assert "Slack refused what I wanted to show you. Nothing was changed." in told
    assert "invalid_arguments" not in told


async def test_a_project_that_is_gone_is_told_in_the_dialog(env: Env) -> None:
    message = await answer(env)
    env.baseten.faults.always(r"/v1/training_projects/.*", not_found_404())
    await env.slack.action(message, "more", selected="command")
    shown = "\n".join(texts(await dialog(env)))
    assert "I can't find that project in Baseten any more" in shown
    assert env.slack.ephemerals == []


@pytest.mark.parametrize("value", ["", "delete everything", "x" * 150, "stop following"])
async def test_an_option_that_the_bot_does_not_offer_is_refused_in_words(
    env: Env, value: str
) -> None:
    message = await answer(env, "sft", DANA)
    await env.slack.action(message, "more", selected={"value": value}, user=SAM)
    assert "is not one that I made" in await env.told()
    await env.bot.drain()
    assert env.slack.views == []
    assert "refreshed by" not in str(message.blocks).lower()


@pytest.mark.parametrize("option", ["refresh", "command", "stop for everyone"])
@pytest.mark.parametrize("forged", ["from another age", '{"project_id": "../x"}', None])
async def test_a_message_whose_state_is_forged_or_missing_is_refused_in_words(
    env: Env, option: str, forged: str | None
) -> None:
    message = await answer(env, "sft", DANA)
    row = message.blocks[-2]
    for element in row["elements"]:
        if element["action_id"] == "watch":
            element["value"] = forged
    if forged is None:
        row["elements"] = row["elements"][-1:]
    await env.slack.action(message, "more", selected=option, user=SAM)
    assert "is not one that I made" in await env.told()
    await env.bot.drain()
    assert env.slack.views == []
    assert "refreshed by" not in str(message.blocks).lower()


@pytest.mark.parametrize("forged", ["", "{}", '{"channel_id": "x", "ts": "1"}'])
async def test_a_forged_question_ends_nothing(env: Env, forged: str) -> None:
    message = await answer(env, "sft", DANA)
    view = await question(env, message, SAM, DANA)
    view.payload["private_metadata"] = forged
    delivery = await env.slack.submit(view, {}, user=SAM)
    assert delivery.refused is None
    assert not view.closed
    assert "is not one that I made" in "\n".join(texts(view))
    await env.bot.drain()
    assert f"Watched by <@{DANA}>" in str(message.blocks)


async def test_a_confirmation_while_the_database_is_away_is_told_in_the_dialog(http: Env) -> None:
    message = await answer(http, "sft", DANA)
    view = await question(http, message, SAM, DANA)
    with closing(sqlite3.connect(http.folder / "bot.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        delivery = await http.slack.submit(view, {}, user=SAM)
        other.execute("ROLLBACK")
    assert delivery.refused is None
    shown = "\n".join(texts(view))
    assert (
        "I can't save requests right now" in shown or "Saving your request took too long" in shown
    )


async def test_the_refresh_button_of_an_older_message_still_works(env: Env) -> None:
    message = await answer(env)
    row = message.blocks[-2]["elements"]
    refresh = row[0] | {"action_id": "refresh", "text": {"type": "plain_text", "text": "Refresh"}}
    message.blocks[-2]["elements"] = [refresh, *row[:-1]]
    await env.slack.action(message, "refresh", user=DANA)
    await env.slack.until(lambda: message.edits == 1)
    assert f"Refreshed by <@{DANA}>" in str(message.blocks)
    assert "overflow" in str(message.blocks)


async def test_the_help_opens_the_dialog(env: Env) -> None:
    await env.slack.command("help", user=DANA)
    (shown,) = env.slack.ephemerals
    await env.slack.action(shown, "open_dialog", user=DANA)
    view = await dialog(env)
    assert view.payload["title"]["text"] == "Open training project"
    assert view.user == DANA
