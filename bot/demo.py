"""``python -m bot demo [TEXT]``: the real bot between a Slack and a Baseten made of sand."""

import asyncio
import json
import sys
from urllib.parse import quote

from pydantic import AnyHttpUrl, SecretStr

from bot.app import running
from bot.logs import configure_logs
from bot.redaction import Redactor
from bot.sandbox import Ephemeral, PostedMessage, SandboxBaseten, SandboxSlack, furnish
from bot.sandbox.terminal import draw
from bot.settings import Settings
from bot.views.text import COMMAND

DEFAULT = "research llama-3-finetune"
BUILDER = "https://app.slack.com/block-kit-builder/#"
_LONGEST_ANSWER = 60.0  # seconds


async def demo(text: str) -> int:
    """Send the command as Slack would, signed and over HTTP, and draw what comes back.

    Args:
        text: what is typed after the command; empty for the default, and for a prompt after it
            when there is a terminal.
    """
    async with SandboxBaseten() as baseten, SandboxSlack() as slack:
        furnish(baseten)
        slack.add_channel("C0SANDBOX1", name="ml-training")
        settings = _settings(slack, baseten)
        configure_logs("error", None, Redactor(settings.secrets))
        async with running(settings) as bot:
            serving = asyncio.create_task(bot.serve())
            slack.bot_url = bot.url
            await bot.health.ready()
            _say("A Slack and a Baseten on this machine, with the real bot between them.\n")
            await _command(slack, text or DEFAULT)
            if not text and sys.stdin.isatty():
                await _prompt(slack)
            serving.cancel()
    return 0


def _settings(slack: SandboxSlack, baseten: SandboxBaseten) -> Settings:
    """Make settings that owe nothing to this machine's environment."""
    return Settings(
        slack_bot_token=SecretStr(slack.bot_token),
        slack_app_token=None,
        slack_signing_secret=SecretStr(slack.signing_secret),
        slack_api_url=AnyHttpUrl(slack.api_url),
        baseten_api_key=SecretStr(baseten.api_key),
        baseten_api_url=AnyHttpUrl(baseten.url),
        baseten_timeout=15,
        host="127.0.0.1",
        port=0,
        log_level="error",
        log_format=None,
    )


async def _command(slack: SandboxSlack, text: str) -> None:
    """Type a command, wait for what the bot says to it, and draw that."""
    before = len(slack.messages) + len(slack.ephemerals)
    _say(f"You typed   {COMMAND} {text}\n")
    await slack.command(text)
    await slack.until(
        lambda: len(slack.messages) + len(slack.ephemerals) > before, timeout=_LONGEST_ANSWER
    )
    answers: list[PostedMessage | Ephemeral] = [*slack.messages, *slack.ephemerals]
    answer = max(answers, key=lambda said: said.ts)
    everyone = answer in slack.messages
    _say(f"The bot answered {'everyone in #ml-training' if everyone else 'you alone'}:\n")
    _say(draw(answer.blocks, color=sys.stdout.isatty()))
    blocks = json.dumps({"blocks": answer.blocks}, ensure_ascii=False, separators=(",", ":"))
    _say(f"\nThe same blocks, drawn by Slack: {BUILDER}{quote(blocks, safe='')}\n")


async def _prompt(slack: SandboxSlack) -> None:
    """Take further commands until the end of the input."""
    _say("Type what follows the command, such as: research support-bot-sft, or help.")
    _say("An empty line ends.\n")
    while typed := (await asyncio.to_thread(_read, f"{COMMAND} ")).strip():
        await _command(slack, typed)


def _read(prompt: str) -> str:
    try:
        return input(prompt)
    except EOFError:
        return ""


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
