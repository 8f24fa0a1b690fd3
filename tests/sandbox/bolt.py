"""A bot written with the official framework, for the sandbox's Slack to talk to."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import SandboxSlack

Furnish = Callable[[AsyncApp], None]


def app_for(slack: SandboxSlack, seed_demo_data: Furnish) -> AsyncApp:
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[])
    app = AsyncApp(client=client, signing_secret=slack.signing_secret, process_before_response=True)
    seed_demo_data(app)
    return app


@asynccontextmanager
async def over_http(slack: SandboxSlack, seed_demo_data: Furnish) -> AsyncIterator[None]:
    """Run the bot where Slack posts to it."""
    app = app_for(slack, seed_demo_data)

    async def events(request: web.Request) -> web.Response:
        headers: dict[str, Any] = dict(request.headers)
        bolt_request = AsyncBoltRequest(body=await request.text(), headers=headers)
        answer = await app.async_dispatch(bolt_request)
        kind = answer.headers.get("content-type", ["text/plain"])[0].split(";")[0]
        return web.Response(status=answer.status, text=answer.body, content_type=kind)

    server = web.Application()
    server.router.add_post("/slack/events", events)
    runner = web.AppRunner(server, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slack.bot_url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def over_a_socket(slack: SandboxSlack, seed_demo_data: Furnish) -> AsyncIterator[None]:
    """Run the bot where it connects to Slack."""
    handler = AsyncSocketModeHandler(
        app_for(slack, seed_demo_data), slack.app_token, web_client=None, ping_interval=1
    )
    await handler.connect_async()  # type: ignore[no-untyped-call]  # Bolt has no type here
    await slack.until(lambda: slack.sockets == 1)
    try:
        yield
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]  # nor here


Way = Callable[[SandboxSlack, Furnish], AbstractAsyncContextManager[None]]
