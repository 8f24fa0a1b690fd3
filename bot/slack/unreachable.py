"""Why a call of Slack failed, in words for an operator, and without names of hosts."""

import ssl

import aiohttp

from bot.slack.message import SlackCallFailed
from bot.slack.web_api import UNREACHABLE, UNREADABLE


def why_failed(error: SlackCallFailed) -> str:
    """Return the reason, with the cure if one is known."""
    cause = error.__cause__
    if isinstance(cause, aiohttp.ClientHttpProxyError):
        return f"the proxy refuses the connection (status {cause.status}); check HTTPS_PROXY"
    if isinstance(cause, aiohttp.ClientProxyConnectionError):
        return "the proxy cannot be reached; check HTTPS_PROXY"
    if isinstance(cause, aiohttp.ClientConnectorCertificateError | ssl.SSLError):
        return (
            "the server's certificate is not trusted; if a proxy of your company reads the traffic,"
            " set SSL_CERT_FILE to a file with its certificate"
        )
    if isinstance(cause, aiohttp.ClientConnectorDNSError):
        return "the name of Slack's server is not found; check the network and its DNS"
    if isinstance(cause, aiohttp.ConnectionTimeoutError):
        return "a connection is not answered; check the network, a firewall, or a proxy"
    if isinstance(cause, TimeoutError):
        return "no answer in time; check the network, a firewall, or a proxy"
    if error.error == UNREACHABLE:
        return "a connection is refused; check the network, a proxy, or SLACK_API_URL"
    if error.error == UNREADABLE:
        return f"{UNREADABLE}; check a proxy, or SLACK_API_URL"
    return error.error
