"""The commands that the user of the demo types at its prompt."""

import asyncio
import logging
from dataclasses import dataclass

from bot.cli.demo_help import COMMANDS, INTRO
from bot.cli.demo_jobs import DemoJobs, UnknownProjectError
from bot.cli.demo_user import DemoUser
from bot.cli.inbox import address
from bot.cli.prompt import at_terminal
from bot.sandbox.baseten.server import SandboxBaseten
from bot.sandbox.faults import Delay, Fault, Respond

_PROMPT = "> "
_SENDING = r"/api/chat\.(postMessage|postEphemeral|update)|/response/.*"
_FAULTS: dict[str, tuple[str, str, Fault]] = {
    "break baseten": ("baseten", ".*", Respond(502, body=b"Bad gateway")),
    "slow baseten": ("baseten", ".*", Delay(4)),
    "break slack": ("slack", _SENDING, Respond(429, headers={"Retry-After": "3"})),
}


@dataclass(frozen=True, slots=True)
class DemoSession:
    """Read commands, and carry them out.

    Attributes:
        user: acts in Slack.
        baseten: the Baseten of the demo.
    """

    user: DemoUser
    baseten: SandboxBaseten

    async def read_commands(self) -> None:
        """Read commands until the end of the input."""
        user = self.user
        user.interactive = True
        if at_terminal():
            user.screen.say(f"{INTRO}\n")
        listening = asyncio.create_task(user.listen())
        try:
            while (typed := await self._next(listening)) not in {None, "q", "quit", "exit"}:
                await self.do(typed or "")
        finally:
            listening.cancel()
        user.screen.say("The demo ends, and its Slack and its Baseten with it.")

    async def do(self, typed: str) -> None:
        """Carry out one command."""
        screen = self.user.screen
        match typed.split(maxsplit=1):
            case []:
                return
            case [number] if number.isdecimal():
                await self.user.press(int(number))
            case ["b"]:
                screen.console.out(address(self.user.blocks), highlight=False)
            case ["home"]:
                await self.user.open_home()
            case ["help" | "?"]:
                screen.say(f"{COMMANDS}\n")
            case ["push" | "fail" | "finish" as verb, *project]:
                self._job(verb, " ".join(project))
            case _ if typed == "mend" or typed in _FAULTS:
                self._break(typed)
            case _:
                await self.user.type(typed)

    async def _next(self, listening: asyncio.Task[None]) -> str | None:
        """Return the next line; raise the error that has ended the listening."""
        prompt = _PROMPT if at_terminal() else ""
        asking = asyncio.ensure_future(self.user.prompt.ask(prompt, remember=True))
        try:
            await asyncio.wait({asking, listening}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                listening.result()
            return await asking
        finally:
            asking.cancel()

    def _job(self, verb: str, project: str) -> None:
        """Start or end a job."""
        jobs = DemoJobs(self.baseten)
        act = {"push": jobs.push, "fail": jobs.fail, "finish": jobs.finish}[verb]
        try:
            self.user.screen.say(f"{act(project)}\n")
        except UnknownProjectError as error:
            self.user.screen.say(f"{error}\n")

    def _break(self, word: str) -> None:
        """Make one of the two services fail from now on, or repair both."""
        slack = self.user.slack
        slack.faults.clear()
        self.baseten.faults.clear()
        self.user.patient = word != "break slack"
        # The user has asked for the failures that the bot logs from now on.
        logging.disable(logging.CRITICAL if word in _FAULTS else logging.NOTSET)
        if word not in _FAULTS:
            self.user.screen.say("Both services work again.\n")
            return
        which, path, fault = _FAULTS[word]
        (slack if which == "slack" else self.baseten).faults.always(path, fault)
        self.user.screen.say("Done, until you type mend.\n")
