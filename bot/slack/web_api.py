"""Calls of Slack: which of them are repeated, and the meaning of each answer.

A post that is repeated might stand in the channel twice, for Slack has no idempotency key. An
answer means one of three things:

- not taken: a 429, a 503, or no connection. A repeat does no harm.
- refused: Slack's own code, or a status of 3xx or 4xx. A repeat does no good.
- unknown: everything else, such as a 500, a time-out, or an answer that nobody can read.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeAlias, TypeVar

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError

from bot.retry import retry
from bot.slack.message import SlackCallFailed

log = structlog.stdlib.get_logger(__name__)

CALL_TIMEOUT = 10.0  # seconds
UNREACHABLE = "unreachable"
RATE_LIMITED = frozenset({"ratelimited", "rate_limited"})
ATTEMPTS = 4
_SHORT_WAIT = 1.0  # seconds; a post that must wait longer holds no slot meanwhile
_LONGEST_WAIT = 20.0  # seconds; an idempotent call waits no longer for its repeat
_BACKOFF = 5.0  # seconds at most before a repeat for which Slack names no wait
_AN_HOUR = 3600.0  # seconds; a longer Retry-After is of no use
_OK = HTTPStatus.OK
_NOT_SLACKS = "an answer that is not Slack's"
# Slack's documentation says of these that some of the call may have been carried out.
_OUTCOME_UNKNOWN = frozenset({"fatal_error", "internal_error", "request_timeout"})
# Slack takes nothing now, and might in a minute.
_TEMPORARY = frozenset({"service_unavailable", "team_added_to_org"})
# Slack gives the same answer for as long as the process lives.
AUTH_ERRORS = frozenset(
    {
        "access_denied",
        "account_inactive",
        "invalid_auth",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "org_login_required",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
        "two_factor_setup_required",
    }
)
Answer = TypeVar("Answer")
Guard: TypeAlias = Callable[[], Awaitable[None]]


async def no_guard() -> None:
    """Let every request begin."""


async def call_slack(
    send: Callable[[], Awaitable[Answer]],
    *,
    idempotent: bool = False,
    guard: Guard = no_guard,
    seconds: float = CALL_TIMEOUT,
) -> Answer:
    """Return Slack's answer, after repeats where they do no harm.

    An idempotent call is repeated unless Slack refuses it for good. Any other call is repeated only
    if Slack took nothing and can take it within a second: its caller reschedules a longer wait.

    Args:
        send: makes the call once.
        idempotent: the call done twice leaves the same as the call done once.
        guard: runs before each request, and raises where the process must not send it.
        seconds: the time from the first run of the guard to the end of a call that is not
            idempotent, the wait for a connection included.

    Raises:
        SlackCallFailed: Slack did not take it, or its outcome is unknown.
    """
    loop, unknown = asyncio.get_running_loop(), False
    started = loop.time()
    deadline: float | None = None

    def can_repeat(error: Exception) -> bool | float:
        if not isinstance(error, SlackCallFailed) or not error.retryable:
            return False
        if error.retry_after > (_LONGEST_WAIT if idempotent else _SHORT_WAIT):
            return False
        if not idempotent and loop.time() > started + seconds / 2:
            return False
        log.info("repeating a Slack call", slack_error=error.error, wait=error.retry_after)
        return error.retry_after or True

    async def attempt() -> Answer:
        nonlocal deadline, unknown
        await guard()
        if deadline is None and not idempotent:
            deadline = loop.time() + seconds
        try:
            return await send_once(send, deadline)
        except SlackCallFailed as error:
            error.retryable |= idempotent and error.outcome_unknown
            # An earlier request might have done it, even if Slack refuses this one.
            unknown = error.outcome_unknown = unknown or error.outcome_unknown
            raise

    longest = _BACKOFF if idempotent else _SHORT_WAIT
    return await retry(attempt, can_repeat, attempts=ATTEMPTS, longest_wait=longest)


async def post_to_response_url(
    session: aiohttp.ClientSession, url: str, payload: Mapping[str, Any], guard: Guard = no_guard
) -> None:
    """Post to the response URL of a command or a click.

    Raises:
        SlackCallFailed: Slack did not take it, or its outcome is unknown.
    """

    async def send() -> None:
        async with session.post(url, json=payload, allow_redirects=False) as answer:
            status, headers, body = answer.status, answer.headers, (await answer.text()).strip()
        good, code = body == "ok", body if status != _OK else ""
        if body.startswith("{"):  # some of its answers look like those of the Web API
            said = json.loads(body)
            good, code = said.get("ok") is True, str(said.get("error") or "")
        if status != _OK or not good:
            raise read_failure(status, headers, code)

    await call_slack(send, guard=guard)


async def send_once(send: Callable[[], Awaitable[Answer]], deadline: float | None = None) -> Answer:
    """Return Slack's answer to one request.

    Args:
        send: makes the call once.
        deadline: the end of the wait, on the event loop's clock.

    Raises:
        SlackCallFailed: slack_sdk or aiohttp raised an error.
    """
    try:
        async with asyncio.timeout_at(deadline):
            return await send()
    except SlackApiError as error:
        raise _read_error(error) from error
    except (
        aiohttp.ClientConnectorError,
        aiohttp.ConnectionTimeoutError,
        aiohttp.ClientHttpProxyError,
    ) as error:  # the request was not sent
        raise SlackCallFailed(UNREACHABLE, retryable=True) from error
    except aiohttp.InvalidURL as error:
        raise SlackCallFailed("an address that is none") from error
    except aiohttp.TooManyRedirects as error:  # none is followed, see bot.connections
        raise SlackCallFailed("a redirect") from error
    except (aiohttp.ClientError, TimeoutError, OSError, asyncio.IncompleteReadError) as error:
        raise SlackCallFailed(type(error).__name__, outcome_unknown=True) from error
    except (AttributeError, TypeError, ValueError, LookupError) as error:
        # slack_sdk takes for granted that an answer is a JSON object, in UTF-8.
        raise SlackCallFailed(_NOT_SLACKS, outcome_unknown=True) from error


def read_failure(status: int, headers: Mapping[str, str], code: str) -> SlackCallFailed:
    """Return the meaning of an answer that is no success.

    Args:
        status: the HTTP status.
        headers: the answer's headers.
        code: Slack's own code or words; empty where it gave none.
    """
    error = code[:80] or (_NOT_SLACKS if status == _OK else f"status {status}")
    if code in _OUTCOME_UNKNOWN:
        return SlackCallFailed(error, outcome_unknown=True)
    if status == HTTPStatus.TOO_MANY_REQUESTS or code in RATE_LIMITED:
        wait = _retry_after(headers)
        return SlackCallFailed("ratelimited", retryable=True, retry_after=wait)
    if status == HTTPStatus.SERVICE_UNAVAILABLE or (status == _OK and code in _TEMPORARY):
        return SlackCallFailed(error, retryable=True, retry_after=_retry_after(headers))
    refused = (status == _OK and code) or 300 <= status < 500  # noqa: PLR2004
    unknown = not refused or status == HTTPStatus.REQUEST_TIMEOUT
    return SlackCallFailed(error, outcome_unknown=unknown)


def _read_error(error: SlackApiError) -> SlackCallFailed:
    answer: Any = error.response  # slack_sdk's answer, or aiohttp's where its body is no JSON
    data = getattr(answer, "data", None)
    code = data.get("error") if isinstance(data, dict) else None
    status: int = getattr(answer, "status_code", 0) or getattr(answer, "status", 0)
    return read_failure(status, answer.headers, str(code or ""))


def _retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds that Slack names; 0 where it names none."""
    try:
        seconds = float(headers.get("Retry-After", ""))
    except ValueError:
        return 0.0
    return min(seconds, _AN_HOUR) if seconds > 0 else 0.0
