"""List a project's last jobs."""

from dataclasses import dataclass
from functools import partial

from bot.access.rules import Verb
from bot.handlers.permissions import Permissions
from bot.handlers.slow_notice import notify_if_slow
from bot.projects.message_state import MessageState
from bot.projects.service import Projects
from bot.slack.message import ReplyTarget
from bot.slack.messages import Poster
from bot.views.jobs import jobs_message
from bot.views.notice import still_looking


@dataclass(frozen=True, slots=True)
class JobsHandler:
    """Send one person the last jobs of a project."""

    projects: Projects
    poster: Poster
    permissions: Permissions

    async def send_jobs(self, place: ReplyTarget, state: MessageState) -> None:
        """Send the list, visible to this person only."""
        send = partial(self.poster.send_privately, place)
        async with notify_if_slow(send, still_looking):
            jobs = await self.projects.list_jobs(state.project_id)
        self.permissions.require(place, Verb.VIEW, jobs.training_project.team_name)
        await send(jobs_message(jobs))
