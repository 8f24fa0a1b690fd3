"""The links of messages, where Slack gives them."""

import pytest

from bot.connections import connections
from bot.sandbox import Respond, refusals
from bot.sandbox.faults import Fault
from bot.slack.permalinks import Permalinks
from tests.conftest import Env

LINK = "/api/chat.getPermalink"


@pytest.mark.parametrize(
    ("answer", "link"),
    [
        (
            Respond(200, {"ok": True, "permalink": "https://x.slack.com/p1"}),
            "https://x.slack.com/p1",
        ),
        (Respond(200, {"ok": True, "permalink": "javascript:1"}), ""),
        (Respond(200, {"ok": True}), ""),
        (refusals.slack_error("message_not_found"), ""),
    ],
)
async def test_a_link_is_one_of_slack_or_there_is_none(
    idle_env: Env, answer: Fault, link: str
) -> None:
    idle_env.slack.faults.always(LINK, answer)
    async with connections(idle_env.settings()) as out:
        assert await Permalinks(out.slack).of("C0SANDBOX1", "1.000100") == link


async def test_nothing_has_no_link(idle_env: Env) -> None:
    async with connections(idle_env.settings()) as out:
        assert await Permalinks(out.slack).of("C0SANDBOX1", "") == ""
    assert [each for each in idle_env.slack.requests if each.path == LINK] == []
