"""One attempt at a task, and the changes at its end."""

import asyncio
import random
from dataclasses import replace

import structlog

from bot.durable.context import Handler, TaskContext
from bot.durable.model import (
    Change,
    Done,
    Finish,
    LeaseLostError,
    PostponedError,
    RunAgain,
    Save,
    StoreUnavailableError,
    Task,
)

log = structlog.stdlib.get_logger(__name__)

_RETRY = 1.0  # seconds until the retry after a database failure
_LONGEST_BACKOFF = 300.0  # seconds
_LONGEST_ERROR = 2000  # characters


async def attempt(context: TaskContext, handler: Handler, retries: int) -> tuple[Change, ...]:
    """Call the handler, and return the changes to write; none if another process owns the task."""
    changes = await _attempt(context, handler, retries)
    return (*changes, *context.noted) if changes else ()


async def _attempt(context: TaskContext, handler: Handler, retries: int) -> tuple[Change, ...]:
    try:
        outcome = await handler(context)
    except LeaseLostError:
        log.warning("another process owns this task")
        return ()
    except PostponedError:
        return (Save(context.now(), delay=0.0),)
    except asyncio.CancelledError:
        return () if context.lost else (_interrupted(context),)
    except StoreUnavailableError as error:
        log.warning("a step is retried because the database is unavailable", error=str(error))
        return (Save(replace(context.now(), step_may_have_run=True), delay=_RETRY),)
    except Exception as error:
        log.exception("a step failed", failures=context.task.failures + 1)
        return (_failed(context.now(), error, retries),)
    match outcome:
        case Done(changes):
            return (Finish(context.task.id), *changes)
        case RunAgain(seconds, state, step_may_have_run, changes):
            again = replace(
                context.task, state=state, step_may_have_run=step_may_have_run, failures=0
            )
            return (Save(again, delay=seconds), *changes)


def _interrupted(context: TaskContext) -> Save:
    task = context.now()
    begun = task.step_may_have_run or not context.parked
    return Save(replace(task, step_may_have_run=begun), delay=0.0)


def _failed(task: Task, error: Exception, retries: int) -> Save:
    """Return the task with its next retry, or its end after too many failures."""
    failures = task.failures + 1
    text = f"{type(error).__name__}: {error}".replace("\0", "")[:_LONGEST_ERROR]
    failed = replace(task, step_may_have_run=True, failures=failures, error=text)
    if failures > retries:
        log.error("the task is abandoned after its last retry")
        return Save(replace(failed, ended=True))
    return Save(failed, delay=backoff(failures))


def backoff(failures: int) -> float:
    """Return the seconds before the next retry, with jitter."""
    seconds: float = min(_LONGEST_BACKOFF, 2.0 ** min(failures - 1, 9))
    return seconds * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
