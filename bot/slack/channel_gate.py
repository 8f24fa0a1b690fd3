"""A limit on the concurrent posts of each channel, in the order of their arrival."""

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
        in_flight: the number of posts that have begun and not ended.
        paused_until: the end of the pause, on the gate's clock.
        waiting: a future for each waiting post. Its result is set when the post can begin.
        opens: the timer that ends the pause; None without a pause.
    """

    in_flight: int = 0
    paused_until: float = -math.inf
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    opens: asyncio.TimerHandle | None = None


class ChannelGate:
    """Limit each channel to four concurrent posts, and pause a channel that Slack rate-limits.

    Channels do not wait for each other, and an idle channel uses no memory.
    https://docs.slack.dev/apis/web-api/rate-limits

    Args:
        now: a clock that returns seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._channels: dict[str, _Channel] = {}

    def __len__(self) -> int:
        """Return the number of channels in use or paused."""
        return len(self._channels)

    @asynccontextmanager
    async def place(self, channel_id: str, parked: Parked = nullcontext) -> AsyncIterator[None]:
        """Return a context manager that waits for one of the channel's places and then holds it.

        Args:
            channel_id: the channel.
            parked: a context that is entered during the wait. Without a wait it is not entered.
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
        """Hold back new posts in the channel for some seconds. A longer current pause stays."""
        channel = self._channels.setdefault(channel_id, _Channel())
        if channel.opens is not None:
            channel.opens.cancel()
        channel.paused_until = max(channel.paused_until, self._now() + seconds)
        wait = channel.paused_until - self._now()
        loop = asyncio.get_running_loop()
        channel.opens = loop.call_later(wait, self._open, channel_id, channel)

    def paused_for(self, channel_id: str) -> float:
        """Return the seconds until the end of the channel's pause; 0 without a pause."""
        channel = self._channels.get(channel_id)
        return max(0.0, channel.paused_until - self._now()) if channel else 0.0

    def _open(self, channel_id: str, channel: _Channel) -> None:
        channel.opens, channel.paused_until = None, -math.inf
        self._admit(channel_id, channel)

    def _admit(self, channel_id: str, channel: _Channel) -> None:
        """Start waiting posts while the channel has places. Delete the channel if it is idle."""
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
