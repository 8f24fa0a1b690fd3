"""A transport of httpx over aiohttp. It uses a quarter of the CPU of httpx's own HTTP/1.1."""

import zlib
from collections.abc import Callable

import aiohttp
import httpx

from bot.baseten.errors import TooLarge

MOST_BYTES = 16 << 20  # of an answer; a list of 10,000 projects has 5.6 MB
MOST_LOG_BYTES = 2 << 20  # of the last lines of a log
_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Send requests through an aiohttp session, and read each answer completely.

    A `httpx.ConnectError` or `httpx.ConnectTimeout` means that nothing was sent.

    Args:
        session: checks certificates, pools connections and uses the proxy. The caller opens and
            closes it.
    """

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer to a request. The body of the request must be in memory.

        Raises:
            httpx.ConnectError: the connection failed, and nothing was sent.
            httpx.ConnectTimeout: the connection took too long, and nothing was sent.
            httpx.ReadError: the request might have arrived, but no complete answer came back.
            httpx.DecodingError: the answer cannot be decompressed.
            TooLarge: the answer has too many bytes; the rest of it is not read.
        """
        connect = request.extensions.get("timeout", {}).get("connect")
        most = MOST_LOG_BYTES if request.url.path.endswith("/logs") else MOST_BYTES
        try:
            async with self._session.request(
                request.method,
                str(request.url),
                headers=request.headers,
                data=request.content or None,
                allow_redirects=False,
                auto_decompress=False,  # aiohttp sets no limit for the decompressed bytes
                timeout=aiohttp.ClientTimeout(sock_connect=connect),
            ) as answer:
                body = await _read(answer, most)
        except aiohttp.ClientConnectorError as error:
            raise httpx.ConnectError(str(error)) from error
        except aiohttp.ConnectionTimeoutError as error:
            raise httpx.ConnectTimeout(str(error)) from error
        except aiohttp.ClientError as error:
            raise httpx.ReadError(str(error)) from error
        # The body is decompressed already.
        headers = [field for field in answer.raw_headers if field[0].lower() != b"content-encoding"]
        return httpx.Response(answer.status, headers=headers, content=body)


async def _read(answer: aiohttp.ClientResponse, most: int) -> bytes:
    """Return the decompressed body.

    Raises:
        httpx.DecodingError: the body cannot be decompressed.
        TooLarge: it has more than ``most`` bytes.
    """
    decompress = _decompressor(answer.headers.get("Content-Encoding", ""), most)
    body = bytearray()
    async for part in answer.content.iter_any():
        body += decompress(part)
        if len(body) > most:
            answer.close()
            raise TooLarge(most)
    return bytes(body)


def _decompressor(encoding: str, most: int) -> Callable[[bytes], bytes]:
    """Return a function that decompresses the parts of a body, each to ``most`` bytes or so."""
    encoding = encoding.strip().lower()
    if encoding in {"", "identity"}:
        return bytes
    if encoding not in {"gzip", "deflate"}:
        raise httpx.DecodingError("an encoding that the bot did not ask for")
    reader = None

    def decompress(part: bytes) -> bytes:
        nonlocal reader
        if reader is None:
            # Some servers send "deflate" without the header of zlib.
            bare = encoding == "deflate" and part[:1] and part[0] & 0x0F != 8  # noqa: PLR2004
            reader = zlib.decompressobj(_GZIP if encoding == "gzip" else _RAW if bare else _ZLIB)
        try:
            return reader.decompress(part, most + 1)
        except zlib.error as error:
            raise httpx.DecodingError(str(error)) from error

    return decompress
