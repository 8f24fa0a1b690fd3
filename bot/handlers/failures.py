"""The only place that catches failures: each is logged, and the person gets a message about it."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias, TypeVar

import structlog

from bot.durable.context import TaskContext
from bot.durable.in_flight import ShutdownError
from bot.durable.model import DurableError, Outcome
from bot.handlers.audit import Audit
from bot.handlers.permissions import actor_at
from bot.handlers.task_age import age, retry_later
from bot.slack.message import Message, ReplyTarget, SlackCallFailed
from bot.slack.messages import Poster
from bot.telemetry.observer import Observer
from bot.views.failure import FailureWording, failure_message, is_foreseen
from bot.views.installation import Installation

LAST_WORDS = 3.0  # seconds to send a person the message that the bot is shutting down

Result = TypeVar("Result")
Wording: TypeAlias = FailureWording | Callable[[], FailureWording]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Failures:
    """Turn each exception into a message for the person behind the request.

    Attributes:
        audit: gets the refusals.
    """

    poster: Poster
    audit: Audit
    installation: Installation = field(default_factory=Installation)
    observer: Observer = field(default_factory=Observer)

    async def run_and_report(
        self,
        place: ReplyTarget,
        wording: Wording,
        work: Callable[[], Awaitable[None]],
    ) -> None:
        """Run work that is not a task; send the person a message if it fails."""
        accepted = time.monotonic()

        async def send(message: Message) -> None:
            await self.poster.send_privately(place, message)
            self.observer.answer(time.monotonic() - accepted, place.channel_id)

        async def answer() -> None:
            await work()
            self.observer.answer(time.monotonic() - accepted, place.channel_id)

        await self.report_failures(wording, send, answer, place=place)

    async def run_task(
        self,
        context: TaskContext,
        place: ReplyTarget,
        wording: Wording,
        work: Callable[[Send], Awaitable[Outcome]],
        send: Send | None = None,
    ) -> Outcome | None:
        """Run an attempt at a task, and reschedule the task if Slack is away.

        Args:
            context: the attempt.
            place: the person, and the channel of the request.
            wording: as in `report_failures`.
            work: receives a function that sends the person the answer. The log has one line for
                it; a notice in between is sent with `Poster.send_privately`.
            send: sends a message to the person; by default a private one in the channel.

        Returns:
            The end of the attempt; None after a failure that the person got a message about.
        """
        to_person = send or partial(self.poster.send_privately, place, guard=context.may_post)

        async def answer(message: Message) -> None:
            await to_person(message)
            self.answered(context, place.channel_id)

        try:
            return await self.report_failures(wording, answer, lambda: work(answer), task=context)
        except SlackCallFailed as refused:
            return retry_later(context, refused)

    def answered(self, context: TaskContext, channel_id: str, ts: str = "") -> None:
        """Record that the answer to the request of a task is posted."""
        self.observer.answer(age(context.task), channel_id, ts)

    async def report_failures(
        self,
        wording: Wording,
        send: Send,
        work: Callable[[], Awaitable[Result]],
        *,
        task: TaskContext | None = None,
        place: ReplyTarget | None = None,
    ) -> Result | None:
        """Return the result of the work; None after a failure that the person got a message about.

        Args:
            wording: the words for this work, or a function that returns them after a failure.
            send: sends a message to the person.
            work: the call that can fail.
            task: the task of the work, if it is a task's. An error after which the task runs
                again, here or in another process, is raised, and the person gets no message.
            place: the person and the channel, if the work is no task's.
        """
        retryable = task is not None
        try:
            return await work()
        except asyncio.CancelledError:
            if not retryable:
                # The process shuts down, and the work did not finish in time.
                with suppress(TimeoutError, SlackCallFailed):
                    async with asyncio.timeout(LAST_WORDS):
                        await send(self.failure_text(ShutdownError(), wording))
            raise
        except Exception as error:
            if retryable and _runs_again(error):
                raise
            if task is not None:
                self.audit.refused(task, error)
            elif place is not None:
                self.audit.refused_request(actor_at(place), error)
            message = self.failure_text(error, wording)
            try:
                await send(message)
            except SlackCallFailed as refused:
                if retryable and refused.retryable:
                    raise
                log.error("cannot report a failure", slack_error=refused.error)  # noqa: TRY400
            return None

    def failure_text(self, error: Exception, wording: Wording) -> Message:
        """Log a failure and return its message; an unforeseen one gets a reference to the log."""
        if not isinstance(wording, FailureWording):
            wording = wording()
        reference = secrets.token_hex(4)
        foreseen = is_foreseen(error, wording)
        self.observer.failure(error, foreseen=foreseen)
        if foreseen:
            log.warning("a request failed", error=f"{type(error).__name__}: {error}")
        else:
            log.error("unforeseen failure", reference=reference, exc_info=error)
        return failure_message(error, wording, reference, self.installation)


def _runs_again(error: Exception) -> bool:
    if isinstance(error, SlackCallFailed):
        return error.retryable
    return isinstance(error, DurableError)
