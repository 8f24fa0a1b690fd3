"""The home tab: running jobs, own projects, follows, help; and its acts, which redraw it."""

import asyncio
import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from bot.access.rules import Actor, Verb
from bot.sandbox import Delay, Hold, Respond
from bot.sandbox.refusals import internal_500, permission_denied_403, slack_error
from bot.sandbox.slack.records import View
from bot.views.follow_dialog import FOLLOW_DIALOG, TARGET
from bot.views.home import HOME_OPEN
from bot.wiring import Tuning
from tests.conftest import RESEARCH, Env
from tests.scenarios.filled import blocks_of, channel, chosen, dialog, typed
from tests.scenarios.test_job_list import LIST, SEARCH, WAITS, add, ago, asked


async def home(env: Env, user: str = "U0SANDBOX1", *, slow: bool = False) -> View:
    """Look at the home tab, and return what is there; unless ``slow``, with Baseten's answer."""
    before = published(env)
    delivery = await env.slack.event(opened(user))
    assert delivery.status == 200
    await env.slack.until(lambda: shown(env) > before)
    (view,) = [each for each in tabs(env) if each.user == user]
    if not slow:  # on a busy machine the tab can be shown twice
        await until(env, view, WAITS, gone=True)
    return view


def tabs(env: Env) -> list[View]:
    return [view for view in env.slack.views if view.payload["type"] == "home"]


def shown(env: Env) -> int:
    """The number of publications that Slack has taken."""
    return sum(view.updates + 1 for view in tabs(env))


def opened(user: str, tab: str = "home") -> dict[str, Any]:
    return {"type": "app_home_opened", "user": user, "channel": "D0SANDBOX1", "tab": tab}


def listed(view: View) -> list[str]:
    """The names of the person's projects, as they stand."""
    return [text.split("*")[1] for text in section(view, "Your projects") if text.startswith("*")]


def section(view: View, title: str) -> list[str]:
    """The texts under a header."""
    found: dict[str, list[str]] = {}
    under: list[str] = []
    for block in view.blocks:
        text = str(block.get("text", {}).get("text", ""))
        if block["type"] == "header":
            under = found.setdefault(text, [])
        elif text:
            under.append(text)
    return found[title]


async def until(env: Env, view: View, words: str, *, gone: bool = False) -> None:
    """Wait until the tab has these words, or has them no more."""
    await env.slack.until(lambda: (words in str(view.blocks)) is not gone)


async def press(env: Env, view: View, action_id: str, **more: Any) -> None:
    delivery = await env.slack.action(view, action_id, **more)
    assert (delivery.status, delivery.refused) == (200, None)


def published(env: Env) -> int:
    return len([r for r in env.slack.requests if r.path == "/api/views.publish"])


async def home_with(env: Env, *names: str) -> View:
    """Look at the home tab until these projects are there: a task remembers them at its end."""
    async with asyncio.timeout(20):
        while listed(view := await home(env)) != list(names):
            pass
    return view


async def test_it_says_how_to_use_the_bot(env: Env) -> None:
    view = await home(env)
    help_text = str(view.blocks[-1])
    assert "/training-project" in help_text
    assert "/training-jobs" in help_text
    assert help_text.count("\\n") == 2
    assert section(view, "Running now") == ["No job is running or waiting."]
    assert "will be listed here" in str(section(view, "Your projects"))
    assert section(view, "Tell me about my jobs")[0].startswith("Off.")
    assert listed(view) == []
    assert env.slack.messages == []


async def test_it_lists_the_jobs_that_run_or_wait_the_newest_first(env: Env) -> None:
    add(env, "older", created_at=ago(hours=7))
    add(env, "newer", status="PENDING", created_at=ago(hours=1))
    add(env, "ended", status="COMPLETED")
    view = await home(env)
    first, second = section(view, "Running now")
    assert (
        "|newer>* · newer (Research)\nWaiting for GPU capacity · 8xH100 · created <!date" in first
    )
    assert "|older>* · older (Research)\nRunning" in second
    assert sorted(asked(env)) == [f"GET {LIST}", f"POST {SEARCH}"]


async def test_ten_openings_share_two_requests(env: Env) -> None:
    add(env, "sft")
    for user in range(10):
        await home(env, f"U0READER{user:02}")
    assert len(asked(env)) == 2


async def test_watch_posts_a_live_message_and_the_tab_says_so(env: Env) -> None:
    add(env, "sft")
    view = await home(env)
    await press(env, view, "watch_job")
    await until(env, view, "watched by you")
    (message,) = env.slack.messages
    assert message.channel == "D0SANDBOX1"
    assert "watch_job" not in str(view.blocks)
    assert "watched by you" not in str((await home(env, "U0DANA0001")).blocks)
    await env.bot.drain()
    assert len(env.slack.messages) == 1
    assert env.slack.ephemerals == []


@pytest.mark.parametrize("button", ["watch_job", "show_job"])
async def test_after_an_act_the_tab_shows_what_the_act_has_shown(env: Env, button: str) -> None:
    await env.slack.command("research sft")
    await env.answered()
    project = env.baseten.projects()[0]
    job = env.baseten.add_job(project["id"], name="epoch-3")
    view = await home_with(env, "sft")
    assert "|epoch-3>* · sft" in section(view, "Running now")[0]
    env.baseten.set_job(job["id"], status="TRAINING_JOB_COMPLETED")
    await press(env, view, button)
    await env.answered(2)
    await until(env, view, "No job is running or waiting.")
    await until(env, view, "|epoch-3>: Completed")


async def test_watch_pressed_twice_watches_once(http: Env) -> None:
    add(http, "sft")
    view = await home(http)
    async with asyncio.TaskGroup() as both:
        for _ in range(2):
            both.create_task(press(http, view, "watch_job"))
    await until(http, view, "watched by you")
    await http.bot.drain()
    assert len(http.slack.messages) == 1


async def test_show_posts_an_own_project_to_the_person(env: Env) -> None:
    await env.slack.command("research sft")
    await env.answered()
    view = await home_with(env, "sft")
    before = published(env)
    await press(env, view, "show_job")
    await env.answered(2)
    assert env.slack.messages[1].channel == "D0SANDBOX1"
    assert "sft" in env.slack.messages[1].text
    await env.slack.until(lambda: published(env) > before)


async def test_an_own_project_has_its_latest_job_with_watch(env: Env) -> None:
    await env.slack.command("research sft")
    await env.answered()
    shown = json.loads(str(env.slack.messages[0].blocks[1]["elements"][0]["value"]))
    env.baseten.add_job(shown["project_id"], name="epoch-3")
    view = await home_with(env, "sft")
    (line,) = section(view, "Your projects")
    assert line.startswith("*sft* (Research)\n▶️ <")
    assert "|epoch-3>: Running · created <!date" in line
    labels = [
        e["text"]["text"] for b in view.blocks if b["type"] == "actions" for e in b["elements"]
    ]
    assert labels[:3] == ["Show", "Watch", "Open a training project"]


@pytest.mark.parametrize("button", ["show_job", "watch_job"])
async def test_a_forged_value_is_refused(http: Env, button: str) -> None:
    add(http, "sft")
    await http.slack.command("research sft")
    await http.answered()
    view = await home_with(http, "sft")
    before = len(asked(http))
    for number, value in enumerate(["", "{}", "[]", '{"project_id": "a/b"}'], 2):
        await press(http, view, button, value=value)
        await http.answered(number)
        assert "is not one that I made" in http.slack.messages[-1].text
    assert len(asked(http)) == before


async def test_hidden_teams_never_appear(idle_env: Env) -> None:
    def hides(actor: Actor, verb: Verb, team: str) -> bool:
        return not (actor.id == "U0SANDBOX1" and verb is Verb.VIEW and team == "Research")

    add(idle_env, "secret")
    async with idle_env.running():
        await idle_env.slack.command("research secret")
        await idle_env.answered()
        view = await home_with(idle_env, "secret")
        value = next(str(b["accessory"]["value"]) for b in view.blocks if "accessory" in b)
    async with idle_env.running(Tuning(allows=hides)):
        view = await home(idle_env)
        await until(idle_env, view, "No job is running or waiting.")
        assert "secret" not in str(view.blocks)
        await press(idle_env, view, "tell_me", value=value)
        assert "secret" in str((await home(idle_env, "U0DANA0001")).blocks)


async def test_a_slow_baseten_delays_only_its_part(env: Env) -> None:
    add(env, "sft")
    seen = asyncio.Event()
    env.baseten.faults.next(SEARCH, Hold(seen))
    view = await home(env, slow=True)
    assert section(view, "Running now") == [WAITS]
    assert "will be listed here" in str(view.blocks)
    seen.set()
    await until(env, view, "|sft>*")
    assert published(env) == 2


@pytest.mark.parametrize("path", [SEARCH, LIST])
async def test_without_baseten_the_rest_is_there(http: Env, path: str) -> None:
    http.baseten.faults.always(path, internal_500())
    view = await home(http)
    await until(http, view, "Baseten is having problems (error 500).")
    assert "Open this tab again in a minute." in section(view, "Running now")[0]
    assert "Tell me about my jobs" in str(view.blocks)
    assert http.slack.messages == []
    http.baseten.faults.clear()
    await until(http, await home(http), "No job is running or waiting.")


@pytest.mark.parametrize(("path", "said"), [(SEARCH, "search jobs"), (LIST, "list projects")])
async def test_a_refused_search_or_list_is_said(http: Env, path: str, said: str) -> None:
    add(http, "sft")
    http.baseten.faults.always(path, permission_denied_403())
    view = await home(http)
    await until(http, view, f"The bot's key can't {said}")
    assert "|sft>*" in str(view.blocks)


async def test_without_the_database_the_jobs_are_there(http: Env) -> None:
    add(http, "sft")
    with closing(sqlite3.connect(http.folder / "bot.db")) as database:
        database.execute("ALTER TABLE training_bot_documents RENAME TO away")
        view = await home(http)
        assert "|sft>*" in str(view.blocks)
        assert "I can't load your projects right now." in str(view.blocks)
        assert "I can't load what you follow right now." in str(view.blocks)
        database.execute("ALTER TABLE away RENAME TO training_bot_documents")
    assert http.slack.messages == []


async def test_show_of_a_deleted_project_is_answered_in_words(http: Env) -> None:
    await http.slack.command("research gone")
    await http.answered()
    view = await home_with(http, "gone")
    (project,) = http.baseten.projects()
    http.baseten.delete_project(project["id"])
    await press(http, view, "show_job")
    await http.answered(2)
    assert "I can't find that project in Baseten any more" in http.slack.messages[1].text


async def test_a_newer_publication_wins_over_a_slow_one(http: Env) -> None:
    add(http, "sft")
    seen = asyncio.Event()
    http.baseten.faults.next(SEARCH, Hold(seen))
    view = await home(http, slow=True)
    await home(http, slow=True)
    seen.set()
    await until(http, view, "|sft>*")
    await http.bot.drain()
    assert published(http) == 3  # twice without Baseten's answer, once with it
    assert "|sft>*" in str(view.blocks)


def option(project_id: str) -> dict[str, Any]:
    """The option of a project in the dialog that starts a follow."""
    return {"text": {"type": "plain_text", "text": "sft"}, "value": f"project:{project_id}"}


async def followed(env: Env) -> View:
    """Follow a project from the tab, in direct messages."""
    project = add(env, "sft")["training_project_id"]
    view = await home(env)
    await press(env, view, "follow")
    await env.slack.until(lambda: env.slack.views[-1].callback_id == FOLLOW_DIALOG)
    form = env.slack.views[-1]
    await env.slack.submit(form, {TARGET: {TARGET: {"selected_option": option(project)}}})
    await until(env, view, "Stop following")
    return view


async def test_follows_are_listed(env: Env) -> None:
    view = await followed(env)
    assert section(view, "Following") == [
        "*sft* (Research)\nEach job that ends, in your direct messages"
    ]
    await env.bot.drain()
    (message,) = env.slack.messages  # which says it all: no second one follows
    assert message.text.startswith(
        "🔔 Following *sft* (*Research*). I'll post each job when it ends."
    )


async def test_a_follow_ends_in_the_tab(env: Env) -> None:
    view = await followed(env)
    await press(env, view, "stop_following")
    await until(env, view, "Stop following", gone=True)


async def test_tell_me_about_my_jobs_is_a_switch(env: Env) -> None:
    env.slack.scopes = (*env.slack.scopes, "users:read", "users:read.email")
    env.slack.add_email("U0SANDBOX1", "dana@example.com")
    view = await home(env)
    await press(env, view, "tell_me")
    await until(env, view, "On. I send you a direct message")
    assert section(view, "Following")[0].startswith("Follow a project")
    await press(env, view, "tell_me_no_more")
    await until(env, view, "Off. I can send you a direct message")


async def test_a_refused_redraw_is_told_to_nobody(http: Env) -> None:
    add(http, "sft")
    view = await home(http)
    before = published(http)
    http.slack.faults.always("/api/views.publish", slack_error("not_enabled"))
    await press(http, view, "watch_job")
    await http.slack.until(lambda: published(http) > before)
    await http.bot.drain()
    assert len(http.slack.messages) == 1
    assert http.slack.ephemerals == []


async def test_it_lists_the_last_five_projects_newest_first(env: Env) -> None:
    names = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot"]
    for count, name in enumerate(names, 1):
        add(env, name)
        await env.slack.command(f"research {name}")
        await env.answered(count)
    view = await home_with(env, "foxtrot", "echo", "delta", "charlie", "bravo")
    await env.slack.command("research charlie")
    await env.answered(7)
    again = await home_with(env, "charlie", "foxtrot", "echo", "delta", "bravo")
    assert again is view


async def test_each_person_sees_their_own(env: Env) -> None:
    add(env, "mine")
    await env.slack.command("research mine")
    await env.answered()
    await home_with(env, "mine")
    assert listed(await home(env, "U0DANA0001")) == []


async def test_what_failed_is_not_listed(env: Env) -> None:
    env.baseten.training_enabled = False
    await env.slack.command("research sft")
    await env.told()
    assert listed(await home(env)) == []


async def test_its_button_opens_the_dialog_with_a_channel_to_choose(env: Env) -> None:
    view = await home(env)
    delivery = await env.slack.action(view, HOME_OPEN)
    assert delivery.status == 200
    await env.slack.until(lambda: len(env.slack.views) == 2)
    form = await dialog(env)
    assert blocks_of(form)[::2] == ["team", "name"]
    assert blocks_of(form)[3:] == ["channel"]
    values = chosen(RESEARCH) | typed("name", "sft") | channel("C0SANDBOX1")
    await env.slack.submit(form, values)
    await env.answered()
    assert env.slack.messages[0].channel == "C0SANDBOX1"
    await until(env, view, "*sft* (Research)")


@pytest.mark.slow
async def test_a_dialog_that_does_not_open_is_told_in_a_direct_message(env: Env) -> None:
    view = await home(env)
    env.slack.faults.next("/api/views.open", Delay(3.1))
    await env.slack.action(view, HOME_OPEN)
    await env.answered()
    assert env.slack.messages[0].channel == "D0SANDBOX1"
    assert "Slack closed the dialog" in env.slack.messages[0].text


async def test_the_messages_tab_publishes_nothing(env: Env) -> None:
    delivery = await env.slack.event(opened("U0SANDBOX1", "messages"))
    assert delivery.status == 200
    await env.bot.drain()
    assert env.slack.views == []


async def test_a_tab_that_slack_does_not_take_is_told_once(http: Env) -> None:
    refusal = Respond(200, json={"ok": False, "error": "not_enabled"})
    http.slack.faults.always("/api/views.publish", refusal)
    await http.slack.event(opened("U0SANDBOX1"))
    await http.answered()
    assert "Slack refused what I wanted to show you" in http.slack.messages[0].text


@pytest.mark.parametrize("name", ["<&>" * 2000, "`" * 3000, "🚀" * 3000])
async def test_long_hostile_names_fit(http: Env, name: str) -> None:
    http.baseten.add_team(name, id="1ongnam")
    for number in range(5):
        await http.slack.command(f"1ongnam {number}-{name}")
        await http.answered(number + 1)
    async with asyncio.timeout(20):
        while len(listed(await home(http))) < 5:
            pass
