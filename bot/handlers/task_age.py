"""The age of a task: until when it runs, and when it is tried again."""

import random
from datetime import UTC, datetime

import structlog

from bot.durable.context import TaskContext
from bot.durable.in_flight import TaskExpiredError
from bot.durable.model import Done, Outcome, RunAgain, Task
from bot.slack.message import SlackCallFailed

log = structlog.stdlib.get_logger(__name__)

_LONGEST_RETRY = 30.0  # seconds
_TOO_LATE = 1800.0  # seconds; the life of a response URL


def reject_if_expired(step: str, task: Task) -> None:
    """Refuse a task for which no person waits any more.

    Raises:
        TaskExpiredError: the task was enqueued too long ago.
    """
    if step != "end" and age(task) > _TOO_LATE:
        raise TaskExpiredError(task.created_at)


def retry_later(context: TaskContext, refused: SlackCallFailed) -> Outcome:
    """Reschedule the task after a temporary failure of Slack; end it after a lasting one."""
    task = context.now()
    if not refused.retryable or age(task) > 2 * _TOO_LATE:
        log.error("a Slack call failed; the task ends", slack_error=refused.error)
        return Done()
    tries = task.state.get("tries", 0)
    wait = min(_LONGEST_RETRY, 2.0**tries) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
    log.warning("a Slack call failed; the task is rescheduled", slack_error=refused.error)
    return RunAgain(
        max(wait, refused.retry_after),
        task.state | {"tries": tries + 1},
        step_may_have_run=task.step_may_have_run,
    )


def age(task: Task) -> float:
    """Return the seconds since a task was enqueued."""
    return (datetime.now(UTC) - task.created_at).total_seconds()
