"""Response URLs: each posts up to five messages, within half an hour of a person's action."""

from dataclasses import dataclass
from datetime import timedelta

from bot.sandbox.fake_server import Recorded
from bot.sandbox.faults import Json, Respond
from bot.sandbox.slack.records import Ephemeral, PostedMessage, ResponseUrl
from bot.sandbox.slack.workspace import SlackRefusedError, Workspace

MOST_USES = 5
LIFE = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class ResponseUrls:
    """Creates response URLs, and handles the POST requests to them."""

    workspace: Workspace

    def new(self, channel: str, user: str, source: PostedMessage | Ephemeral | None = None) -> str:
        """Return the path of a new one; it can replace or delete its source only."""
        secret = f"{self.workspace.new_id('R')}-not-so-secret"
        self.workspace.response_urls[secret] = ResponseUrl(
            channel, user, self.workspace.now(), source
        )
        return f"/response/{secret}"

    def post(self, secret: str, request: Recorded) -> Respond:
        """Return the response to a POST: `ok`, or an error word."""
        url = self.workspace.response_urls.get(secret)
        if url is None:
            return _words(404, "no_such_url")
        if self.workspace.now() - url.made > LIFE:
            return _words(404, "expired_url")
        if url.uses >= MOST_USES:
            return _words(404, "used_url")
        try:
            show(self.workspace, url, _message(request), "response_url")
        except SlackRefusedError as refused:
            return _words(400, refused.code)
        url.uses += 1
        return _words(200, "ok")


def _message(request: Recorded) -> dict[str, Json]:
    try:
        body = request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise SlackRefusedError(code="invalid_payload")
    return body


def show(workspace: Workspace, url: ResponseUrl, body: dict[str, Json], via: str) -> None:
    """Show a message from a response URL or an ack.

    Raises:
        SlackRefusedError: the message is empty, or exceeds a limit of Block Kit.
    """
    if body.get("delete_original"):
        # A command has no message of its own, so Slack deletes nothing.
        if url.source is not None:
            workspace.remove(url.source)
        return
    text, blocks = str(body.get("text") or ""), body.get("blocks") or []
    if body.get("replace_original") and url.source is not None:
        workspace.edit(url.source, text, blocks)
        return
    thread = body.get("thread_ts")
    ts = workspace.stamp()
    if body.get("response_type") == "in_channel":
        workspace.post(
            PostedMessage(url.channel, ts, None, text, blocks, via, thread, body.get("metadata"))
        )
    else:
        workspace.whisper(Ephemeral(url.channel, url.user, text, blocks, via, ts, thread))


def _words(status: int, words: str) -> Respond:
    return Respond(status, body=words.encode(), headers={"Content-Type": "text/plain"})
