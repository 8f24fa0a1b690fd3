"""What the bot has sent to the user of the demo, and what the user has seen of it."""

import json
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import quote

from bot.cli.controls import controls
from bot.cli.mrkdwn import Mrkdwn
from bot.sandbox.slack.records import Ephemeral, PostedMessage, View
from bot.sandbox.slack.server import SandboxSlack

_BUILDER = "https://app.slack.com/block-kit-builder/#"
Seen: TypeAlias = frozenset[tuple[str, int]]  # ids, each with its number of changes


@dataclass(slots=True)
class Inbox:
    """The messages, modals and the home tab of one person.

    Attributes:
        slack: the person's Slack.
    """

    slack: SandboxSlack
    _taken: set[tuple[str, int]] = field(default_factory=set)

    def unseen(self) -> list[PostedMessage | Ephemeral]:
        """Return the messages that are new or changed."""
        return [each for each in self._messages() if (each.ts, each.edits) not in self._taken]

    def knows(self, message: PostedMessage | Ephemeral) -> bool:
        """Return whether the person has seen the message before its last change."""
        return any(ts == message.ts for ts, _ in self._taken)

    def take(self, message: PostedMessage | Ephemeral) -> None:
        """Remember that the person has seen the message as it is."""
        self._taken.add((message.ts, message.edits))

    def home(self) -> View | None:
        """Return the home tab, if the bot has published one."""
        return next((each for each in self.slack.views if each.payload["type"] == "home"), None)

    def home_changed(self) -> bool:
        """Return whether the home tab has changed since the person has seen it."""
        home = self.home()
        return home is not None and (home.id, home.updates) not in self._taken

    def take_home(self) -> None:
        """Remember that the person has seen the home tab as it is."""
        home = self.home()
        if home is not None:
            self._taken.add((home.id, home.updates))

    def state(self) -> Seen:
        """Return the messages and views that there are; a modal that loads is left out."""
        messages = {(each.ts, each.edits) for each in self._messages()}
        views = {(each.id, each.updates) for each in self.slack.views if not _loads(each)}
        return frozenset(messages | views)

    def changed(self, before: Seen) -> bool:
        """Return whether something has appeared, changed or gone since then."""
        return self.state() != before or bool(self.unseen())

    def new_modal(self, before: Seen) -> View | None:
        """Return the last modal, if it has appeared or changed since then and is open."""
        modals = [each for each in self.slack.views if each.payload["type"] == "modal"]
        view = modals[-1] if modals else None
        if view is None or view.closed or _loads(view) or (view.id, view.updates) in before:
            return None
        return view

    def _messages(self) -> list[PostedMessage | Ephemeral]:
        return [*self.slack.messages, *self.slack.ephemerals]


def summary(message: PostedMessage | Ephemeral) -> str:
    """Return the first line, which begins with the status."""
    return Mrkdwn({}).line(message.text.partition("\n")[0]).plain


def address(blocks: list[dict[str, Any]]) -> str:
    """Return the address of these blocks in Slack's Block Kit Builder."""
    content = json.dumps({"blocks": blocks}, separators=(",", ":"))
    return f"{_BUILDER}{quote(content, safe='')}"


def _loads(view: View) -> bool:
    """Return whether a modal only says that its content will follow."""
    modal = view.payload["type"] == "modal"
    return modal and not (view.updates or view.payload.get("submit") or controls(view.blocks))
