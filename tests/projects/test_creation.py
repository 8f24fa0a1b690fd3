"""Teams are found by id or name, and only one task reports a project as created."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.baseten.client import Baseten, Upserted
from bot.baseten.errors import Refused
from bot.baseten.models import Team, TrainingJob, TrainingProject
from bot.baseten.project_heads import ProjectHead
from bot.durable.database import open_store
from bot.durable.store import Store
from bot.projects.creation import CreationOutcome, Creations, creation_outcome
from bot.projects.service import Projects
from bot.projects.team_errors import AmbiguousTeamError, TeamsUnavailableError, UnknownTeamError
from bot.telemetry.redaction import Redactor

NOW = datetime(2026, 11, 23, 17, 10, tzinfo=UTC)


def upserted(
    created: datetime, answered_at: datetime | None = NOW, *, took: float = 0.2, job: bool = False
) -> Upserted:
    latest = TrainingJob(id="j", created_at=NOW, updated_at=NOW, current_status="X")
    project = TrainingProject(
        id="p", name="n", created_at=created, updated_at=NOW, latest_job=latest if job else None
    )
    return Upserted(project, took, answered_at)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (upserted(NOW), CreationOutcome.CREATED),
        # ``Date`` has whole seconds, so a project can have a later time than the answer.
        (upserted(NOW + timedelta(seconds=0.999)), CreationOutcome.CREATED),
        (upserted(NOW - timedelta(seconds=0.1)), CreationOutcome.CREATED),
        (upserted(NOW - timedelta(seconds=40), took=41), CreationOutcome.CREATED),
        (upserted(NOW - timedelta(seconds=3)), CreationOutcome.EXISTED),
        (upserted(NOW - timedelta(days=300)), CreationOutcome.EXISTED),
        (upserted(NOW, job=True), CreationOutcome.EXISTED),
        (upserted(NOW, None, job=True), CreationOutcome.EXISTED),
        (upserted(NOW, None), CreationOutcome.UNKNOWN),
        (upserted(NOW - timedelta(days=300), None), CreationOutcome.UNKNOWN),
    ],
)
def test_a_project_is_new_only_if_it_was_created_within_the_request(
    answer: Upserted, outcome: CreationOutcome
) -> None:
    assert creation_outcome(answer) is outcome


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (upserted(NOW), CreationOutcome.UNKNOWN),  # or the list still holds a deleted one
        (upserted(NOW - timedelta(seconds=3)), CreationOutcome.EXISTED),
        (upserted(NOW, None), CreationOutcome.EXISTED),
    ],
)
def test_a_listed_project_is_not_reported_as_created(
    answer: Upserted, outcome: CreationOutcome
) -> None:
    assert creation_outcome(answer, listed=True) is outcome


def test_the_clocks_time_zones_do_not_matter() -> None:
    india = datetime.fromisoformat("2026-11-23T22:40:00+05:30")
    assert creation_outcome(upserted(india)) is CreationOutcome.CREATED
    assert creation_outcome(upserted(india - timedelta(hours=5))) is CreationOutcome.EXISTED


async def test_one_task_at_most_says_that_it_created_a_project(store: Store) -> None:
    creations, answer = Creations(store), upserted(NOW)
    assert await creations.outcome(answer, "first") is CreationOutcome.CREATED
    assert await creations.outcome(answer, "second") is CreationOutcome.EXISTED
    assert await creations.outcome(answer, "first") is CreationOutcome.CREATED


async def test_replicas_agree_on_the_task_that_created_a_project(store: Store) -> None:
    store.shared = True
    here, there, answer = Creations(store), Creations(store), upserted(NOW)
    assert await here.outcome(answer, "first") is CreationOutcome.CREATED
    assert await there.outcome(answer, "second") is CreationOutcome.EXISTED
    assert await there.outcome(answer, "first") is CreationOutcome.CREATED
    unknown = upserted(NOW, None)  # nobody claims a project that nobody can date
    other = replace(unknown, project=unknown.project.model_copy(update={"id": "p2"}))
    assert await here.outcome(other, "third") is CreationOutcome.UNKNOWN
    assert await there.outcome(other, "fourth") is CreationOutcome.UNKNOWN


@pytest.mark.parametrize(
    ("created", "outcome"),
    [
        # The first attempt might have created it, or somebody else: the bot cannot know.
        (NOW - timedelta(seconds=30), CreationOutcome.UNKNOWN),
        (NOW, CreationOutcome.CREATED),
        (NOW - timedelta(days=1), CreationOutcome.EXISTED),
    ],
)
async def test_a_second_attempt_claims_nothing_that_the_first_might_have_done(
    store: Store, created: datetime, outcome: CreationOutcome
) -> None:
    begun = NOW - timedelta(seconds=40)
    assert await Creations(store).outcome(upserted(created), "one", begun_at=begun) is outcome


@pytest.mark.parametrize(
    ("age", "outcome"), [(10, CreationOutcome.CREATED), (0, CreationOutcome.UNKNOWN)]
)
async def test_what_is_older_than_a_process_after_a_kill_has_an_unknown_creator(
    store: Store, age: float, outcome: CreationOutcome
) -> None:
    store.unclean_start = True
    creations = Creations(store, started=time.monotonic() - age)
    assert await creations.outcome(upserted(NOW), "one") is outcome
    undated = Creations(store, started=time.monotonic() - age)
    assert await undated.outcome(upserted(NOW, None), "one") is CreationOutcome.UNKNOWN


def team(name: str, id_: str) -> dict[str, Any]:
    return {"id": id_, "name": name, "default": False, "created_at": "2026-01-01T00:00:00Z"}


TEAMS = [
    team("research", "aaaaaa1"),
    team("Platform Team", "aaaaaa2"),
    team("platform team", "aaaaaa3"),
    team("Twins", "aaaaaa4"),
    team("Twins", "aaaaaa5"),
    team("aaaaaa1", "aaaaaa6"),
    team("Straße", "aaaaaa7"),
    team("MIXED", "aaaaaa8"),
    team("mixed", "aaaaaa9"),
]


class Api(httpx.AsyncBaseTransport):
    """``GET /v1/teams`` without a network: each answer once, then the last one again and again."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any]] = [(200, {"teams": TEAMS})]
        self.asked = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert (request.method, request.url.path) == ("GET", "/v1/teams")
        status, body = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return httpx.Response(status, content=json.dumps(body).encode())


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(f"sqlite:///{tmp_path}/bot.db") as opened:
        yield opened


@pytest.fixture
async def projects(api: Api, store: Store) -> Projects:
    baseten = Baseten(api, "https://api.test", "made-up", timeout=5, redactor=Redactor())
    return Projects(baseten, store)


@pytest.fixture
def find(projects: Projects) -> Callable[[str], Awaitable[Team]]:
    return projects.find_team


Find = Callable[[str], Awaitable[Team]]


@pytest.mark.parametrize(("status", "listed"), [(200, {"research"}), (403, set()), (500, set())])
async def test_projects_name_their_teams_if_baseten_does_not_list_them(
    projects: Projects, api: Api, status: int, listed: set[str]
) -> None:
    api.answers = [(status, {"teams": TEAMS[:1]} if status == 200 else {})]
    heads = [ProjectHead("p1", "sft", "Ops"), ProjectHead("p2", "sft", "")]
    assert await projects.team_names(heads) == {"Ops"} | listed


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("aaaaaa2", "aaaaaa2"),
        ("aaaaaa1", "aaaaaa1"),  # an id is preferred to an equal name
        ("research", "aaaaaa1"),
        ("RESEARCH", "aaaaaa1"),
        ("STRASSE", "aaaaaa7"),
        ("Platform Team", "aaaaaa2"),  # the exact name is preferred to a name in another case
        ("platform team", "aaaaaa3"),
        ("mixed", "aaaaaa9"),
    ],
)
async def test_a_team_is_found_by_id_then_name_then_name_in_any_case(
    find: Find, asked: str, found: str
) -> None:
    assert (await find(asked)).id == found


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ("Twins", {"aaaaaa4", "aaaaaa5"}),
        ("twins", {"aaaaaa4", "aaaaaa5"}),
        ("PLATFORM TEAM", {"aaaaaa2", "aaaaaa3"}),
    ],
)
async def test_teams_of_one_name_are_told_apart_by_the_person(
    find: Find, asked: str, ids: set[str]
) -> None:
    with pytest.raises(AmbiguousTeamError) as several:
        await find(asked)
    assert {each.id for each in several.value.teams} == ids
    assert several.value.asked == asked


@pytest.mark.parametrize("asked", ["AAAAAA2", "aaaaaa", "Platform", "", "*"])
async def test_ids_are_exact_and_names_whole(find: Find, asked: str) -> None:
    with pytest.raises(UnknownTeamError) as unknown:
        await find(asked)
    assert unknown.value.asked == asked
    assert len(unknown.value.teams) == len(TEAMS)


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("reserch", ["research"]),
        ("RESERCH", ["research"]),
        ("twin", ["Twins"]),
        ("zzzzzzzz", []),
    ],
)
async def test_names_written_nearly_so_are_offered_as_they_are_written(
    find: Find, asked: str, near: list[str]
) -> None:
    with pytest.raises(UnknownTeamError) as unknown:
        await find(asked)
    assert unknown.value.near == near


async def test_at_most_three_near_names_are_offered(find: Find, api: Api) -> None:
    api.answers = [(200, {"teams": [team(f"research-{n}", f"id{n}") for n in range(9)]})]
    with pytest.raises(UnknownTeamError) as unknown:
        await find("research-x")
    assert len(unknown.value.near) == 3


async def test_the_list_is_kept_for_the_next_command(find: Find, api: Api) -> None:
    await find("research")
    await find("Platform Team")
    assert api.asked == 1


async def test_the_list_is_fetched_anew_before_a_team_is_refused(find: Find, api: Api) -> None:
    api.answers = [(200, {"teams": TEAMS}), (200, {"teams": [*TEAMS, team("brand-new", "new1")]})]
    await find("research")
    assert (await find("brand-new")).id == "new1"
    assert api.asked == 2


async def test_a_fresh_list_is_not_fetched_twice_for_an_unknown_team(find: Find, api: Api) -> None:
    with pytest.raises(UnknownTeamError):
        await find("nobody")
    assert api.asked == 1


@pytest.mark.parametrize("status", [403, 404])
async def test_where_the_list_is_refused_the_words_are_taken_as_an_id(
    find: Find, api: Api, status: int
) -> None:
    api.answers = [(status, {"code": "PERMISSION_DENIED", "message": "no"})]
    assert await find("abc1234") == Team(id="abc1234", name="abc1234")


@pytest.mark.parametrize("asked", ["Platform Team", "../models", "a/b", "a?b", "ä", "a#b", ".."])
async def test_what_cannot_be_an_id_is_not_taken_as_one(find: Find, api: Api, asked: str) -> None:
    api.answers = [(403, {"message": "no"})]
    with pytest.raises(TeamsUnavailableError):
        await find(asked)


async def test_another_refusal_of_the_list_is_the_answer(find: Find, api: Api) -> None:
    api.answers = [(401, {"error": "Unauthorized"})]
    with pytest.raises(TeamsUnavailableError) as unavailable:
        await find("research")
    assert isinstance(unavailable.value.cause, Refused)
    assert unavailable.value.cause.status == 401
