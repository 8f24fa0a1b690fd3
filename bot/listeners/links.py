"""The links to training projects and jobs that people post."""

from dataclasses import dataclass
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.access.rules import checked_place, is_user_id
from bot.handlers.services import Services
from bot.projects.links import training_links
from bot.slack.unfurls import LinkPlace

POSTED = "conversations_history"  # the source of links in a posted message


@dataclass(frozen=True, slots=True)
class Links:
    """The listener for links. https://docs.slack.dev/reference/events/link_shared"""

    services: Services

    async def shared(self, ack: AsyncAck, body: dict[str, Any], event: dict[str, Any]) -> None:
        """Ack at once; the previews follow. Event ``link_shared``.

        A link in the composer gets no preview: its channel is not known yet, so nobody can say
        whether other companies see it. Slack sends the event again when the message is posted. In a
        channel that is shared with another company, or might be, links get no preview either.
        """
        await ack()
        author, source = event.get("user") or "", event.get("source") or POSTED
        private = body.get("is_ext_shared_channel") is False
        if not private or source != POSTED or not is_user_id(author):
            return
        links = training_links(_urls(event.get("links")))
        if not links:
            return
        place = LinkPlace(
            event["channel"], event["message_ts"], event.get("unfurl_id") or "", source
        )
        checked_place(place.channel_id, place.ts)
        event_id, unfurl = body["event_id"], self.services.unfurl.unfurl
        self.services.in_flight.start(lambda: unfurl(event_id, author, place, links))


def _urls(links: object) -> list[str]:
    """Return the addresses in the event; none of those that have another form."""
    shared = links if isinstance(links, list) else []
    urls = [link.get("url") for link in shared if isinstance(link, dict)]
    return [url for url in urls if isinstance(url, str)]
