"""A message for Slack, and what is known of one that did not arrive."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Block = dict[str, Any]  # as Slack takes it: slack_sdk's classes cost ten times as much to build


@dataclass(frozen=True, slots=True)
class Message:
    """A message to a channel or a person.

    Attributes:
        text: for notifications, screen readers and whatever cannot show blocks; mrkdwn.
        blocks: the same as Block Kit.
    """

    text: str
    blocks: Sequence[Block]

    def payload(self) -> dict[str, Any]:
        """Return the fields that Slack's methods, response URLs and acks take."""
        return {"text": self.text, "blocks": list(self.blocks)}


class NotTakenError(Exception):
    """Slack did not take, or did not confirm, what it was sent.

    Attributes:
        error: Slack's own code, such as ``is_archived``, or what happened to the connection.
        maybe: whether it may have arrived all the same, so that posting again could double it.
        passing: whether the same may be taken later: Slack was not reached, or had too much to do.
        wait: seconds until then, where Slack said so; else 0.
    """

    def __init__(
        self, error: str, *, maybe: bool = False, passing: bool = False, wait: float = 0.0
    ) -> None:
        super().__init__(error)
        self.error = error
        self.maybe = maybe
        self.passing = passing
        self.wait = wait
