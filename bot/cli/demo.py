"""``python -m bot demo [TEXT]``: the real bot between a sandbox Slack and a sandbox Baseten."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from tempfile import TemporaryDirectory

from pydantic import AnyHttpUrl, SecretStr

from bot.access.rules import Actor, Verb
from bot.app import running
from bot.cli.demo_data import NAMES, seed_demo_data, seed_people
from bot.cli.demo_session import DemoSession
from bot.cli.demo_user import DemoUser
from bot.cli.prompt import Prompt, line_editing
from bot.cli.screen import Screen, console
from bot.sandbox import SandboxBaseten, SandboxSlack
from bot.settings import Settings
from bot.telemetry.logs import configure_logs
from bot.telemetry.redaction import Redactor
from bot.views.installation import Installation
from bot.watches.poller import PollInterval
from bot.wiring import Tuning

DEFAULT = "research llama-3-finetune"
_POLL_INTERVAL = PollInterval(fast=2.0, slow=5.0)  # no one shares this Baseten, and the user waits


async def demo(text: str) -> int:
    """Send the command to the bot as a signed HTTP request, and draw the answers.

    Args:
        text: the words after the command. If empty, the demo sends a default, and then reads
            commands from standard input.
    """
    with line_editing():
        screen = Screen(console(), NAMES)
        screen.say("The real bot runs between a sandbox Slack and a sandbox Baseten.\n")
        async with demo_session(screen) as session:
            await session.user.type(text or DEFAULT)
            if not text:
                await session.read_commands()
    sys.stdout.flush()
    return 0


@asynccontextmanager
async def demo_session(screen: Screen) -> AsyncIterator[DemoSession]:
    """Run the bot between the two sandboxes, for a user with this screen."""
    async with AsyncExitStack() as stack:
        baseten = await stack.enter_async_context(SandboxBaseten())
        slack = await stack.enter_async_context(SandboxSlack())
        folder = stack.enter_context(TemporaryDirectory(prefix="bot-demo-"))
        seed_demo_data(baseten)
        seed_people(slack)
        settings = _settings(slack, baseten, folder)
        configure_logs("error", None, Redactor(settings.secrets))
        tuning = Tuning(poll_interval=_POLL_INTERVAL, allows=_allow_all)
        bot = await stack.enter_async_context(running(settings, tuning))
        serving = asyncio.create_task(bot.serve())
        stack.callback(serving.cancel)
        slack.bot_url = bot.url
        await bot.health.ready()
        yield DemoSession(DemoUser(slack, screen, Prompt(), Installation()), baseten)


def _allow_all(actor: Actor, verb: Verb, team: str) -> bool:
    """Let the user stop jobs too; in a real bot that needs a grant."""
    del actor, verb, team
    return True


def _settings(slack: SandboxSlack, baseten: SandboxBaseten, folder: str) -> Settings:
    """Return settings that use nothing of this machine's environment."""
    return Settings(
        slack_bot_token=SecretStr(slack.bot_token),
        slack_app_token=None,
        slack_signing_secret=SecretStr(slack.signing_secret),
        slack_api_url=AnyHttpUrl(slack.api_url),
        baseten_api_key=SecretStr(baseten.api_key),
        baseten_api_url=AnyHttpUrl(baseten.url),
        baseten_timeout=15,
        database_url=SecretStr(f"sqlite:///{folder}/bot.db"),
        host="127.0.0.1",
        port=0,
        access_file=None,
        ask_near_names=True,
        log_level="error",
        log_format=None,
    )
