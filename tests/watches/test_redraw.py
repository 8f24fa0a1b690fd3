"""The update of a message that others change at the same time."""

import pytest

from bot.watches.model import Watch
from bot.watches.redraw import redraw
from tests.watches.made import job, watch

A, B, C = (watch(job(status)) for status in ("PENDING", "DEPLOYING", "RUNNING"))
LOOKED = A.model_copy(update={"looks": 2})  # nothing that a message shows


@pytest.mark.parametrize(
    ("states", "drawn"),
    [
        ([A, A], [A]),
        ([A, LOOKED], [A]),
        ([A, B, C, C], [A, B, C]),
        ([A, B, A, A], [A, B, A]),
        ([None, None], [None]),
        ([None, A, A], [None, A]),
        ([A, None, None], [A, None]),
    ],
)
async def test_a_message_is_drawn_until_its_state_no_longer_changes(
    states: list[Watch | None], drawn: list[Watch | None]
) -> None:
    left, seen = iter(states), list[Watch | None]()

    async def read() -> Watch | None:
        return next(left)

    async def draw(state: Watch | None) -> None:
        seen.append(state)

    assert await redraw(await read(), read, draw) == states[-1]
    assert seen == drawn
    assert next(left, "nothing more is read") == "nothing more is read"
