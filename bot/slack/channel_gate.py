"""A gate for each channel: few posts at once, in the order of their arrival."""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TypeAlias

MOST_IN_FLIGHT = 4
Parked: TypeAlias = Callable[[], AbstractAsyncContextManager[None]]


@dataclass(slots=True)
class _Channel:
    """The posts of one channel.

    Attributes:
        in_flight: posts under way.
        waiting: a future for each post that waits, done when that post can begin.
        paused_until: the end of the pause, on the gate's clock.
        opens: the timer that ends the pause; None in an open channel.
    """

    in_flight: int = 0
    paused_until: float = -math.inf
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    opens: asyncio.TimerHandle | None = None


class ChannelGate:
    """Let at most four posts a channel be in flight, and pause a channel that Slack limits.

    Channels do not wait for each other, and an idle channel takes no memory.

    Args:
        now: a clock in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._channels: dict[str, _Channel] = {}

    def __len__(self) -> int:
        """Return the number of channels in use or paused."""
        return len(self._channels)

    @asynccontextmanager
    async def place(self, channel_id: str, parked: Parked = nullcontext) -> AsyncIterator[None]:
        """Hold one of the channel's places in the block.

        Args:
            channel_id: the channel.
            parked: entered while the caller waits for its place, and only then.
        """
        channel = self._channels.setdefault(channel_id, _Channel())
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        channel.waiting.append(turn)
        self._admit(channel_id, channel)
        try:
            if not turn.done():
                async with parked():
                    await turn
            yield
        finally:
            if turn.done() and not turn.cancelled():
                channel.in_flight -= 1
            else:
                turn.cancel()
            self._admit(channel_id, channel)

    def pause(self, channel_id: str, seconds: float) -> None:
        """Let no further post begin in the channel for so many seconds; never end a pause early."""
        channel = self._channels.setdefault(channel_id, _Channel())
        if channel.opens is not None:
            channel.opens.cancel()
        channel.paused_until = max(channel.paused_until, self._now() + seconds)
        wait = channel.paused_until - self._now()
        loop = asyncio.get_running_loop()
        channel.opens = loop.call_later(wait, self._open, channel_id, channel)

    def paused_for(self, channel_id: str) -> float:
        """Return the seconds until the end of the channel's pause; 0 in an open channel."""
        channel = self._channels.get(channel_id)
        return max(0.0, channel.paused_until - self._now()) if channel else 0.0

    def _open(self, channel_id: str, channel: _Channel) -> None:
        channel.opens, channel.paused_until = None, -math.inf
        self._admit(channel_id, channel)

    def _admit(self, channel_id: str, channel: _Channel) -> None:
        """Begin as many waiting posts as have a place, and forget a channel without any."""
        while channel.waiting and (
            channel.waiting[0].cancelled()
            or (channel.in_flight < MOST_IN_FLIGHT and channel.paused_until <= self._now())
        ):
            turn = channel.waiting.popleft()
            if not turn.cancelled():
                channel.in_flight += 1
                turn.set_result(None)
        idle = not (channel.waiting or channel.in_flight or channel.opens)
        if idle and self._channels.get(channel_id) is channel:
            del self._channels[channel_id]
