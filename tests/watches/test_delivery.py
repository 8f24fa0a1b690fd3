"""Changes reach Slack: the message is updated, and each piece of news gets a reply."""

import asyncio
from datetime import timedelta

import pytest

from bot.durable.model import Done, RunAgain
from bot.sandbox import Delay, PostedMessage, Respond
from bot.watches.model import DELIVER
from tests.conftest import RESEARCH
from tests.watches.scene import Scene

DANA = "<@U0SANDBOX1>"
KEY = "b10_abcd1234.0123456789abcdefghijABCDEFGHIJ12"


def refused(code: str) -> Respond:
    return Respond(200, {"ok": False, "error": code})


def drawn(message: PostedMessage) -> str:
    return str(message.blocks)


# The replies


async def test_a_job_is_followed_from_the_queue_to_its_end(scene: Scene) -> None:
    project = scene.project()
    await scene.answer(project)
    job = scene.latest(project)
    scene.set(job, "DEPLOYING")
    await scene.look_and_deliver()
    scene.set(job, "RUNNING")
    await scene.look_and_deliver()
    (answer,) = scene.answers
    assert "running since" in drawn(answer)
    assert "Stop watching" in drawn(answer)
    await scene.look_and_deliver()
    assert answer.edits == 2
    scene.set(job, "RUNNING", checkpoint_sync_status="SYNCING")
    await scene.look_and_deliver()
    assert answer.edits == 3
    assert "checkpoints: syncing" in drawn(answer)
    scene.clock.advance(600)
    scene.set(job, "COMPLETED")
    await scene.look_and_deliver()
    assert await scene.watches.all() == []
    name = f"*{job}* in *support-bot-sft*"
    assert scene.replies == [
        f"🚀 {name} is deploying.",
        f"▶️ {name} is running.",
        f"✅ {name} finished after 10 minutes 45 seconds. {DANA}",
    ]
    assert "finished after 10 minutes 45 seconds" in drawn(answer)
    assert "stop_watching" not in drawn(answer)
    assert "watched by" not in drawn(answer).lower()
    assert {reply.thread_ts for reply in scene.slack.messages[1:]} == {answer.ts}
    assert scene.slack.ephemerals == []


async def test_a_change_without_news_changes_the_message_alone(scene: Scene) -> None:
    project = scene.project()
    await scene.answer(project)
    scene.baseten.set_job(scene.latest(project), error_message="Spot capacity is available.")
    await scene.look_and_deliver()
    assert "Spot capacity is available." in drawn(scene.answers[0])
    assert scene.replies == []


async def test_the_last_lines_of_a_job_that_failed_hold_no_secret(scene: Scene) -> None:
    project = scene.project(status="RUNNING")
    await scene.answer(project)
    job = scene.latest(project)
    # The second one would be cut in half where the text is cut.
    long = "x" * (2000 - 30) + scene.slack.signing_secret + "y" * 50
    scene.baseten.add_logs(job, ["much earlier"] * 30 + [f"key={KEY}", "```<!channel>", long])
    scene.set(job, "FAILED", error_message=f"exit 1 with {KEY}")
    await scene.look_and_deliver()
    said = str(scene.slack.messages[-1].blocks) + scene.slack.messages[-1].text
    assert "exit 1" in said
    assert "Last log lines" in said
    for secret in (KEY, KEY[4:20], scene.slack.signing_secret[:16]):
        assert secret not in said
    assert "<!channel>" not in said
    (asked,) = [one for one in scene.baseten.requests if one.path.endswith("/logs")]
    assert asked.query["limit"] == "200"
    ended_at = int(scene.clock().timestamp() * 1000)
    assert int(asked.query["start_epoch_millis"]) < ended_at < int(asked.query["end_epoch_millis"])
    assert "much earlier" not in said.split("key=")[-1]


@pytest.mark.parametrize("kept", [-1, 40])
async def test_of_a_private_key_that_was_logged_line_by_line_nothing_is_shown(
    scene: Scene, kept: int
) -> None:
    project = scene.project(status="RUNNING")
    await scene.answer(project)
    body = [f"{'MIIEvQIBADANBgkqhkiG9w0B' * 2}{number}" for number in range(50)]
    key = ["-----BEGIN RSA PRIVATE KEY-----", *body, "-----END RSA PRIVATE KEY-----"]
    # Long ago, too: only the end of it is among the lines that are read.
    lines = key[kept:] if kept > 0 else key
    scene.baseten.add_logs(scene.latest(project), ["begins.", *lines, "no such file"])
    scene.set(scene.latest(project), "FAILED")
    await scene.look_and_deliver()
    said = scene.slack.messages[-1].text
    assert "begins.\n[redacted]\nno such file" in said
    assert "MIIE" not in said


async def test_logs_that_cannot_be_read_are_said_to_be_so(scene: Scene) -> None:
    project = scene.project(status="RUNNING")
    await scene.answer(project)
    scene.set(scene.latest(project), "FAILED")
    scene.baseten.faults.next(".*/logs", Respond(403, {"code": "X", "message": "no"}))
    await scene.look_and_deliver()
    assert "I couldn't read its logs" in scene.slack.messages[-1].text


@pytest.mark.parametrize(
    ("status", "words"),
    [("PREEMPTED", "was preempted"), ("STOPPED", "was stopped (created")],
)
async def test_other_ends_have_words_of_their_own(scene: Scene, status: str, words: str) -> None:
    project = scene.project(status="RUNNING")
    await scene.answer(project)
    scene.set(scene.latest(project), status)
    await scene.look_and_deliver()
    assert words in scene.replies[0]
    assert not any(path.endswith("/logs") for path in scene.asked)


async def test_a_job_that_never_starts_is_told_of_once_with_what_is_in_use(scene: Scene) -> None:
    project = scene.project(status=None)
    advice = "Spot capacity is available."
    scene.baseten.capacities = {"H200": 16, "H100": 64}
    scene.job(project, "PENDING", error_message=advice)
    scene.job(scene.project("other"), "RUNNING", node_count=7)
    await scene.answer(project)
    for _ in range(6):
        await scene.look_and_deliver(after=600)
    (reply,) = scene.slack.messages[1:]
    assert "has been waiting for GPUs for 30 minutes (since " in reply.text
    assert advice in reply.text
    assert "56 of 64 H100 in use" in reply.text


@pytest.mark.parametrize("answer", [Respond(403), Respond(200, {"gpu_capacities": []})])
async def test_a_capacity_that_is_not_told_is_left_out(scene: Scene, answer: Respond) -> None:
    await scene.answer(scene.project())
    scene.baseten.faults.next(".*/capacity", answer)
    await scene.look_and_deliver(after=1900)
    assert "in use" not in scene.slack.messages[-1].text
    assert len(scene.replies) == 1


async def test_a_job_without_gpus_waits_for_none(scene: Scene) -> None:
    project = scene.project(status=None)
    scene.job(project, "QUEUED", instance_type={"id": "1x2", "name": "1x2", "gpu_count": 0})
    await scene.answer(project)
    await scene.look_and_deliver(after=1900)
    assert len(scene.replies) == 1
    assert not any("capacity" in path for path in scene.asked)


async def test_the_limit_of_the_team_is_what_is_shown_in_either_spelling(scene: Scene) -> None:
    project = scene.project(status=None)
    machine = {"id": "x", "name": "8xA100", "gpu_count": 8, "gpu_type": "A100_40GB"}
    scene.baseten.capacities = {"A100-40GB": 64}
    scene.baseten.team_capacities = {(RESEARCH, "A100-40GB"): 8}
    scene.job(project, "PENDING", instance_type=machine)
    await scene.answer(project)
    await scene.look_and_deliver(after=1900)
    assert "0 of 8 A100-40GB in use" in scene.slack.messages[-1].text


async def test_a_newer_job_is_told_of_and_the_message_stays_with_its_own(scene: Scene) -> None:
    project = scene.project(status="RUNNING")
    await scene.answer(project)
    old = scene.latest(project)
    new = scene.job(project, "PENDING", name="second-try")
    await scene.look_and_deliver()
    await scene.look_and_deliver()
    (said,) = scene.replies
    assert said == (
        "🔀 A newer job started in *support-bot-sft*: *second-try* (waiting for GPU capacity). "
        f"I'm still following *{old}*. {DANA}"
    )
    assert new not in drawn(scene.answers[0])
    assert "Stop watching" in drawn(scene.answers[0])


async def test_a_success_says_what_to_do_next(scene: Scene) -> None:
    project = scene.project(status="RUNNING")
    await scene.answer(project)
    job = scene.latest(project)
    for number in (100, 200, 300):
        scene.clock.advance(60)
        scene.baseten.add_checkpoint(job, f"checkpoint-{number}", size_bytes=1_200_000_000)
    scene.baseten.add_gpu_use(job, [0.25, 0.63, 0.9])
    scene.set(job, "COMPLETED")
    await scene.look_and_deliver()
    said = scene.slack.messages[-1].text
    assert "3 checkpoints, the last `checkpoint-300` (1.2 GB), all synced" in said
    assert f"`truss train deploy_checkpoints --job-id {job}`" in said
    assert "GPU ▃▆█ 59 %" in said


@pytest.mark.parametrize("path", [".*/checkpoints", ".*/metrics"])
@pytest.mark.parametrize("answer", [Respond(403), Respond(200, {"odd": 1}), Respond(404)])
async def test_a_success_is_told_though_baseten_tells_no_details(
    scene: Scene, path: str, answer: Respond
) -> None:
    project = scene.project(status="RUNNING")
    await scene.answer(project)
    scene.set(scene.latest(project), "COMPLETED")
    scene.baseten.faults.next(path, answer)
    await scene.look_and_deliver()
    assert "finished" in scene.replies[0]


async def test_the_person_who_started_a_job_is_mentioned_where_slack_knows_the_address(
    scene: Scene,
) -> None:
    scene.slack.scopes += ("users:read.email",)
    scene.slack.add_email("U0LEE00001", "Dana@example.com")
    project = scene.project(status="RUNNING")
    await scene.answer(project)
    scene.set(scene.latest(project), "FAILED")
    await scene.look_and_deliver()
    assert "started by <@U0LEE00001>" in scene.slack.messages[-1].text


async def test_more_than_20_watchers_are_all_mentioned(scene: Scene) -> None:
    watch = await scene.answer(project := scene.project(status="RUNNING"))
    many = tuple(f"U0WATCHR{number:03}" for number in range(150))
    await scene.begin_anew(watch.model_copy(update={"watchers": many}))
    scene.set(scene.latest(project), "COMPLETED")
    await scene.look_and_deliver()
    replies = [message.text for message in scene.slack.messages if message.thread_ts]
    assert [text.count("<@") for text in replies] == [20, 100, 30]
    assert all(f"<@{each}>" in "".join(replies) for each in many)
    assert await scene.watches.all() == []


async def test_50_watches_that_end_at_once_are_told_of_once_each(scene: Scene) -> None:
    watches = []
    for number in range(50):
        scene.slack.add_channel(channel := f"C0CHANNEL{number % 10}", member=True)
        project = scene.project(f"run-{number}", "RUNNING")
        watches.append(await scene.answer(project, channel))
        scene.set(scene.latest(project), "COMPLETED")
    await scene.look()
    handler = scene.handler
    for _ in range(20):
        for task in await scene.claim(DELIVER, 50):
            await scene.attempt(task, handler)
        scene.clock.advance(15)
        scene.pauses.advance(15)
        for watch in watches:
            await scene.wake(watch)
    assert await scene.watches.all() == []
    threads = [message.thread_ts for message in scene.slack.messages if message.thread_ts]
    assert sorted(threads) == sorted(watch.ts for watch in watches)


async def test_the_first_job_is_told_of(scene: Scene) -> None:
    project = scene.project(status=None)
    await scene.answer(project)
    scene.job(project, "PENDING", name="first-try")
    await scene.look_and_deliver()
    assert scene.replies == [
        f"⏳ *support-bot-sft* has its first job: *first-try* (waiting for GPU capacity). {DANA}"
    ]


async def test_the_end_of_14_days_is_told_and_a_new_watch_offered(scene: Scene) -> None:
    await scene.answer(scene.project(status="RUNNING"))
    await scene.look_and_deliver(after=timedelta(days=14).total_seconds())
    assert "after 14 days" in scene.replies[0]
    assert "Press *Watch*" in scene.replies[0]
    assert "'watch'" in drawn(scene.answers[0])
    assert "stop_watching" not in drawn(scene.answers[0])


async def test_a_new_watch_is_offered_only_where_the_message_was_drawn(scene: Scene) -> None:
    await scene.answer(scene.project(status="RUNNING"))
    scene.slack.faults.next("/api/chat.update", refused("invalid_blocks"))
    await scene.look_and_deliver(after=timedelta(days=14).total_seconds())
    assert "after 14 days" in scene.replies[0]
    assert "Press *Watch*" not in scene.replies[0]


async def test_the_end_of_a_project_is_told(scene: Scene) -> None:
    project = scene.project(status="RUNNING")
    await scene.answer(project)
    scene.baseten.delete_project(project)
    for _ in range(2):
        await scene.look_and_deliver()
    assert "can't find *support-bot-sft* in Baseten any more" in scene.replies[0]
    assert "can't be found in Baseten any more" in scene.answers[0].text
    assert "actions" not in drawn(scene.answers[0])


async def test_a_job_that_is_no_longer_there_is_told_of(scene: Scene) -> None:
    watch = await scene.answer(project := scene.project(status="RUNNING"))
    assert watch.job is not None
    scene.set(watch.job.id, "FAILED")
    scene.job(project, "STOPPED", created_at=watch.job.created_at - timedelta(days=1))
    gone = Respond(404, {"code": "NOT_FOUND", "message": "Training job not found"})
    scene.baseten.faults.always(f".*/jobs/{watch.job.id}", gone)
    for _ in range(2):
        await scene.look_and_deliver()
    assert "I can't find" in scene.replies[0]
    assert "*support-bot-sft*" in scene.replies[0]


# In order, and not too often


async def test_a_message_that_would_look_as_it_did_is_not_drawn(scene: Scene) -> None:
    await scene.answer(scene.project())
    await scene.look_and_deliver(after=1900)
    assert len(scene.replies) == 1
    assert scene.answers[0].edits == 0


async def test_a_message_that_was_just_drawn_waits_with_its_news(scene: Scene) -> None:
    watch = await scene.moved("DEPLOYING")
    handler = scene.handler
    scene.clock.advance(14)  # until the first delivery comes through
    (first,) = await scene.claim(DELIVER, 1)
    assert await scene.attempt(first, handler) == Done()
    scene.set(scene.latest(watch.project.id), "RUNNING")
    await scene.look(after=1)
    (second,) = await scene.claim(DELIVER, 1)
    then = await scene.attempt(second, handler)
    assert isinstance(then, RunAgain)
    assert then.in_seconds == 14
    assert len(scene.replies) == 1
    assert scene.answers[0].edits == 1
    scene.clock.advance(14)
    await scene.store.wake(second.id)
    (second,) = await scene.claim(DELIVER, 1)
    assert await scene.attempt(second, handler) == Done()
    assert [reply.split(" ")[0] for reply in scene.replies] == ["🚀", "▶️"]


async def test_a_burst_is_one_delivery_with_one_update_and_all_is_told_in_order(
    scene: Scene,
) -> None:
    project = scene.project()
    watch = await scene.answer(project)
    for status in ("DEPLOYING", "RUNNING", "COMPLETED"):
        scene.set(scene.latest(project), status)
        await scene.look_at_end()
    assert await scene.news(watch) == ["moved", "moved", "ended"]
    (task,) = await scene.claim(DELIVER, 3)
    assert await scene.attempt(task) == Done()
    assert [reply.split(" ")[0] for reply in scene.replies] == ["🚀", "▶️", "✅"]
    assert scene.answers[0].edits == 1
    assert await scene.watches.all() == []


async def test_news_that_come_during_a_delivery_are_delivered_by_it(scene: Scene) -> None:
    watch = await scene.moved("DEPLOYING")
    (task,) = await scene.claim(DELIVER, 1)
    scene.slack.faults.next("/api/chat.postMessage", Delay(0.3))
    delivering = asyncio.create_task(scene.attempt(task))
    await scene.slack.until(
        lambda: any(one.path == "/api/chat.postMessage" for one in scene.slack.requests[1:])
    )
    scene.set(scene.latest(watch.project.id), "RUNNING")
    await scene.look()
    assert await delivering == Done()
    assert [reply.split(" ")[0] for reply in scene.replies] == ["🚀", "▶️"]
    assert await scene.deliver() == []
    (kept,) = await scene.live()
    assert (kept.courier, kept.outbox, kept.drawn) == ("", (), kept.revision)
