"""Send a person a notice when the work for them takes long."""

import asyncio
from collections.abc import Awaitable, Callable

from bot.slack.message import Message

SLOW = 2.0  # seconds until the person gets the notice


class notify_if_slow:  # noqa: N801 - used like a function, in `async with`
    """Send the notice once if the block takes longer than `SLOW`.

    A class, because every command passes it, and a generator costs more.

    Args:
        send: sends a message to the person.
        notice: returns the message; called only if the block is slow.
    """

    __slots__ = ("_notice", "_send", "_sending", "_timer")

    def __init__(
        self, send: Callable[[Message], Awaitable[None]], notice: Callable[[], Message]
    ) -> None:
        self._send = send
        self._notice = notice
        self._sending: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(SLOW, self._start)

    async def __aexit__(self, *_error: object) -> None:
        self._timer.cancel()
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)

    def _start(self) -> None:
        async def send() -> None:
            await self._send(self._notice())

        self._sending = asyncio.create_task(send())
