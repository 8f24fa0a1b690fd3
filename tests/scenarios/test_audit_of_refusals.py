"""Each refusal is one event, about the actor and the channel that were judged."""

from typing import Any

import pytest

from bot.projects.follow_choice import FollowChoice
from tests.conftest import RESEARCH, Env
from tests.scenarios.audited import audited, until_rows
from tests.scenarios.following import CHANNEL, DANA, OTHER, following
from tests.scenarios.rules import HERE, LEE, Who, granted, standing
from tests.scenarios.test_job_list import look
from tests.scenarios.test_my_jobs import EMAIL, switched_on

BOUND = granted(DANA, more=f'in = ["{CHANNEL}"]')
GUEST = "U0GUEST001"


def refusal(row: dict[str, Any]) -> tuple[str, ...]:
    """The fields that tell why a request was refused."""
    assert row["outcome"] == "refused"
    return row["actor"], row["channel"], row["verb"], row["team"], row["rule"]


@pytest.mark.parametrize("channel", [OTHER, ""], ids=["another channel", "direct messages"])
async def test_a_follow_is_refused_in_the_channel_that_it_would_post_in(channel: str) -> None:
    async with following(rules=BOUND) as it:
        await it.submit(await it.dialog(), channel=channel)
        row = await until_rows(it.env, 1)
    assert refusal(row) == (DANA, channel, "view", "Research", "no grant")


async def test_a_follow_in_a_channel_that_the_bot_does_not_serve() -> None:
    async with following(rules=f'channels = ["{CHANNEL}"]') as it:
        await it.submit(await it.dialog(), channel=OTHER)
        row = await until_rows(it.env, 1)
    rule = "a channel that the bot does not post in"
    assert refusal(row) == (DANA, OTHER, "", "", rule)


async def test_a_watch_is_refused_in_the_direct_messages_that_it_would_post_in(
    idle_env: Env,
) -> None:
    idle_env.baseten.add_job(idle_env.baseten.add_project(RESEARCH, "sft")["id"])
    async with audited(idle_env, BOUND):
        listed = await look(idle_env, user=DANA)
        await idle_env.slack.action(listed, "watch_job", user=DANA)
        row = await until_rows(idle_env, 1)
    assert refusal(row) == (DANA, "", "view", "Research", "no grant")


async def test_the_dialog_of_a_follow_is_refused(idle_env: Env) -> None:
    async with audited(idle_env, granted(DANA)):
        message = await standing(idle_env, Who(DANA, HERE))
        await until_rows(idle_env, 1)
        await idle_env.slack.action(message, "more", selected="follow", user=LEE)
        row = await until_rows(idle_env, 2)
    assert refusal(row) == (LEE, HERE, "view", "Research", "no grant")
    assert row["entry_point"] == "button:more"


@pytest.mark.parametrize("rules", ["# none", granted(DANA)], ids=["no grants", "grants"])
async def test_a_forged_team_of_the_dialog_of_a_follow_is_unknown(
    idle_env: Env, rules: str
) -> None:
    idle_env.baseten.add_job(idle_env.baseten.add_project(RESEARCH, "sft")["id"])
    async with audited(idle_env, rules):
        listed = await look(idle_env, "research", user=DANA)
        await idle_env.slack.action(
            listed, "follow", user=DANA, value=FollowChoice(team_digest="0" * 16).model_dump_json()
        )
        row = await until_rows(idle_env, 1)
    assert refusal(row) == (DANA, HERE, "view", "", "an unknown team")


async def test_the_end_of_another_persons_own_follow() -> None:
    async with following(scopes=EMAIL) as it:
        it.slack.add_email(DANA, "dana@example.com")
        first = await switched_on(it)
        await until_rows(it.env, 1)
        await it.slack.action(first, "stop_following", user=LEE)
        row = await until_rows(it.env, 2)
    assert refusal(row) == (LEE, first.channel, "view", "", "a follow of another person")


async def test_a_name_that_two_forbidden_teams_share(idle_env: Env) -> None:
    idle_env.baseten.add_team("Ops", id="0psteam")
    idle_env.baseten.add_team("Ops", id="0psteam2")
    async with audited(idle_env, granted(DANA)):
        await idle_env.slack.command("Ops sft", user=DANA)
        row = await until_rows(idle_env, 1)
    assert refusal(row) == (DANA, HERE, "create", "Ops", "an unknown team")


@pytest.mark.parametrize("published", [False, True])
async def test_the_home_tab_of_a_guest(idle_env: Env, *, published: bool) -> None:
    idle_env.slack.add_guest(GUEST)
    async with audited(idle_env, 'guests = "deny"'):
        event: dict[str, Any] = {"type": "app_home_opened", "user": GUEST, "tab": "home"}
        event |= {"view": {"id": "V1"}} if published else {}
        await idle_env.slack.event(event)
        row = await until_rows(idle_env, 1)
    assert refusal(row) == (GUEST, "", "", "", "a guest")
    assert row["entry_point"] == "home"
