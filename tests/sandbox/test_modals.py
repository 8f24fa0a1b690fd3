"""Users' actions in modals reach a bot written with Bolt, over HTTP and over web sockets."""

from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import SandboxSlack
from bot.sandbox.faults import Json

from .listeners import MODAL, SELECT

Seen = dict[str, Any]


async def opened(slack: SandboxSlack, web: AsyncWebClient) -> None:
    trigger_id = (await slack.command("quiet")).trigger_id
    await web.views_open(trigger_id=trigger_id, view=MODAL)


def typed(name: str) -> dict[str, dict[str, Json]]:
    return {"name": {"name": {"type": "plain_text_input", "value": name}}}


async def test_a_modal_is_filled_in_and_submitted(
    slack: SandboxSlack, seen: Seen, web: AsyncWebClient
) -> None:
    await opened(slack, web)
    (view,) = slack.views
    team = {"type": "external_select", "selected_option": SELECT["options"][0]}
    submitted = await slack.submit(view, {"team": {"team": team}})
    assert view.closed
    assert submitted.body == ""
    assert seen["view_submission"] == submitted.payload
    assert seen["view_submission"]["view"]["state"]["values"] == {
        "team": {"team": team},
        "name": {"name": {"type": "plain_text_input", "value": "bert"}},
        "more": {"size": {"type": "static_select", "selected_option": None}},
    }
    with pytest.raises(LookupError, match="closed"):
        await slack.submit(view, {})


async def test_an_ack_decides_over_the_modal(
    slack: SandboxSlack, seen: Seen, web: AsyncWebClient
) -> None:
    await opened(slack, web)
    (view,) = slack.views
    with pytest.raises(LookupError, match="nothing to fill in at name/nick"):
        await slack.submit(view, {"name": {"nick": {}}})
    refused = await slack.submit(view, typed("taken"))
    assert refused.body == {"response_action": "errors", "errors": {"name": "taken"}}
    assert (await slack.submit(view, typed("nowhere"))).refused == "invalid_errors"
    await slack.submit(view, typed("update"))
    assert (view.callback_id, view.updates, view.closed) == ("update", 1, False)
    assert seen["view_submission"]["type"] == "view_submission"


async def test_a_modal_that_is_left_tells_the_bot(
    slack: SandboxSlack, seen: Seen, web: AsyncWebClient
) -> None:
    await opened(slack, web)
    await slack.leave(slack.views[0])
    assert slack.views[0].closed
    assert seen["view_closed"]["view"]["id"] == slack.views[0].id


async def test_an_action_in_a_modal_has_no_response_url(
    slack: SandboxSlack, seen: Seen, web: AsyncWebClient
) -> None:
    await opened(slack, web)
    (view,) = slack.views
    chosen = await slack.action(view, "size", selected="S", values=typed("roberta"))
    assert chosen.response_url == ""
    body = seen["block_actions"]
    assert body["container"] == {"type": "view", "view_id": view.id}
    assert body["view"]["state"]["values"]["name"]["name"]["value"] == "roberta"


async def test_typing_into_a_select_brings_options(
    slack: SandboxSlack, seen: Seen, web: AsyncWebClient
) -> None:
    await opened(slack, web)
    delivery = await slack.options(slack.views[0], "team", "res")
    assert delivery.body["options"][0]["value"] == "res"
    assert (seen["block_suggestion"]["block_id"], seen["block_suggestion"]["value"]) == (
        "team",
        "res",
    )
    with pytest.raises(LookupError, match="no select 'nope'"):
        await slack.options(slack.views[0], "nope", "res")


async def test_a_modal_that_asked_for_no_word_is_left_in_silence(
    slack: SandboxSlack, seen: Seen, web: AsyncWebClient
) -> None:
    trigger_id = (await slack.command("quiet")).trigger_id
    await web.views_open(trigger_id=trigger_id, view={**MODAL, "notify_on_close": False})
    assert await slack.leave(slack.views[0]) is None
    assert slack.views[0].closed
    assert "view_closed" not in seen
