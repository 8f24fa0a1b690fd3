"""The app of Bolt, which finds the listener for a request."""

from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient

from bot.connections import Connections
from bot.listeners.authorization import Authorization


def build_bolt(out: Connections, authorization: Authorization) -> AsyncApp:
    """Return the app, to which the server passes checked requests."""

    async def authorize() -> AuthorizeResult:  # Bolt accepts no bound method
        return await authorization.proved()

    # The client has no token: Bolt gives its copies the token from authorize(). The server checks
    # the signature before Bolt gets a request.
    return AsyncApp(
        client=AsyncWebClient(base_url=out.slack.base_url, session=out.session),
        authorize=authorize,
        process_before_response=True,
        request_verification_enabled=False,
        signing_secret="",
        raise_error_for_unhandled_request=True,
    )
