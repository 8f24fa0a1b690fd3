"""The errors of the management API, and the function that reads its answers. Pure.

::

    BasetenError
    ├── Unreachable         no complete answer: no connection, a timeout, or a broken connection
    │   └── Paused          the API keeps failing, so the bot did not send the request
    ├── Unreadable          an answer that does not come from the API, or has an unknown form
    │   └── TooLarge        an answer of more bytes than the bot reads
    └── Refused             an error status of the API, with its code and its message
        └── RateLimited     status 429
            └── Throttled   the bot's own limit for the API; it did not send the request
"""

import json
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import TypeVar

from pydantic import BaseModel, ValidationError

Answer = TypeVar("Answer", bound=BaseModel)

_LONGEST_MESSAGE = 2000
_LONGEST_CODE = 100
_LONGEST_WAIT = 30 * 86_400.0  # seconds; more is nonsense


class BasetenError(Exception):
    """A request to the management API failed."""


class Unreachable(BasetenError):  # noqa: N818 - a participle, like httpx's InvalidURL
    """No complete answer arrived.

    Attributes:
        sent: whether the API might have received and executed the request.
        retry_after: seconds until the bot sends the next request; None outside of a pause.
    """

    def __init__(self, why: str, *, sent: bool, retry_after: float | None = None) -> None:
        super().__init__(why)
        self.sent = sent
        self.retry_after = retry_after


class Paused(Unreachable):
    """The API keeps failing, so the request was not sent."""

    def __init__(self, why: str, retry_after: float) -> None:
        super().__init__(why, sent=False, retry_after=retry_after)


class Unreadable(BasetenError):  # noqa: N818
    """The answer is not one of the API: a firewall's page, a login page, or broken JSON."""


class TooLarge(Unreadable):
    """The answer has more bytes than the bot reads.

    Attributes:
        most: the limit in bytes.
    """

    def __init__(self, most: int) -> None:
        super().__init__(f"an answer of more than {most >> 20} MiB")
        self.most = most


class Refused(BasetenError):  # noqa: N818
    """The API answered with an error status.

    Attributes:
        status: the HTTP status.
        code: the API's code, such as ``PERMISSION_DENIED``; empty if the answer has none.
        message: the API's message; empty if the answer has none.
        retry_after: seconds to wait before the next request; None if the API names none.
    """

    def __init__(
        self, status: int, code: str = "", message: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(f"{status} {code} {message}".strip())
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after


class RateLimited(Refused):
    """The API answered 429: too many requests."""

    def __init__(self, message: str, retry_after: float | None) -> None:
        super().__init__(429, "", message, retry_after)


class Throttled(RateLimited):
    """The bot itself sends this endpoint no more requests now, so the request was not sent."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("the bot's own limit for this endpoint", retry_after)


class RequestOutcome(Enum):
    """What an error says about a request that was sent once."""

    NOT_TAKEN = "not taken"  # nothing was done; the request can be sent again
    REFUSED = "refused"  # nothing was done; a repeat would be refused, too
    UNKNOWN = "unknown"  # the API might have executed it


def outcome_of(error: BasetenError) -> RequestOutcome:
    """Return what an error says about a request that was sent once.

    A 429 and a 503 come before the work, from a limit or from a proxy without a server. After any
    other 5xx, and without a readable answer, the API might have done the work.
    """
    match error:
        case Unreachable(sent=False) | RateLimited() | Refused(status=503):
            return RequestOutcome.NOT_TAKEN
        case Refused(status=status) if status < 500 and status != 408:  # noqa: PLR2004
            return RequestOutcome.REFUSED
        case _:
            return RequestOutcome.UNKNOWN


def decipher(status: int, headers: Mapping[str, str], body: bytes, answer: type[Answer]) -> Answer:
    """Return the body of a successful answer as a model.

    Args:
        status: the HTTP status.
        headers: the response's headers, as a mapping that ignores case.
        body: the response's body, decompressed.
        answer: the model of a successful body.

    Raises:
        Refused: a status of 400 or above.
        RateLimited: status 429.
        Unreadable: a success without the API's JSON, a redirect, or an HTML page with a 4xx.
    """
    check_status(status, headers, body)
    try:
        return _read(body, answer)
    except ValidationError as error:
        where = {".".join(map(str, problem["loc"])) or "body" for problem in error.errors()}
        why = f"status {status}, {headers.get('content-type', 'no content type')}"
        fields = ", ".join(sorted(where)[:5])
        raise Unreadable(f"{why}: cannot read {fields}") from None


def check_status(status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Raise an error for an answer that is not a success, as :func:`decipher` does."""
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own classes
        return
    said = _object(body)
    is_page = "html" in headers.get("content-type", "") and not said
    if status < 400 or (is_page and status < 500 and status != 429):  # noqa: PLR2004
        raise Unreadable(f"status {status}, a page and not the API's JSON")
    message = str(said.get("message") or said.get("error") or "")[:_LONGEST_MESSAGE]
    wait = _retry_after(headers, said)
    if status == 429:  # noqa: PLR2004
        raise RateLimited(message, wait)
    raise Refused(status, str(said.get("code") or "")[:_LONGEST_CODE], message, wait)


def _read(body: bytes, answer: type[Answer]) -> Answer:
    r"""Return the model of a successful body.

    A server that cuts a text can leave half a character, such as ``\ud83d``. It becomes ``?``.
    """
    try:
        return answer.model_validate_json(body)
    except ValidationError:
        if rb"\ud" not in body.lower():
            raise
    try:
        mended = json.dumps(json.loads(body), ensure_ascii=False).encode(errors="replace")
    except (ValueError, RecursionError):
        mended = body
    return answer.model_validate_json(mended)


def _object(body: bytes) -> dict[str, object]:
    """Return the JSON object of an error's body; empty for any other body, such as HTML."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _retry_after(headers: Mapping[str, str], said: Mapping[str, object]) -> float | None:
    """Return the seconds to wait, from the header or the body; the longer wait if both have one."""
    waits = [
        _seconds(headers.get("retry-after"), headers.get("date")),
        _seconds(said.get("retry_after")),
    ]
    return max((wait for wait in waits if wait is not None), default=None)


def _seconds(value: object, date: str | None = None) -> float | None:
    """Return seconds. A date becomes the seconds between the answer's ``Date`` and itself."""
    text = str(value)
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment, now = parsedate_to_datetime(text), parsedate_to_datetime(date or "")
            seconds = (moment - now).total_seconds()
        except (ValueError, TypeError):
            return None
    return seconds if 0 <= seconds <= _LONGEST_WAIT else None
