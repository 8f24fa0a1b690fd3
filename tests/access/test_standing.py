"""The rights of watches and follows while Slack does not tell who somebody is."""

import pytest

from bot.access.access import Access
from bot.access.access_file import parse_access_file
from bot.access.rules import Actor, RightsUnknownError, Verb
from bot.access.standing import StandingRights
from bot.baseten.models import Team

DANA = Actor(id="U0DANA0001", channel_id="C0SANDBOX1")


class Slack:
    """Tells whether people are guests; None: it does not answer."""

    def __init__(self, *, guest: bool | None) -> None:
        self.guest = guest

    async def members(self, _group_id: str) -> frozenset[str] | None:
        return None

    async def is_guest(self, _user_id: str) -> bool | None:
        return self.guest

    async def is_shared(self, _channel_id: str) -> bool | None:
        return None


class Teams:
    """A list of teams that is at hand."""

    def known_teams(self) -> list[Team]:
        return []

    def refresh_teams(self) -> None:
        """Do nothing: the list is fresh."""

    async def teams(self) -> list[Team]:
        return []


def rights(*, guest: bool | None) -> StandingRights:
    access = Access(parse_access_file('guests = "deny"\n'), Slack(guest=guest), Teams())
    return StandingRights(access, access)


@pytest.mark.parametrize(("guest", "lost"), [(False, ()), (True, (DANA,))])
async def test_a_guest_has_no_right_any_more(*, guest: bool, lost: tuple[Actor, ...]) -> None:
    assert await rights(guest=guest).refused(Verb.VIEW, "Research", DANA) == lost
    assert await rights(guest=guest).has(DANA, Verb.VIEW, "Research") is not guest


async def test_while_slack_does_not_tell_who_is_a_guest_nobody_loses_a_right() -> None:
    with pytest.raises(RightsUnknownError):
        await rights(guest=None).refused(Verb.VIEW, "Research", DANA)
    assert not await rights(guest=None).has(DANA, Verb.VIEW, "Research")
