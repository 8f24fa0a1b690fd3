"""A channel follows a project or a team, from the dialog to the end of each job."""

import asyncio
from datetime import timedelta

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from bot.handlers.watch import WATCH_MESSAGE
from bot.sandbox import Drop, Respond
from bot.sandbox.slack.records import PostedMessage
from tests.conftest import RESEARCH
from tests.documents import documents_of
from tests.scenarios.following import CHANNEL, DANA, LIST, MODES, OTHER, SAM, Followed, following
from tests.scenarios.tasks import until_ended
from tests.scenarios.test_watching import put_off, wake

ENDS = [
    ("COMPLETED", "finished"),
    ("FAILED", "failed"),
    ("DEPLOY_FAILED", "failed to deploy"),
    ("STOPPED", "stopped"),
    ("PREEMPTED", "preempted"),
]


async def quiet(it: Followed) -> None:
    """Look a few times more."""
    for _ in range(3):
        await it.look()


@pytest.mark.parametrize("mode", MODES)
async def test_starts_and_ends_post_one_live_message_with_its_thread(mode: str) -> None:
    async with following(mode) as it:
        first = await it.follow(level="starts and ends")
        assert "Following *llama* (*Research*). I'll post each job when it starts" in first.text
        job = it.start("PENDING", name="sft-3")
        message = await it.posted()
        assert "sft-3 is waiting" in message.text
        it.becomes(job, "RUNNING")
        await it.look()
        assert "is running" in (await it.replied(message)).text
        it.becomes(job, "COMPLETED")
        await it.look()
        assert "finished" in (await it.replied(message, 2)).text
        await it.slack.until(lambda: "finished" in message.text)
        await quiet(it)
        assert len(it.posts()) == 1
        assert len(it.thread(message)) == 2


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("status", "words"), ENDS)
async def test_ends_post_each_job_at_its_end(mode: str, status: str, words: str) -> None:
    async with following(mode) as it:
        await it.follow()
        job = it.start("RUNNING", name="sft-3")
        await it.look()
        assert it.posts() == []
        it.becomes(job, status)
        await it.look()
        message = await it.posted()
        reply = await it.replied(message)
        assert words in reply.text
        await quiet(it)
        assert (len(it.posts()), len(it.thread(message))) == (1, 1)


@pytest.mark.parametrize("mode", MODES)
async def test_failures_post_only_jobs_that_fail_and_mention_the_chosen_people(mode: str) -> None:
    async with following(mode, scopes=("usergroups:read",)) as it:
        it.slack.add_user_group("S0ONCALL01", "On call")
        view = await it.dialog()
        offered = await it.slack.options(view, "follow_group", "call")
        assert [each["value"] for each in offered.body["options"]] == ["S0ONCALL01"]
        await it.submit(view, level="failures", person=SAM, group="S0ONCALL01")
        await it.slack.until(lambda: "Following" in it.slack.seen())
        good, bad = it.start(name="good"), it.start(name="bad")
        it.env.baseten.add_logs(bad, ["CUDA out of memory"])
        await it.look()
        it.becomes(good, "COMPLETED")
        it.becomes(bad, "FAILED", error_message="exit code 1")
        await it.look()
        message = await it.posted()
        reply = await it.replied(message)
        assert f"<@{SAM}>" in reply.text
        assert "<!subteam^S0ONCALL01>" in reply.text
        assert "CUDA out of memory" in str(reply.blocks)
        await quiet(it)
        assert len(it.posts()) == 1


async def test_without_the_scope_the_dialog_offers_people_only() -> None:
    async with following() as it:
        view = await it.dialog()
        assert "follow_person" in str(view.blocks)
        assert "follow_group" not in str(view.blocks)


async def test_the_dialog_offers_teams_and_projects() -> None:
    async with following() as it:
        view = await it.dialog("research")
        offered = await it.slack.options(view, "follow_target", "a")
        labels = [each["text"]["text"] for each in offered.body["options"]]
        assert labels == ["All projects of Research", "llama (Research)"]
        await it.submit(view, target=offered.body["options"][1]["value"], channel=OTHER)
        await it.hears(
            "Following *llama* (*Research*) in <#C0OTHER001>. I'll post each job when it ends."
        )


@pytest.mark.parametrize("level", ["ends", "starts and ends"])
async def test_jobs_that_begin_and_end_between_two_looks_are_posted_once_each(level: str) -> None:
    async with following() as it:
        await it.follow(level=level)
        await it.look()
        async with it.unwatched():
            for name in ("one", "two"):
                job = it.start(name=name)
                it.becomes(job, "FAILED")
        await it.look()
        await it.posted(2)
        for message in it.posts():
            assert "failed" in (await it.replied(message)).text
        await quiet(it)
        assert len(it.posts()) == 2
        assert all(len(it.thread(message)) == 1 for message in it.posts())


async def test_a_team_is_followed_into_its_new_projects() -> None:
    async with following() as it:
        await it.follow("research")
        await it.look()
        new = str(it.env.baseten.add_project(RESEARCH, "mistral")["id"])
        it.env.baseten.add_team("Other", id="othert1")
        elsewhere = str(it.env.baseten.add_project("othert1", "secret")["id"])
        async with it.unwatched():
            for project in (new, elsewhere):
                it.becomes(it.start(project_id=project, name="first"), "COMPLETED")
        await it.look()
        message = await it.posted()
        assert "mistral" in message.text
        it.env.baseten.delete_project(it.project_id)
        await quiet(it)
        assert len(it.posts()) == 1


@pytest.mark.parametrize("level", ["ends", "starts and ends"])
async def test_jobs_that_run_at_the_start_are_posted_at_their_end(level: str) -> None:
    async with following() as it:
        it.becomes(it.start(name="old"), "FAILED")
        job = it.start(name="now")
        first = await it.follow(level=level)
        assert "1 job that runs or waits now counts too" in first.text
        await quiet(it)
        assert it.posts() == []
        it.becomes(job, "COMPLETED")
        await it.look()
        assert "now" in (await it.posted()).text
        await quiet(it)
        assert len(it.posts()) == 1


@pytest.mark.parametrize("level", ["ends", "starts and ends"])
async def test_the_end_of_a_job_that_runs_for_weeks_is_reported(level: str) -> None:
    async with following() as it:
        await it.follow(level=level)
        job = it.start("RUNNING")
        await it.look()
        if level != "ends":
            await it.posted()
        await it.look(timedelta(days=15).total_seconds())
        await quiet(it)
        (kept,) = (await documents_of(it.store, "followed jobs")).values()
        assert kept["ended"] is False
        it.becomes(job, "FAILED")
        await it.look()
        message = await it.posted()
        assert "failed" in (await it.replied(message)).text
        assert (len(it.posts()), len(it.thread(message))) == (1, 1)


async def test_a_job_that_no_list_shows_is_fetched_by_itself() -> None:
    async with following() as it:
        await it.follow()
        old, _ = it.start(name="old"), it.start(name="new")
        await it.look()
        it.becomes(old, "COMPLETED")
        await it.look()
        assert "old" in (await it.posted()).text


async def follow_in_direct_messages(it: Followed) -> PostedMessage:
    return await it.follow(channel="")


async def test_a_person_follows_in_direct_messages() -> None:
    async with following() as it:
        first = await follow_in_direct_messages(it)
        assert first.channel.startswith("D")
        it.becomes(it.start(), "COMPLETED")
        await it.look()
        assert (await it.posted(1, first.channel)).channel == first.channel


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"member": False, "private": True}, "`/invite` me there"),
        ({"archived": True}, "That channel is archived"),
        ({"post_error": "restricted_action"}, "Slack doesn't let me post there"),
    ],
)
async def test_where_slack_refuses_the_first_message_nothing_is_kept(
    fields: dict[str, bool], words: str
) -> None:
    async with following() as it:
        it.slack.add_channel("C0CLOSED01", **fields)  # type: ignore[arg-type]
        await it.submit(await it.dialog(), channel="C0CLOSED01")
        assert "nothing is followed" in (await it.hears(words)).text
        assert await it.stored() == {}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"archived": True}, "the channel is archived"),
        ({"member": False, "private": True}, "I no longer have access"),
        ({"post_error": "channel_not_found"}, "I no longer have access"),
    ],
)
@pytest.mark.parametrize("level", ["ends", "starts and ends"])
async def test_where_the_channel_is_closed_later_the_follow_ends_with_one_message(
    fields: dict[str, bool], reason: str, level: str
) -> None:
    async with following() as it:
        await it.follow(channel=OTHER, level=level)
        job = it.start("PENDING")
        await it.look()
        if level != "ends":
            await it.posted(1, OTHER)
        it.slack.add_channel(OTHER, **fields)  # type: ignore[arg-type]
        it.becomes(job, "FAILED")
        await it.pass_time()
        told = await it.hears("I stopped following *llama* (*Research*) in <#C0OTHER001>")
        assert reason in told.text
        await it.no_follow()
        await quiet_without_follows(it)
        assert len([m for m in it.slack.messages if "I stopped following" in m.text]) == 1


async def quiet_without_follows(it: Followed) -> None:
    """Let a follow of another channel look a few times more."""
    await it.follow()
    await quiet(it)


async def test_another_person_ends_a_follow_from_its_message_and_its_creator_hears_it() -> None:
    async with following() as it:
        await it.follow(level="starts and ends")
        job = it.start("RUNNING")
        message = await it.posted()
        await it.slack.action(message, "more", selected="stop following", user=SAM)
        await it.hears(f"<@{SAM}> stopped following *llama* (*Research*)")
        await it.no_follow()
        it.clock.advance(16)
        await it.slack.until(lambda: "stop following" not in str(message.blocks))
        it.becomes(job, "FAILED")
        await quiet_without_follows(it)
        assert it.thread(message) == []


@pytest.mark.parametrize("channel", [CHANNEL, ""], ids=["channel", "direct messages"])
async def test_a_follow_is_ended_from_its_first_message(channel: str) -> None:
    async with following() as it:
        first = await it.follow(channel=channel)
        await it.slack.action(first, "stop_following", user=DANA)
        await it.hears("No longer following *llama*")
        await it.slack.until(lambda: f"Stopped by <@{DANA}>" in str(first.blocks))
        assert await it.stored() == {}


async def test_the_same_follow_again_changes_its_level() -> None:
    async with following() as it:
        await it.follow()
        (before,) = (await it.stored()).values()
        await it.follow(level="failures")
        (after,) = (await it.stored()).values()
        assert (after["id"], after["level"]) == (before["id"], "failures")


async def test_a_person_who_watches_a_followed_message_keeps_it_after_the_follow() -> None:
    async with following() as it:
        first = await it.follow(level="starts and ends")
        job = it.start("RUNNING")
        message = await it.posted()
        await it.slack.action(message, "watch", user=SAM)
        await it.slack.until(lambda: f"atched by <@{SAM}>" in str(message.blocks))
        await until_ended(it.env, WATCH_MESSAGE)  # a watch is drawn before it is saved
        await it.slack.action(first, "stop_following", user=DANA)
        await it.no_follow()
        it.clock.advance(16)
        await it.slack.until(lambda: "stop following" not in str(message.blocks))
        it.becomes(job, "COMPLETED")
        it.clock.advance(16)
        assert f"<@{SAM}>" in (await it.replied(message)).text


async def test_a_watcher_who_leaves_does_not_end_the_follow_of_the_message() -> None:
    async with following() as it:
        await it.follow(level="starts and ends")
        job = it.start("RUNNING")
        message = await it.posted()
        await it.slack.action(message, "watch", user=SAM)
        await it.slack.until(lambda: f"atched by <@{SAM}>" in str(message.blocks))
        await until_ended(it.env, WATCH_MESSAGE)
        await it.slack.action(message, "stop_watching", user=SAM)
        await it.slack.until(lambda: "Kept up to date" in str(message.blocks))
        it.becomes(job, "COMPLETED")
        await it.look()
        assert "finished" in (await it.replied(message)).text
        assert message.channel == CHANNEL


@pytest.mark.parametrize("level", ["ends", "starts and ends"])
async def test_follows_of_a_project_and_its_team_post_a_job_once_in_a_channel(level: str) -> None:
    async with following(scopes=("usergroups:read",)) as it:
        await it.follow(level=level)
        await it.follow("research", level="failures", person=SAM)
        await it.follow("research", channel=OTHER)
        job = it.start("RUNNING")
        await it.look()
        it.becomes(job, "FAILED")
        await it.look()
        reply = await it.replied(await it.posted())
        assert f"<@{SAM}>" in reply.text
        await it.replied(await it.posted(1, OTHER))
        await quiet(it)
        assert (len(it.posts()), len(it.posts(OTHER))) == (1, 1)


async def test_a_follow_reports_the_end_after_another_one_of_the_channel_was_stopped() -> None:
    async with following() as it:
        await it.follow("research")
        first = await it.follow(level="starts and ends")
        job = it.start("RUNNING")
        await it.posted()
        await it.slack.action(first, "stop_following", user=DANA)
        await it.hears("No longer following *llama*")
        it.becomes(job, "FAILED")
        await it.look()
        assert "failed" in (await it.replied(await it.posted(2))).text


@pytest.mark.parametrize("stands", [True, False])
async def test_after_an_unconfirmed_start_the_end_is_a_message_of_its_own(*, stands: bool) -> None:
    async with following() as it:  # the bot cannot read the channel
        for channel in (CHANNEL, OTHER):
            await it.follow(level="starts and ends", channel=channel)
        it.slack.faults.next("/api/chat.postMessage", Drop(after=stands))
        job = it.start("RUNNING")
        await it.look()
        async with asyncio.timeout(20):
            while len(await documents_of(it.store, "followed jobs")) < 2:
                await asyncio.sleep(0.01)
        it.becomes(job, "FAILED")
        await it.look()
        await quiet(it)
        for channel in (CHANNEL, OTHER):
            await it.slack.until(lambda: any(map(it.thread, it.posts(channel))))  # noqa: B023
            replies = [reply for post in it.posts(channel) for reply in it.thread(post)]
            assert ["failed" in reply.text for reply in replies] == [True]
        assert len([*it.posts(), *it.posts(OTHER)]) == 2 + stands
        assert all(
            each["ended"] for each in (await documents_of(it.store, "followed jobs")).values()
        )


async def test_a_follow_that_began_after_the_start_mentions_its_people() -> None:
    async with following() as it:
        await it.follow(level="starts and ends")
        job = it.start("RUNNING")
        await it.posted()
        await it.follow("research", level="failures", person=SAM)
        it.becomes(job, "FAILED")
        await it.look()
        assert f"<@{SAM}>" in (await it.replied(await it.posted(2))).text


@pytest.mark.parametrize(
    "forged", [{"level": "<!channel>"}, {"channel": "../x"}, {"target": "project:../x"}]
)
async def test_a_forged_field_is_refused_without_a_traceback(
    forged: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    async with following() as it:
        await it.submit(await it.dialog(), **forged)
        assert await it.stored() == {}
        assert [m for m in it.slack.messages if "Following" in m.text] == []
    assert "unforeseen failure" not in capsys.readouterr().out


async def test_a_team_that_is_gone_is_not_followed() -> None:
    async with following() as it:
        await it.submit(await it.dialog(), target=f"team:{'0' * 16}", channel=OTHER)
        await it.hears("There is no project here that you can use. Nothing was changed.")
        assert await it.stored() == {}


async def test_where_the_key_cannot_list_projects_nothing_is_followed() -> None:
    async with following() as it:
        view = await it.dialog()
        it.env.baseten.faults.always(LIST, Respond(403))
        await it.submit(view, channel=OTHER)
        await it.hears("The bot's API key can't list projects, so I can't follow them.")
        assert await it.stored() == {}


async def test_a_forged_person_or_group_is_not_mentioned() -> None:
    async with following(scopes=("usergroups:read",)) as it:
        it.slack.add_user_group("S0ONCALL01", "On call")
        first = await it.follow(person="<!here>", group="S0X> <!channel")
        assert "mention" not in first.text
        (follow,) = (await it.stored()).values()
        assert follow["mentions"] == []


async def test_the_same_follow_by_another_person_is_theirs_and_the_older_message_says_so() -> None:
    async with following() as it:
        first = await it.follow()
        second = await it.follow(user=SAM, level="failures")
        (kept,) = (await it.stored()).values()
        assert (kept["created_by"], kept["ts"]) == (SAM, second.ts)
        await it.slack.until(lambda: f"<@{SAM}> has set up this follow" in first.text)
        assert "stop_following" not in str(first.blocks)


async def test_a_follow_that_slack_takes_late_posts_the_jobs_that_started_since() -> None:
    async with following() as it:
        view = await it.dialog()
        it.slack.faults.next("/api/chat.postMessage", Respond(503, headers={"Retry-After": "60"}))
        with capture_logs([merge_contextvars]) as lines:
            await it.submit(view, level="starts and ends", channel=CHANNEL)
            task_id = await put_off(lines)
        it.start("RUNNING", name="meanwhile")
        await wake(it.store, task_id)
        await it.slack.until(lambda: any("Following" in m.text for m in it.slack.messages))
        await it.look()
        assert "meanwhile" in (await it.posted()).text
