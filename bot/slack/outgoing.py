"""What holds for each HTTP request to Slack: its host, its redirects, and a circuit for each host.

Each class is a middleware of the aiohttp session.
https://docs.aiohttp.org/en/stable/client_middleware_cookbook.html
"""

from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from bot.circuit import Circuit, CircuitOpenError

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# The hosts of response URLs, also in GovSlack.
_RESPONSE_HOSTS = frozenset(
    {("https", "hooks.slack.com", 443), ("https", "hooks.slack-gov.com", 443)}
)
_FAILURES = (aiohttp.ClientError, TimeoutError, OSError)


class SlackPausedError(aiohttp.ClientError):
    """Slack keeps failing, so the request was not sent.

    Attributes:
        retry_after: seconds until the bot sends the next request.
    """

    def __init__(self, retry_after: float) -> None:
        super().__init__("paused")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class SlackHostsOnly:
    """Refuse requests to other hosts: a payload or a stored state could name any.

    Attributes:
        api_url: the address of the Web API; response URLs can have its host too.
    """

    api_url: URL

    async def __call__(
        self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send the request.

        Raises:
            aiohttp.InvalidURL: the host is not Slack's; nothing was sent.
        """
        host = _host(request.url)
        if host not in _RESPONSE_HOSTS and host != _host(self.api_url):
            raise aiohttp.InvalidURL("a host that is not Slack's")
        return await send(request)


class RefuseRedirects:
    """Refuse redirects: slack_sdk would post the text to another host."""

    async def __call__(
        self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Return the answer.

        Raises:
            aiohttp.TooManyRedirects: it is a redirect.
        """
        answer = await send(request)
        if answer.status in _REDIRECTS:  # whichever header names the address
            answer.close()
            raise aiohttp.TooManyRedirects(answer.request_info, (answer,), status=answer.status)
        return answer


@dataclass(frozen=True, slots=True)
class PauseWhileFailing:
    """Send nothing to Slack's Web API, or to its response URLs, while it keeps failing.

    Attributes:
        api_path: the path of the Web API, as in ``/api/``.
    """

    api_path: str
    _api: Circuit = field(default_factory=lambda: Circuit("Slack"))
    _response_urls: Circuit = field(default_factory=lambda: Circuit("Slack's response URLs"))

    async def __call__(
        self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Return the answer.

        Raises:
            SlackPausedError: the server keeps failing; nothing was sent.
        """
        api = request.url.raw_path.startswith(self.api_path)
        try:
            with (self._api if api else self._response_urls).call(*_FAILURES) as call:
                answer = await send(request)
                call.failed = answer.status >= 500  # noqa: PLR2004 - HTTP's own class
        except CircuitOpenError as error:
            raise SlackPausedError(error.retry_after) from None
        return answer


def _host(url: URL) -> tuple[str, str | None, int | None]:
    return url.scheme, url.host, url.port
