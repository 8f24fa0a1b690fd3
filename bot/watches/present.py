"""The present state of a project's message: that of its watch, or that of the project."""

from bot.baseten.models import TrainingProject
from bot.projects.message_state import MessageState
from bot.slack.message import ReplyTarget
from bot.slack.messages import Poster
from bot.views.project import WatchSummary, project_message
from bot.watches.redraw import redraw
from bot.watches.store import Watches


async def show_present(  # noqa: PLR0913, PLR0917 - the message, its parts and their stores
    poster: Poster,
    watches: Watches,
    place: ReplyTarget,
    ts: str,
    state: MessageState,
    project: TrainingProject,
) -> None:
    """Update a message to its present watch, or to the project if it has none.

    Args:
        poster: calls Slack.
        watches: the store of watches.
        place: the channel of the message.
        ts: the message.
        state: the state that the message carries.
        project: the project now, for a message without a watch.
    """

    async def read() -> tuple[TrainingProject, WatchSummary | None]:
        watch = await watches.get(place.channel_id, ts)
        return (watch.project, watch.summary()) if watch else (project, None)

    async def draw(shown: tuple[TrainingProject, WatchSummary | None]) -> None:
        await poster.update(place, ts, project_message(shown[0], state, watch=shown[1]))

    await redraw(await read(), read, draw)
