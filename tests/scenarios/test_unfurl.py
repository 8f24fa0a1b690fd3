"""Links to training projects and jobs: the preview, and *Watch* in it."""

import asyncio
from typing import Any

import pytest

from bot.access.rules import Actor, Verb
from bot.sandbox import Drop, Hold, Respond
from bot.sandbox.faults import Fault
from bot.sandbox.refusals import internal_500, not_found_404, slack_error
from bot.sandbox.slack.records import SharedLinks
from bot.wiring import Tuning
from tests.conftest import RESEARCH, Env
from tests.scenarios.rules import DANA, GROUP, HERE, LEE, THERE, granted, ruled
from tests.scenarios.test_job_list import add, ago, asked

ROOT = "https://app.baseten.co/training"
AUTHOR, READER = "U0DANA0001", "U0READER01"
UNFURL = "/api/chat.unfurl"


def may_unfurl(env: Env) -> None:
    env.slack.scopes = (*env.slack.scopes, "links:read", "links:write")


def job_link(job: dict[str, Any]) -> str:
    return f"{ROOT}/{job['training_project_id']}/logs/{job['id']}"


async def paste(env: Env, *urls: str, user: str | None = AUTHOR, **envelope: Any) -> SharedLinks:
    """Post links, of which Slack tells the bot."""
    shared = env.slack.paste(*urls, user=user)
    delivery = await env.slack.link_shared(shared, **envelope)
    assert (delivery.status, delivery.refused) == (200, None)
    return shared


async def previewed(env: Env, shared: SharedLinks, times: int = 1) -> None:
    await env.slack.until(lambda: shared.unfurled == times)


def text(shared: SharedLinks, url: str) -> str:
    said: str = shared.preview(url).blocks[0]["text"]["text"]
    return said


async def assert_no_preview(env: Env, shared: SharedLinks) -> None:
    await env.bot.drain()
    assert (shared.unfurled, shared.previews) == (0, {})
    assert env.slack.messages == []
    assert env.slack.ephemerals == []


async def test_a_job_shows_its_status_its_machine_and_its_age(env: Env) -> None:
    may_unfurl(env)
    job = add(env, "sft", created_at=ago(hours=7))
    url = job_link(job)
    shared = await paste(env, url)
    await previewed(env, shared)
    first, second = text(shared, url).split("\n")
    assert first == f"▶️ *<{url}|sft>* is running in *sft* (Research)"
    assert second.startswith("8xH100")
    assert "created <!date^" in second
    assert "as of <!date^" in second
    assert len(asked(env)) == 1
    assert env.slack.messages == []


async def test_a_job_that_cannot_be_read_is_not_called_missing(http: Env) -> None:
    may_unfurl(http)
    project = http.baseten.add_project(RESEARCH, "sft") | {"latest_job": {"status": "new shape"}}
    url = f"{ROOT}/{project['id']}"
    answer = Respond(200, json={"training_project": project})
    http.baseten.faults.next(f"/v1/training_projects/{project['id']}", answer)
    shared = await paste(http, url)
    await previewed(http, shared)
    assert "It has a job, but I couldn't read its state" in text(shared, url)
    assert "No job yet" not in text(shared, url)


async def test_a_project_shows_its_latest_job(env: Env) -> None:
    may_unfurl(env)
    job = add(env, "sft", status="FAILED", error_message="secret of the team")
    url = f"{ROOT}/{job['training_project_id']}"
    shared = await paste(env, url)
    await previewed(env, shared)
    assert "*<" in text(shared, url)
    assert "failed in *sft* (Research)" in text(shared, url)
    assert "secret" not in text(shared, url)
    assert len(shared.preview(url).blocks) == 1  # nothing to watch


async def test_a_project_without_a_job_says_so(http: Env) -> None:
    may_unfurl(http)
    url = f"{ROOT}/{http.baseten.add_project('wp7ndew', 'fresh')['id']}/?tab=jobs#top"
    shared = await paste(http, url)
    await previewed(http, shared)
    assert text(shared, url).startswith("📂 *fresh* (Research)\nNo job yet, as of")


async def test_watch_posts_a_live_message_to_the_reader_alone(env: Env) -> None:
    may_unfurl(env)
    url = job_link(add(env, "sft"))
    shared = await paste(env, url)
    await previewed(env, shared)
    delivery = await env.slack.action(shared.preview(url), "watch_job", user=READER)
    assert (delivery.status, delivery.refused) == (200, None)
    await env.hears("I'll keep you posted on *sft* in *sft* in your direct messages")
    (message,) = env.slack.messages
    assert message.channel == "D0READER01"
    await env.slack.until(lambda: "watched by" in str(message.blocks).lower())
    assert f"<@{READER}>" in str(message.blocks)


async def test_watch_pressed_twice_watches_once(http: Env) -> None:
    may_unfurl(http)
    url = job_link(add(http, "sft"))
    shared = await paste(http, url)
    await previewed(http, shared)
    for _ in range(2):
        await http.slack.action(shared.preview(url), "watch_job", user=READER)
    await http.hears("You have pressed this button before")
    await http.hears("I'll keep you posted")
    assert len(http.slack.messages) == 1


@pytest.mark.parametrize("value", ["", "{}", "[]", '{"project_id": "../x", "job_id": "y"}'])
async def test_a_forged_watch_does_nothing(http: Env, value: str) -> None:
    may_unfurl(http)
    url = job_link(add(http, "sft"))
    shared = await paste(http, url)
    await previewed(http, shared)
    await http.slack.action(shared.preview(url), "watch_job", user=READER, value=value)
    assert "is not one that I made" in await http.told()
    assert http.slack.messages == []


async def test_slacks_repeats_of_an_event_act_once(env: Env) -> None:
    may_unfurl(env)
    url = job_link(add(env, "sft"))
    shared = await paste(env, url)
    await previewed(env, shared)
    for retries in (1, 2, 3):
        assert (await env.slack.link_shared(shared, retries=retries)).status == 200
    again = await paste(env, url)
    await previewed(env, again)
    assert shared.unfurled == 1
    assert len(asked(env)) == 2


@pytest.mark.parametrize("is_shared", [True, None, "false", 0])
async def test_a_channel_that_others_might_see_gets_no_preview(env: Env, is_shared: object) -> None:
    may_unfurl(env)
    shared = await paste(env, job_link(add(env, "sft")), is_ext_shared_channel=is_shared)
    await assert_no_preview(env, shared)
    assert asked(env) == []


async def test_a_link_gets_its_preview_when_it_is_posted_and_not_in_the_composer(env: Env) -> None:
    may_unfurl(env)
    url = job_link(add(env, "sft"))
    composed = env.slack.paste(url, user=AUTHOR, source="composer")
    assert (await env.slack.link_shared(composed)).status == 200
    posted = await paste(env, url)
    await previewed(env, posted)
    await env.bot.drain()
    assert (composed.unfurled, composed.previews) == (0, {})
    assert len(asked(env)) == 1


async def test_a_link_in_the_composer_of_a_named_channel_gets_no_preview(http: Env) -> None:
    may_unfurl(http)
    shared = http.slack.paste(job_link(add(http, "sft")), user=AUTHOR)
    shared.source = "composer"
    await http.slack.link_shared(shared)
    await assert_no_preview(http, shared)
    assert asked(http) == []


@pytest.mark.parametrize("author", [None, "U0SANDBOXB"])
async def test_links_of_apps_and_of_the_bot_itself_get_no_preview(
    http: Env, author: str | None
) -> None:
    may_unfurl(http)
    shared = await paste(http, job_link(add(http, "sft")), user=author)
    await assert_no_preview(http, shared)
    assert asked(http) == []


async def test_people_of_connected_companies_get_no_preview(http: Env) -> None:
    may_unfurl(http)
    http.slack.add_outsider(AUTHOR, here=False)
    shared = await paste(http, job_link(add(http, "sft")))
    await assert_no_preview(http, shared)
    assert asked(http) == []


@pytest.mark.parametrize(
    "url",
    [
        f"{ROOT}/unknown",
        f"{ROOT}/unknown/logs/unknown",
        ROOT,
        f"{ROOT}/a/b/c",
        f"{ROOT}/a/logs/",
        f"{ROOT}/..%2Fteams",
        f"{ROOT}/{'x' * 25}",
        "https://app.baseten.co/models/abc",
        "http://app.baseten.co/training/abc",
    ],
)
async def test_other_links_and_unknown_ids_get_no_preview(http: Env, url: str) -> None:
    may_unfurl(http)
    await assert_no_preview(http, await paste(http, url))
    assert len(asked(http)) == ("unknown" in url)


async def test_a_job_of_another_project_gets_no_preview(http: Env) -> None:
    may_unfurl(http)
    job, other = add(http, "sft"), add(http, "other")
    url = f"{ROOT}/{other['training_project_id']}/logs/{job['id']}"
    await assert_no_preview(http, await paste(http, url))


def hides_production(actor: Actor, verb: Verb, team: str) -> bool:
    """Hide one team from one person."""
    return verb is Verb.VIEW and (actor.id, team) != (AUTHOR, "Production")


async def test_a_project_that_its_author_cannot_view_gets_no_preview(idle_env: Env) -> None:
    may_unfurl(idle_env)
    async with idle_env.running(Tuning(allows=hides_production)):
        idle_env.baseten.add_team("Production", id="pr0duct")
        hidden, seen = add(idle_env, "hidden", "pr0duct"), add(idle_env, "seen")
        shared = await paste(idle_env, job_link(hidden), job_link(seen))
        await previewed(idle_env, shared)
        assert list(shared.previews) == [job_link(seen)]
        alone = await paste(idle_env, job_link(hidden))
        other = await paste(idle_env, job_link(hidden), user=READER)
        await previewed(idle_env, other)
        await assert_no_preview(idle_env, alone)


async def test_the_rules_know_the_channel_of_the_link(idle_env: Env) -> None:
    def only_here(actor: Actor, verb: Verb, team: str) -> bool:  # noqa: ARG001 - of `Allows`
        return actor.channel_id == "C0SANDBOX1"

    may_unfurl(idle_env)
    async with idle_env.running(Tuning(allows=only_here)):
        url = job_link(add(idle_env, "sft"))
        elsewhere = idle_env.slack.paste(url, user=AUTHOR, channel="C0OTHER001")
        await idle_env.slack.link_shared(elsewhere)
        await previewed(idle_env, await paste(idle_env, url))
        await assert_no_preview(idle_env, elsewhere)


async def test_of_many_links_the_first_five_get_a_preview(http: Env) -> None:
    may_unfurl(http)
    urls = [job_link(add(http, f"run-{number}")) for number in range(7)]
    shared = await paste(http, *urls, urls[0])
    await previewed(http, shared)
    assert list(shared.previews) == urls[:5]
    assert len(asked(http)) == 5


async def test_an_event_without_an_unfurl_id_is_answered_by_its_message(http: Env) -> None:
    may_unfurl(http)
    url = job_link(add(http, "sft"))
    shared = http.slack.paste(url, user=AUTHOR)
    event = {
        "type": "link_shared",
        "user": AUTHOR,
        "channel": shared.channel,
        "message_ts": shared.ts,
        "links": [{"domain": "app.baseten.co", "url": url}, {"url": 7}, None],
    }
    await http.slack.event(event)
    await previewed(http, shared)


async def test_a_message_with_an_id_of_another_form_gets_no_preview(http: Env) -> None:
    may_unfurl(http)
    shared = http.slack.paste(job_link(add(http, "sft")), user=AUTHOR)
    shared.ts = "../1.2"
    await http.slack.link_shared(shared)
    await assert_no_preview(http, shared)
    assert asked(http) == []


@pytest.mark.parametrize(
    "fault", [slack_error("cannot_unfurl_url"), slack_error("missing_scope"), internal_500()]
)
async def test_a_refusal_of_slack_is_told_to_nobody(http: Env, fault: Fault) -> None:
    may_unfurl(http)
    http.slack.faults.always(UNFURL, fault)
    await assert_no_preview(http, await paste(http, job_link(add(http, "sft"))))


async def test_without_the_scope_to_write_nothing_breaks(http: Env) -> None:
    http.slack.scopes = (*http.slack.scopes, "links:read")
    await assert_no_preview(http, await paste(http, job_link(add(http, "sft"))))


async def test_a_rate_limit_of_slack_delays_the_preview(http: Env) -> None:
    may_unfurl(http)
    limited = Respond(429, json={"ok": False, "error": "ratelimited"}, headers={"Retry-After": "1"})
    http.slack.faults.next(UNFURL, limited)
    await previewed(http, await paste(http, job_link(add(http, "sft"))))


@pytest.mark.parametrize("fault", [internal_500(), Drop(), not_found_404()])
async def test_while_baseten_is_away_nobody_gets_a_word(http: Env, fault: Fault) -> None:
    may_unfurl(http)
    job = add(http, "sft")
    path = f"/v1/training_projects/{job['training_project_id']}/jobs/{job['id']}"
    http.baseten.faults.always(path, fault)
    await assert_no_preview(http, await paste(http, job_link(job)))


async def test_a_flood_of_links_leaves_room_for_commands(http: Env) -> None:
    may_unfurl(http)
    job = add(http, "sft")
    path = f"/v1/training_projects/{job['training_project_id']}/jobs/{job['id']}"
    answered = asyncio.Event()
    http.baseten.faults.always(path, Hold(answered))
    flood = [await paste(http, job_link(job)) for _ in range(30)]
    await http.slack.command("research sft")
    await http.answered()
    answered.set()
    await http.bot.drain()
    assert sum(each.unfurled for each in flood) == 20


HOSTILE = "<!channel> & *bold* `code` <https://evil.example|here>"


async def test_a_secret_in_a_name_is_redacted(http: Env) -> None:
    may_unfurl(http)
    secret = http.slack.signing_secret
    job = add(http, "sft", name=f"run of {secret}")
    shared = await paste(http, job_link(job))
    await previewed(http, shared)
    assert secret not in str(shared.preview(job_link(job)).blocks)
    assert "run of " in text(shared, job_link(job))


async def test_slacks_name_of_the_message_comes_first(http: Env) -> None:
    may_unfurl(http)
    shared = await paste(http, job_link(add(http, "sft")))
    await previewed(http, shared)
    (sent,) = [each for each in http.slack.requests if each.path == UNFURL]
    assert shared.unfurl_id.encode() in sent.body


async def test_names_are_text_in_the_preview(http: Env) -> None:
    may_unfurl(http)
    job = add(http, HOSTILE)
    shared = await paste(http, job_link(job))
    await previewed(http, shared)
    assert "<!channel" not in text(shared, job_link(job))
    assert "<https://evil" not in text(shared, job_link(job))


@pytest.mark.parametrize(
    ("rules", "user", "shown"),
    [
        (granted(GROUP), DANA, True),
        (granted(GROUP), LEE, False),
        (granted(DANA, more=f'in = ["{HERE}"]'), DANA, True),
        (granted(DANA, more=f'in = ["{THERE}"]'), DANA, False),
        (granted(DANA, teams="Default"), DANA, False),
        (granted(DANA, "create"), DANA, False),
        ('guests = "deny"', DANA, True),
        ('guests = "deny"', LEE, False),
        (f'channels = ["{THERE}"]', DANA, False),
        ('shared_channels = "deny"', DANA, True),
    ],
)
async def test_the_rules_of_the_access_file_hold(
    idle_env: Env, rules: str, user: str, *, shown: bool
) -> None:
    idle_env.slack.add_guest(LEE)
    idle_env.slack.set_group(GROUP, DANA)
    may_unfurl(idle_env)
    async with ruled(idle_env, rules):
        shared = await paste(idle_env, job_link(add(idle_env, "sft")), user=user)
        if shown:
            await previewed(idle_env, shared)
        else:
            await assert_no_preview(idle_env, shared)
