"""The endpoints that refuse a poll's requests: they are left out for a while."""

from datetime import datetime, timedelta

from pydantic import BaseModel

from bot.baseten.errors import BasetenError, Refused, Unreadable
from bot.baseten.models import Moment

# The key lacks the permission, or the server does not support the request.
_REFUSED = frozenset({400, 403, 404, 405, 422, 501})
_REFUSAL_HOLDS = timedelta(hours=1)


class EndpointHealth(BaseModel):
    """The health of the two endpoints for all projects; saved from one poll to the next.

    Attributes:
        refused: the time of the last refusal by each of the two.
        listed_at: the time of the last list of all projects.
    """

    refused: dict[str, Moment] = {}
    listed_at: Moment | None = None

    def refused_lately(self, endpoint: str, now: datetime) -> bool:
        """Return whether a request to this endpoint is better left out."""
        refused_at = self.refused.get(endpoint)
        return refused_at is not None and now - refused_at < _REFUSAL_HOLDS

    def note(self, endpoint: str, error: BasetenError, now: datetime) -> None:
        """Note an error of an endpoint, if the next request would fail too."""
        if will_fail_again(error):
            self.refused[endpoint] = now


def will_fail_again(error: BasetenError) -> bool:
    """Return whether a request would fail again, so that it is better left out for a while."""
    return isinstance(error, Unreadable) or (
        isinstance(error, Refused) and error.status in _REFUSED
    )
