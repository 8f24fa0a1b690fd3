"""The update of a message that others change at the same time."""

import pytest

from bot.watches.redraw import redraw


@pytest.mark.parametrize(
    ("states", "shown", "drawn", "last"),
    [
        (["a", "a"], None, ["a"], "a"),
        (["a", "b", "c", "c"], None, ["a", "b", "c"], "c"),
        (["a", "b", "a", "a"], None, ["a", "b", "a"], "a"),
        (["a"], "a", [], "a"),
        (["b", "b"], "a", ["b"], "b"),
        ([None], None, [], None),
        (["a", None], None, ["a"], None),
    ],
)
async def test_a_message_is_drawn_until_its_state_no_longer_changes(
    states: list[str | None], shown: str | None, drawn: list[str], last: str | None
) -> None:
    left, seen = iter(states), list[str]()

    async def read() -> str | None:
        return next(left)

    async def draw(state: str) -> None:
        seen.append(state)

    assert await redraw(await read(), read, draw, shown) == last
    assert seen == drawn
    assert next(left, "nothing more is read") == "nothing more is read"
