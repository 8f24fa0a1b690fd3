"""A message becomes the payload of Slack's methods."""

import json

from bot.slack.message import Message, SlackCallFailed
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
    refused = SlackCallFailed("is_archived")
    assert (refused.error, refused.outcome_unknown, str(refused)) == (
        "is_archived",
        False,
        "is_archived",
    )
    assert SlackCallFailed("TimeoutError", outcome_unknown=True).outcome_unknown
