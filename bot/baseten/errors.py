"""What can go wrong with the management API, and the reading of its answers. Pure.

::

    BasetenError
    ├── Unreachable         no answer: nobody there, too slow, or cut off
    ├── Unreadable          an answer that is not the API's own
    └── Refused             a no: status, code and the API's own words
        └── RateLimited     a no for now
"""

import json
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TypeVar

from pydantic import BaseModel, ValidationError

Answer = TypeVar("Answer", bound=BaseModel)

_LONGEST_MESSAGE = 2000
_LONGEST_CODE = 100
_LONGEST_WAIT = 30 * 86_400.0  # seconds; more is nonsense


class BasetenError(Exception):
    """The management API did not do what was asked."""


class Unreachable(BasetenError):  # noqa: N818 - reads as what happened, like httpx's ReadTimeout
    """No answer came.

    Attributes:
        sent: whether the request may have arrived, so that it may have been carried out.
    """

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.sent = sent


class Unreadable(BasetenError):  # noqa: N818
    """An answer that is not the API's own: a firewall's, a login page, broken JSON."""


class Refused(BasetenError):  # noqa: N818
    """The API said no.

    Attributes:
        status: the HTTP status.
        code: the API's code, such as ``PERMISSION_DENIED``, or empty.
        message: the API's own words, or empty.
        retry_after: seconds to wait before the next request, None when it did not say.
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
    """The API said: not now."""

    def __init__(self, message: str, retry_after: float | None) -> None:
        super().__init__(429, "", message, retry_after)


def decipher(status: int, headers: Mapping[str, str], body: bytes, answer: type[Answer]) -> Answer:
    """Read an answer of the management API.

    Args:
        status: the HTTP status.
        headers: the response's headers, found in any case.
        body: the response's body, decompressed.
        answer: the model that a good body has.

    Raises:
        Refused: a status of 400 or above.
        RateLimited: status 429.
        Unreadable: a good status without the API's JSON, a redirect, or a page with a 4xx.
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
    """Raise the error of an answer that is not a success, as :func:`decipher` does."""
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
    r"""Read a good body; half a character, as ``\ud83d`` where a text was cut, becomes ``?``."""
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
    """Read an error's JSON object; anything else, an HTML page say, tells nothing."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _retry_after(headers: Mapping[str, str], said: Mapping[str, object]) -> float | None:
    """Find the seconds to wait in the header or the body; the longer one where both are given."""
    waits = [
        _seconds(headers.get("retry-after"), headers.get("date")),
        _seconds(said.get("retry_after")),
    ]
    return max((wait for wait in waits if wait is not None), default=None)


def _seconds(value: object, date: str | None = None) -> float | None:
    """Read seconds, or a moment as seconds from the answer's own ``Date``."""
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
