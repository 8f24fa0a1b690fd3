"""The HTTP server: it listens from the beginning of the start to the end of the shutdown."""

from typing import Any

import structlog
from slack_bolt.response import BoltResponse

from bot.server.files import most_connections
from bot.server.guard import Guard, PortLimits
from bot.server.health import Health
from bot.server.http import Dispatch, build_server
from bot.server.port import Port
from bot.views.installation import Installation

log = structlog.stdlib.get_logger(__name__)


class Listener:
    """Listen on the operator's address, and pass Slack's requests on.

    Args:
        host: the address; ``::`` serves IPv4 too.
        port: the port; 0 chooses a free one.
        secret: Slack's signing secret; None in Socket Mode, which takes no requests here.
        installation: the person to ask, for the words while the bot takes nothing.
        shared: other replicas use the same database.
        limits: the limits for strangers; by default those that the open files allow.

    Attributes:
        health: what the health pages show.
        dispatch: passes a payload with a valid signature to Bolt.
    """

    def __init__(  # noqa: PLR0913 - its parts
        self,
        host: str,
        port: int,
        secret: str | None,
        installation: Installation,
        *,
        shared: bool,
        limits: PortLimits | None = None,
    ) -> None:
        self.health = Health()
        self.dispatch: Dispatch | None = None
        self._host = host
        guard = Guard(limits or PortLimits(connections=most_connections()))
        server = build_server(
            self.health, secret, self._pass_on, guard, installation, shared=shared
        )
        self._port = Port(server, host, port, ("HOST", "PORT"), guard)

    @property
    def url(self) -> str:
        """The address, once it listens."""
        return self._port.url

    async def listen(self) -> None:
        """Listen, unless it does; from here on the health pages answer.

        Raises:
            CannotListenError: the address is not one of this machine, or is taken.
        """
        if not self.url:
            await self._port.listen()
            log.info("listening", host=self._host, port=self._port.number)

    async def close(self) -> None:
        """Stop listening, after the acks that are under way. A second call does nothing."""
        await self._port.close()

    async def _pass_on(self, body: dict[str, Any], retries: int) -> BoltResponse:
        if self.dispatch is None:  # the health has a problem until it is set
            raise LookupError("the bot starts")
        return await self.dispatch(body, retries)
