"""*Tell me about my jobs*, and the rights that follows live on."""

import asyncio

import pytest

from bot.access.rules import Actor, Verb
from bot.sandbox.slack.records import PostedMessage, View
from bot.views.blocks import actions
from bot.views.follow import tell_me_button
from tests.conftest import RESEARCH
from tests.scenarios.following import CHANNEL, DANA, MODES, OTHER, SAM, Followed, following

EMAIL = ("users:read", "users:read.email")


async def switch(it: Followed, *, on: bool, user: str = DANA) -> None:
    """Press the switch, as the home tab shows it."""
    payload = {"type": "home", "blocks": [actions(tell_me_button(on=not on))]}
    tab = View("V0HOMETAB1", user, payload, "1")
    await it.slack.action(tab, "tell_me" if on else "tell_me_no_more", user=user)


async def switched_on(it: Followed) -> PostedMessage:
    await switch(it, on=True)
    await it.slack.until(lambda: "Following your jobs" in it.slack.seen())
    async with asyncio.timeout(20):
        while not await it.stored():
            await asyncio.sleep(0.01)
    return next(m for m in it.slack.messages if "Following your jobs" in m.text)


@pytest.mark.parametrize("mode", MODES)
async def test_a_person_hears_of_the_jobs_that_carry_their_address(mode: str) -> None:
    async with following(mode, scopes=EMAIL) as it:
        it.slack.add_email(DANA, "Dana@Example.com")
        first = await switched_on(it)
        new = str(it.env.baseten.add_project(RESEARCH, "mistral")["id"])
        mine = it.start(project_id=new, name="mine", user_email="DANA@example.com")
        other = it.start(name="other", user_email="sam@example.com")
        nobody = it.start(name="nobodys", user_email=None)
        await it.look()
        for job in (mine, other, nobody):
            it.becomes(job, "COMPLETED")
        await it.look()
        message = await it.posted(1, first.channel)
        assert "mine" in message.text
        await it.look()
        assert len(it.posts(first.channel)) == 1
        assert it.posts() == []


async def test_it_is_switched_off_again() -> None:
    async with following(scopes=EMAIL) as it:
        it.slack.add_email(DANA, "dana@example.com")
        await switched_on(it)
        await switch(it, on=False)
        await it.hears("No longer following your jobs.")
        assert await it.stored() == {}


@pytest.mark.parametrize(
    ("scopes", "words"),
    [
        (EMAIL, "Your Slack profile has no email address"),
        ((), "I can't see email addresses here"),
        (("users:read",), "I can't see email addresses here"),
    ],
)
async def test_a_person_without_an_address_hears_why_not(
    scopes: tuple[str, ...], words: str
) -> None:
    async with following(scopes=scopes) as it:
        await switch(it, on=True, user=SAM)
        await it.hears(words)
        assert await it.stored() == {}


class Rights:
    """Grants that a test takes away."""

    def __init__(self) -> None:
        self.lost: set[str] = set()
        self.no_logs: set[str] = set()

    def __call__(self, actor: Actor, verb: Verb, team: str) -> bool:
        if verb is Verb.LOGS and actor.id in self.no_logs:
            return False
        return f"{actor.id} {team}" not in self.lost


@pytest.mark.parametrize("level", ["ends", "starts and ends"])
async def test_a_follow_whose_creator_lost_the_right_ends_with_one_message(level: str) -> None:
    rights = Rights()
    async with following(allowed=rights) as it:
        await it.follow(level=level)
        job = it.start()
        await it.look()
        if level != "ends":
            await it.posted()
        posted = len(it.posts())
        rights.lost.add(f"{DANA} Research")
        it.becomes(job, "FAILED")
        await it.pass_time()
        await it.hears("I stopped following *llama* (*Research*)")
        await it.follow(user=SAM)
        await it.look()
        told = [m for m in it.slack.messages if "you can no longer view it" in m.text]
        assert len(told) == 1
        assert len(it.posts()) == posted
        assert all(it.thread(message) == [] for message in it.posts())


async def test_log_lines_are_those_that_the_creator_can_see() -> None:
    rights = Rights()
    rights.no_logs.add(DANA)
    async with following(allowed=rights) as it:
        await it.reply_about_failed_job()
        assert "CUDA out of memory" not in it.slack.seen()


async def test_my_jobs_in_a_forbidden_team_are_left_out_and_the_rest_is_posted() -> None:
    rights = Rights()
    async with following(allowed=rights, scopes=EMAIL) as it:
        it.slack.add_email(DANA, "dana@example.com")
        it.env.baseten.add_team("Secret", id="secret1")
        hidden = str(it.env.baseten.add_project("secret1", "hidden")["id"])
        rights.lost.add(f"{DANA} Secret")
        first = await switched_on(it)
        for job in (it.start(project_id=hidden), it.start(name="shown")):
            it.becomes(job, "COMPLETED")
        await it.look()
        assert "shown" in (await it.posted(1, first.channel)).text
        await it.look()
        assert len(it.posts(first.channel)) == 1
        assert len(await it.stored()) == 1


async def test_a_forbidden_project_or_team_cannot_be_followed() -> None:
    rights = Rights()
    async with following(allowed=rights) as it:
        view = await it.dialog()
        team = await it.dialog("research")
        rights.lost.add(f"{SAM} Research")
        told = len(it.slack.ephemerals)
        for each in (view, team):
            await it.submit(each, user=SAM, channel=OTHER)
        await it.slack.until(lambda: len(it.slack.ephemerals) >= told + 2)
        offered = await it.slack.options(await it.dialog(), "follow_target", "", user=SAM)
        assert offered.body["options"] == []
        assert await it.stored() == {}
        assert it.posts(CHANNEL) == []


async def test_a_job_is_posted_for_the_follow_of_the_channel_whose_creator_has_the_right() -> None:
    rights = Rights()
    async with following(allowed=rights) as it:
        await it.follow()
        it.clock.advance(1)
        await it.follow("research", user=SAM)
        rights.lost.add(f"{DANA} Research")
        it.becomes(it.start(), "COMPLETED")
        await it.look()
        message = await it.posted()
        assert f"followed by <@{SAM}>" in message.text
        await it.hears("you can no longer view it")
        assert len(it.posts()) == 1


async def test_where_a_channel_is_closed_each_follow_of_a_job_ends() -> None:
    async with following() as it:
        await it.follow(channel=OTHER)
        await it.follow("research", user=SAM, channel=OTHER)
        it.slack.add_channel(OTHER, archived=True)
        it.becomes(it.start(), "COMPLETED")
        await it.pass_time()
        for scope in ("*llama* (*Research*)", "all projects of *Research*"):
            await it.hears(f"I stopped following {scope} in <#{OTHER}>: the channel is archived.")


async def test_nobody_else_switches_it_off() -> None:
    async with following(scopes=EMAIL) as it:
        it.slack.add_email(DANA, "dana@example.com")
        first = await switched_on(it)
        told = len(it.slack.ephemerals)
        await it.slack.action(first, "stop_following", user=SAM)
        await it.slack.until(lambda: len(it.slack.ephemerals) > told)
        assert "no project here that you can use" in it.slack.ephemerals[-1].text
        assert len(await it.stored()) == 1
