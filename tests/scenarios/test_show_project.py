"""The buttons of the list of jobs: *Show here* and *Watch*."""

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from bot.durable.database import open_store
from bot.sandbox import Delay, Drop, Ephemeral, Hang, Respond
from bot.sandbox.faults import Fault
from bot.sandbox.refusals import internal_500, not_found_404, slack_error, wrong_key_403
from bot.watches.poller import PollInterval
from bot.wiring import Tuning
from tests.conftest import RESEARCH, Env
from tests.documents import documents_of
from tests.scenarios.audited import until_rows
from tests.scenarios.crowd import may_read
from tests.scenarios.tasks import HISTORY, POST
from tests.scenarios.test_job_list import STRANGE, add, ago, asked, hides, look

DANA = "U0DANA0001"
DM = "D0DANA0001"
QUICK = Tuning(looks=(0.1, 0.3))
# An end is reported 15 s after the job's last update; the bot's clock is ahead of that.
AHEAD = Tuning(poll_interval=PollInterval(fast=0.05, slow=0.05), now=lambda: ago(seconds=-16))
UPDATE = "/api/chat.update"
BUTTONS = ["show_job", "watch_job"]


async def press(env: Env, listed: Ephemeral, button: str, **more: Any) -> None:
    """Press a button of the first job."""
    delivery = await env.slack.action(listed, button, user=listed.user, **more)
    assert (delivery.status, delivery.refused) == (200, None)


async def until_done(env: Env) -> None:
    """Wait until no task of these buttons is open."""
    query = "SELECT count(*) FROM training_bot_tasks WHERE kind = 'show/1' AND ended_at IS NULL"
    async with asyncio.timeout(20):
        with closing(sqlite3.connect(env.folder / "bot.db")) as database:
            while database.execute(query).fetchone() != (0,):
                await asyncio.sleep(0.02)


async def test_show_here_posts_the_project_in_the_channel(env: Env) -> None:
    add(env, "sft")
    listed = await look(env, user=DANA)
    await press(env, listed, "show_job")
    await env.answered()
    (message,) = env.slack.messages
    assert (message.channel, message.thread_ts) == ("C0SANDBOX1", None)
    assert message.text.startswith("▶️ sft is running in sft (Research)\n")
    assert f"requested by <@{DANA}>" in str(message.blocks)
    assert env.baseten.upserts == []
    assert len(env.slack.ephemerals) == 1
    await env.slack.action(message, "more", selected="refresh")
    await env.slack.until(lambda: message.edits == 1)


async def test_show_here_of_a_list_in_a_thread_posts_there(http: Env) -> None:
    add(http, "sft")
    listed = await look(http)
    listed.thread_ts = "1690000000.000001"
    await press(http, listed, "show_job")
    await http.answered()
    assert http.slack.messages[0].thread_ts == "1690000000.000001"


async def test_the_pressed_job_of_several_is_the_one(env: Env) -> None:
    for number in range(3):
        add(env, f"run-{number}", created_at=ago(minutes=number))
    listed = await look(env, user=DANA)
    rows = [block["elements"] for block in listed.blocks if block["type"] == "actions"]
    await press(env, listed, "show_job", value=rows[2][0]["value"])
    await env.answered()
    assert env.slack.messages[0].text.startswith("▶️ run-2 is running in run-2 (Research)")


async def test_watch_posts_a_live_message_to_the_person_alone(env: Env) -> None:
    add(env, "sft")
    listed = await look(env, user=DANA)
    await press(env, listed, "watch_job")
    told = await env.told(2)
    assert told == "I'll keep you posted on *sft* in *sft* in your direct messages."
    assert (env.slack.ephemerals[1].user, env.slack.ephemerals[1].channel) == (DANA, "C0SANDBOX1")
    (message,) = env.slack.messages
    assert message.channel == DM
    assert f"Watched by <@{DANA}>" in str(message.blocks)
    assert env.baseten.upserts == []


async def test_a_watch_follows_exactly_its_job_to_the_end(idle_env: Env) -> None:
    project = idle_env.baseten.add_project(RESEARCH, "sft")["id"]
    old = idle_env.baseten.add_job(project, name="old", created_at=ago(hours=2))["id"]
    idle_env.baseten.add_job(project, name="new", status="TRAINING_JOB_PENDING")
    tuning = Tuning(poll_interval=PollInterval(fast=600, slow=600))
    async with idle_env.running(tuning):
        listed = await look(idle_env, user=DANA)
        await press(idle_env, listed, "watch_job")
        await idle_env.told(2)
        assert idle_env.slack.messages[0].text.startswith("▶️ old is running in sft (Research)")
        paths = asked(idle_env)
        assert f"GET /v1/training_projects/{project}/jobs/{old}" in paths
    async with open_store(idle_env.url) as store:
        (watch,) = (await documents_of(store, "watches")).values()
    assert (watch["channel_id"], watch["watchers"]) == (DM, [DANA])
    assert watch["project"]["latest_job"]["id"] == old


async def test_the_news_of_a_watched_job_come_to_the_person(idle_env: Env) -> None:
    job = add(idle_env, "sft")
    async with idle_env.running(AHEAD):
        await press(idle_env, await look(idle_env, user=DANA), "watch_job")
        await idle_env.told(2)
        idle_env.baseten.set_job(job["id"], status="TRAINING_JOB_COMPLETED")
        await idle_env.answered(2)
    first, reply = idle_env.slack.messages
    assert (reply.channel, reply.thread_ts) == (DM, first.ts)
    assert reply.text.startswith("✅ *sft* in *sft* finished")


@pytest.mark.parametrize("button", BUTTONS)
async def test_a_second_click_does_nothing_more_and_says_so(env: Env, button: str) -> None:
    add(env, "sft")
    listed = await look(env, user=DANA)
    await asyncio.gather(*(press(env, listed, button) for _ in range(5)))
    await until_done(env)
    await press(env, listed, button)
    await env.hears("You have pressed this button before")
    await env.bot.drain()
    assert len(env.slack.messages) == 1


async def test_another_list_and_another_person_count_for_themselves(http: Env) -> None:
    add(http, "sft")
    for user in (DANA, DANA, "U0KIM00001"):
        await press(http, await look(http, user=user), "show_job")
    await http.answered(3)


async def test_a_job_that_has_ended_meanwhile_is_not_watched(env: Env) -> None:
    job = add(env, "sft")
    listed = await look(env, user=DANA)
    env.baseten.set_job(job["id"], status="TRAINING_JOB_FAILED")
    await press(env, listed, "watch_job")
    assert "❌ *sft* has ended: Failed. There is nothing to watch" in await env.told(2)
    assert env.slack.messages == []


async def test_a_job_that_ends_while_its_watch_begins_is_followed_to_its_end(
    idle_env: Env,
) -> None:
    job = add(idle_env, "sft")
    async with idle_env.running(AHEAD):
        listed = await look(idle_env, user=DANA)
        idle_env.slack.faults.next(UPDATE, Delay(0.5))
        await press(idle_env, listed, "watch_job")
        await idle_env.answered()
        idle_env.baseten.set_job(job["id"], status="TRAINING_JOB_FAILED")
        await idle_env.answered(2)
    assert "failed" in idle_env.slack.messages[1].text


@pytest.mark.parametrize("button", BUTTONS)
async def test_a_deleted_project_is_told_in_words(env: Env, button: str) -> None:
    job = add(env, "sft")
    listed = await look(env, user=DANA)
    env.baseten.delete_project(job["training_project_id"])
    await press(env, listed, button)
    assert "I can't find that project in Baseten any more" in await env.told(2)
    assert env.slack.messages == []
    assert env.baseten.upserts == []


@pytest.mark.parametrize("button", BUTTONS)
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (internal_500(), "Baseten is having problems (error 500)"),
        (wrong_key_403(), "does not accept the bot's API key"),
        (not_found_404(), "I can't find that project in Baseten any more"),
    ],
    ids=["away", "key", "gone"],
)
async def test_a_failure_of_baseten_is_told_in_words(
    http: Env, button: str, fault: Respond, words: str
) -> None:
    add(http, "sft")
    listed = await look(http, user=DANA)
    http.baseten.faults.always(".*", fault)
    await press(http, listed, button)
    await http.hears(words)
    assert http.slack.messages == []


@pytest.mark.parametrize("button", BUTTONS)
async def test_a_team_that_was_hidden_meanwhile_is_refused(idle_env: Env, button: str) -> None:
    add(idle_env, "sft")
    async with idle_env.running():
        listed = await look(idle_env, user=DANA)
    async with idle_env.running(hides("Research")):
        await press(idle_env, listed, button)
        assert "There is no project here that you can use" in await idle_env.told(2)
    assert idle_env.slack.messages == []


@pytest.mark.parametrize("button", BUTTONS)
async def test_a_forged_value_is_refused(env: Env, button: str) -> None:
    add(env, "sft")
    listed, requests = await look(env, user=DANA), len(asked(env))
    forged = [*STRANGE, '{"project_id": "a/b", "job_id": "c"}', "{}"]
    forged += ['{"project_id": "abc"}'] * (button == "watch_job")
    for value in forged:
        await press(env, listed, button, value=value)
    await env.told(1 + len(forged))
    assert all("is not one that I made" in told.text for told in env.slack.ephemerals[1:])
    assert (len(asked(env)), env.slack.messages) == (requests, [])


async def test_a_forged_job_of_another_project_is_not_found(http: Env) -> None:
    job, other = add(http, "sft"), add(http, "other")
    listed = await look(http, user=DANA)
    value = f'{{"project_id": "{job["training_project_id"]}", "job_id": "{other["id"]}"}}'
    await press(http, listed, "watch_job", value=value)
    assert "I can't find that project in Baseten any more" in await http.told(2)
    assert http.slack.messages == []


async def test_show_here_works_where_the_bot_is_not_a_member(env: Env) -> None:
    env.slack.add_channel("C0PRIVATE1", private=True, member=False)
    add(env, "sft")
    listed = await look(env, user=DANA, channel="C0PRIVATE1")
    await press(env, listed, "show_job")
    assert "I'm not a member of this channel" in await env.told(2)
    (message,) = env.slack.messages
    assert (message.channel, message.via) == ("C0PRIVATE1", "response_url")


async def test_watch_works_where_the_bot_is_not_a_member(env: Env) -> None:
    env.slack.add_channel("C0PRIVATE1", private=True, member=False)
    add(env, "sft")
    listed = await look(env, user=DANA, channel="C0PRIVATE1")
    await press(env, listed, "watch_job")
    assert "I'll keep you posted" in await env.told(2)
    assert [message.channel for message in env.slack.messages] == [DM]


async def test_a_watch_from_the_direct_messages_needs_no_word_of_its_place(http: Env) -> None:
    http.slack.add_channel(DM)
    add(http, "sft")
    await press(http, await look(http, user=DANA, channel=DM), "watch_job")
    await until_done(http)
    assert [message.channel for message in http.slack.messages] == [DM]
    assert len(http.slack.ephemerals) == 1


async def test_a_refusal_of_slack_is_told_in_words(http: Env) -> None:
    add(http, "sft")
    listed = await look(http, user=DANA)
    http.slack.faults.always(POST, slack_error("restricted_action"))
    await press(http, listed, "watch_job")
    told = await http.told(2)
    assert "Slack refused what I wanted to show you. Nothing was posted." in told
    assert http.slack.messages == []


async def test_a_message_that_slack_lets_nobody_change_is_not_watched(http: Env) -> None:
    add(http, "sft")
    listed = await look(http, user=DANA)
    http.slack.faults.always(UPDATE, slack_error("cant_update_message"))
    await press(http, listed, "watch_job")
    assert "I can't" in await http.told(2)
    assert (await until_rows(http, 1))["outcome"] == "shown"


async def test_a_busy_slack_gets_the_message_later(http: Env) -> None:
    add(http, "sft")
    listed = await look(http, user=DANA)
    busy = Respond(429, headers={"Retry-After": "1"})
    http.slack.faults.next(POST, busy)
    http.slack.faults.next(UPDATE, busy)
    await press(http, listed, "watch_job")
    assert "I'll keep you posted" in await http.told(2)
    assert len(http.slack.messages) == 1


@pytest.mark.parametrize(
    "fault", [Drop(after=True), slack_error("internal_error", 500, after=True)]
)
@pytest.mark.parametrize("reads", [True, False], ids=["looks", "blind"])
async def test_an_unconfirmed_message_stands_once(
    idle_env: Env, fault: Fault, *, reads: bool
) -> None:
    if reads:
        may_read(idle_env)
    add(idle_env, "sft")
    idle_env.slack.faults.always(POST, fault)
    async with idle_env.running(QUICK):
        await press(idle_env, await look(idle_env, user=DANA), "show_job")
        await until_done(idle_env)
    assert len(idle_env.slack.messages) == 1
    assert [r.path for r in idle_env.slack.requests].count(HISTORY) == 1
    doubts = [told for told in idle_env.slack.ephemerals if "may or may not be" in told.text]
    assert len(doubts) == (0 if reads else 1)
    outcome = "shown" if reads else "perhaps shown"
    assert (await until_rows(idle_env, 1))["outcome"] == outcome


async def test_an_unconfirmed_direct_message_is_told_of(idle_env: Env) -> None:
    add(idle_env, "sft")
    idle_env.slack.faults.always(POST, Drop(after=True))
    async with idle_env.running(QUICK):
        await press(idle_env, await look(idle_env, user=DANA), "watch_job")
        await idle_env.hears("it may or may not be in your direct messages")
        await until_done(idle_env)
    assert len(idle_env.slack.messages) == 1


async def test_after_a_kill_between_the_post_and_its_end_the_message_stands_once(
    idle_env: Env,
) -> None:
    add(idle_env, "sft")
    idle_env.slack.drops_repeats = True  # the bot cannot read the person's direct messages
    idle_env.slack.faults.next(POST, Hang(after=True))
    files = [f"{idle_env.folder}/{name}" for name in ("bot.db", "killed.db")]
    async with idle_env.running(shutdown_seconds=1):
        await press(idle_env, await look(idle_env, user=DANA), "watch_job")
        await idle_env.answered()
        with closing(sqlite3.connect(files[0])) as dead, closing(sqlite3.connect(files[1])) as copy:
            dead.backup(copy)
    async with idle_env.running(database_url=f"sqlite:///{files[1]}"):
        await idle_env.hears("I'll keep you posted")
    (message,) = idle_env.slack.messages
    assert f"Watched by <@{DANA}>" in str(message.blocks)
    posts = [r.json() for r in idle_env.slack.requests if r.path == POST]
    assert len({post["client_msg_id"] for post in posts}) == 1


async def test_after_a_kill_between_the_post_and_the_watch_it_is_watched(idle_env: Env) -> None:
    add(idle_env, "sft")
    idle_env.slack.faults.next(UPDATE, Hang())
    files = [f"{idle_env.folder}/{name}" for name in ("bot.db", "killed.db")]
    async with idle_env.running(shutdown_seconds=1):
        await press(idle_env, await look(idle_env, user=DANA), "watch_job")
        await idle_env.slack.until(lambda: UPDATE in [r.path for r in idle_env.slack.requests])
        with closing(sqlite3.connect(files[0])) as dead, closing(sqlite3.connect(files[1])) as copy:
            dead.backup(copy)
    async with idle_env.running(database_url=f"sqlite:///{files[1]}"):
        await idle_env.hears("I'll keep you posted")
    (message,) = idle_env.slack.messages
    assert f"Watched by <@{DANA}>" in str(message.blocks)


async def test_a_click_while_the_database_is_away_is_answered_in_words(http: Env) -> None:
    add(http, "sft")
    listed = await look(http, user=DANA)
    with closing(sqlite3.connect(http.folder / "bot.db")) as database:
        database.execute("BEGIN EXCLUSIVE")
        await press(http, listed, "show_job")
        said = await http.told(2)
    assert (
        "I can't save requests right now. Nothing was changed." in said
        or "Saving your request took too long, so I might have taken this" in said
    )


async def test_both_buttons_of_one_job_work_in_one_list(http: Env) -> None:
    add(http, "sft")
    listed = await look(http, user=DANA)
    for button in BUTTONS:
        await press(http, listed, button)
    await http.answered(2)
    assert {message.channel for message in http.slack.messages} == {"C0SANDBOX1", DM}
