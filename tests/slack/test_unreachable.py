"""The words for an operator about each way in which a call of Slack can fail."""

import errno
import ssl
from typing import NoReturn

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from bot.slack.message import SlackCallFailed
from bot.slack.outgoing import SlackPausedError
from bot.slack.unreachable import why_failed
from bot.slack.web_api import read_failure, send_once

HOST = "zq7.example.com"
KEY = ConnectionKey(HOST, 443, True, True, None, None, None)  # noqa: FBT003 - as in aiohttp
NO_HEADERS = CIMultiDictProxy(CIMultiDict[str]())
REQUEST = aiohttp.RequestInfo(URL(f"https://{HOST}"), "POST", NO_HEADERS)
FAILURES: list[tuple[Exception, str]] = [
    (aiohttp.ClientHttpProxyError(REQUEST, (), status=407), "the proxy refuses the connection; "),
    (
        aiohttp.ClientProxyConnectionError(KEY, OSError(errno.ECONNREFUSED, HOST)),
        "the proxy cannot be reached; check HTTPS_PROXY",
    ),
    (
        aiohttp.ClientConnectorCertificateError(KEY, ssl.SSLCertVerificationError(HOST)),
        "the server's certificate is not trusted; ",
    ),
    (ssl.SSLCertVerificationError(1, HOST), "the server's certificate is not trusted; "),
    (
        aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, HOST)),
        "the server does not speak TLS; ",
    ),
    (
        aiohttp.ClientConnectorDNSError(KEY, OSError(-2, HOST)),
        "the name of Slack's server is not found; ",
    ),
    (aiohttp.ConnectionTimeoutError(HOST), "a connection is not answered; "),
    (aiohttp.ServerTimeoutError(HOST), "no answer in time; "),
    (TimeoutError(HOST), "no answer in time; "),
    (aiohttp.ClientPayloadError(HOST), "the answer breaks off; "),
    (aiohttp.TooManyRedirects(REQUEST, (), status=302), "a redirect; "),
    (
        aiohttp.ClientResponseError(REQUEST, (), status=400, message=HOST),
        "an answer that is not Slack's; ",
    ),
    (
        aiohttp.ClientConnectorError(KEY, OSError(errno.ENETUNREACH, HOST)),
        "the network has no way to the server; ",
    ),
    (
        aiohttp.ClientConnectorError(KEY, OSError(errno.EHOSTUNREACH, HOST)),
        "the network has no way to the server; ",
    ),
    (
        aiohttp.ClientConnectorError(KEY, OSError(errno.ECONNREFUSED, HOST)),
        "a connection is refused; ",
    ),
    (aiohttp.ServerDisconnectedError(HOST), "the connection breaks off; "),
    (aiohttp.ClientOSError(errno.ECONNRESET, HOST), "the connection breaks off; "),
    (ConnectionResetError(errno.ECONNRESET, HOST), "the connection breaks off; "),
    (TypeError(HOST), "an answer that is not Slack's; "),
    (SlackPausedError(5.0), "Slack keeps failing, so calls pause; see slack-status.com"),
]


@pytest.mark.parametrize(("failure", "words"), FAILURES)
async def test_each_failure_has_words_without_the_name_of_a_host(
    failure: Exception, words: str
) -> None:
    async def send() -> NoReturn:
        raise failure

    with pytest.raises(SlackCallFailed) as failed:
        await send_once(send)
    assert why_failed(failed.value).startswith(words)
    assert "zq7" not in why_failed(failed.value)


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (500, "", "status 500; see slack-status.com, or check a proxy"),
        (503, "", "status 503; see slack-status.com, or check a proxy"),
        (404, "", "status 404; check a proxy, or SLACK_API_URL"),
        (200, "", "an answer that is not Slack's; check a proxy"),
        (200, "channel_not_found", "channel_not_found"),
    ],
)
def test_each_answer_has_words(status: int, code: str, words: str) -> None:
    assert why_failed(read_failure(status, {}, code)).startswith(words)
