"""The work after an approval: an outage of Baseten costs no approval."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from bot.access.rules import RightsUnknownError
from bot.baseten.errors import BasetenError, RequestOutcome, outcome_of
from bot.durable.context import TaskContext
from bot.durable.model import Outcome, RunAgain
from bot.handlers.task_age import age
from bot.projects.team_errors import TeamsUnavailableError
from bot.slack.message import SlackCallFailed

log = structlog.stdlib.get_logger(__name__)

_PATIENCE = 3600.0  # seconds from the approval until the bot gives up
_FIRST_WAIT, _LONGEST_WAIT = 5.0, 60.0  # seconds; each failure doubles the wait


async def run_approved(
    context: TaskContext,
    work: Callable[[], Awaitable[Outcome]],
    notify: Callable[[], Awaitable[None]],
) -> Outcome:
    """Run the work of an approved request; after a temporary failure, run it again later.

    A repeat is safe: the upsert gives one project, and after the upsert nothing is repeated here.

    Args:
        context: the attempt.
        work: the attempt's work.
        notify: sends the requester a note that the bot tries again, after the first failure.

    Raises:
        BasetenError: Baseten refuses the request, or has failed for an hour.
        TeamsUnavailableError: as before, for the list of teams.
        RightsUnknownError: the requester's rights have been unknown for an hour.
    """
    try:
        return await work()
    except (BasetenError, TeamsUnavailableError, RightsUnknownError) as error:
        task = context.now()
        cause = error.cause if isinstance(error, TeamsUnavailableError) else error
        outcome = outcome_of(cause) if isinstance(cause, BasetenError) else RequestOutcome.NOT_TAKEN
        tries: int = task.state.get("tries", 0)
        wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(tries, 9))
        wait = max(wait, getattr(cause, "retry_after", None) or 0.0)
        over = age(task) + wait > _PATIENCE
        if outcome is RequestOutcome.REFUSED or over or task.state.get("step") != "open":
            raise
        log.info("an approved request is tried again", error=f"{type(error).__name__}: {error}")
        context.noted.clear()  # the last attempt notes its outcome for the audit log
        if not tries:
            with suppress(SlackCallFailed):  # the outcome follows in any case
                await notify()
        sent = outcome is RequestOutcome.UNKNOWN and error is cause
        begun = task.step_may_have_run or sent
        return RunAgain(wait, task.state | {"tries": tries + 1}, step_may_have_run=begun)
