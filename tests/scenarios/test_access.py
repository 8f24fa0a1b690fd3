"""Who is served, at every entry point: for each, a request that is refused and one that passes."""

from collections.abc import Awaitable, Callable
from copy import deepcopy

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from bot.access.rules import Actor, Verb
from bot.handlers.watch import WATCH_MESSAGE
from bot.listeners.dialog import FROM_ANYWHERE
from bot.listeners.workflow_step import STEP
from bot.sandbox.slack.records import Delivery, View
from bot.views.home import HOME_OPEN
from bot.wiring import Tuning
from tests.conftest import RESEARCH, Env
from tests.scenarios.filled import chosen, dialog, option, typed
from tests.scenarios.tasks import until_ended

MEMBER, GUEST = "U0DANA0001", "U0GUEST001"
PARTNER, FOREIGNER = "U0PARTNER1", "U0FOREIGN1"
WORDS = "I only work for people of Sandbox's workspace."
Act = Callable[[Env, str], Awaitable[Delivery]]


async def _message(env: Env) -> None:
    if not env.slack.messages:
        await env.slack.command("research sft", user=MEMBER)
        await env.answered()


async def _dialog(env: Env) -> View:
    await env.slack.command("", user=MEMBER)
    return await dialog(env)


async def press(env: Env, button: str, user: str) -> Delivery:
    await _message(env)
    if button == "refresh":  # an option of the menu
        return await env.slack.action(env.slack.messages[0], "more", selected=button, user=user)
    return await env.slack.action(env.slack.messages[0], button, user=user)


async def refresh(env: Env, user: str) -> Delivery:
    return await press(env, "refresh", user)


async def jobs(env: Env, user: str) -> Delivery:
    return await press(env, "jobs", user)


async def watch(env: Env, user: str) -> Delivery:
    return await press(env, "watch", user)


async def shortcut(env: Env, user: str) -> Delivery:
    return await env.slack.shortcut(FROM_ANYWHERE, user=user)


async def command(env: Env, user: str) -> Delivery:
    return await env.slack.command("research other", user=user)


@pytest.fixture
async def outsiders(env: Env) -> Env:
    """A running bot, a partner in a shared channel, and a person of another workspace."""
    env.slack.add_outsider(PARTNER)
    env.slack.add_outsider(FOREIGNER, here=False)
    project = env.baseten.add_project(RESEARCH, "sft")
    env.baseten.add_job(project["id"])
    return env


async def test_a_command_of_another_workspace_is_refused_in_the_ack(outsiders: Env) -> None:
    delivery = await command(outsiders, FOREIGNER)
    assert delivery.status == 200
    assert WORDS in str(delivery.body)
    assert outsiders.baseten.upserts == []
    assert not (await command(outsiders, GUEST)).body
    await outsiders.answered()


@pytest.mark.parametrize("user", [PARTNER, FOREIGNER])
@pytest.mark.parametrize("act", [refresh, jobs, watch])
async def test_an_outsiders_click_is_refused_to_them_alone(
    outsiders: Env, act: Act, user: str
) -> None:
    delivery = await act(outsiders, user)
    assert delivery.status == 200
    assert WORDS in await outsiders.told()
    assert outsiders.slack.messages[0].edits == 0
    asked = len(outsiders.baseten.requests)
    await act(outsiders, MEMBER)
    await outsiders.baseten.until(lambda: len(outsiders.baseten.requests) > asked)


async def test_an_outsiders_shortcut_is_refused_in_words(outsiders: Env) -> None:
    assert (await shortcut(outsiders, PARTNER)).status == 200
    await outsiders.slack.until(lambda: WORDS in str(outsiders.slack.messages))
    assert outsiders.slack.views == []
    await shortcut(outsiders, MEMBER)
    await dialog(outsiders)


async def test_an_outsiders_submission_is_refused_at_a_field(outsiders: Env) -> None:
    view, values = await _dialog(outsiders), chosen(RESEARCH) | typed("name", "other")
    delivery = await outsiders.slack.submit(view, values, user=PARTNER)
    assert delivery.body["response_action"] == "errors"
    assert WORDS in str(delivery.body["errors"]["name"])
    assert outsiders.baseten.upserts == []
    assert not (await outsiders.slack.submit(view, values, user=MEMBER)).body
    await outsiders.answered()


async def test_an_outsider_gets_no_suggestions(outsiders: Env) -> None:
    view = await _dialog(outsiders)
    refused = await outsiders.slack.options(view, "team", "res", user=PARTNER)
    assert (refused.status, refused.body) == (200, {"options": []})
    passed = await outsiders.slack.options(view, "team", "res", user=MEMBER)
    assert "Research" in str(passed.body)


async def test_an_outsider_gets_no_home_tab(outsiders: Env) -> None:
    opened = {"type": "app_home_opened", "tab": "home"}
    delivery = await outsiders.slack.event(opened | {"user": FOREIGNER})
    assert delivery.status == 200
    await outsiders.slack.event(opened | {"user": MEMBER})
    await outsiders.slack.until(lambda: bool(outsiders.slack.views))
    assert [view.user for view in outsiders.slack.views] == [MEMBER]
    await outsiders.slack.action(outsiders.slack.views[0], HOME_OPEN, user=PARTNER)
    await outsiders.slack.until(lambda: WORDS in str(outsiders.slack.messages))
    assert len(outsiders.slack.views) == 1


async def test_another_workspaces_workflow_fails_in_words(outsiders: Env) -> None:
    inputs = {"team": "research", "name": "other"}
    delivery = await outsiders.slack.function_executed(STEP, inputs, team_id="T0OTHER001")
    assert delivery.status == 200
    await outsiders.slack.until(lambda: len(outsiders.slack.completions) == 1)
    assert WORDS in (outsiders.slack.completions[0].error or "")
    assert outsiders.baseten.upserts == []
    await outsiders.slack.function_executed(STEP, inputs, workflow_id="Wf0NIGHTLY")
    await outsiders.slack.until(lambda: len(outsiders.slack.completions) == 2)
    assert outsiders.slack.completions[1].error is None


async def test_an_organizations_bot_serves_the_whole_organization(idle_env: Env) -> None:
    idle_env.slack.install_in_organization("E0ACME")
    idle_env.slack.add_outsider(MEMBER, team_id="T0MORE", here=False, enterprise_id="E0ACME")
    idle_env.slack.add_outsider(PARTNER, enterprise_id="E0ACME")
    idle_env.slack.add_outsider(FOREIGNER, here=False, enterprise_id="E0OTHER")
    async with idle_env.running():
        refused = await command(idle_env, FOREIGNER)
        assert "I only work for people of Sandbox's organization." in str(refused.body)
        assert not (await command(idle_env, MEMBER)).body
        await idle_env.answered()
        await refresh(idle_env, PARTNER)
        assert "Sandbox's organization" in await idle_env.told()
        await refresh(idle_env, MEMBER)
        await idle_env.slack.until(lambda: idle_env.slack.messages[0].edits == 1)


async def test_an_organizations_dialog_is_served_though_its_payload_names_no_workspace(
    idle_env: Env,
) -> None:
    idle_env.slack.install_in_organization("E0ACME")
    idle_env.slack.add_outsider(MEMBER, team_id="T0MORE", here=False, enterprise_id="E0ACME")
    idle_env.slack.add_outsider(FOREIGNER, here=False, enterprise_id="E0OTHER")
    async with idle_env.running():
        view, values = await _dialog(idle_env), chosen(RESEARCH) | typed("name", "other")
        refused = await idle_env.slack.submit(view, values, user=FOREIGNER)
        assert "Sandbox's organization" in str(refused.body)
        assert not (await idle_env.slack.submit(view, values, user=MEMBER)).body
        await idle_env.answered()


async def test_another_organizations_command_is_refused(http: Env) -> None:
    delivery = await http.slack.command("research sft", enterprise_id="E0OTHER")
    assert WORDS in str(delivery.body)


@pytest.mark.parametrize("project_id", ["../../teams", "a b", ""])
async def test_a_button_with_a_strange_id_is_refused(http: Env, project_id: str) -> None:
    await _message(http)
    asked = len(http.baseten.requests)
    value = f'{{"project_id": "{project_id}", "team": "Research", "outcome": "created"}}'
    await http.slack.action(http.slack.messages[0], "watch", value=value)
    await http.told()
    assert all("is not one that I made" in told.text for told in http.slack.ephemerals)
    assert len(http.baseten.requests) == asked


STRANGE = [
    "",
    "no JSON",
    "[]",
    "{}",
    '{"project_id": 5, "team": "x", "outcome": "created"}',
    "[" * 900,
]


@pytest.mark.parametrize("button", ["jobs", "watch"])
async def test_a_button_with_a_strange_value_is_refused_without_a_traceback(
    http: Env, button: str
) -> None:
    http.baseten.add_job(http.baseten.add_project(RESEARCH, "sft")["id"])
    await _message(http)
    with capture_logs() as lines:
        for value in STRANGE:
            await http.slack.action(http.slack.messages[0], button, value=value)
        await http.told(len(STRANGE))
    assert all("is not one that I made" in told.text for told in http.slack.ephemerals)
    assert not [line for line in lines if "exc_info" in line]


async def test_a_question_with_a_strange_value_is_refused_without_a_traceback(http: Env) -> None:
    http.baseten.add_project(RESEARCH, "customer-support-sft")
    await http.slack.command("research customer-suport-sft")
    await http.told()
    with capture_logs() as lines:
        strange = [
            *STRANGE,
            '{"team_id": "../teams", "name": "sft"}',
            f'{{"team_id": "{RESEARCH}", "name": "sft", "thread_ts": "x"}}',
        ]
        for value in strange:
            await http.slack.action(http.slack.ephemerals[0], "use_existing", value=value)
        await http.told(1 + len(strange))
    assert all("is not one that I made" in told.text for told in http.slack.ephemerals[1:])
    assert not [line for line in lines if "exc_info" in line]


@pytest.mark.parametrize(
    "state",
    ["no JSON", "[]", '{"channel_id": 5}', '{"thread_ts": "x"}', '{"ephemeral_thread_ts": "x"}'],
)
async def test_a_dialog_with_a_strange_state_is_refused_without_a_traceback(
    http: Env, state: str
) -> None:
    view = await _dialog(http)
    view.payload["private_metadata"] = state
    with capture_logs() as lines:
        delivery = await http.slack.submit(view, chosen(RESEARCH) | typed("name", "other"))
    assert "is not one that I made" in str(delivery.body["errors"])
    assert not [line for line in lines if "exc_info" in line]


@pytest.mark.parametrize(
    ("person", "shown"),
    [
        ("U0DANA0001", "for <@U0DANA0001>"),
        ("dana <!channel>", "for dana &lt;!channel&gt;"),
    ],
)
async def test_a_workflows_person_is_only_shown(http: Env, person: str, shown: str) -> None:
    inputs = {"team": "research", "name": "sft", "channel": "C0SANDBOX1", "person": person}
    await http.slack.function_executed(STEP, inputs)
    await http.answered()
    assert f"requested by a workflow {shown}" in str(http.slack.messages[0].blocks)


async def test_each_request_is_logged_once_with_its_actor(http: Env) -> None:
    http.slack.add_outsider(FOREIGNER, here=False)
    with capture_logs([merge_contextvars]) as lines:
        await command(http, MEMBER)
        await command(http, FOREIGNER)
        view = await _dialog(http)
        await http.slack.options(view, "team", "res")
    logged = [line for line in lines if line["event"] == "request"]
    kept = [(x["entry_point"], x["actor"], x["outcome"], x["log_level"]) for x in logged]
    assert kept == [
        ("command", MEMBER, "ok", "info"),
        ("command", FOREIGNER, "refused", "info"),
        ("command", MEMBER, "ok", "info"),
        ("suggestion", "U0SANDBOX1", "ok", "debug"),
    ]
    assert [line.get("task", "")[:8] for line in logged] == ["command:", "", "", ""]
    assert logged[0]["channel"] == "C0SANDBOX1"
    assert logged[0]["milliseconds"] >= 0


async def test_lists_and_acts_ask_for_the_right_on_the_team(idle_env: Env) -> None:
    def not_research(actor: Actor, verb: Verb, team: str) -> bool:  # noqa: ARG001 - the protocol
        return team != "Research" or actor.id == MEMBER

    project = idle_env.baseten.add_project(RESEARCH, "sft")
    idle_env.baseten.add_job(project["id"])
    async with idle_env.running(Tuning(allows=not_research)):
        await _message(idle_env)
        await idle_env.slack.command("research other", user=GUEST)
        assert "There's no team called *research*" in await idle_env.told()
        for count, button in enumerate(("refresh", "jobs", "watch"), 2):
            await press(idle_env, button, GUEST)
            assert "no project here that you can use" in await idle_env.told(count)
        assert (len(idle_env.baseten.upserts), idle_env.slack.messages[0].edits) == (1, 0)
        await idle_env.slack.action(
            idle_env.slack.messages[0], "more", selected="command", user=GUEST
        )
        shown = await dialog(idle_env)
        assert "no project here that you can use" in str(shown.blocks)
        await idle_env.slack.leave(shown, user=GUEST)
        await idle_env.slack.command("research", user=GUEST)
        await idle_env.slack.until(lambda: len(idle_env.slack.views) > 1)
        view = await dialog(idle_env)
        offered = await idle_env.slack.options(view, "team", "", user=GUEST)
        assert "Default" in str(offered.body)
        assert "Research" not in str(offered.body)
        choice = option(RESEARCH, "Research")
        await idle_env.slack.action(view, "team", selected=choice, user=GUEST)
        await idle_env.slack.until(lambda: view.updates > 1)
        listed = await idle_env.slack.options(view, "project", "s", user=GUEST)
        assert [each["text"]["text"] for each in listed.body["options"]] == ["Use “s”"]
        values = chosen(RESEARCH) | typed("name", "other")
        refused = await idle_env.slack.submit(view, values, user=GUEST)
        assert "no such team" in str(refused.body)


async def test_a_hidden_team_of_the_same_name_makes_no_name_ambiguous(idle_env: Env) -> None:
    def exact(actor: Actor, verb: Verb, team: str) -> bool:  # noqa: ARG001 - the protocol
        return team != "TWINS"

    idle_env.baseten.add_team("Twins")
    idle_env.baseten.add_team("TWINS")
    async with idle_env.running(Tuning(allows=exact)):
        await idle_env.slack.command("twins sft")
        await idle_env.answered()
        view = await _dialog(idle_env)
        submitted = await idle_env.slack.submit(view, chosen("twins") | typed("name", "other"))
        assert not submitted.body
        await idle_env.answered(2)
    assert all("Twins" in str(message.blocks) for message in idle_env.slack.messages)


async def test_only_a_person_who_can_view_the_team_stops_a_watch(idle_env: Env) -> None:
    def not_research(actor: Actor, verb: Verb, team: str) -> bool:  # noqa: ARG001 - the protocol
        return team != "Research" or actor.id == MEMBER

    idle_env.baseten.add_job(idle_env.baseten.add_project(RESEARCH, "sft")["id"])
    hidden = idle_env.baseten.add_project(RESEARCH, "hidden")["id"]
    async with idle_env.running(Tuning(allows=not_research)):
        await press(idle_env, "watch", MEMBER)
        (message,) = idle_env.slack.messages
        await idle_env.slack.until(lambda: "stop_watching" in str(message.blocks))
        await until_ended(idle_env, WATCH_MESSAGE)  # a watch is drawn before it is saved
        edits = message.edits
        await press(idle_env, "stop_watching", GUEST)
        assert "no project here that you can use. Nothing was changed." in await idle_env.told()
        assert (message.edits, "stop_watching" in str(message.blocks)) == (edits, True)
        stale = deepcopy(message)
        await press(idle_env, "stop_watching", MEMBER)
        await idle_env.slack.until(lambda: "stop_watching" not in str(message.blocks))
        edits = message.edits
        forged = f'{{"project_id": "{hidden}", "team": "Default", "outcome": "created"}}'
        await idle_env.slack.action(stale, "stop_watching", user=GUEST, value=forged)
        await idle_env.told(2)
        assert (message.edits, "hidden" in str(message.blocks)) == (edits, False)


async def test_the_home_tab_lists_only_projects_that_the_person_can_view(idle_env: Env) -> None:
    def only_create(actor: Actor, verb: Verb, team: str) -> bool:  # noqa: ARG001 - the protocol
        return verb is Verb.CREATE

    async with idle_env.running(Tuning(allows=only_create)):
        await idle_env.slack.command("research sft", user=MEMBER)
        await idle_env.answered()
        await until_ended(idle_env)
        await idle_env.slack.event({"type": "app_home_opened", "user": MEMBER, "tab": "home"})
        await idle_env.slack.until(lambda: bool(idle_env.slack.views))
    assert "*sft*" not in str(idle_env.slack.views[0].blocks)
