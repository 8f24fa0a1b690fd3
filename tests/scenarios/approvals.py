"""A team in which new projects wait, and the people who ask and decide."""

from typing import Any

from bot.sandbox.slack.records import Delivery, PostedMessage
from tests.conftest import Env
from tests.scenarios.rules import DANA, GROUP, HERE, LEE, THERE

SAM = "U0SAM00001"  # decides, beside the people of the group, among them Dana
RULE = f"""
[[approve]]
teams = ["Research"]
by = ["{GROUP}", "{SAM}"]
channel = "{THERE}"
"""
ASK = "approval/1:*"  # the task
APPROVE, DECLINE = "approve_project", "decline_project"


def cards(env: Env, channel: str = THERE) -> list[PostedMessage]:
    """The questions in the channel of the rule."""
    return [each for each in env.slack.messages if each.channel == channel]


def buttons(card: PostedMessage) -> list[dict[str, Any]]:
    """The buttons of a question."""
    return [each for block in card.blocks for each in block.get("elements", []) if "value" in each]


def direct(env: Env, user: str = LEE) -> list[str]:
    """The direct messages that a person has got."""
    return [each.text for each in env.slack.messages if each.channel == f"D{user[1:]}"]


def projects(env: Env, channel: str = HERE) -> list[PostedMessage]:
    """The messages about projects in the channel of the request."""
    return [each for each in env.slack.messages if each.channel == channel]


def said(env: Env, user: str) -> list[str]:
    """The ephemeral words to a person."""
    return [told.text for told in env.slack.ephemerals if told.user == user]


async def asked(
    env: Env, name: str = "sft", *, user: str = LEE, channel: str = HERE
) -> PostedMessage:
    """Type the command for a new project; return the question about it, once the person knows."""
    count, told = len(cards(env)), len(said(env, user))
    await env.slack.command(f"research {name}", user=user, channel=channel)
    await env.slack.until(lambda: len(cards(env)) > count and len(said(env, user)) > told)
    return cards(env)[-1]


async def decide(
    env: Env, card: PostedMessage, button: str = APPROVE, user: str = DANA
) -> Delivery:
    """Press a button of the question."""
    return await env.slack.action(card, button, user=user)


async def heard(env: Env, words: str, user: str = LEE) -> str:
    """Wait until a person gets a direct message with these words, and return it."""
    await env.slack.until(lambda: any(words in text for text in direct(env, user)))
    return next(text for text in direct(env, user) if words in text)


async def told(env: Env, words: str, user: str) -> str:
    """Wait until a person alone hears these words, and return the sentence."""
    await env.slack.until(lambda: any(words in text for text in said(env, user)))
    return next(text for text in said(env, user) if words in text)


async def closed(env: Env, card: PostedMessage) -> str:
    """Wait until the question has no buttons any more, and return it as text."""
    await env.slack.until(lambda: not buttons(card))
    return str(card.blocks)


def nothing_created(env: Env) -> bool:
    """Whether Baseten was asked to create nothing."""
    return not env.baseten.upserts


def copied(card: PostedMessage, value: str, channel: str = THERE) -> PostedMessage:
    """A message with a button that somebody else has made."""
    button = {"type": "button", "action_id": APPROVE, "value": value}
    return PostedMessage(
        channel=channel,
        ts=card.ts,
        user=card.user,
        text=card.text,
        blocks=[{"type": "actions", "block_id": "b", "elements": [button]}],
        via=card.via,
    )
