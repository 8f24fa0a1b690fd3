"""Updating a message that others update at the same time."""

from collections.abc import Awaitable, Callable
from operator import eq
from typing import TypeVar

State = TypeVar("State")


async def redraw(
    wanted: State | None,
    read: Callable[[], Awaitable[State | None]],
    draw: Callable[[State], Awaitable[None]],
    shown: State | None = None,
    same: Callable[[State, State], bool] = eq,
) -> State | None:
    """Update a message until it shows the latest state, and return that state.

    While an update is under way, somebody else can change the state and update the message too.
    The order in which Slack applies the two is unknown. A state that has changed is therefore
    drawn again.

    Args:
        wanted: the state that the message should show now; None: there is nothing to show.
        read: returns the same as ``wanted``, after each update.
        draw: updates the message.
        shown: the state that the message shows already; None: it is unknown.
        same: returns whether two states have the same message.
    """
    while wanted is not None and (shown is None or not same(wanted, shown)):
        await draw(wanted)
        wanted, shown = await read(), wanted
    return wanted
