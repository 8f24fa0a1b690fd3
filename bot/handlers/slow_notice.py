"""Send a person a notice when the work for them takes long."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from bot.slack.message import Message

SLOW = 2.0  # seconds until the person gets the notice


@asynccontextmanager
async def notify_if_slow(
    send: Callable[[Message], Awaitable[None]], notice: Callable[[], Message]
) -> AsyncIterator[None]:
    """Send the notice once if the block takes longer than `SLOW`.

    Args:
        send: sends a message to the person.
        notice: returns the message; called only if the block is slow.
    """
    loop, sending = asyncio.get_running_loop(), list[asyncio.Task[None]]()

    async def send_notice() -> None:
        await send(notice())

    timer = loop.call_later(SLOW, lambda: sending.append(loop.create_task(send_notice())))
    try:
        yield
    finally:
        timer.cancel()
        for task in sending:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
