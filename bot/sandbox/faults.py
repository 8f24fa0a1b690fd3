"""The faults of a connection, and the queue of planned faults."""

import asyncio
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Json: TypeAlias = Any  # decoded JSON, before any validation


@dataclass(frozen=True, slots=True)
class Delay:
    """Wait, then answer normally."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hold:
    """Do the work now, and answer once an event is set."""

    until: asyncio.Event


@dataclass(frozen=True, slots=True)
class Respond:
    """Send this response instead of the service's own.

    Attributes:
        status: the HTTP status.
        json: the body as JSON, if not None.
        body: the body as bytes, if `json` is None.
        headers: further response headers; they win over the server's own.
        after: do the work first; only the service's own answer is lost.
    """

    status: int
    json: Json = None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    after: bool = False


@dataclass(frozen=True, slots=True)
class Drop:
    """Close the TCP connection without an answer.

    Attributes:
        after: do the work first; only the answer is lost.
    """

    after: bool = False


@dataclass(frozen=True, slots=True)
class Hang:
    """Never answer: the request ends when the server closes.

    Attributes:
        after: do the work first; only the answer is missing.
    """

    after: bool = False


@dataclass(frozen=True, slots=True)
class Garble:
    """Answer bytes that are not HTTP, then close."""


@dataclass(frozen=True, slots=True)
class Late:
    """Fail the request now, and do its work later.

    Attributes:
        fault: the answer that the request gets now.
        landing: the delay of the work in seconds, or an event that starts the work.
    """

    fault: Respond | Drop | Hang | Garble
    landing: float | asyncio.Event


Fault: TypeAlias = Delay | Hold | Respond | Drop | Hang | Garble | Late


@dataclass(frozen=True, slots=True)
class _Rule:
    """The condition that selects the requests for a fault."""

    pattern: re.Pattern[str]
    method: str | None
    containing: str

    def matches(self, method: str, path: str, body: bytes) -> bool:
        return (
            self.method in (None, method)
            and self.pattern.fullmatch(path) is not None
            and self.containing.encode() in body
        )


@dataclass(frozen=True, slots=True)
class Faults:
    """The planned faults.

    A path pattern is a regular expression for the whole path. `containing` limits a fault to the
    requests with these words in their body, such as a channel's id.
    """

    _coming: deque[tuple[_Rule, Fault]] = field(default_factory=deque)
    _standing: list[tuple[_Rule, Fault]] = field(default_factory=list)

    def next(
        self, path_pattern: str, *faults: Fault, method: str | None = None, containing: str = ""
    ) -> None:
        """Plan one fault for each of the next matching requests, in this order."""
        rule = _Rule(re.compile(path_pattern), method, containing)
        self._coming.extend((rule, fault) for fault in faults)

    def always(
        self, path_pattern: str, fault: Fault, method: str | None = None, containing: str = ""
    ) -> None:
        """Plan a fault for every matching request until `clear`; faults of `next` come first."""
        self._standing.append((_Rule(re.compile(path_pattern), method, containing), fault))

    def clear(self) -> None:
        """Remove all planned faults; a fault that has begun goes on."""
        self._coming.clear()
        self._standing.clear()

    def take(self, method: str, path: str, body: bytes = b"") -> Fault | None:
        """Return the fault for this request, if any; remove it if `next` planned it."""
        for entry in self._coming:
            if entry[0].matches(method, path, body):
                self._coming.remove(entry)
                return entry[1]
        for rule, fault in reversed(self._standing):
            if rule.matches(method, path, body):
                return fault
        return None
