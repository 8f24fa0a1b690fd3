"""The recorded, breakable HTTP server that both sandboxes share."""

import asyncio
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl

from aiohttp import web

from bot.sandbox.faults import (
    Delay,
    Drop,
    Fault,
    Faults,
    Garble,
    Hang,
    Hold,
    Json,
    Late,
    Respond,
)

__all__ = [
    "Delay",
    "Drop",
    "FakeServer",
    "Fault",
    "Faults",
    "Garble",
    "Hang",
    "Hold",
    "Json",
    "Late",
    "Recorded",
    "Respond",
    "utc_now",
]

LOOPBACK = "127.0.0.1"
CLOSING_GRACE = 0.1  # seconds that requests under way get once the server closes
_SHOWN = 3000  # characters of an error message
NOT_HTTP = b"\x15\x03\x01 this is not the HTTP you are looking for\r\n\r\n"


def utc_now() -> datetime:
    """The current time: the default clock of the sandboxes."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request as it arrived.

    Attributes:
        method: in capitals.
        path: as sent, percent-encoding included.
        query: the decoded query; of a repeated name the last one.
        headers: with lower-case names.
        body: as sent.
        at: when it had arrived, on `time.monotonic`'s clock.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    at: float

    def json(self) -> Json:
        """The body, decoded as JSON.

        Raises:
            ValueError: the body is not JSON.
        """
        return json.loads(self.body)

    def form(self) -> dict[str, str]:
        """The body, decoded as a form; empty fields are kept."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


class FakeServer(ABC):
    """A server on a free port of 127.0.0.1 that records requests and fails on demand.

    Use it as an async context manager: it listens inside the block. At the end of the block it
    closes at once, and cancels the requests that hang.

    Attributes:
        url: its root, without a slash at the end; empty until it listens.
        requests: all requests in order of arrival, also those that got a fault.
        faults: the planned failures.
        now: the clock of the service, for its `Date` header and its timestamps.
    """

    def __init__(self, *, now: Callable[[], datetime] = utc_now) -> None:
        """Build it; nothing listens yet.

        Args:
            now: an aware clock.
        """
        self.url = ""
        self.requests: list[Recorded] = []
        self.faults = Faults()
        self.now = now
        self._changed = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._late: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=0)
        app.router.add_route("*", "/{path:.*}", self._take)
        app.on_shutdown.append(self._shut)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSING_GRACE)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, 0).start()
        self.url = f"http://{LOOPBACK}:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for work in self._late:
            work.cancel()
        if self._runner is not None:
            await self._runner.cleanup()

    async def until(self, predicate: Callable[[], bool], timeout: float = 20.0) -> None:  # noqa: ASYNC109 - the error lists the requests
        """Wait until something recorded here makes `predicate` true.

        Args:
            predicate: called now, and again after every change of the records.
            timeout: seconds.

        Raises:
            TimeoutError: it did not become true; the text ends with the last records.
        """
        deadline = time.monotonic() + timeout
        while not predicate():
            changed = self._changed
            try:
                await asyncio.wait_for(changed.wait(), deadline - time.monotonic())
            except TimeoutError:
                if predicate():
                    return
                waited = f"not within {timeout:g} s; seen at last: {self.seen()[-_SHOWN:]}"
                raise TimeoutError(waited) from None

    def seen(self) -> str:
        """Return the records in one line, for an error message."""
        return (
            ", ".join(f"{request.method} {request.path}" for request in self.requests) or "nothing"
        )

    def touch(self) -> None:
        """Let every waiting `until` check again, after a change of the records."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    @abstractmethod
    async def answer(self, recorded: Recorded, request: web.Request) -> web.StreamResponse:
        """Return the service's own response to this request."""

    async def closing(self) -> None:  # noqa: B027 - optional
        """Close long-lived connections, once the server no longer listens."""

    def respond(self, answer: Respond) -> web.Response:
        """Build the HTTP response for an answer."""
        body = answer.body if answer.json is None else json.dumps(answer.json).encode()
        kind = "text/html" if answer.json is None else "application/json"
        headers = {"Date": format_datetime(self.now().astimezone(UTC), usegmt=True)}
        if body:
            headers["Content-Type"] = f"{kind}; charset=utf-8"
        return web.Response(status=answer.status, body=body, headers=headers | dict(answer.headers))

    async def _shut(self, _app: web.Application) -> None:
        await self.closing()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        recorded = Recorded(
            method=request.method,
            path=request.rel_url.raw_path,
            query=dict(request.query),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.read(),
            at=time.monotonic(),
        )
        self.requests.append(recorded)
        fault = self.faults.take(recorded.method, recorded.path, recorded.body)
        self.touch()
        try:
            return await self._answer_or_break(recorded, request, fault)
        finally:
            self.touch()

    async def _answer_or_break(
        self, recorded: Recorded, request: web.Request, fault: Fault | None
    ) -> web.StreamResponse:
        if isinstance(fault, Late):
            work = asyncio.create_task(self._land(fault.landing, recorded, request))
            self._late.add(work)
            work.add_done_callback(self._late.discard)
            fault = fault.fault
        elif isinstance(fault, Respond | Drop | Hang) and fault.after:
            await self.answer(recorded, request)
            self.touch()
        match fault:
            case Respond():
                return self.respond(fault)
            case Delay(seconds=seconds):
                await asyncio.sleep(seconds)
            case Hold():
                answer = await self.answer(recorded, request)
                self.touch()
                await fault.until.wait()
                return answer
            case Hang():
                await asyncio.Event().wait()  # until the server closes, which cancels it
            case Garble():
                return self._cut(request, NOT_HTTP)
            case Drop():
                return self._cut(request)
        return await self.answer(recorded, request)

    async def _land(
        self, landing: float | asyncio.Event, recorded: Recorded, request: web.Request
    ) -> None:
        """Do the work of a request that got a fault as its answer."""
        if isinstance(landing, asyncio.Event):
            await landing.wait()
        else:
            await asyncio.sleep(landing)
        await self.answer(recorded, request)
        self.touch()

    def _cut(self, request: web.Request, last_words: bytes = b"") -> web.Response:
        """Close the connection of a request; the returned response is never sent."""
        if request.transport is not None:
            if last_words:
                request.transport.write(last_words)
            request.transport.close()
        return web.Response()
