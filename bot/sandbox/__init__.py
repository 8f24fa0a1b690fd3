"""A Slack and a Baseten on loopback, for the tests and the demo: real HTTP, no accounts.

Start both, configure the bot with their addresses, act as a user, and check the results:

    async with SandboxSlack() as slack, SandboxBaseten() as baseten:
        baseten.add_team("Research")
        ...  # run the bot with slack.api_url and baseten.url, and set slack.bot_url
        await slack.command("research llama-3-finetune")
        await slack.until(lambda: len(slack.messages) == 1)
"""

from bot.sandbox import refusals
from bot.sandbox.baseten.server import SandboxBaseten
from bot.sandbox.clock import Clock
from bot.sandbox.fake_server import FakeServer, Recorded
from bot.sandbox.faults import Delay, Drop, Faults, Garble, Hang, Hold, Late, Respond
from bot.sandbox.slack.records import (
    BotUnreachableError,
    Channel,
    Completion,
    Delivery,
    Ephemeral,
    PostedMessage,
    View,
)
from bot.sandbox.slack.server import SandboxSlack

__all__ = [
    "BotUnreachableError",
    "Channel",
    "Clock",
    "Completion",
    "Delay",
    "Delivery",
    "Drop",
    "Ephemeral",
    "FakeServer",
    "Faults",
    "Garble",
    "Hang",
    "Hold",
    "Late",
    "PostedMessage",
    "Recorded",
    "Respond",
    "SandboxBaseten",
    "SandboxSlack",
    "View",
    "refusals",
]
