"""``ACCESS_FILE``: for each rule and entry point, a refused request and one that passes."""

import asyncio
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.handlers.follow_tasks import FOLLOW
from bot.listeners.dialog import FROM_ANYWHERE
from bot.sandbox import Delay, Hold, Respond
from tests.conftest import RESEARCH, Env
from tests.scenarios.audited import until_rows
from tests.scenarios.filled import channel, chosen, dialog, typed
from tests.scenarios.rules import (
    DANA,
    GROUP,
    HERE,
    IN_A_CHANNEL,
    LEE,
    PRIVATE,
    THERE,
    WORKFLOW,
    Entry,
    Who,
    change,
    command,
    granted,
    home,
    jobs,
    refresh,
    ruled,
    standing,
    step,
    submit,
    suggestion,
    watch,
)
from tests.scenarios.tasks import until_ended

FOR_DANA = granted(DANA)


def option(value: str) -> dict[str, Any]:
    """An option of a menu."""
    return {"text": {"type": "plain_text", "text": value}, "value": value}


@pytest.mark.parametrize("socket", [False, True], ids=["http", "socket"])
@pytest.mark.parametrize("entry", [*IN_A_CHANNEL, *PRIVATE])
async def test_a_grant_to_a_person_lets_in_them_alone(
    idle_env: Env, entry: Entry, *, socket: bool
) -> None:
    async with ruled(idle_env, FOR_DANA, socket=socket):
        assert await entry(idle_env, Who(LEE))
        idle_env.slack.views.clear()
        assert not await entry(idle_env, Who(DANA))


@pytest.mark.parametrize("entry", [*IN_A_CHANNEL, *PRIVATE])
async def test_a_grant_to_a_group_lets_in_its_members(idle_env: Env, entry: Entry) -> None:
    async with ruled(idle_env, granted(GROUP)):
        assert await entry(idle_env, Who(LEE))
        idle_env.slack.views.clear()
        assert not await entry(idle_env, Who(DANA))


@pytest.mark.parametrize("entry", [*IN_A_CHANNEL, *PRIVATE])
async def test_guests_can_be_denied(idle_env: Env, entry: Entry) -> None:
    idle_env.slack.add_guest(LEE)
    async with ruled(idle_env, 'guests = "deny"'):
        assert "guests" in (words := await entry(idle_env, Who(LEE))) or entry in PRIVATE
        assert words
        idle_env.slack.views.clear()
        assert not await entry(idle_env, Who(DANA))


@pytest.mark.parametrize("entry", IN_A_CHANNEL)
async def test_the_channels_can_be_limited(idle_env: Env, entry: Entry) -> None:
    async with ruled(idle_env, f'channels = ["{HERE}"]'):
        words = await entry(idle_env, Who(channel=THERE))
        assert "I don't work in this channel" in words
        assert f"<#{HERE}>" in words
        assert not await entry(idle_env, Who(channel=HERE))


async def test_a_command_elsewhere_is_refused_in_its_ack_and_leaves_no_task(idle_env: Env) -> None:
    async with ruled(idle_env, f'channels = ["{HERE}"]'):
        for text in ("help", "", "research sft"):
            delivery = await idle_env.slack.command(text, channel=THERE)
            assert "I don't work in this channel. Nothing was changed." in delivery.body["text"]
        helped = await idle_env.slack.command("help", channel=HERE)
        assert "/training-project" in helped.body["text"]
    assert (idle_env.slack.views, idle_env.baseten.upserts) == ([], [])


@pytest.mark.parametrize("entry", IN_A_CHANNEL)
async def test_channels_shared_with_other_companies_can_be_denied(
    idle_env: Env, entry: Entry
) -> None:
    async with ruled(idle_env, 'shared_channels = "deny"'):
        idle_env.slack.add_channel(THERE, shared=True)
        words = await entry(idle_env, Who(channel=THERE))
        assert "shared with other companies" in words
        assert not await entry(idle_env, Who(channel=HERE))


@pytest.mark.parametrize("entry", IN_A_CHANNEL)
async def test_a_grant_can_be_bound_to_channels(idle_env: Env, entry: Entry) -> None:
    async with ruled(idle_env, granted(DANA, more=f'in = ["{HERE}"]')):
        assert "can use" in await entry(idle_env, Who(channel=THERE))
        idle_env.slack.views.clear()
        assert not await entry(idle_env, Who(channel=HERE))


@pytest.mark.parametrize(
    "later", [granted(LEE), granted(DANA, more=f'in = ["{HERE}"]'), granted(DANA, "create")]
)
async def test_the_home_tab_lists_what_the_person_can_view_now(idle_env: Env, later: str) -> None:
    async with ruled(idle_env, FOR_DANA) as bot:
        await standing(idle_env, Who())
        assert not await home(idle_env, Who())
        idle_env.slack.views.clear()
        await change(idle_env, bot, later)
        assert await home(idle_env, Who()) == "no project"


async def test_a_guest_gets_no_home_tab_and_no_message_about_it(idle_env: Env) -> None:
    idle_env.slack.add_guest(LEE)
    async with ruled(idle_env, 'guests = "deny"'):
        await idle_env.slack.event({"type": "app_home_opened", "user": LEE, "tab": "home"})
        await home(idle_env, Who(DANA))
    assert [view.user for view in idle_env.slack.views] == [DANA]
    assert idle_env.slack.messages == []


async def test_the_tab_of_a_person_who_became_a_guest_goes(idle_env: Env) -> None:
    opened = {"type": "app_home_opened", "user": DANA, "tab": "home"}
    async with ruled(idle_env, FOR_DANA) as bot:
        await standing(idle_env, Who())
        assert not await home(idle_env, Who())
        idle_env.slack.add_guest(DANA)
        await change(idle_env, bot, f'guests = "deny"\n{FOR_DANA}')
        (view,) = idle_env.slack.views
        await idle_env.slack.event({**opened, "view": {"id": view.id}})
        await idle_env.slack.until(lambda: "I don't work for guests" in str(view.blocks))
        assert "sft" not in str(view.blocks)


async def test_the_tab_says_that_a_group_is_unknown(idle_env: Env) -> None:
    idle_env.slack.faults.always("/api/usergroups.users.list", Respond(200, {"ok": False}))
    idle_env.baseten.add_job(idle_env.baseten.add_project(RESEARCH, "sft")["id"])
    async with ruled(idle_env, granted(GROUP)):
        await home(idle_env, Who())
        shown = str(idle_env.slack.views[-1].blocks)
        assert "Slack doesn't tell me right now who is in a group" in shown
        assert "No job is running" not in shown
        assert "sft" not in shown.replace("/training-project", "")


async def test_the_tab_says_that_slack_does_not_tell_guests_from_members(idle_env: Env) -> None:
    idle_env.slack.faults.always("/api/users.info", Respond(200, {"ok": False}))
    async with ruled(idle_env, 'guests = "deny"'):
        await home(idle_env, Who())
        (block,) = idle_env.slack.views[-1].blocks
        assert "whether you are a guest" in block["text"]["text"]
        assert block["text"]["text"].endswith("Open this tab again in a minute.")


async def test_the_tab_lists_a_follow_whose_right_holds_in_its_channel(idle_env: Env) -> None:
    async with ruled(idle_env, granted(DANA, more=f'in = ["{HERE}"]')) as bot:
        message = await standing(idle_env, Who())
        await idle_env.slack.action(message, "more", selected="follow", user=DANA)
        await idle_env.slack.until(
            lambda: bool(idle_env.slack.views) and idle_env.slack.views[-1].updates > 0
        )
        await idle_env.slack.submit(idle_env.slack.views[-1], {}, user=DANA)
        await idle_env.slack.until(lambda: "Following" in idle_env.slack.messages[-1].text)
        await until_ended(idle_env, FOLLOW)
        idle_env.slack.views.clear()
        assert not await home(idle_env, Who())
        assert "Stop following" in str(idle_env.slack.views[-1].blocks)
        await change(idle_env, bot, granted(LEE))
        idle_env.slack.views.clear()
        assert await home(idle_env, Who()) == "no project"


@pytest.mark.parametrize("entry", IN_A_CHANNEL)
async def test_people_of_connected_companies_can_be_allowed(idle_env: Env, entry: Entry) -> None:
    idle_env.slack.add_outsider(LEE)
    async with ruled(idle_env, 'external = "allow"'):
        assert not await entry(idle_env, Who(LEE))


async def test_the_workspaces_can_be_limited(idle_env: Env) -> None:
    idle_env.slack.install_in_organization("E0ACME")
    idle_env.slack.add_outsider(LEE, team_id="T0MORE", here=False, enterprise_id="E0ACME")
    idle_env.slack.add_outsider(DANA, team_id="T0ACME", here=False, enterprise_id="E0ACME")
    async with ruled(idle_env, 'workspaces = ["T0ACME"]'):
        assert "I only work for people of" in await command(idle_env, Who(LEE))
        assert not await command(idle_env, Who(DANA))


async def test_a_grant_to_a_workflow_lets_in_that_workflow(idle_env: Env) -> None:
    async with ruled(idle_env, granted(WORKFLOW, "create")):
        assert "that you can use" in await step(idle_env, "Wf0OTHER")
        assert idle_env.baseten.upserts == []
        idle_env.slack.completions.clear()
        assert await step(idle_env, WORKFLOW) == ""
        assert "that you can use" in await command(idle_env, Who(DANA))


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (f'channels = ["{HERE}"]', "I don't work in this channel"),
        (granted(WORKFLOW, more=f'in = ["{HERE}"]'), "that you can use"),
        ('shared_channels = "deny"', "shared with other companies"),
    ],
)
async def test_a_workflows_channel_is_judged(idle_env: Env, rules: str, words: str) -> None:
    async with ruled(idle_env, rules):
        idle_env.slack.add_channel(THERE, shared=True)
        assert words in await step(idle_env, WORKFLOW, THERE)
        idle_env.slack.completions.clear()
        assert await step(idle_env, WORKFLOW, HERE) == ""


async def test_a_forbidden_team_and_an_unknown_one_get_the_same_words(idle_env: Env) -> None:
    async with ruled(idle_env, granted(DANA, teams="Default"), contact="U0BOSS0001"):
        words: list[str] = []
        for team in ("research", "nowhere"):
            await idle_env.slack.command(f"{team} sft", user=DANA)
            words.append((await idle_env.told(len(words) + 1)).replace(team, "X"))
    assert words[0] == words[1]
    assert "There's no team *X* that you can use here. Nothing was created." in words[0]
    assert f"Ask <@U0BOSS0001>: they need {DANA} and *X*." in words[0]


@pytest.mark.parametrize("team", [RESEARCH, "*"])
async def test_a_grant_names_a_team_by_its_id_or_all_teams(idle_env: Env, team: str) -> None:
    async with ruled(idle_env, granted(DANA, teams=team)):
        assert not await command(idle_env, Who())
        assert not await refresh(idle_env, Who())


@pytest.mark.parametrize("team", ["Research", RESEARCH, "*"])
async def test_a_name_that_two_teams_share_is_refused(idle_env: Env, team: str) -> None:
    idle_env.baseten.add_team("Research", id="another1")
    async with ruled(idle_env, granted(DANA, teams=team)):
        assert "that you can use" in await command(idle_env, Who())
        assert "can use" in await submit(idle_env, Who())
        assert idle_env.baseten.upserts == []


async def test_a_viewer_opens_an_existing_project_and_creates_none(idle_env: Env) -> None:
    project = idle_env.baseten.add_project(RESEARCH, "customer-support-sft")
    async with ruled(idle_env, granted(DANA, "view")):
        await idle_env.slack.command("research customer-support-sft", user=DANA)
        await idle_env.answered()
        assert project["id"] in str(idle_env.slack.messages[0].blocks)
        await idle_env.slack.command("research new-one", user=DANA)
        words = await idle_env.told()
        assert "has no project *new-one*, and you can't create one" in words
        await idle_env.slack.command("research customer-suport-sft", user=DANA)
        assert "Did you mean *customer-support-sft*?" in await idle_env.told(2)
    assert idle_env.baseten.upserts == []


async def test_a_deleted_project_is_not_created_for_a_viewer(idle_env: Env) -> None:
    """The list of names is a minute old, so an upsert could create what the list still has."""
    project = idle_env.baseten.add_project(RESEARCH, "sft")
    async with ruled(idle_env, granted(DANA, "view")):
        await idle_env.slack.command("research sft", user=DANA)
        await idle_env.answered()
        idle_env.baseten.delete_project(project["id"])
        await idle_env.slack.command("research sft", user=DANA)
        assert "you can't create one" in await idle_env.told()
    assert idle_env.baseten.upserts == []


async def test_a_creator_sees_new_projects_and_no_older_ones(idle_env: Env) -> None:
    idle_env.baseten.add_project(RESEARCH, "hidden")
    async with ruled(idle_env, granted(DANA, "create")):
        assert not await command(idle_env, Who())
        await idle_env.slack.command("research hidden", user=DANA)
        assert "no project here that you can use" in await idle_env.told()
        assert len(idle_env.slack.messages) == 1
        assert len(idle_env.baseten.upserts) == 1


async def test_a_project_that_the_list_hid_is_not_shown_to_a_creator(idle_env: Env) -> None:
    """Without the list, only the answer of the upsert proves that the project is an older one."""
    idle_env.baseten.add_job(idle_env.baseten.add_project(RESEARCH, "hidden")["id"])
    idle_env.baseten.faults.always("/v1/training_projects", Respond(500), method="GET")
    async with ruled(idle_env, granted(DANA, "create")):
        await idle_env.slack.command("research hidden", user=DANA)
        await idle_env.hears("You can't use this project.")
        assert idle_env.slack.messages == []


async def test_near_names_hide_what_the_person_cannot_view(idle_env: Env) -> None:
    idle_env.baseten.add_project(RESEARCH, "customer-support-sft")
    async with ruled(idle_env, granted(DANA, "create")):
        await idle_env.slack.command("research customer-suport-sft", user=DANA)
        await idle_env.answered()
        assert idle_env.slack.ephemerals == []


@pytest.mark.parametrize("entry", [command, submit, refresh, jobs, watch])
async def test_unknown_members_mean_no_in_words(idle_env: Env, entry: Entry) -> None:
    async with ruled(idle_env, granted(DANA, teams="Default") + granted(GROUP)):
        assert not await refresh(idle_env, Who())
    idle_env.slack.faults.always("/api/usergroups.users.list", Respond(200, {"ok": False}))
    async with ruled(idle_env, granted(DANA, teams="Default") + granted(GROUP)):
        idle_env.slack.views.clear()
        words = await entry(idle_env, Who())
        assert "Slack doesn't tell me right now who is in a group" in words


@pytest.mark.parametrize(
    ("rules", "method", "words"),
    [
        ('guests = "deny"', "users.info", "whether you are a guest"),
        ('shared_channels = "deny"', "conversations.info", "whether this channel is shared"),
    ],
)
@pytest.mark.parametrize("fault", [Respond(200, {"ok": True}), Delay(30)], ids=["odd", "late"])
async def test_a_fact_that_slack_does_not_tell_means_no(
    idle_env: Env, rules: str, method: str, words: str, fault: Respond | Delay
) -> None:
    async with ruled(idle_env, rules):
        idle_env.slack.faults.always(f"/api/{method}", fault)
        assert words in await command(idle_env, Who())
        assert idle_env.baseten.upserts == []


async def test_members_are_asked_once_for_many_requests(idle_env: Env) -> None:
    async with ruled(idle_env, granted(GROUP)):
        for _ in range(3):
            assert not await refresh(idle_env, Who())
        assert not await suggestion(idle_env, Who())
        asked = [r for r in idle_env.slack.requests if r.path.endswith("usergroups.users.list")]
    assert len(asked) == 1


async def test_without_a_file_nobody_is_looked_up(idle_env: Env) -> None:
    async with idle_env.running():
        assert not await refresh(idle_env, Who())
    asked = {request.path.rpartition("/")[2] for request in idle_env.slack.requests}
    assert not asked & {"usergroups.users.list", "users.info", "conversations.info"}


async def test_a_dialog_without_a_channel_offers_the_teams_of_bound_grants(idle_env: Env) -> None:
    async with ruled(idle_env, granted(DANA, more=f'in = ["{HERE}"]')):
        assert not await suggestion(idle_env, Who())


@pytest.mark.parametrize("later", [granted(LEE), f'channels = ["{THERE}"]', 'guests = "deny"'])
async def test_the_rule_is_asked_again_when_a_task_goes_on(idle_env: Env, later: str) -> None:
    """The right is lost between the upsert and the post."""
    idle_env.baseten.add_project(RESEARCH, "sft")
    async with ruled(idle_env, FOR_DANA) as bot:
        upsert, changed = r"/v1/teams/[^/]+/training_projects", asyncio.Event()
        idle_env.baseten.faults.next(upsert, Hold(changed))
        await idle_env.slack.command("research sft", user=DANA)
        await idle_env.baseten.until(
            lambda: "POST" in {r.method for r in idle_env.baseten.requests}
        )
        await change(idle_env, bot, later)
        changed.set()
        await idle_env.hears("You can't use this project.")
        await until_ended(idle_env)
        assert idle_env.slack.messages == []


async def test_a_forged_button_is_judged_by_the_project_that_it_names(idle_env: Env) -> None:
    hidden = idle_env.baseten.add_project(idle_env.baseten.add_team("Secret")["id"], "hidden")["id"]
    async with ruled(idle_env, FOR_DANA):
        message = await standing(idle_env, Who())
        forged = f'{{"project_id": "{hidden}", "team": "Research", "outcome": "created"}}'
        for count, button in enumerate(("jobs", "watch"), 1):
            await idle_env.slack.action(message, button, user=DANA, value=forged)
            assert "no project here that you can use" in await idle_env.told(count)
        copied = copy(message)  # the menu reads the state that the *Watch* button carries
        menu = {"type": "overflow", "action_id": "more", "options": [option("refresh")]}
        beside = {"type": "button", "action_id": "watch", "value": forged}
        copied.blocks = [{"type": "actions", "block_id": "b", "elements": [beside, menu]}]
        await idle_env.slack.action(copied, "more", selected="refresh", user=DANA)
        assert "no project here that you can use" in await idle_env.told(3)
        assert message.edits == 0


async def test_a_dialog_asks_about_the_person_who_uses_it(idle_env: Env) -> None:
    """Nobody has asked Slack about this person before."""
    async with ruled(idle_env, 'guests = "deny"'):
        assert not await suggestion(idle_env, Who(LEE))
        view = await dialog(idle_env)
        values = chosen(RESEARCH) | typed("name", "by-max")
        assert not (await idle_env.slack.submit(view, values, user="U0MAX00001")).body
        await idle_env.answered()


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("verbs", "shown"), [(("view", "logs"), True), (("view",), False)])
async def test_a_log_tail_needs_the_right_to_logs_also_after_a_restart(
    idle_env: Env, verbs: tuple[str, ...], *, shown: bool
) -> None:
    rules = granted(GROUP, "create", *verbs)
    project = idle_env.baseten.add_project(RESEARCH, "sft")["id"]
    job = idle_env.baseten.add_job(project)["id"]
    async with ruled(idle_env, rules):
        await idle_env.slack.command("research sft", user=DANA)
        await idle_env.answered()
        assert not await watch(idle_env, Who())
    idle_env.baseten.add_logs(job, ["CUDA out of memory"])
    long_ago = datetime.now(UTC) - timedelta(minutes=1)  # so the last log lines have arrived
    idle_env.baseten.set_job(job, status="TRAINING_JOB_FAILED", updated_at=long_ago)
    async with ruled(idle_env, rules):  # a new process knows no members yet
        # Rights that are unknown for a second are asked for again after a minute.
        await idle_env.slack.until(lambda: any(m.thread_ts for m in idle_env.slack.messages), 90)
    (reply,) = [m for m in idle_env.slack.messages if m.thread_ts]
    assert ("CUDA out of memory" in str(reply.blocks)) == shown


@pytest.mark.parametrize(
    ("rules", "words", "rule"),
    [
        (
            f'channels = ["{HERE}"]',
            "I don't post in this channel",
            "a channel that the bot does not post in",
        ),
        (
            'shared_channels = "deny"',
            "shared with other companies",
            "a channel that is shared with another company",
        ),
        (granted(DANA, more=f'in = ["{HERE}"]'), "can use here", "no grant"),
    ],
)
async def test_the_channel_that_is_picked_in_a_dialog_is_judged(
    idle_env: Env, rules: str, words: str, rule: str
) -> None:
    async with ruled(idle_env, rules):
        idle_env.slack.add_channel(THERE, shared=True)
        await idle_env.slack.shortcut(FROM_ANYWHERE, user=DANA)
        view = await dialog(idle_env)
        values = chosen(RESEARCH) | typed("name", "picked")
        refused = await idle_env.slack.submit(view, values | channel(THERE), user=DANA)
        assert words in str(refused.body["errors"])
        assert refused.refused is None
        assert idle_env.baseten.upserts == []
        row = await until_rows(idle_env, 1)
        assert (row["outcome"], row["channel"], row["rule"]) == ("refused", THERE, rule)
        passed = await idle_env.slack.submit(view, values | channel(HERE), user=DANA)
        assert not passed.body
        await idle_env.answered()


async def test_a_dialog_of_a_channel_that_is_no_longer_allowed_has_its_words_at_the_name(
    idle_env: Env,
) -> None:
    async with ruled(idle_env, "# none") as bot:
        await idle_env.slack.command("", user=DANA)
        view = await dialog(idle_env)
        await change(idle_env, bot, f'channels = ["{THERE}"]')
        values = chosen(RESEARCH) | typed("name", "late")
        refused = await idle_env.slack.submit(view, values, user=DANA)
        assert refused.body["errors"] == {
            "name": "I don't post in this channel. Choose another one."
        }


@pytest.mark.parametrize("private", [True, False])
async def test_a_private_channel_needs_a_scope_of_its_own_to_prove_that_it_is_not_shared(
    idle_env: Env, *, private: bool
) -> None:
    async with ruled(idle_env, 'shared_channels = "deny"'):
        idle_env.slack.add_channel(THERE, private=private)
        words = await command(idle_env, Who(channel=THERE))
        assert ("whether this channel is shared" in words) == private


async def test_a_group_that_does_not_exist_has_no_members(idle_env: Env) -> None:
    async with ruled(idle_env, granted("S0GONE") + granted(LEE)):
        assert "that you can use" in await command(idle_env, Who(DANA))
        assert not await command(idle_env, Who(LEE))


async def test_without_the_list_of_teams_nobody_has_a_right_in_words(idle_env: Env) -> None:
    async with ruled(idle_env, FOR_DANA):
        await standing(idle_env, Who())
    idle_env.baseten.faults.always("/v1/teams", Respond(403, {"message": "no"}))
    async with ruled(idle_env, FOR_DANA):
        words = "Baseten doesn't tell me right now which teams there are"
        assert words in await refresh(idle_env, Who())
        assert words in await command(idle_env, Who())


@pytest.mark.parametrize("rules", ["# none", 'guests = "deny"'])
async def test_a_reload_that_leaves_no_grants_warns(idle_env: Env, rules: str) -> None:
    async with ruled(idle_env, granted(DANA)) as bot:
        with capture_logs() as lines:
            await change(idle_env, bot, rules)
    (line,) = [line for line in lines if line["event"] == "read the access rules again"]
    assert line["log_level"] == "warning"
    assert "nobody can stop" in line["access"]


async def test_the_bot_takes_requests_while_and_after_a_reload_waits_for_slack(
    idle_env: Env,
) -> None:
    async with ruled(idle_env, granted(DANA)) as bot:
        idle_env.slack.faults.next("/api/auth.test", Respond(500), Respond(500))
        with capture_logs() as lines:
            await change(idle_env, bot, granted(GROUP))
        assert bot.health.reasons() == {}
        words = "Slack does not tell the token's scopes; the old access rules stay"
        assert [line["event"] for line in lines].count(words) == 1
        assert not any("the start waits" in line["event"] for line in lines)
        assert await command(idle_env, Who(LEE))
        assert not await command(idle_env, Who(DANA))
