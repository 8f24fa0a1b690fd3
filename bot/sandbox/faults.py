"""What can go wrong on the wire, and the list of what will go wrong next."""

import asyncio
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Json: TypeAlias = Any  # whatever JSON decodes to: the edge, where no type is known yet


@dataclass(frozen=True, slots=True)
class Delay:
    """Wait, then answer normally."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer this instead of the service's own answer.

    Attributes:
        status: the HTTP status.
        json: the body as JSON, if not None.
        body: the body as bytes, where there is no `json`.
        headers: further response headers; they win over the server's own.
        after: do the work first, so that only the service's own answer is lost.
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
        after: do the work first, so that only the answer is lost.
    """

    after: bool = False


@dataclass(frozen=True, slots=True)
class Hang:
    """Never answer: the request ends when the server closes.

    Attributes:
        after: do the work first, so that only the answer is missing.
    """

    after: bool = False


@dataclass(frozen=True, slots=True)
class Garble:
    """Answer bytes that are not HTTP, then close."""


@dataclass(frozen=True, slots=True)
class Late:
    """Break the request now, and do its work later all the same.

    Attributes:
        fault: the answer of now.
        landing: do the work after so many seconds, or when a test sets this event.
    """

    fault: Respond | Drop | Hang | Garble
    landing: float | asyncio.Event


Fault: TypeAlias = Delay | Respond | Drop | Hang | Garble | Late


@dataclass(frozen=True, slots=True)
class _Rule:
    """Which requests a fault is for."""

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
    """The faults to come.

    A path pattern is a regular expression for the whole path. `containing` limits a fault to the
    requests with these words in their body, such as a channel's id.
    """

    _coming: deque[tuple[_Rule, Fault]] = field(default_factory=deque)
    _standing: list[tuple[_Rule, Fault]] = field(default_factory=list)

    def next(
        self, path_pattern: str, *faults: Fault, method: str | None = None, containing: str = ""
    ) -> None:
        """Give the next matching requests one of these each, in this order."""
        rule = _Rule(re.compile(path_pattern), method, containing)
        self._coming.extend((rule, fault) for fault in faults)

    def always(
        self, path_pattern: str, fault: Fault, method: str | None = None, containing: str = ""
    ) -> None:
        """Give every matching request this one, once those of `next` are used, until `clear`."""
        self._standing.append((_Rule(re.compile(path_pattern), method, containing), fault))

    def clear(self) -> None:
        """Let everything go well from now on; a request already in a fault stays in it."""
        self._coming.clear()
        self._standing.clear()

    def take(self, method: str, path: str, body: bytes = b"") -> Fault | None:
        """The fault for this request, if any; one given by `next` is used up."""
        for entry in self._coming:
            if entry[0].matches(method, path, body):
                self._coming.remove(entry)
                return entry[1]
        for rule, fault in reversed(self._standing):
            if rule.matches(method, path, body):
                return fault
        return None
