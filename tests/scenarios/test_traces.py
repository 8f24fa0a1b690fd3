"""Traces, as a collector receives them over OTLP/HTTP from ``python -m bot``."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot.sandbox import Delay, Respond
from tests.conftest import Env
from tests.process import settings_of, started
from tests.scenarios.tasks import POST
from tests.scenarios.test_metrics import UPSERT, UPSERT_PATH

service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")


@dataclass
class Span:
    """A span, with its ids as hexadecimal digits and its attributes as texts."""

    name: str
    trace: str
    id: str
    parent: str
    kind: int
    failed: bool
    attributes: dict[str, str]


@dataclass
class Collector:
    """A receiver of OTLP over HTTP on loopback.

    Attributes:
        url: the value of ``OTEL_EXPORTER_OTLP_ENDPOINT``.
        spans: in the order of their ends.
        resources: the attributes of the sender.
    """

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    resources: list[dict[str, str]] = field(default_factory=list)

    async def receive(self, request: web.Request) -> web.Response:
        assert request.content_type == "application/x-protobuf"
        sent = service.ExportTraceServiceRequest.FromString(await request.read())
        for resource in sent.resource_spans:
            self.resources.append(texts(resource.resource.attributes))
            self.spans += [
                Span(
                    name=span.name,
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    kind=span.kind,
                    failed=span.status.code == 2,
                    attributes=texts(span.attributes),
                )
                for scope in resource.scope_spans
                for span in scope.spans
            ]
        return web.Response(body=service.ExportTraceServiceResponse().SerializeToString())

    def named(self, name: str) -> Span:
        """The one span of this name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    async def has(self, name: str) -> Span:
        """Wait for a span of this name."""
        async with asyncio.timeout(20):
            while name not in [span.name for span in self.spans]:
                await asyncio.sleep(0.02)
        return self.named(name)

    @property
    def settings(self) -> dict[str, str]:
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, "OTEL_BSP_SCHEDULE_DELAY": "50"}


def texts(attributes: Any) -> dict[str, str]:
    return {each.key: each.value.string_value for each in attributes}


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    collector, server = Collector(), web.Application()
    server.router.add_post("/v1/traces", collector.receive)
    runner = web.AppRunner(server)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield collector
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("by_socket", [False, True], ids=["http", "socket"])
async def test_one_trace_leads_from_the_request_to_the_message(
    idle_env: Env, tmp_path: Path, *, by_socket: bool
) -> None:
    async with collecting() as collector:
        settings = settings_of(idle_env, socket=by_socket) | collector.settings
        async with started(cwd=tmp_path, settings=settings) as bot:
            connected = "the socket to Slack is connected" if by_socket else "Slack knows the bot"
            await bot.until(lambda said: connected in said)
            idle_env.slack.bot_url = None if by_socket else bot.url
            await idle_env.slack.command("research sft")
            await idle_env.answered()
            await bot.stopped()
    request, task = collector.named("request"), collector.named("task open/2")
    upsert, post = collector.named(UPSERT), collector.named("chat.postMessage")
    assert (request.parent, task.parent) == ("", request.id)
    assert (upsert.parent, post.parent) == (task.id, task.id)
    assert {span.trace for span in (task, upsert, post)} == {request.trace}
    assert [request.kind, task.kind, upsert.kind, post.kind] == [2, 5, 3, 3]
    assert not any(span.failed for span in (request, task, upsert, post))
    assert collector.named("auth.test").trace != request.trace
    assert request.attributes == {
        "entry_point": "command",
        "actor": "U0SANDBOX1",
        "workspace": "T0SANDBOX1",
        "channel": "C0SANDBOX1",
        "task": task.attributes["task"],
        "outcome": "ok",
    }
    assert task.attributes.keys() <= {"task", "entry_point", "actor", "channel", "workspace"}
    assert upsert.attributes == {"peer.service": "baseten", "status": "200"}
    assert post.attributes == {"peer.service": "slack", "status": "ok"}
    assert collector.resources[0]["service.name"] == "training-project-bot"
    told = str([(span.name, span.attributes) for span in collector.spans])
    for secret in (idle_env.slack.bot_token, idle_env.baseten.api_key, "sft", "research", "http:"):
        assert secret not in told


async def test_the_trace_goes_on_after_a_kill(idle_env: Env, tmp_path: Path) -> None:
    idle_env.baseten.faults.next(UPSERT_PATH, Delay(30))
    async with collecting() as collector:
        settings = settings_of(idle_env) | collector.settings | {"OTEL_SERVICE_NAME": "staging"}
        async with started(cwd=tmp_path, settings=settings) as bot:
            idle_env.slack.bot_url = await bot.ready()
            await idle_env.slack.command("research sft")
            request = await collector.has("request")
            await idle_env.baseten.until(lambda: len(idle_env.baseten.requests) > 2)
            bot.process.send_signal(signal.SIGKILL)
            await bot.ended()
        async with started(cwd=tmp_path, settings=settings) as bot:
            await idle_env.answered()
            await bot.stopped()
    task = collector.named("task open/2")
    assert (task.trace, task.parent) == (request.trace, request.id)
    assert task.attributes["actor"] == "U0SANDBOX1"
    assert collector.named("chat.postMessage").trace == request.trace
    assert {resource["service.name"] for resource in collector.resources} == {"staging"}


async def test_a_failure_marks_its_span_without_its_text(idle_env: Env, tmp_path: Path) -> None:
    async with collecting() as collector:
        settings = settings_of(idle_env) | collector.settings
        async with started(cwd=tmp_path, settings=settings) as bot:
            idle_env.slack.bot_url = await bot.ready()
            await idle_env.slack.command("atlantis sft")
            await idle_env.told()
            await bot.stopped()
    assert collector.named("task open/2").failed
    assert "atlantis" not in str(collector.spans)


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_collector_that_is_away_delays_neither_answers_nor_the_end(
    idle_env: Env, tmp_path: Path, *, hangs: bool
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if hangs:  # it takes connections, and never answers
            silent.listen()
        traces = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "50",
        }
        async with started(cwd=tmp_path, settings=settings_of(idle_env) | traces) as bot:
            idle_env.slack.bot_url = await bot.ready()
            await idle_env.slack.command("research sft")
            await idle_env.answered()
            bot.process.terminate()
            assert await bot.ended(seconds=20) == 0
    assert "Traceback" not in bot.said


@pytest.mark.parametrize(
    "switch", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}], ids=str
)
async def test_the_standard_switches_turn_it_off(
    idle_env: Env, tmp_path: Path, switch: dict[str, str]
) -> None:
    async with collecting() as collector:
        settings = settings_of(idle_env) | collector.settings | switch
        async with started(cwd=tmp_path, settings=settings) as bot:
            idle_env.slack.bot_url = await bot.ready()
            await idle_env.slack.command("research sft")
            await idle_env.answered()
            await bot.stopped()
    assert collector.spans == []


async def test_each_post_of_a_repeated_call_has_a_span(idle_env: Env, tmp_path: Path) -> None:
    idle_env.slack.faults.next(POST, Respond(503))
    async with (
        collecting() as collector,
        started(cwd=tmp_path, settings=settings_of(idle_env) | collector.settings) as bot,
    ):
        idle_env.slack.bot_url = await bot.ready()
        await idle_env.slack.command("research sft")
        await idle_env.answered()
        await bot.stopped()
    posts = [span for span in collector.spans if span.name == "chat.postMessage"]
    assert [span.attributes["status"] for span in posts] == ["503", "ok"]
