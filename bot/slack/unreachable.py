"""Why a call of Slack failed, in words for an operator, and without names of hosts."""

import errno
import ssl

import aiohttp

from bot.slack.message import SlackCallFailed
from bot.slack.web_api import PAUSED, UNREACHABLE, UNREADABLE

_NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH)
_UNTRUSTED = (
    "the server's certificate is not trusted; if a proxy of your company reads the traffic, set"
    " SSL_CERT_FILE to a file with its certificate"
)
_OTHER_SERVER = "check a proxy, or SLACK_API_URL"
# The first kind that fits; some are kinds of later ones.
_CAUSES: tuple[tuple[type[BaseException], str], ...] = (
    (
        aiohttp.ClientHttpProxyError,
        "the proxy refuses the connection; check HTTPS_PROXY, with its user and password",
    ),
    (aiohttp.ClientProxyConnectionError, "the proxy cannot be reached; check HTTPS_PROXY"),
    (ssl.SSLCertVerificationError, _UNTRUSTED),
    (ssl.SSLError, "the server does not speak TLS; check SLACK_API_URL, or a proxy"),
    (
        aiohttp.ClientConnectorDNSError,
        "the name of Slack's server is not found; check the network and its DNS",
    ),
    (
        aiohttp.ConnectionTimeoutError,
        "a connection is not answered; check the network and its DNS, a firewall, or a proxy",
    ),
    (TimeoutError, "no answer in time; check the network, a firewall, or a proxy"),
    (
        aiohttp.ClientPayloadError,
        "the answer breaks off; check the network, a firewall, or a proxy",
    ),
    (aiohttp.TooManyRedirects, f"a redirect; {_OTHER_SERVER}"),
    (aiohttp.ClientResponseError, f"{UNREADABLE}; {_OTHER_SERVER}"),
)


def why_failed(error: SlackCallFailed) -> str:
    """Return the reason, with the cure if one is known."""
    cause = error.__cause__
    for kind, why in _CAUSES:
        if isinstance(cause, kind):
            return why
    if isinstance(cause, OSError) and cause.errno in _NO_ROUTE:
        return "the network has no way to the server; check it, or set HTTPS_PROXY"
    if error.error == UNREACHABLE:
        return "a connection is refused; check the network, a proxy, or SLACK_API_URL"
    if isinstance(cause, aiohttp.ServerConnectionError | OSError):
        return "the connection breaks off; check the network, a firewall, or a proxy"
    if error.error == PAUSED or error.error.startswith("status 5"):
        what = "Slack keeps failing, so calls pause" if error.error == PAUSED else error.error
        return f"{what}; see slack-status.com, or {_OTHER_SERVER}"
    if error.error == UNREADABLE or error.error.startswith("status "):
        return f"{error.error}; {_OTHER_SERVER}"
    return error.error
