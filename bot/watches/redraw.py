"""Updating a message that others update at the same time."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

from bot.baseten.models import TrainingProject
from bot.projects.message_state import MessageState
from bot.slack.message import ReplyTarget
from bot.slack.messages import Poster
from bot.views.project import project_message
from bot.watches.model import Watch
from bot.watches.store import Watches

ReadProject: TypeAlias = Callable[[], Awaitable[TrainingProject]]


async def redraw(
    wanted: Watch | None,
    read: Callable[[], Awaitable[Watch | None]],
    draw: Callable[[Watch | None], Awaitable[None]],
) -> Watch | None:
    """Update a message until it shows the latest state of its watch, and return that state.

    While an update is under way, somebody else can change the watch and update the message too.
    The order in which Slack applies the two is unknown. A watch that has changed is therefore
    drawn again. This works because every change of a watch is saved before it is drawn.

    Args:
        wanted: the watch now; None if the message has none.
        read: returns the same, after each update.
        draw: updates the message.
    """
    while True:
        await draw(wanted)
        shown, wanted = wanted, await read()
        if wanted == shown or (wanted and shown and wanted.shown == shown.shown):
            return wanted


async def show_present(  # noqa: PLR0913, PLR0917 - the message, its parts and their stores
    poster: Poster,
    watches: Watches,
    place: ReplyTarget,
    ts: str,
    state: MessageState,
    read_project: ReadProject,
) -> None:
    """Update a message to its present watch, or to its project if it has none.

    Args:
        poster: calls Slack.
        watches: the store of watches.
        place: the channel of the message.
        ts: the message.
        state: the state that the message carries.
        read_project: returns the project now, for a message without a watch.
    """

    async def draw(watch: Watch | None) -> None:
        message = watch.message() if watch else project_message(await read_project(), state)
        await poster.update(place, ts, message)

    read = partial(watches.get, place.channel_id, ts)
    await redraw(await read(), read, draw)
