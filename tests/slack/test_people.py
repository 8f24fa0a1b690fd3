"""People are found by their email addresses, where Slack allows it, and never with an error."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.connections import connections
from bot.sandbox import Drop, Respond, SandboxBaseten, SandboxSlack, refusals
from bot.slack.message import SlackCallFailed
from bot.slack.people import People
from tests.conftest import Env

LOOKUP = "/api/users.lookupByEmail"


class Ticks:
    """A clock in seconds."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def slack() -> AsyncIterator[SandboxSlack]:
    async with SandboxSlack() as slack:
        slack.scopes += ("users:read.email",)
        slack.add_email("U0DANA0001", "dana@example.com")
        yield slack


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
async def people(slack: SandboxSlack, ticks: Ticks, tmp_path: Path) -> AsyncIterator[People]:
    async with (
        SandboxBaseten() as baseten,
        connections(Env(slack, baseten, tmp_path).settings()) as out,
    ):
        yield People(out.slack, ticks)


def asked(slack: SandboxSlack) -> int:
    return sum(request.path == LOOKUP for request in slack.requests)


async def test_a_person_is_looked_up_once_an_hour(
    slack: SandboxSlack, people: People, ticks: Ticks
) -> None:
    for address in ("dana@example.com", " Dana@Example.com"):
        assert await people.find(address) == "U0DANA0001"
    assert asked(slack) == 1
    ticks.now += 3600
    assert await people.find("dana@example.com") == "U0DANA0001"
    assert asked(slack) == 2


async def test_a_person_whom_slack_does_not_know_is_looked_up_once_too(
    slack: SandboxSlack, people: People
) -> None:
    for _ in range(2):
        assert await people.find("kim@example.com") == ""
    assert asked(slack) == 1


@pytest.mark.parametrize("text", ["", "dana", " "])
async def test_what_is_no_address_is_not_looked_up(
    slack: SandboxSlack, people: People, text: str
) -> None:
    assert await people.find(text) == ""
    assert asked(slack) == 0


async def test_without_the_scope_nobody_is_looked_up_for_an_hour(
    slack: SandboxSlack, people: People, ticks: Ticks
) -> None:
    slack.scopes = slack.scopes[:-1]
    for address in ("dana@example.com", "kim@example.com"):
        assert await people.find(address) == ""
    assert asked(slack) == 1
    slack.scopes += ("users:read.email",)
    ticks.now += 3600
    assert await people.find("dana@example.com") == "U0DANA0001"


@pytest.mark.parametrize("answer", [Respond(500), Drop(), Respond(200, {"ok": True, "user": 3})])
async def test_whatever_slack_answers_it_is_no_error(
    slack: SandboxSlack, people: People, answer: Respond
) -> None:
    slack.faults.always(LOOKUP, answer)
    assert await people.find("dana@example.com") == ""


async def test_addresses_are_forgotten_when_there_are_very_many(
    slack: SandboxSlack, people: People
) -> None:
    for number in range(1001):
        await people.find(f"{number}@example.com")
    await people.find("1000@example.com")
    assert asked(slack) == 1001
    await people.find("0@example.com")
    assert asked(slack) == 1002


@pytest.mark.parametrize(
    ("profile", "scope", "email"),
    [
        ({"email": " Dana@Example.com"}, True, "dana@example.com"),
        ({}, True, ""),
        ({}, False, None),
        ("odd", True, ""),
    ],
)
async def test_the_address_of_a_person(
    slack: SandboxSlack, people: People, profile: object, email: str | None, *, scope: bool
) -> None:
    scopes = {"X-OAuth-Scopes": "chat:write, users:read.email" if scope else "chat:write"}
    answer = {"ok": True, "user": {"id": "U0DANA0001", "profile": profile}}
    slack.faults.always("/api/users.info", Respond(200, answer, headers=scopes))
    assert await people.email_of("U0DANA0001") == email


async def test_without_an_answer_the_address_of_a_person_is_an_error(
    slack: SandboxSlack, people: People
) -> None:
    slack.faults.always("/api/users.info", refusals.slack_error("missing_scope"))
    assert await people.email_of("U0DANA0001") is None
    slack.faults.clear()
    slack.faults.always("/api/users.info", refusals.slack_error("user_not_found"))
    with pytest.raises(SlackCallFailed, match="user_not_found"):
        await people.email_of("U0DANA0001")
