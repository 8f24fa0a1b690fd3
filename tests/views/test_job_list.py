"""The list of current jobs matches its golden files."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.baseten.models import TrainingJob
from bot.baseten.project_heads import ProjectHead
from bot.projects.job_choice import LONGEST_ID, JobListPage
from bot.projects.job_list import CurrentJobs, ListedJob
from bot.projects.job_scope import AmbiguousScope, JobScope, UnknownScope, team_digest
from bot.projects.request import UsageError, Wrong
from bot.sandbox.slack.block_kit import elements, message_error
from bot.slack.message import Message
from bot.views.installation import Installation
from bot.views.job import status
from bot.views.job_list import JOBS_ON_A_PAGE, OLDER_JOBS, grouped, job_list_message
from bot.views.job_list_words import (
    ambiguous_scope,
    clicked_already,
    job_ended,
    job_list_help,
    job_list_usage,
    unconfirmed,
    unknown_scope,
    watching_in_direct_messages,
)
from tests.golden import assert_golden
from tests.views.drawn import assert_fit
from tests.views.test_jobs import long_job
from tests.views.test_project import BARE_MACHINE, HOSTILE, LONG, STATUSES, job

HERE = Installation()
BEGIN = datetime(2026, 11, 20, 14, tzinfo=UTC)
ARABIC = "مشروع"


def listed(project: str = "support-bot-sft", team: str = "Research", **changes: Any) -> ListedJob:
    said = job(**changes)
    head = ProjectHead(str(said["training_project_id"]), project, team)
    return ListedJob(TrainingJob.model_validate(said), head)


def drawn(
    *jobs: ListedJob, scope: JobScope | None = None, page: int = 0, **missing: bool
) -> Message:
    return job_list_message(CurrentJobs(jobs, **missing), scope or JobScope(), page, HERE)


def each(text: str, **changes: Any) -> ListedJob:
    """A job of which everything is this text, except the ids."""
    ids = {"id": "j" * LONGEST_ID, "training_project_id": "p" * LONGEST_ID, "node_count": 128}
    return listed(text, text, **(long_job(text) | {"user": {"email": text}} | ids | changes))


MANY = [listed(id=f"job{number:04}", name=f"run-{number}") for number in range(20)]
ONE_PROJECT = JobScope("Research", ProjectHead("n4q95w5", "support-bot-sft", "Research"))
CASES = {
    "none": drawn(),
    "none_in_a_team": drawn(scope=JobScope("Research")),
    "none_in_a_project": drawn(scope=ONE_PROJECT, search_refused=True),
    "one": drawn(listed(), scope=ONE_PROJECT),
    "each_status": drawn(
        *(
            listed(current_status=f"TRAINING_JOB_{name}", name=name.lower(), id=f"job{number}")
            for number, name in enumerate(STATUSES)
        )
    ),
    "first_page": drawn(*MANY),
    "middle_page": drawn(*MANY, page=1, scope=JobScope("Research")),
    "last_page": drawn(*MANY, page=9, scope=ONE_PROJECT),
    "nulls": drawn(
        listed(name=None, node_count=None, availability_model=None, instance_type=BARE_MACHINE),
        listed(name=None, instance_type=None, user=None),
        listed("", "", training_project_id=""),
    ),
    "projects_refused": drawn(listed("n4q95w5", ""), projects_refused=True),
    "search_refused": drawn(listed(), search_refused=True),
    "hostile": drawn(each(HOSTILE), scope=JobScope(HOSTILE)),
    "long_names": drawn(*[each(LONG)] * 20, page=1, scope=JobScope(LONG)),
    "right_to_left": drawn(each(ARABIC), scope=JobScope(ARABIC)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_list_is_drawn_as_it_was_agreed(name: str) -> None:
    assert_golden(f"job_list/{name}", CASES[name].payload())


def assert_small(message: Message) -> None:
    payload = message.payload()
    assert message_error(payload["text"], payload["blocks"]) is None
    assert len(payload["blocks"]) <= 50
    assert len(json.dumps(payload, ensure_ascii=False)) < 10_000
    for _, element in elements(payload["blocks"]):
        assert len(element.get("value", "").encode()) <= 2_000


@pytest.mark.parametrize("name", CASES)
def test_the_list_keeps_slacks_limits(name: str) -> None:
    assert_small(CASES[name])


@pytest.mark.parametrize("text", ["<&>" * 2000, "&" * 5000, "日" * 5000, "🚀" * 5000, "א" * 500])
def test_a_page_with_everything_long_keeps_slacks_limits(text: str) -> None:
    for jobs in ([each(text)] * 100, [each(text, current_status="TRAINING_JOB_PENDING")] * 100):
        for scope in (JobScope(text), JobScope(text, ProjectHead("p" * LONGEST_ID, text, text))):
            assert_small(
                drawn(*jobs, page=5, scope=scope, search_refused=True, projects_refused=True)
            )


@pytest.mark.parametrize(("length", "pages"), [(LONGEST_ID, True), (LONGEST_ID + 1, False)])
def test_pages_are_turned_only_if_a_button_can_hold_the_projects_id(
    length: int, *, pages: bool
) -> None:
    scope = JobScope("Research", ProjectHead("p" * length, "sft", "Research"))
    assert (OLDER_JOBS in str(drawn(*MANY, scope=scope).blocks)) is pages


@pytest.mark.parametrize("name", ["hostile", "long_names"])
def test_nothing_that_was_written_elsewhere_is_markup_here(name: str) -> None:
    said = json.dumps(CASES[name].payload())
    assert "<!channel" not in said
    assert "<https://evil" not in said
    assert "<&" not in said


@pytest.mark.parametrize("strange", ["x" * 300, "../teams", "a b", "<!channel>", ""])
def test_a_job_with_a_strange_id_has_no_buttons(strange: str) -> None:
    for changes in ({"id": strange}, {"training_project_id": strange}):
        message = drawn(*[listed(**changes)] * JOBS_ON_A_PAGE)
        assert not list(elements(message.payload()["blocks"]))
        assert_small(message)


def test_the_stages_are_in_the_order_of_the_list() -> None:
    def made(name: str, minutes: int, **more: Any) -> ListedJob:
        at = (BEGIN + timedelta(minutes=minutes)).isoformat()
        return listed(
            **({"name": name, "created_at": at, "updated_at": at} | more),
        )

    jobs = [
        made("ended 1", 1, current_status="TRAINING_JOB_STOPPED"),
        made("ended 2", 0, current_status="TRAINING_JOB_FAILED", updated_at=BEGIN.isoformat()),
        made("odd", 3, current_status="TRAINING_JOB_WARMING_UP"),
        made("waits 3", 4, current_status="TRAINING_JOB_QUEUED"),
        made("waits 2", 2, current_status="TRAINING_JOB_PENDING"),
        made("waits 1", 9, current_status="TRAINING_JOB_CREATED", priority=2),
        made("runs 2", 5),
        made("runs 1", 6, current_status="TRAINING_JOB_DEPLOYING"),
    ]
    groups = grouped(jobs)
    assert [one.job.name for one in groups.in_order()] == [
        *("runs 1", "runs 2", "waits 1", "waits 2", "waits 3"),
        *("odd", "ended 1", "ended 2"),
    ]
    assert groups.sum() == ("2 running, 3 waiting, 3 ended in the last day")


def test_only_a_job_that_has_not_ended_can_be_watched() -> None:
    for name in STATUSES:
        one = listed(current_status=f"TRAINING_JOB_{name}")
        ids = [e["action_id"] for _, e in elements(drawn(one).payload()["blocks"])]
        watch = [] if status(one.job).ended else ["watch_job"]
        assert ids == ["show_job", *watch, "open_logs", "job_actions"]


def test_the_pages_hold_every_job_once_and_name_their_neighbors() -> None:
    seen, page, values = [], 0, list[str]()
    while True:
        message = drawn(*MANY, page=page, scope=JobScope("Research"))
        found = [element for _, element in elements(message.payload()["blocks"])]
        seen += [e["value"] for e in found if e["action_id"] == "show_job"]
        older = [e["value"] for e in found if e["action_id"] == "older_jobs"]
        if not older:
            break
        values += older
        page = JobListPage.model_validate_json(older[0]).page
    assert len(seen) == len(set(seen)) == len(MANY)
    assert page == -(-len(MANY) // JOBS_ON_A_PAGE) - 1
    pages = [JobListPage.model_validate_json(value) for value in values]
    assert {each.team_digest for each in pages} == {team_digest("Research")}


WORDS = [
    job_list_help(HERE),
    unknown_scope(UnknownScope("", HOSTILE, (HOSTILE, LONG)), HERE),
    unknown_scope(UnknownScope(LONG, LONG, (LONG,)), HERE),
    unknown_scope(UnknownScope("", "x"), HERE),
    ambiguous_scope(AmbiguousScope(HOSTILE, (HOSTILE, "b")), HERE),
    ambiguous_scope(AmbiguousScope(LONG, tuple(LONG + str(n) for n in range(300))), HERE),
    clicked_already(HERE),
    job_ended(TrainingJob.model_validate(job(name=LONG, current_status=LONG))),
    unconfirmed(LONG, direct=True),
    unconfirmed(HOSTILE, direct=False),
    watching_in_direct_messages(HOSTILE, LONG),
]


@pytest.mark.parametrize("message", WORDS, ids=range(len(WORDS)))
def test_the_words_around_the_list_fit(message: Message) -> None:
    assert_fit(message)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Platform Team", ' "Platform Team"'),
        ("list", ' "list"'),  # without quotes it is a request for help
        ("“sft”", ""),  # a command would have other quotes
    ],
)
def test_the_command_is_read_back_as_the_name(name: str, words: str) -> None:
    said = unknown_scope(UnknownScope("", "platfrm", (name,)), HERE).text
    assert f"Try `/training-jobs{words}`" in said


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (UsageError(Wrong.UNCLOSED_TEAM, "Platform Team"), '/training-jobs "Platform Team"'),
        (UsageError(Wrong.UNCLOSED_NAME, "research", "sft"), "/training-jobs research sft"),
        (UsageError(Wrong.EMPTY_TEAM, name="sft"), "/training-jobs"),
        (UsageError(Wrong.CONTROL_CHARACTER, LONG), "/training-jobs"),
    ],
)
def test_a_command_that_is_rejected_is_repeated_with_what_was_typed(
    error: UsageError, again: str
) -> None:
    assert job_list_usage(error, HERE).text.endswith(f"Nothing was done.\nTry `{again}`")


def test_a_team_that_no_command_can_have_is_left_out_of_the_commands() -> None:
    said = ambiguous_scope(AmbiguousScope("sft", ("“a”", "list", "Research")), HERE).text
    assert said.endswith('\nTry `/training-jobs "list" sft` or `/training-jobs Research sft`')


def test_the_words_name_the_commands_of_the_installation() -> None:
    here = Installation(command="/tp-x", jobs_command="/tj-x")
    for message in (
        job_list_help(here),
        unknown_scope(UnknownScope("", "x"), here),
        clicked_already(here),
        job_list_message(CurrentJobs(()), JobScope("x"), 0, here),
    ):
        assert "/training-" not in str(message.payload())
        assert "/tj-x" in str(message.payload())


def test_a_team_without_the_project_is_offered_alone() -> None:
    said = unknown_scope(UnknownScope("Research", "zzz"), HERE).text
    assert said.endswith(f"Try `{HERE.jobs_command} Research`")


@pytest.mark.parametrize(("status", "explained"), [("RUNNING", True), ("FAILED", False)])
def test_only_a_button_that_is_there_is_explained(status: str, *, explained: bool) -> None:
    said = str(drawn(listed(current_status=f"TRAINING_JOB_{status}")).payload()["blocks"])
    assert ("*Watch* follows" in said) is explained
    assert ("'watch_job'" in said) is explained
