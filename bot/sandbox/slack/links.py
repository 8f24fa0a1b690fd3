"""Links to the app's domain: the event, the previews, and the clicks in them.

https://docs.slack.dev/messaging/unfurling-links-in-messages
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from bot.sandbox.faults import Json
from bot.sandbox.slack import arguments as slack_arguments
from bot.sandbox.slack import block_kit
from bot.sandbox.slack.records import APP_ID, BOT_ID, CHANNEL, USER, SharedLinks, Unfurl
from bot.sandbox.slack.workspace import SlackRefusedError, Workspace

UNFURL_DOMAINS: Final = ("app.baseten.co",)
POSTED: Final = "conversations_history"
COMPOSER: Final = "composer"


@dataclass(frozen=True, slots=True)
class SlackLinks:
    """Pasted links, and the method `chat.unfurl`."""

    workspace: Workspace

    def paste(
        self, *urls: str, channel: str = CHANNEL, user: str | None = USER, source: str = POSTED
    ) -> SharedLinks:
        """Paste links: into a channel, or into the composer.

        Raises:
            LookupError: a link is not of a domain of the app.
        """
        for url in urls:
            if urlsplit(url).hostname not in UNFURL_DOMAINS:
                foreign = f"Slack sends no event for {url}"
                raise LookupError(foreign)
        workspace = self.workspace
        unique = f"{user}-{workspace.new_id('')}"
        composed = source == COMPOSER
        shared = SharedLinks(
            user=user,
            channel="COMPOSER" if composed else channel,
            ts=unique if composed else workspace.stamp(),
            unfurl_id=unique if composed else f"{channel}.{unique}",
            source=source,
            urls=urls,
            event_id=workspace.new_id("Ev"),
        )
        workspace.shared.append(shared)
        return shared

    def unfurl(self, arguments: dict[str, Json]) -> dict[str, Json]:
        """`chat.unfurl`: for a message, or for an `unfurl_id` with its source."""
        shared = self._meant(arguments)
        unfurls = arguments.get("unfurls")
        if not unfurls or not isinstance(unfurls, dict):
            raise SlackRefusedError(code="missing_unfurls")
        for url, unfurl in unfurls.items():
            if url not in shared.urls:
                raise SlackRefusedError(code="cannot_unfurl_url")
            blocks = unfurl.get("blocks") if isinstance(unfurl, dict) else None
            if not blocks or block_kit.message_problems(blocks):
                raise SlackRefusedError(code="cannot_parse_attachment")
        shared.previews |= {url: unfurl["blocks"] for url, unfurl in unfurls.items()}
        shared.unfurled += 1
        self.workspace.changed()
        return {}

    def _meant(self, arguments: dict[str, Json]) -> SharedLinks:
        by_id = {"unfurl_id", "source"} & arguments.keys()
        by_message = {"channel", "ts"} & arguments.keys()
        if by_id and by_message:
            raise SlackRefusedError(code="invalid_arguments")
        if by_id:
            wanted = slack_arguments.required(arguments, "unfurl_id")
            source = slack_arguments.required(arguments, "source")
            found = [each for each in self.workspace.shared if each.unfurl_id == wanted]
            if not found:
                raise SlackRefusedError(code="invalid_unfurl_id")
            if found[0].source != source:
                raise SlackRefusedError(code="invalid_source")
            return found[0]
        place = tuple(slack_arguments.required(arguments, name) for name in ("channel", "ts"))
        for shared in self.workspace.shared:
            if (shared.channel, shared.ts) == place:
                return shared
        raise SlackRefusedError(code="cannot_find_message")


def link_shared(shared: SharedLinks) -> dict[str, Json]:
    """Return the event for pasted links; without a person for those of another app."""
    sender = {} if shared.user is None else {"user": shared.user}
    return {
        "type": "link_shared",
        **sender,
        "channel": shared.channel,
        "is_bot_user_member": True,
        "message_ts": shared.ts,
        "unfurl_id": shared.unfurl_id,
        "source": shared.source,
        "links": [{"domain": urlsplit(url).hostname, "url": url} for url in shared.urls],
    }


def clicked(unfurl: Unfurl) -> dict[str, Json]:
    """Return the fields of a click that identify a preview; the message is not among them."""
    return {
        "container": {
            "type": "message_attachment",
            "message_ts": unfurl.ts,
            "attachment_id": 1,
            "channel_id": unfurl.channel,
            "is_ephemeral": False,
            "is_app_unfurl": True,
            "app_unfurl_url": unfurl.url,
        },
        "app_unfurl": {
            "id": 1,
            "app_id": APP_ID,
            "bot_id": BOT_ID,
            "is_app_unfurl": True,
            "app_unfurl_url": unfurl.url,
            "blocks": block_kit.with_ids(unfurl.blocks),
        },
    }
