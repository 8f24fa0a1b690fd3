"""Call Slack, classify each answer, and repeat calls that are safe to repeat.

Slack has no idempotency key, so a repeated post might appear twice. An answer has one of three
meanings:

- not executed: a 429, a 503, or no connection. A repeat is safe.
- refused: Slack's error code, or a status of 3xx or 4xx. A repeat cannot succeed.
- unknown: everything else, such as a 500, a timeout, or an unreadable answer.
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
from bot.slack.outgoing import SlackPausedError

log = structlog.stdlib.get_logger(__name__)

CALL_TIMEOUT = 10.0  # seconds
UNREACHABLE = "unreachable"
PAUSED = "paused"  # Slack keeps failing, so the bot did not send the call
RATE_LIMITED = frozenset({"ratelimited", "rate_limited"})
ATTEMPTS = 4
_SHORT_WAIT = 1.0  # seconds; a post with a longer wait must not hold its slot
_LONGEST_WAIT = 20.0  # seconds; the longest wait before a repeat of an idempotent call
_BACKOFF = 5.0  # seconds; the longest wait before a repeat if Slack names no wait
_AN_HOUR = 3600.0  # seconds; a longer Retry-After is cut to this
_OK = HTTPStatus.OK
UNREADABLE = "an answer that is not Slack's"
# By Slack's documentation, Slack might have executed a part of a call with these errors.
_OUTCOME_UNKNOWN = frozenset({"fatal_error", "internal_error", "request_timeout"})
# Slack executed nothing, and a later call can succeed.
_TEMPORARY = frozenset({"service_unavailable", "team_added_to_org"})
# Slack refuses every call with these errors until an operator changes the app or its token.
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
# Slack refuses the token itself, whatever the call.
DEAD_TOKEN = frozenset(
    {"account_inactive", "invalid_auth", "not_authed", "token_expired", "token_revoked"}
)
Answer = TypeVar("Answer")
Guard: TypeAlias = Callable[[], Awaitable[None]]


async def no_guard() -> None:
    """Allow every request."""


async def call_slack(
    send: Callable[[], Awaitable[Answer]],
    *,
    idempotent: bool = False,
    guard: Guard = no_guard,
    seconds: float = CALL_TIMEOUT,
) -> Answer:
    """Return Slack's answer, with repeats that are safe.

    An idempotent call is repeated unless Slack refuses it. Any other call is repeated only if
    Slack did not execute it and the wait is at most one second. For a longer wait, the caller must
    reschedule its task.

    Args:
        send: sends the call once.
        idempotent: two executions of the call have the same effect as one.
        guard: runs before each request. It raises if the process must not send the request.
        seconds: the limit for a call that is not idempotent, from the end of the guard's first run
            to the answer. It includes the wait for a connection.

    Raises:
        SlackCallFailed: Slack refused or did not execute the call, or the outcome is unknown.
    """
    loop, unknown = asyncio.get_running_loop(), False
    started = loop.time()
    deadline: float | None = None

    def can_repeat(error: Exception) -> bool | float:
        if not isinstance(error, SlackCallFailed) or not error.retryable:
            return False
        if error.error == PAUSED:  # a task runs again later, and a person is told at once
            return False
        if error.retry_after > (_LONGEST_WAIT if idempotent else _SHORT_WAIT):
            return False
        if not idempotent and loop.time() > started + seconds / 2:
            return False
        log.info("retrying a Slack call", slack_error=error.error, wait=error.retry_after)
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
            # Slack might have executed an earlier request, even if it refuses this one.
            unknown = error.outcome_unknown = unknown or error.outcome_unknown
            raise

    longest = _BACKOFF if idempotent else _SHORT_WAIT
    return await retry(attempt, can_repeat, attempts=ATTEMPTS, longest_wait=longest)


async def post_to_response_url(
    session: aiohttp.ClientSession, url: str, payload: Mapping[str, Any], guard: Guard = no_guard
) -> None:
    """Post to the response URL of a command or a click.

    https://docs.slack.dev/interactivity/handling-user-interaction#message_responses

    Raises:
        SlackCallFailed: Slack refused or did not execute the post, or the outcome is unknown.
    """

    async def send() -> None:
        async with session.post(url, json=payload, allow_redirects=False) as answer:
            status, headers, body = answer.status, answer.headers, (await answer.text()).strip()
        good, code = body == "ok", body if status != _OK else ""
        if body.startswith("{"):  # some answers have the form of the Web API's
            said = json.loads(body)
            good, code = said.get("ok") is True, str(said.get("error") or "")
        if status != _OK or not good:
            raise read_failure(status, headers, code)

    await call_slack(send, guard=guard)


async def send_once(send: Callable[[], Awaitable[Answer]], deadline: float | None = None) -> Answer:
    """Return Slack's answer to one request.

    Args:
        send: sends the call once.
        deadline: the end of the wait, in seconds on the event loop's clock; None for no limit.

    Raises:
        SlackCallFailed: slack_sdk or aiohttp raised an error, or the deadline passed.
    """
    try:
        async with asyncio.timeout_at(deadline):
            return await send()
    except SlackApiError as error:
        raise _read_error(error) from error
    except SlackPausedError as error:
        raise SlackCallFailed(PAUSED, retryable=True, retry_after=error.retry_after) from None
    except (
        aiohttp.ClientConnectorError,
        aiohttp.ConnectionTimeoutError,
        aiohttp.ClientHttpProxyError,
    ) as error:  # the request was not sent
        raise SlackCallFailed(UNREACHABLE, retryable=True) from error
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
        raise SlackCallFailed("an invalid address") from error
    except aiohttp.TooManyRedirects as error:  # bot.slack.outgoing allows none
        raise SlackCallFailed("a redirect") from error
    except (aiohttp.ClientError, TimeoutError, OSError, asyncio.IncompleteReadError) as error:
        raise SlackCallFailed(type(error).__name__, outcome_unknown=True) from error
    except (AttributeError, TypeError, ValueError, LookupError) as error:
        # slack_sdk assumes that an answer is a JSON object in UTF-8.
        raise SlackCallFailed(UNREADABLE, outcome_unknown=True) from error


def read_failure(status: int, headers: Mapping[str, str], code: str) -> SlackCallFailed:
    """Return the error for an answer that is not a success.

    Args:
        status: the HTTP status.
        headers: the answer's headers.
        code: Slack's error code or text; empty if the answer has none.
    """
    error = code[:80] or (UNREADABLE if status == _OK else f"status {status}")
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
    answer: Any = error.response  # an answer of slack_sdk, or of aiohttp if the body is not JSON
    data = getattr(answer, "data", None)
    code = data.get("error") if isinstance(data, dict) else None
    status: int = getattr(answer, "status_code", 0) or getattr(answer, "status", 0)
    return read_failure(status, answer.headers, str(code or ""))


def _retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds of the ``Retry-After`` header, at most an hour; 0 without a header."""
    try:
        seconds = float(headers.get("Retry-After", ""))
    except ValueError:
        return 0.0
    return min(seconds, _AN_HOUR) if seconds > 0 else 0.0
