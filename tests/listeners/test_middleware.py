"""The hook for metrics."""

from typing import TYPE_CHECKING, cast

import pytest
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from bot.access.rules import Workspace
from bot.listeners.middleware import RequestMiddleware, RequestOutcome

if TYPE_CHECKING:
    from bot.access.limits import PersonLimits


async def _workspace() -> Workspace:
    return Workspace("T0ACME")


@pytest.mark.parametrize("outcome", ["ok", "refused", "failed", None])
async def test_the_hook_gets_each_request_with_its_outcome(outcome: RequestOutcome | None) -> None:
    seen: list[tuple[str, RequestOutcome]] = []

    def on_request(entry_point: str, outcome: RequestOutcome, seconds: float) -> None:
        assert seconds >= 0
        seen.append((entry_point, outcome))

    async def dispatch(request: AsyncBoltRequest) -> BoltResponse:
        if outcome is None:
            raise LookupError("a body that Bolt cannot read")
        request.context["outcome"] = outcome
        return BoltResponse(status=200)

    requests = RequestMiddleware(_workspace, cast("PersonLimits", None), on_request)
    request = AsyncBoltRequest(body={"command": "/x"}, mode="socket_mode")
    if outcome is None:
        with pytest.raises(LookupError):
            await requests.observe(request, dispatch)
    else:
        await requests.observe(request, dispatch)
    assert seen == [("command", outcome or "failed")]
