"""A message as Slack takes it."""

import json

from bot.message import Message, NotTakenError
from bot.views.blocks import divider, section


def test_a_message_becomes_the_fields_that_slack_takes() -> None:
    message = Message("hello", [section("*hello*"), divider()])
    assert json.loads(json.dumps(message.payload())) == {
        "text": "hello",
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": "*hello*"}},
            {"type": "divider"},
        ],
    }


def test_a_message_that_was_not_posted_tells_why_and_whether_it_may_have_arrived() -> None:
    refused = NotTakenError("is_archived")
    assert (refused.error, refused.maybe, str(refused)) == ("is_archived", False, "is_archived")
    assert NotTakenError("TimeoutError", maybe=True).maybe
