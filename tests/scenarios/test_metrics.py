"""The page of the metrics, read over a socket as Prometheus does: every metric moves."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from pydantic import AnyHttpUrl, SecretStr
from structlog.testing import capture_logs

from bot import __version__
from bot.app import FatalError, running
from bot.durable.room import Limits
from bot.sandbox import Drop, Hold, Respond
from bot.wiring import Tuning
from tests.conftest import RESEARCH, Env
from tests.durable.postgres import (
    Postgres,
    postgres,
    postgres_programs,
    postgres_server,
    postgres_url,
)
from tests.process import settings_of, started
from tests.scenarios.tasks import POST
from tests.scenarios.test_home import followed
from tests.test_repository import read

__all__ = ["postgres", "postgres_programs", "postgres_server", "postgres_url"]  # the fixtures

UPSERT = "POST /v1/teams/{team_id}/training_projects"
UPSERT_PATH = r"/v1/teams/[^/]+/training_projects"
REQUESTS, ANSWERS = "training_bot_requests_total", "training_bot_answer_seconds_count"
BASETEN, SLACK = "training_bot_baseten_calls_total", "training_bot_slack_calls_total"
FAILURES, WATCHES = "training_bot_failures_total", "training_bot_watches"
FOLLOWS = "training_bot_follows"
WAITING, OLDEST = "training_bot_tasks_waiting", "training_bot_oldest_task_seconds"


class Page:
    """What the page says."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families = list(text_string_to_metric_families(text))
        self.samples = [sample for family in self.families for sample in family.samples]

    def get(self, name: str, **labels: str) -> float | None:
        """The value of the one sample with this name and these labels; None without one."""
        found = [
            s.value for s in self.samples if s.name == name and labels.items() <= s.labels.items()
        ]
        assert len(found) <= 1
        return found[0] if found else None

    @property
    def names(self) -> set[str]:
        """Every name that a query can use."""
        ends = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
        return {
            f"{family.name}{end}"
            for family in self.families
            for end in ends.get(family.type, ("",))
        }


async def scrape(env: Env) -> Page:
    async with httpx.AsyncClient() as prometheus:
        answer = await prometheus.get(f"{env.bot.metrics_url}/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return Page(answer.text)


async def shows(env: Env, name: str, value: float | None, **labels: str) -> Page:
    """Read the page until a metric has a value, and return the page."""
    async with asyncio.timeout(20):
        while (page := await scrape(env)).get(name, **labels) != value:
            await asyncio.sleep(0.01)
    return page


@pytest.fixture
async def counted(idle_env: Env) -> AsyncIterator[Env]:
    """A running bot with metrics."""
    async with idle_env.running(metrics_port=0):
        yield idle_env


def mode(env: Env, *, by_socket: bool) -> dict[str, Any]:
    return {"slack_app_token": SecretStr(env.slack.app_token)} if by_socket else {}


@pytest.mark.parametrize("by_socket", [False, True], ids=["http", "socket"])
async def test_a_command_moves_the_metrics(idle_env: Env, url: str, *, by_socket: bool) -> None:
    ways = mode(idle_env, by_socket=by_socket)
    async with idle_env.running(metrics_port=0, database_url=SecretStr(url), **ways):
        page = await scrape(idle_env)
        assert page.get(REQUESTS) is None
        assert page.get("training_bot_ready") == 1
        assert page.get("training_bot_socket_connected") == (1 if by_socket else None)
        assert page.get("training_bot_build_info", version=__version__) == 1
        assert page.get(WATCHES) == 0
        await idle_env.slack.command("research sft")
        page = await shows(idle_env, ANSWERS, 1, entry_point="command")
    assert page.get(REQUESTS, entry_point="command", outcome="ok") == 1
    assert page.get("training_bot_ack_seconds_count", entry_point="command") == 1
    took = page.get("training_bot_answer_seconds_sum", entry_point="command")
    assert took is not None
    assert 0 < took < 10
    assert page.get(BASETEN, method=UPSERT, status="200") == 1
    assert page.get(SLACK, method="chat.postMessage", status="ok") == 1
    assert page.get(SLACK, method="auth.test", status="ok") == 1


async def test_the_status_of_a_call_is_the_one_of_its_answer(counted: Env) -> None:
    refused = Respond(200, {"ok": False, "error": "not_in_channel"})
    counted.baseten.faults.next(UPSERT_PATH, Respond(500), Drop())
    counted.slack.faults.next(POST, Respond(429, headers={"Retry-After": "1"}), refused)
    await counted.slack.command("research sft")
    page = await shows(counted, ANSWERS, 1, entry_point="command")
    for status in ("500", "none", "200"):
        assert page.get(BASETEN, method=UPSERT, status=status) == 1, status
    for status in ("429", "error"):
        assert page.get(SLACK, method="chat.postMessage", status=status) == 1, status
    assert page.get(SLACK, method="response_url", status="ok")


async def test_the_methods_have_names_without_the_slash_at_the_end_of_the_address(
    idle_env: Env,
) -> None:
    url = AnyHttpUrl(idle_env.slack.api_url.rstrip("/"))
    async with idle_env.running(metrics_port=0, slack_api_url=url):
        page = await scrape(idle_env)
    assert page.get(SLACK, method="auth.test", status="ok") == 1


async def test_refusals_and_failures_are_counted(counted: Env) -> None:
    page = await scrape(counted)
    assert page.get(FAILURES, kind="foreseen") == page.get(FAILURES, kind="unforeseen") == 0
    await counted.slack.command("atlantis sft")
    page = await shows(counted, ANSWERS, 1, entry_point="command")
    assert page.get(FAILURES, kind="foreseen") == 1
    assert page.get(FAILURES, kind="unforeseen") == 0
    counted.slack.add_outsider("U0PARTNER1", here=False)
    await counted.slack.command("research sft", user="U0PARTNER1")
    await shows(counted, REQUESTS, 1, entry_point="command", outcome="refused")


async def test_light_work_is_timed_too_and_no_id_becomes_a_label(counted: Env) -> None:
    await counted.slack.command("research sft")
    await counted.answered()
    (message,) = counted.slack.messages
    await counted.slack.action(message, "more", selected="refresh")
    page = await shows(counted, ANSWERS, 1, entry_point="button:more")
    assert page.get(REQUESTS, entry_point="button:more", outcome="ok") == 1
    (buttons,) = [block for block in message.blocks if block["type"] == "actions"]
    buttons["elements"][0]["action_id"] = "U0NOBUTTON"  # as of an older version
    await counted.slack.action(message, "U0NOBUTTON")
    page = await shows(counted, REQUESTS, 1, entry_point="other", outcome="failed")
    for secret in ("sft", "U0SANDBOX1", "C0SANDBOX1", "U0NOBUTTON", message.ts, RESEARCH):
        assert secret not in page.text


async def test_the_tasks_that_run_and_wait_are_gauges(idle_env: Env, url: str) -> None:
    scraped, tuning = asyncio.Event(), Tuning(limits=Limits(slots=1))
    idle_env.baseten.faults.always(UPSERT_PATH, Hold(scraped))
    async with idle_env.running(tuning, metrics_port=0, database_url=SecretStr(url)):
        for name in ("one", "two", "three"):
            await idle_env.slack.command(f"research {name}")
        await shows(idle_env, "training_bot_tasks_running", 1, queue="commands")
        page = await shows(idle_env, WAITING, 2, queue="commands")
        oldest = page.get(OLDEST, queue="commands")
        assert oldest is not None
        assert 0 < oldest < 30
        scraped.set()
        await idle_env.answered(3)
        page = await shows(idle_env, "training_bot_tasks_running", 0, queue="commands")
        assert page.get(WAITING, queue="commands") == page.get(OLDEST, queue="commands") == 0


async def test_the_watches_are_a_gauge(counted: Env) -> None:
    project = counted.baseten.add_project(RESEARCH, "sft")
    counted.baseten.add_job(project["id"], status="TRAINING_JOB_RUNNING")
    await counted.slack.command("research sft")
    await counted.answered()
    await counted.slack.action(counted.slack.messages[0], "watch")
    await shows(counted, WATCHES, 1)
    await counted.slack.until(lambda: "Watched by" in str(counted.slack.messages[0].blocks))
    await counted.slack.action(counted.slack.messages[0], "stop_watching")
    await shows(counted, WATCHES, 0)


async def test_the_follows_are_a_gauge(counted: Env) -> None:
    await shows(counted, FOLLOWS, 0)
    await followed(counted)
    await shows(counted, FOLLOWS, 1)


async def test_the_page_answers_without_the_database(idle_env: Env, postgres: Postgres) -> None:
    async with idle_env.running(
        metrics_port=0, database_url=SecretStr(postgres.new_database()), shutdown_seconds=1
    ):
        await shows(idle_env, WAITING, 0, queue="commands")
        postgres.stop()
        page = await shows(idle_env, WAITING, None, queue="commands")
        assert page.get("training_bot_tasks_running", queue="commands") == 0
        assert page.get(WATCHES) is None
        await shows(idle_env, "training_bot_ready", 0)


async def test_the_socket_that_breaks_is_a_gauge(idle_env: Env) -> None:
    async with idle_env.running(metrics_port=0, **mode(idle_env, by_socket=True)):
        await shows(idle_env, "training_bot_socket_connected", 1)
        idle_env.slack.faults.always("/api/apps.connections.open", Respond(503))
        await idle_env.slack.disconnect_sockets(politely=False)
        page = await shows(idle_env, "training_bot_socket_connected", 0)
        assert page.get("training_bot_ready") == 0


async def test_the_page_has_a_port_of_its_own(counted: Env) -> None:
    async with httpx.AsyncClient() as stranger:
        assert (await stranger.get(f"{counted.bot.url}/metrics")).status_code == 404
        assert (await stranger.get(f"{counted.bot.metrics_url}/readyz")).status_code == 404


async def test_a_port_that_is_taken_ends_the_start_with_words(idle_env: Env) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(FatalError, match=rf"127\.0\.0\.1:{port} \(METRICS_PORT\)"):
            async with running(idle_env.settings(metrics_port=port)):
                pass


async def test_the_port_has_the_limits_of_the_other_one(
    counted: Env, caplog: pytest.LogCaptureFixture
) -> None:
    address = urlsplit(counted.bot.metrics_url)
    with capture_logs() as lines:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(b"GET /metrics HTTP/9\r\n\r\n")
        head = (await reader.read()).decode()
        writer.close()
        strangers = [await asyncio.open_connection(address.hostname, address.port)]
        strangers += [
            await asyncio.open_connection(address.hostname, address.port) for _ in "x" * 20
        ]
        async with asyncio.timeout(20):  # the first one is closed for the last one
            with suppress(ConnectionResetError):
                assert await strangers[0][0].read() == b""
        for _, stranger in strangers:
            stranger.close()
    assert head.startswith("HTTP/1.0 400 ")
    assert "Python" not in head
    assert caplog.records == []  # aiohttp's own, with tracebacks
    assert [line["event"] for line in lines if line["log_level"] == "warning"] == [
        "refused bytes that are no HTTP request",
        "closed the oldest connection, because strangers reach a limit",
    ]
    async with httpx.AsyncClient() as prometheus:
        answer = await prometheus.get(f"{counted.bot.metrics_url}/metrics")
    assert "Server" not in answer.headers


async def test_a_host_that_is_no_address_of_this_machine_ends_the_start(idle_env: Env) -> None:
    with pytest.raises(FatalError, match="METRICS_HOST is no address of this machine") as refused:
        async with running(idle_env.settings(metrics_port=0, metrics_host="192.0.2.1")):
            pass
    assert "conda" not in str(refused.value)


async def test_without_the_settings_nothing_of_it_is_imported(
    idle_env: Env, tmp_path: Path
) -> None:
    settings = settings_of(idle_env) | {"PYTHONPROFILEIMPORTTIME": "1"}
    async with started(cwd=tmp_path, settings=settings) as process:
        idle_env.slack.bot_url = await process.ready()
        await idle_env.slack.command("research sft")
        await idle_env.answered()
        await process.stopped()
    assert "bot.telemetry.observer" in process.said
    assert "prometheus_client" not in process.said
    assert "opentelemetry" not in process.said


# What an operator gets with it


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(read("bot/deploy/alerts.yaml"))["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def queries() -> list[str]:
    """Every query of the alerts and of the dashboard."""
    panels = json.loads(read("bot/deploy/dashboard.json"))["panels"]
    drawn = [target["expr"] for panel in panels for target in panel["targets"]]
    return [*(alert["expr"] for alert in alerts()), *drawn]


async def test_the_queries_name_only_metrics_and_labels_of_the_page(idle_env: Env) -> None:
    async with idle_env.running(metrics_port=0, **mode(idle_env, by_socket=True)):
        await idle_env.slack.command("research sft")
        await shows(idle_env, ANSWERS, 1, entry_point="command")
        (message,) = idle_env.slack.messages
        (buttons,) = [block for block in message.blocks if block["type"] == "actions"]
        buttons["elements"][0]["action_id"] = "U0NOBUTTON"
        await idle_env.slack.action(message, "U0NOBUTTON")
        page = await shows(idle_env, REQUESTS, 1, outcome="failed")
    named = {
        name for query in queries() for name in re.findall(r"\b(?:training_bot|process)_\w+", query)
    }
    assert named - page.names == set()
    unused = [f.name for f in page.families if not any(name.startswith(f.name) for name in named)]
    assert [name for name in unused if name.startswith("training_bot_")] == []
    pairs = {pair for sample in page.samples for pair in sample.labels.items()}
    pairs |= {("job", "training-project-bot"), ("instance", "")}
    labels = {label for label, _ in pairs}
    for query in queries():
        by = ",".join(re.findall(r"\bby \(([^)]*)\)", query)).replace(" ", "")
        filters = re.findall(r"[{,]\s*(\w+)\s*(?:=~|!~|!=|=)", query)
        assert {*filter(None, by.split(",")), *filters} <= labels, query
        assert {*re.findall(r'[{,]\s*(\w+)\s*!?="([^"$]*)"', query)} <= pairs, query
        assert [query.count(each) for each in "({["] == [query.count(each) for each in ")}]"], query


def test_each_alert_is_a_rule_and_stands_in_the_runbook() -> None:
    for alert in alerts():
        assert set(alert) <= {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"\d+[smh]", alert.get("for", "1m"))
        assert alert["labels"]["severity"] in {"page", "warning"}
        assert alert["annotations"]["summary"]
    explained = re.findall(
        r"^\| `(TrainingBot\w+)` \|", read("bot/deploy/RUNBOOK.md"), re.MULTILINE
    )
    assert explained == [alert["alert"] for alert in alerts()]


def test_each_panel_of_the_dashboard_has_a_place_of_its_own() -> None:
    panels = json.loads(read("bot/deploy/dashboard.json"))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in panels
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24
