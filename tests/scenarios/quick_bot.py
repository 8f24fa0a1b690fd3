"""The bot as a process that looks at jobs all the time: python -m tests.scenarios.quick_bot."""

import asyncio
import signal
import sys

from bot.app import running
from bot.settings import load_settings
from bot.telemetry.logs import configure_logs
from bot.telemetry.redaction import Redactor
from bot.watches.poller import PollInterval
from bot.wiring import Tuning


async def main() -> None:
    """Run until SIGTERM."""
    settings = load_settings()
    configure_logs("info", "json", Redactor(settings.secrets))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    tuning = Tuning(poll_interval=PollInterval(fast=0.3, slow=0.3), looks=(0.3, 0.3))
    async with running(settings, tuning) as bot:
        serving = asyncio.create_task(bot.serve())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        serving.cancel()


if __name__ == "__main__":
    asyncio.run(main())
    sys.exit(0)
