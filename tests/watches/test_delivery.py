"""Changes reach Slack: the message is updated, and each piece of news gets a reply."""

from datetime import timedelta

import pytest

from bot.durable.model import Done, RunAgain
from bot.sandbox import PostedMessage, Respond
from bot.watches.model import DELIVER
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
    assert "Running since" in drawn(answer)
    assert "Stop watching" in drawn(answer)
    await scene.look_and_deliver()
    assert answer.edits == 2
    scene.set(job, "RUNNING", checkpoint_sync_status="SYNCING")
    await scene.look_and_deliver()
    assert answer.edits == 3
    assert "Being synced" in drawn(answer)
    scene.clock.advance(600)
    scene.set(job, "COMPLETED")
    await scene.look_and_deliver()
    name, project_name = f"*{job}*", "*support-bot-sft*"
    assert scene.replies == [
        f"🚀 {name} is deploying.",
        f"▶️ {name} is running.",
        f"✅ {name} of {project_name} completed after running for 10 minutes 45 seconds. {DANA}",
    ]
    assert "Ran for" in drawn(answer)
    assert "watch" not in drawn(answer).lower()
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
    assert "Its logs could not be read" in scene.slack.messages[-1].text


@pytest.mark.parametrize(
    ("status", "words"),
    [("PREEMPTED", "was preempted"), ("STOPPED", "was stopped by a user")],
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
    assert "has been waiting for GPU capacity since" in reply.text
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


async def test_a_newer_job_is_told_of_and_shown(scene: Scene) -> None:
    project = scene.project(status="RUNNING")
    await scene.answer(project)
    old = scene.latest(project)
    scene.set(old, "FAILED")
    new = scene.job(project, "PENDING", name="second-try")
    await scene.look_and_deliver()
    assert [reply.split(" ")[0] for reply in scene.replies] == ["❌", "🔀"]
    assert new in drawn(scene.answers[0])
    assert "Stop watching" in drawn(scene.answers[0])


async def test_the_first_job_is_told_of(scene: Scene) -> None:
    project = scene.project(status=None)
    await scene.answer(project)
    scene.job(project, "PENDING", name="first-try")
    await scene.look_and_deliver()
    assert scene.replies == ["⏳ The first job is here: *first-try* is waiting for GPU capacity."]


async def test_the_end_of_14_days_is_told_and_a_new_watch_offered(scene: Scene) -> None:
    await scene.answer(scene.project(status="RUNNING"))
    await scene.look_and_deliver(after=timedelta(days=14).total_seconds())
    assert "for 14 days" in scene.replies[0]
    assert "press *Watch*" in scene.replies[0]
    assert "'watch'" in drawn(scene.answers[0])
    assert "stop_watching" not in drawn(scene.answers[0])


async def test_a_new_watch_is_offered_only_where_the_message_was_drawn(scene: Scene) -> None:
    await scene.answer(scene.project(status="RUNNING"))
    scene.slack.faults.next("/api/chat.update", refused("invalid_blocks"))
    await scene.look_and_deliver(after=timedelta(days=14).total_seconds())
    assert "for 14 days" in scene.replies[0]
    assert "press *Watch*" not in scene.replies[0]


async def test_the_end_of_a_project_is_told(scene: Scene) -> None:
    project = scene.project(status="RUNNING")
    await scene.answer(project)
    scene.baseten.delete_project(project)
    for _ in range(2):
        await scene.look_and_deliver()
    assert "is gone from Baseten" in scene.replies[0]
    assert "is gone from Baseten" in scene.answers[0].text
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
    assert "I can no longer find" in scene.replies[0]
    assert "*support-bot-sft*" in scene.replies[0]


# In order, and not too often


async def test_a_message_that_would_look_as_it_did_is_not_drawn(scene: Scene) -> None:
    await scene.answer(scene.project())
    await scene.look_and_deliver(after=1900)
    assert len(scene.replies) == 1
    assert scene.answers[0].edits == 0


async def test_a_change_is_drawn_though_a_notification_that_changes_nothing_follows(
    scene: Scene,
) -> None:
    watch = await scene.answer(project := scene.project())
    scene.baseten.set_job(scene.latest(project), error_message="Spot capacity is available.")
    await scene.look()
    await scene.look(after=1900)
    await scene.deliver()
    await scene.try_again(watch, 2)
    assert "Spot capacity is available." in drawn(scene.answers[0])
    assert len(scene.replies) == 1
    assert scene.answers[0].edits == 1


async def test_a_message_that_was_just_drawn_waits_with_its_news(scene: Scene) -> None:
    watch = await scene.moved("DEPLOYING")
    handler = scene.handler
    scene.clock.advance(14)  # until the first notification comes through
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


async def test_of_a_burst_only_the_last_draws_the_message_and_all_is_told_in_order(
    scene: Scene,
) -> None:
    project = scene.project()
    watch = await scene.answer(project)
    for status in ("DEPLOYING", "RUNNING", "COMPLETED"):
        scene.set(scene.latest(project), status)
        await scene.look()
    last = await scene.claim(DELIVER, 3)
    # The newest comes first, and waits for the others.
    for task in reversed(last[1:]):
        then = await scene.attempt(task)
        assert isinstance(then, RunAgain)
        assert 5 <= then.in_seconds <= 7.5
    assert await scene.attempt(last[0]) == Done()
    await scene.try_again(watch, 2)
    await scene.try_again(watch, 3)
    assert [reply.split(" ")[0] for reply in scene.replies] == ["🚀", "▶️", "✅"]
    assert scene.answers[0].edits == 1
