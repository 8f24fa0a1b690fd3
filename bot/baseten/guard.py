"""The limits of the bot as a whole towards Baseten: requests a second, and a circuit."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

import httpx

from bot.baseten.endpoints import endpoint_of
from bot.baseten.errors import Paused, Throttled
from bot.circuit import Circuit, CircuitOpenError

_LONGEST_WAIT = 3.0  # seconds
_WINDOW = 1.0  # seconds


class Throttle:
    """Send no more requests a second to one endpoint than Baseten allows.

    Requests that would exceed the limit get the next free moments, in the order of their arrival.

    Args:
        per_second: the limit of each endpoint; 0: any number.
        clock: a monotonic clock.
    """

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._clock = clock
        self._moments: dict[str, deque[float]] = {}  # of the last requests, by endpoint

    def reserve(self, endpoint: str) -> float:
        """Return the seconds until the request can be sent.

        Raises:
            Throttled: the wait would be longer than 3 seconds; nothing is reserved.
        """
        if not self._per_second:
            return 0.0
        moments = self._moments.setdefault(endpoint, deque(maxlen=self._per_second))
        now = self._clock()
        at = now
        if len(moments) == self._per_second:
            at = max(now, moments[0] + _WINDOW)
        if at - now > _LONGEST_WAIT:
            raise Throttled(at - now)
        moments.append(at)
        return at - now


class GuardedTransport(httpx.AsyncBaseTransport):
    """Wait for the turn of each request, and send none while Baseten keeps failing.

    Args:
        transport: sends the requests.
        throttle: the limit of each endpoint.
        circuit: counts the failures of Baseten.
    """

    def __init__(
        self, transport: httpx.AsyncBaseTransport, throttle: Throttle, circuit: Circuit
    ) -> None:
        self._transport = transport
        self._throttle = throttle
        self._circuit = circuit

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer to a request.

        Raises:
            Paused: Baseten keeps failing; nothing was sent.
            Throttled: too many requests wait for this endpoint; nothing was sent.
        """
        try:
            self._circuit.check()
            if wait := self._throttle.reserve(endpoint_of(request.method, request.url.path)):
                await asyncio.sleep(wait)
            with self._circuit.call(httpx.TransportError) as call:
                response = await self._transport.handle_async_request(request)
                call.failed = response.status_code >= 500  # noqa: PLR2004 - HTTP's own class
        except CircuitOpenError as error:
            raise Paused(str(error), error.retry_after) from None
        return response
