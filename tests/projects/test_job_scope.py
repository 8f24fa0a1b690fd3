"""The words of a person name a team or a project."""

import asyncio
import time

import pytest

from bot.baseten.models import Team
from bot.baseten.project_heads import ProjectHead
from bot.projects.job_scope import AmbiguousScope, JobScope, UnknownScope, find_scope, team_digest
from bot.projects.request import DialogRequest, ProjectRequest, parse

TEAMS = [Team(id=f"team{n}", name=name) for n, name in enumerate(("Research", "Platform Team"))]
TWINS = [Team(id="one", name="Twins"), Team(id="two", name="Twins")]
SFT = ProjectHead("p1", "sft", "Research")
EVAL = ProjectHead("p2", "eval", "Research")
SHARED = [ProjectHead("p3", "both", "Research"), ProjectHead("p4", "both", "Platform Team")]
NAMED_AS_A_TEAM = ProjectHead("p5", "Research", "Platform Team")
TWO_WORDS = ProjectHead("p6", "research notes", "Platform Team")
PROJECTS = [SFT, EVAL, *SHARED, NAMED_AS_A_TEAM, TWO_WORDS]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", JobScope()),
        ("RESEARCH", JobScope("Research")),
        ("team1", JobScope("Platform Team")),
        ("<Platform Team>", JobScope("Platform Team")),
        ("twins", JobScope("Twins")),
        ("SFT", JobScope("Research", SFT)),
        ("p1", JobScope("Research", SFT)),
        ("both", AmbiguousScope("both", ("Platform Team", "Research"))),
        ("team1 both", JobScope("Platform Team", SHARED[1])),
        ("research notes", JobScope("Platform Team", TWO_WORDS)),
        ("team1 Research", JobScope("Platform Team", NAMED_AS_A_TEAM)),
        ("research sfd", UnknownScope("Research", "sfd")),
        ("reserch", UnknownScope("", "reserch", ("Research",))),
        ("platform", UnknownScope("", "platform", ("Platform Team",))),
        ("nobody sft", UnknownScope("", "nobody")),
    ],
)
async def test_words_are_read_in_this_order(text: str, expected: object) -> None:
    asked = parse(text)
    assert isinstance(asked, DialogRequest | ProjectRequest)
    assert await find_scope(asked, [*TEAMS, *TWINS], PROJECTS) == expected


async def test_a_near_name_among_ten_thousand_does_not_stall_the_loop() -> None:
    projects = [ProjectHead(f"p{n}", f"customer-{n:05}-sft", "Research") for n in range(10_000)]
    projects.append(ProjectHead("x", "customer-support-sft", "Research"))
    longest, turns, done = 0.0, 0, asyncio.Event()

    async def tick() -> None:
        nonlocal longest, turns
        while not done.is_set():
            before = time.process_time()  # so that other processes count for nothing
            await asyncio.sleep(0)
            longest = max(longest, time.process_time() - before)
            turns += 1

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0)  # it has begun
    found = await find_scope(DialogRequest("customer-suport-sft"), TEAMS, projects)
    done.set()
    await ticking
    assert found == UnknownScope("", "customer-suport-sft", ("customer-support-sft",))
    assert turns > 10
    assert longest < 0.1


def test_a_digest_is_short_and_of_one_team() -> None:
    names = ["Research", "research", "x" * 10_000, "\ud83d"]
    assert len({team_digest(name) for name in names}) == len(names)
    assert {len(team_digest(name)) for name in names} == {16}
    assert team_digest("") == ""
