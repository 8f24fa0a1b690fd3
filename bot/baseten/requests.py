"""Send the requests of the management API: attempts, time limits and repeats."""

import asyncio
import time
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, Self

import httpx

from bot.baseten.errors import (
    Answer,
    RateLimited,
    Refused,
    Unreachable,
    Unreadable,
    check_status,
    decipher,
)
from bot.baseten.repeats import RetryPolicy
from bot.retry import retry
from bot.telemetry.redaction import Redactor

ATTEMPTS = 4
TOTAL_TIMEOUT = 45.0  # seconds for all attempts of one call and the waits between them
_CONNECT = 5.0  # seconds to reach the server
_TIMEOUT = {"timeout": httpx.Timeout(None, connect=_CONNECT).as_dict()}
_parsed = lru_cache(httpx.URL)  # most requests go to a few addresses


@dataclass(frozen=True, slots=True)
class Answered(Generic[Answer]):
    """A successful answer.

    Attributes:
        body: the answer as a model.
        response: the answer with its headers.
        took: seconds from the start of the first attempt to the answer.
    """

    body: Answer
    response: httpx.Response
    took: float


class Requests:
    """Send requests to the management API.

    Args:
        transport: sends one request; the caller opens and closes it. An ``httpx.AsyncClient``
            would merge addresses, headers and cookies for each request, which takes longer than
            the rest of the call.
        base_url: the API's address.
        api_key: a workspace API key.
        timeout: the limit of one attempt in seconds, from the connection to the last byte.
        redactor: removes the key from error messages, in case the API repeats it.

    Attributes:
        attempts: the most attempts of one call.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        base_url: str,
        api_key: str,
        timeout: float,
        redactor: Redactor,
    ) -> None:
        self._transport = transport
        self._base_url = base_url.rstrip("/")
        self._headers = httpx.Headers(
            {
                "Authorization": f"Api-Key {api_key}",
                "Accept": "application/json",
                "Accept-Encoding": "gzip, deflate",
                "User-Agent": "training-project-bot",
            }
        )
        self._timeout = timeout
        self._redactor = redactor
        self.attempts = ATTEMPTS

    def without_repeats(self) -> Self:
        """Return a client that sends each request once, for callers that ask again later."""
        client = copy(self)
        client.attempts = 1
        return client

    async def _call(
        self, model: type[Answer], method: str, path: str, sent: dict[str, Any] | None = None
    ) -> Answered[Answer]:
        response, took = await self._ask(method, path, sent)
        answer = decipher(response.status_code, response.headers, response.content, model)
        return Answered(answer, response, took)

    async def _ask(
        self, method: str, path: str, sent: dict[str, Any] | None = None
    ) -> tuple[httpx.Response, float]:
        """Return the first successful response, and the seconds since the first attempt.

        This method repeats failed requests, which is safe because its callers send idempotent ones:
        GETs and the search only read, the upsert gives one project, a stopped job stays stopped,
        and a change of a job sets a value. `_call_once` sends the others.
        """
        started = time.monotonic()
        retries = RetryPolicy(lambda: TOTAL_TIMEOUT - (time.monotonic() - started))

        async def attempt() -> httpx.Response:
            response = await self._attempt(method, path, sent, self._timeout)
            self._check(response)
            return response

        try:
            async with asyncio.timeout(TOTAL_TIMEOUT):
                response = await retry(attempt, retries.should_retry, attempts=self.attempts)
                return response, time.monotonic() - started
        except TimeoutError:
            if isinstance(retries.last_error, Refused):
                raise retries.last_error from None
            raise Unreachable(f"no answer within {TOTAL_TIMEOUT:g} s", sent=True) from None
        except Unreachable as error:
            again = error.retry_after
            raise Unreachable(str(error), sent=retries.sent, retry_after=again) from error
        except RateLimited as error:
            if retries.sent:  # Baseten might have executed an earlier attempt
                raise Unreachable(str(error), sent=True) from error
            raise

    async def _call_once(
        self, model: type[Answer], method: str, path: str, sent: dict[str, Any], within: float
    ) -> Answer:
        """Return the body of the answer to a request that is not idempotent, and so sent once.

        `bot.baseten.errors.outcome_of` returns what an error says about the request.

        Args:
            model: the model of the body.
            method: the HTTP method.
            path: the path.
            sent: the body of the request.
            within: the most seconds, the wait for a connection included.
        """
        response = await self._attempt(method, path, sent, min(self._timeout, within))
        self._check(response)
        return decipher(response.status_code, response.headers, response.content, model)

    def _check(self, response: httpx.Response) -> None:
        """Raise an error for an answer that is not a success; its text has no key."""
        body = response.content
        if response.is_error:
            body = self._redactor.text(body.decode(errors="replace")).encode()
        check_status(response.status_code, response.headers, body)

    async def _attempt(
        self, method: str, path: str, sent: dict[str, Any] | None, within: float
    ) -> httpx.Response:
        """Send the request once. Without an answer, raise ``Unreachable``."""
        try:
            async with asyncio.timeout(within):
                request = httpx.Request(
                    method,
                    _parsed(f"{self._base_url}{path}"),
                    headers=self._headers,
                    json=sent,
                    extensions=_TIMEOUT,
                )
                response = await self._transport.handle_async_request(request)
                await response.aread()
                return response
        except TimeoutError:
            raise Unreachable(f"no answer within {within:g} s", sent=True) from None
        except httpx.DecodingError as error:
            raise Unreadable(f"broken encoding: {error}") from error
        except httpx.HTTPError as error:
            unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            name = type(error.__cause__ or error).__name__
            raise Unreachable(f"{name}: {error}", sent=not unsent) from error
