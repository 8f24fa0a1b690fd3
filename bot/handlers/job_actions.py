"""The dialogs in which a person chooses an act on a job, and confirms it."""

from dataclasses import dataclass

from slack_sdk.models.views import View

from bot.access.rules import NotAllowedError, Verb
from bot.baseten.models import TrainingJob, TrainingProject
from bot.handlers.fill_dialog import FilledDialogs
from bot.handlers.permissions import Permissions, actor_at
from bot.projects.job_acts import Act, JobActions, can_act
from bot.projects.service import Projects
from bot.slack.message import ReplyTarget
from bot.views.act_words import does_not_fit, no_right_to_act
from bot.views.installation import Installation
from bot.views.job_actions import (
    ACTIONS_TITLE,
    confirm_view,
    job_actions_view,
    notice_about_job,
)


@dataclass(frozen=True, slots=True)
class JobActionsHandler:
    """Show a job with the acts that it allows, and ask before one."""

    projects: Projects
    dialogs: FilledDialogs
    permissions: Permissions
    installation: Installation

    async def show(self, trigger_id: str, place: ReplyTarget, state: JobActions) -> None:
        """Open the dialog with the job and its acts."""

        async def found() -> View:
            project, job, refused = await self._find(place, state)
            return refused or job_actions_view(project, job, state)

        await self.dialogs.open(trigger_id, place, ACTIONS_TITLE, found)

    async def ask(self, view_id: str, place: ReplyTarget, state: JobActions, act: Act) -> None:
        """Ask in the open dialog before an act."""

        async def found() -> View:
            project, job, refused = await self._find(place, state)
            if refused is not None:
                return refused
            if not can_act(act, job):
                return notice_about_job(project, job, does_not_fit(act, project, job))
            asked = {
                "act": act,
                "newest": await self._newest(state) if act is Act.RUN_AGAIN else "",
            }
            return confirm_view(project, job, act, state.model_copy(update=asked))

        await self.dialogs.fill(view_id, place, ACTIONS_TITLE, found)

    async def _find(
        self, place: ReplyTarget, state: JobActions
    ) -> tuple[TrainingProject, TrainingJob, View | None]:
        """Return the job, and the refusal of a person who can only view it."""
        project = await self.projects.get_project_with_job(state.project_id, state.job_id)
        job = project.latest_job
        if job is None:
            raise ValueError("a project without the job that was read with it")
        self.permissions.require(place, Verb.VIEW, project.team_name)
        try:
            self.permissions.require(place, Verb.STOP, project.team_name)
        except NotAllowedError as error:
            self.dialogs.failures.audit.refused_request(actor_at(place), error)
            words = no_right_to_act(project.team_name or "", place.user_id, self.installation)
            return project, job, notice_about_job(project, job, words)
        return project, job, None

    async def _newest(self, state: JobActions) -> str:
        jobs = (await self.projects.list_jobs(state.project_id)).training_jobs
        return jobs[0].id if jobs else ""
