"""The state of the task that opens a project, and the limits of its age and its retries."""

import random
from datetime import UTC, datetime, timedelta
from typing import Literal

import structlog
from pydantic import BaseModel, ConfigDict

from bot.access.rules import Actor
from bot.durable.context import TaskContext
from bot.durable.in_flight import TaskExpiredError
from bot.durable.model import Done, Outcome, RunAgain, State, Task
from bot.handlers.permissions import actor_at
from bot.projects.request import ProjectRequest
from bot.projects.service import OpenedProject
from bot.slack.message import PostedMessage, ReplyTarget, SlackCallFailed

log = structlog.stdlib.get_logger(__name__)

OPEN_PROJECT = "open/2"  # with the version of the state: a bot runs only tasks of its own version
_LONGEST_RETRY = 30.0  # seconds
_TOO_LATE = timedelta(minutes=30)  # the life of a response URL


class OpenProjectTask(BaseModel):
    """The state of the task.

    Attributes:
        request: the team and the name.
        place: the person, and the channel or thread.
        compared: the name was compared with the names of the team's projects.
        sure: the person has confirmed the name, so the bot asks nothing.
        execution_id, workflow_id: the workflow; empty for a person's own request.
        home: the request began in the home tab, or in the shortcut from anywhere: the home tab is
            published again.
        for_person: what the workflow says about a person, as free text.
        opened: the project, after the first step.
        posted: the message, after the second step.
        looks: the number of searches for a post with an unknown outcome; None if no post is in
            doubt.
        tries: the number of temporary failures of Slack in a row.
    """

    model_config = ConfigDict(frozen=True)

    step: Literal["open", "post", "end"] = "open"
    request: ProjectRequest
    place: ReplyTarget
    compared: bool = True
    sure: bool = False
    execution_id: str = ""
    workflow_id: str = ""
    home: bool = False
    for_person: str = ""
    opened: OpenedProject | None = None
    posted: PostedMessage | None = None
    looks: int | None = None
    tries: int = 0

    def actor(self) -> Actor:
        """Return the person or the workflow that made the request."""
        return actor_at(self.place, self.workflow_id, self.execution_id)

    def state(self) -> State:
        """Return it as JSON."""
        return self.model_dump(mode="json")


def reject_if_expired(step: str, task: Task) -> None:
    """Refuse a task for which no person waits any more.

    Raises:
        TaskExpiredError: the task was enqueued too long ago.
    """
    if step != "end" and _age(task) > _TOO_LATE:
        raise TaskExpiredError(task.created_at)


def retry_later(context: TaskContext, refused: SlackCallFailed) -> Outcome:
    """Reschedule the task after a temporary failure of Slack; end it after a lasting one."""
    task = context.now()
    if not refused.retryable or _age(task) > 2 * _TOO_LATE:
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


def _age(task: Task) -> timedelta:
    return datetime.now(UTC) - task.created_at
