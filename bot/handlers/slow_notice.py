"""Tell a person who waits that the bot is still on it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from bot.slack.message import Message

SLOW = 2.0  # seconds until the person is told that it takes longer


@asynccontextmanager
async def notify_if_slow(
    tell: Callable[[Message], Awaitable[None]], notice: Message
) -> AsyncIterator[None]:
    """Tell the person once, if what is done in this block takes long."""
    loop, telling = asyncio.get_running_loop(), list[asyncio.Task[None]]()

    async def tell_now() -> None:
        await tell(notice)

    timer = loop.call_later(SLOW, lambda: telling.append(loop.create_task(tell_now())))
    try:
        yield
    finally:
        timer.cancel()
        for task in telling:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
