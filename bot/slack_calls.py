"""Calling Slack so that nothing is ever done twice by a repeat."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn, TypeVar

import aiohttp
import stamina
import structlog
from slack_sdk.errors import SlackApiError

from bot.message import SlackCallFailed

log = structlog.stdlib.get_logger(__name__)

ATTEMPTS = 4
LONGEST_WAIT = 20.0  # seconds; a longer Retry-After is not waited for
_AN_HOUR = 3600.0  # seconds; to be told of a longer wait is of no use
_OK = 200
_NOT_SLACKS = "an answer that is not Slack's"
# Slack's documentation says of these that some of the call may have been carried out.
_OUTCOME_UNKNOWN = frozenset({"fatal_error", "internal_error", "request_timeout"})
# Slack takes nothing now, and may in a minute.
_TEMPORARY = frozenset({"ratelimited", "rate_limited", "service_unavailable", "team_added_to_org"})
# Slack will not change its mind about these while the process lives.
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


class _RetryError(Exception):
    """Slack took nothing, or fell over."""

    def __init__(
        self, error: str, wait: float | None = None, *, outcome_unknown: bool = False
    ) -> None:
        super().__init__(error)
        self.retry_after = wait
        self.outcome_unknown = outcome_unknown


async def call_slack(send: Callable[[], Awaitable[Answer]], *, idempotent: bool = False) -> Answer:
    """Send until Slack takes it, and return its answer.

    Repeated only where Slack took nothing (429), fell over (5xx), or was never reached: there is no
    idempotency key, so a repeat after anything else could post twice.

    Args:
        send: makes the call once.
        idempotent: twice does the same as once, so it is repeated after anything but a no.

    Raises:
        SlackCallFailed: Slack did not take it, or did not confirm it.
    """
    maybe = False
    try:
        async for attempt in stamina.retry_context(_wait, attempts=ATTEMPTS, timeout=None):
            with attempt:
                try:
                    return await _once(send)
                except SlackCallFailed as error:
                    if not (idempotent and error.outcome_unknown):
                        raise
                    maybe = True
                    raise _RetryError(error.error) from error
                except _RetryError as error:
                    maybe = (
                        maybe or error.outcome_unknown
                    )  # whatever is said after it fell over once
                    raise
    except _RetryError as error:
        wait = error.retry_after or 0.0
        raise SlackCallFailed(
            str(error), outcome_unknown=maybe, retryable=True, retry_after=wait
        ) from error
    raise AssertionError  # stamina returns what was answered, or raises  # pragma: no cover


def raise_for(status: int, headers: Mapping[str, str], said: str) -> None:
    """Raise for what Slack answers when it took nothing; for calls that do not raise themselves.

    Args:
        status: the HTTP status.
        headers: the answer's headers.
        said: Slack's own code or words.
    """
    if status == 429:  # noqa: PLR2004
        try:
            wait = float(headers.get("Retry-After", ""))
        except ValueError:
            wait = math.nan
        raise _RetryError("ratelimited", min(wait, _AN_HOUR) if wait >= 0 else None)
    if status >= 500:  # noqa: PLR2004
        raise _RetryError(f"status {status}", outcome_unknown=True)
    if status != _OK:
        raise SlackCallFailed(said[:80] or f"status {status}")


async def _once(send: Callable[[], Awaitable[Answer]]) -> Answer:
    try:
        return await send()
    except SlackApiError as error:
        _raise_for_slack(error)
    except aiohttp.ClientConnectorError as error:
        raise _RetryError(type(error).__name__) from error
    except aiohttp.InvalidURL as error:
        raise SlackCallFailed("an address that is none") from error
    except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
        _unconfirmed(type(error).__name__, error)
    except (AttributeError, TypeError) as error:
        # slack_sdk takes for granted that an answer is a JSON object.
        _unconfirmed(_NOT_SLACKS, error)


def _raise_for_slack(error: SlackApiError) -> NoReturn:
    answer: Any = error.response
    data = getattr(answer, "data", None)
    code = data.get("error") if isinstance(data, dict) else None
    status: int = getattr(answer, "status_code", 0) or getattr(answer, "status", 0)
    if status == _OK and code:
        maybe, passing = code in _OUTCOME_UNKNOWN, code in _TEMPORARY
        raise SlackCallFailed(str(code), outcome_unknown=maybe, retryable=passing) from error
    raise_for(status, answer.headers, str(code or ""))
    _unconfirmed(_NOT_SLACKS, error)


def _unconfirmed(what: str, error: Exception) -> NoReturn:
    raise SlackCallFailed(what, outcome_unknown=True) from error


def _wait(error: Exception) -> bool | float:
    """Tell stamina whether to send again, or after how many seconds."""
    if not isinstance(error, _RetryError) or (error.retry_after or 0) > LONGEST_WAIT:
        return False
    log.info("Slack did not take it; sending again", slack_error=str(error), wait=error.retry_after)
    return True if error.retry_after is None else error.retry_after
