"""The workflow step "Open a training project", for Workflow Builder."""

from dataclasses import dataclass
from functools import partial
from html import unescape
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.arguments import (
    ProjectRequest,
    UsageError,
    Wrong,
    has_control_character,
    plain_characters,
)
from bot.listeners.desk import Desk
from bot.message import Message
from bot.posting import Place
from bot.projects import Opened, Outcome
from bot.steps import Steps
from bot.views.failure import looking, opening
from bot.views.job import logs_url, status
from bot.views.usage import incomplete_step_message, usage_message
from bot.work import BusyError

STEP = "open_training_project"
_PROJECTS_PAGE = "https://app.baseten.co/training"


@dataclass(frozen=True, slots=True)
class WorkflowStep:
    """Open a project within a workflow, and hand its data to the next step.

    https://docs.slack.dev/workflows/workflow-steps
    """

    desk: Desk
    steps: Steps

    async def handle(self, ack: AsyncAck, event: dict[str, Any]) -> None:
        """Ack at once. Event ``function_executed``."""
        execution_id, inputs = event["function_execution_id"], event.get("inputs", {})
        try:
            self.desk.work.start(lambda: self._run(execution_id, inputs))
        except BusyError as error:
            await self._fail(execution_id, self.desk.failures.words(error, looking()))
        await ack()

    async def _run(self, execution_id: str, inputs: dict[str, Any]) -> None:
        """End the step in every case; nobody can be asked anything within a workflow."""
        request = ProjectRequest(_words(inputs, "team"), _words(inputs, "name"))
        place = Place(user_id=_words(inputs, "person"), channel_id=_words(inputs, "channel"))
        if not request.team or not request.name:
            await self._fail(execution_id, incomplete_step_message())
            return
        if has_control_character(request.team + request.name):
            wrong = UsageError(Wrong.CONTROL_CHARACTER)
            await self._fail(execution_id, usage_message(wrong))
            return
        fail = partial(self._fail, execution_id)
        async with self.desk.failures.caught(opening(request), fail):
            found = await self.desk.projects.look(request)
            opened = await self.desk.open(found, place)
            await self.steps.complete(execution_id, _outputs(opened))

    async def _fail(self, execution_id: str, words: Message) -> None:
        await self.steps.fail(execution_id, unescape(words.text))


def _words(inputs: dict[str, Any], name: str) -> str:
    return plain_characters(str(inputs.get(name) or ""))


def _outputs(opened: Opened) -> dict[str, Any]:
    project, job = opened.project, opened.project.latest_job
    return {
        "project_id": project.id,
        "name": project.name,
        "team": opened.team,
        "created": opened.outcome is Outcome.CREATED,
        "latest_job_status": status(job).words if job else "No job yet",
        "link": logs_url(project.id, job.id) if job else _PROJECTS_PAGE,
    }
