"""The post of a task: once in its channel, as far as Slack allows."""

from contextlib import suppress

import structlog

from bot.durable.context import TaskContext
from bot.durable.model import RunAgain
from bot.projects.bounded_set import BoundedSet
from bot.slack.message import Message, PostedMessage, ReplyTarget, SlackCallFailed
from bot.slack.messages import Poster
from bot.slack.post_search import LookAgainError, PostSearch
from bot.views.notice import invite

log = structlog.stdlib.get_logger(__name__)


async def post_once(
    poster: Poster,
    context: TaskContext,
    waits: tuple[float, ...],
    place: ReplyTarget,
    message: Message,
) -> PostedMessage | RunAgain:
    """Post the one message of a task; search for it first after an unknown outcome or a kill.

    The task's id is the id of the post. ``looks`` in the task's state is the number of searches;
    None: no post is in doubt.

    Args:
        poster: calls Slack.
        context: the attempt at the task.
        waits: seconds before each search.
        place: the channel or thread.
        message: the message.

    Returns:
        The message; or the time of the next search for it.

    Raises:
        SlackCallFailed: Slack refused the message, or (``outcome_unknown``) might have posted it in
            a channel that the bot cannot read.
    """
    task, state = context.task, context.now().state
    looks = state.get("looks")
    if looks is not None or task.step_may_have_run:
        search = PostSearch(poster, waits)
        try:
            ts = await search.find(place, task.id, task.created_at, looks)
        except LookAgainError as later:
            return RunAgain(later.seconds, state | {"looks": later.looks})
        if ts is not None:
            return PostedMessage(place.channel_id, ts, as_member=True)
    try:
        return await poster.post(
            place, message, task.id, guard=context.may_post, parked=context.park
        )
    except SlackCallFailed as failed:
        if not failed.outcome_unknown or failed.elsewhere:
            raise
        log.warning("Slack did not confirm a message", slack_error=failed.error)
        return RunAgain(waits[0], state | {"looks": 0})


async def send_invitation(
    poster: Poster, invited: BoundedSet, place: ReplyTarget, context: TaskContext
) -> None:
    """Send a person the invitation, once a channel; nobody can be added to a DM."""
    if place.channel_id.startswith("D") or place.channel_id in invited:
        return
    invited.add(place.channel_id)
    with suppress(SlackCallFailed):  # the log has it
        await poster.send_privately(place, invite(), guard=context.may_post)
