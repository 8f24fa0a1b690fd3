"""Modals and home tabs through the Web API, as the official client uses it."""

from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import Clock, SandboxSlack
from tests.sandbox.shown import HOME, MODAL, error_of


async def a_trigger(slack: SandboxSlack) -> str:
    slack.bot_url = slack.url  # any server will do: only the trigger is of interest
    return (await slack.command("x")).trigger_id


async def test_a_trigger_opens_one_view(
    web: AsyncWebClient, slack: SandboxSlack, clock: Clock
) -> None:
    trigger = await a_trigger(slack)
    late = await a_trigger(slack)
    opened = await web.views_open(trigger_id=trigger, view=MODAL)
    (view,) = slack.views
    assert (opened["view"]["id"], opened["view"]["hash"]) == (view.id, view.hash)
    assert (view.callback_id, view.user, view.closed) == ("new-project", "U0SANDBOX1", False)
    assert await error_of(web.views_open(trigger_id=trigger, view=MODAL)) == "exchanged_trigger_id"
    clock.advance(3.1)
    assert await error_of(web.views_open(trigger_id=late, view=MODAL)) == "expired_trigger_id"
    assert await error_of(web.views_open(trigger_id="1.2.x", view=MODAL)) == "invalid_trigger_id"
    fresh = await a_trigger(slack)
    assert await error_of(web.views_open(trigger_id=fresh, view=HOME)) == "invalid_arguments"


async def test_a_view_is_updated_until_it_is_closed(
    web: AsyncWebClient, slack: SandboxSlack
) -> None:
    opened = (await web.views_open(trigger_id=await a_trigger(slack), view=MODAL))["view"]
    changed = {**MODAL, "private_metadata": "kept"}
    (view,) = slack.views
    await web.views_update(view_id=view.id, hash=opened["hash"], view=changed)
    assert (view.private_metadata, view.updates) == ("kept", 1)
    refused = web.views_update(view_id=view.id, hash=opened["hash"], view=changed)
    assert await error_of(refused) == "hash_conflict"
    slack.close_view(view.id)
    assert view.closed
    refused = web.views_update(view_id=view.id, view=changed)
    assert await error_of(refused) == "not_found"
    refused = web.api_call("views.update", json={"view": changed})
    assert await error_of(refused) == "invalid_arguments"


async def test_a_home_tab_is_published_once_and_then_updated(
    web: AsyncWebClient, slack: SandboxSlack
) -> None:
    first = (await web.views_publish(user_id="U1", view=HOME))["view"]
    await web.views_publish(user_id="U1", view=HOME, hash=first["hash"])
    refused = web.views_publish(user_id="U1", view=HOME, hash=first["hash"])
    assert await error_of(refused) == "hash_conflict"
    await web.views_publish(user_id="U2", view=HOME)
    assert [(view.user, view.updates) for view in slack.views] == [("U1", 1), ("U2", 0)]
    assert await error_of(web.views_publish(user_id="U1", view=MODAL)) == "invalid_arguments"
