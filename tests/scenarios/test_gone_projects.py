"""Baseten no longer has a followed project, or a job whose end a channel waits for."""

import pytest

from bot.sandbox import PostedMessage, Respond
from tests.conftest import RESEARCH
from tests.scenarios.following import CHANNEL, DANA, LIST, Followed, following
from tests.scenarios.rules import GROUP, change, granted
from tests.scenarios.test_access_of_follows import MEMBERS
from tests.scenarios.test_following import quiet
from tests.scenarios.test_home import home, section
from tests.scenarios.test_my_jobs import Rights

LEVELS = ["failures", "ends", "starts and ends"]
SEARCH = "/v1/training_jobs/search"
GONE_TEAM = "No longer following all projects of *Research*. I can't find it in Baseten any more"
GONE = "No longer following *llama* (*Research*). I can't find it in Baseten any more"


async def told(it: Followed, words: str = GONE, channel: str = CHANNEL) -> list[PostedMessage]:
    """Wait until a channel has a message with these words; return all of them."""

    def found() -> list[PostedMessage]:
        return [m for m in it.slack.messages if m.channel == channel and words in m.text]

    await it.slack.until(lambda: bool(found()))
    return found()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("status", ["", "RUNNING"])
async def test_the_follow_of_a_deleted_project_ends_with_one_post_in_its_channel(
    level: str, status: str
) -> None:
    async with following() as it:
        first = await it.follow(level=level)
        if status:
            it.start(status)
            await it.look()
        it.env.baseten.delete_project(it.project_id)
        await it.pass_time()
        await told(it)
        await it.slack.until(lambda: "can't find it" in first.text)
        assert "stop_following" not in str(first.blocks)
        live = it.posts()
        assert len(live) == (level == "starts and ends" and bool(status))
        for message in live:
            assert "can't find *llama*" in (await it.replied(message)).text
            await it.slack.until(lambda: "can't be found" in message.text)  # noqa: B023
        await quiet_with_another_follow(it)
        assert len([m for m in await told(it) if m is not first]) == 1
        assert "can't tell how it ended" not in it.slack.seen()
        assert len(it.posts()) == len(live)


async def quiet_with_another_follow(it: Followed) -> None:
    """Follow another project, and look a few times more."""
    it.env.baseten.add_project(RESEARCH, "mistral")
    await it.follow("research mistral", channel="")
    await quiet(it)


async def test_the_follow_of_a_deleted_project_in_direct_messages_ends_there() -> None:
    async with following() as it:
        first = await it.follow(channel="")
        it.env.baseten.delete_project(it.project_id)
        await it.pass_time()
        assert len(await told(it, channel=first.channel)) >= 1
        view = await home(it.env, DANA)
        assert "llama" not in str(section(view, "Following"))


@pytest.mark.parametrize("by_id", [200, 403])
async def test_a_project_that_only_the_list_lacks_is_still_followed(by_id: int) -> None:
    async with following() as it:
        await it.follow()
        if by_id != 200:
            it.env.baseten.faults.always(f"{LIST}/{it.project_id}", Respond(by_id, {"error": "x"}))
        it.env.baseten.faults.always(LIST, Respond(200, {"training_projects": []}))
        await quiet(it)
        it.env.baseten.faults.clear()
        it.becomes(it.start(), "COMPLETED")
        await it.look()
        await it.posted()
        assert len(await it.stored()) == 1


@pytest.mark.parametrize(("level", "count"), [("failures", 0), ("ends", 1), ("starts and ends", 1)])
async def test_a_job_that_vanishes_from_the_lists_and_by_id_is_posted_once(
    level: str, count: int
) -> None:
    async with following() as it:
        await it.follow("research", level=level)
        old, _ = it.start(name="old"), it.start(name="new")
        await it.look()
        it.env.baseten.faults.always(SEARCH, Respond(200, {"training_jobs": []}))
        path = f"{LIST}/{it.project_id}/jobs/{old}"
        it.env.baseten.faults.always(path, Respond(404, {"error": "not found"}))
        await quiet(it)
        if level == "ends":
            (post,) = await told(it, "I can't find *old* in *llama* any more")
            assert "It was running when I last looked." in post.text
            assert post.thread_ts is None
        await quiet(it)
        lost = [m for m in it.slack.messages if "can't find *old*" in m.text]
        assert len(lost) == count
        assert len(await it.stored()) == 1


async def test_a_team_follow_hears_of_the_jobs_of_a_deleted_project() -> None:
    async with following() as it:
        await it.follow("research")
        it.start(name="one")
        await it.look()
        it.env.baseten.delete_project(it.project_id)
        await quiet(it)
        await told(it, "I can't find *one* in *llama* any more")
        await quiet(it)
        assert len([m for m in it.slack.messages if "can't find" in m.text]) == 1
        assert len(await it.stored()) == 1
        new = str(it.env.baseten.add_project(RESEARCH, "llama")["id"])
        it.becomes(it.start(project_id=new, name="two"), "COMPLETED")
        await it.look()
        assert "two" in (await it.posted()).text


async def test_of_a_gone_project_those_who_lost_the_right_to_it_hear_only_that() -> None:
    rights = Rights()
    async with following(allowed=rights) as it:
        await it.follow()
        rights.lost.add(f"{DANA} Research")
        it.env.baseten.delete_project(it.project_id)
        await it.pass_time()
        await it.hears("you can no longer view it")
        assert GONE not in it.slack.seen()


async def test_the_follow_of_a_gone_project_waits_while_nobody_tells_who_is_in_a_group(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with following(rules=granted(GROUP)) as it:
        await it.follow()
        it.slack.faults.always(MEMBERS, Respond(200, {"ok": False}))
        await change(it.env, it.env.bot, granted("S0NEWTEAM"))
        it.env.baseten.delete_project(it.project_id)
        await quiet(it)
        assert len(await it.stored()) == 1
        await change(it.env, it.env.bot, granted(DANA))
        await it.pass_time()
        await told(it)
    assert "cannot poll" not in capsys.readouterr().out


@pytest.mark.parametrize("level", ["ends", "starts and ends"])
@pytest.mark.parametrize("runs", [False, True])
async def test_the_follow_of_a_deleted_team_ends_with_one_post_in_its_channel(
    level: str, *, runs: bool
) -> None:
    async with following() as it:
        it.env.baseten.add_team("Another", id="another1")
        first = await it.follow("research", level=level)
        if runs:
            it.start("RUNNING")
            await it.look()
        it.env.baseten.delete_team(RESEARCH)
        await it.pass_time()
        await told(it, GONE_TEAM)
        await it.slack.until(lambda: "can't find it" in first.text)
        for message in it.posts():
            assert "can't find *llama*" in (await it.replied(message)).text
        assert len([m for m in await told(it, GONE_TEAM) if m is not first]) == 1


TEAMS = "/v1/teams"


@pytest.mark.parametrize(
    "answer", [Respond(503), Respond(403, {"error": "x"}), Respond(200, {"teams": []}), None]
)
async def test_a_team_without_projects_is_still_followed(answer: Respond | None) -> None:
    async with following() as it:
        it.env.baseten.add_team("Another", id="another1")
        await it.follow("research")
        it.env.baseten.delete_project(it.project_id)
        if answer is not None:
            it.env.baseten.faults.always(TEAMS, answer)
        await quiet(it)
        assert any(request.path == TEAMS for request in it.env.baseten.requests)
        assert len(await it.stored()) == 1


async def test_a_team_that_only_the_list_of_teams_lacks_is_still_followed() -> None:
    async with following() as it:
        await it.follow("research")
        other = Respond(200, {"teams": [{"id": "another1", "name": "Another"}]})
        it.env.baseten.faults.always(TEAMS, other)
        await quiet(it)
        assert len(await it.stored()) == 1
