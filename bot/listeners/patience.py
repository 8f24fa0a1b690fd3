"""Tell a person who waits that the bot is still on it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from bot.message import Message

SLOW = 2.0  # seconds until the person is told that it takes longer


@asynccontextmanager
async def patience(
    tell: Callable[[Message], Awaitable[None]], notice: Message
) -> AsyncIterator[None]:
    """Tell the person once, if what is done in this block takes long."""

    async def tell_later() -> None:
        await asyncio.sleep(SLOW)
        await tell(notice)

    telling = asyncio.create_task(tell_later())
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
