"""The Web API about people, user groups and channels, as the official client uses it."""

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import SandboxSlack
from tests.sandbox.shown import HERE, error_of

DANA = "U0DANA0001"
ALL = ("usergroups:read", "users:read", "channels:read", "groups:read", "im:read")


@pytest.mark.parametrize(
    ("method", "arguments", "scope"),
    [
        ("usergroups.users.list", {"usergroup": "S0ML"}, "usergroups:read"),
        ("users.info", {"user": DANA}, "users:read"),
        ("conversations.info", {"channel": HERE}, "channels:read"),
        ("conversations.info", {"channel": "C0PRIVATE1"}, "groups:read"),
        ("conversations.info", {"channel": "D0DANA0001"}, "im:read"),
    ],
)
async def test_each_method_needs_its_scope(
    web: AsyncWebClient, slack: SandboxSlack, method: str, arguments: dict[str, str], scope: str
) -> None:
    slack.set_group("S0ML", DANA)
    slack.add_channel("C0PRIVATE1", private=True)
    slack.add_channel("D0DANA0001")
    slack.scopes = tuple(each for each in ALL if each != scope)
    assert await error_of(web.api_call(method, params=arguments)) == "missing_scope"
    slack.scopes = ALL
    assert (await web.api_call(method, params=arguments))["ok"]


async def test_a_group_has_its_people(web: AsyncWebClient, slack: SandboxSlack) -> None:
    slack.scopes = ALL
    slack.set_group("S0ML", DANA, "U0LEE00001")
    answer = await web.usergroups_users_list(usergroup="S0ML")
    assert answer["users"] == [DANA, "U0LEE00001"]
    assert await error_of(web.usergroups_users_list(usergroup="S0NONE")) == "no_such_subteam"


async def test_a_guest_is_restricted_and_a_stranger_has_no_flags(
    web: AsyncWebClient, slack: SandboxSlack
) -> None:
    slack.scopes = ALL
    slack.add_guest("U0MULTI001")
    slack.add_guest("U0SINGLE01", single_channel=True)
    slack.add_outsider("U0PARTNER1")
    flags = []
    for user in (DANA, "U0MULTI001", "U0SINGLE01", "U0PARTNER1"):
        shown = (await web.users_info(user=user))["user"]
        flags.append((shown.get("is_restricted"), shown.get("is_ultra_restricted")))
    assert flags == [(False, False), (True, False), (True, True), (None, None)]
    assert await error_of(web.users_info(user="dana")) == "user_not_found"


async def test_a_channel_tells_whether_it_is_shared(
    web: AsyncWebClient, slack: SandboxSlack
) -> None:
    slack.scopes = ALL
    slack.add_channel("C0SHARED01", shared=True)
    shared = [
        (await web.conversations_info(channel=each))["channel"]["is_ext_shared"]
        for each in (HERE, "C0SHARED01")
    ]
    assert shared == [False, True]
    assert await error_of(web.conversations_info(channel="C0NOWHERE1")) == "channel_not_found"
