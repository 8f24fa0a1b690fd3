"""The workflow step "Open a training project", for Workflow Builder."""

from dataclasses import dataclass
from html import unescape
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.arguments import ProjectRequest
from bot.listeners.desk import Desk
from bot.message import Message
from bot.posting import Place
from bot.projects import Opened, Outcome
from bot.steps import Steps
from bot.views.failure import opening
from bot.views.job import logs_url, status
from bot.views.usage import incomplete_step_message

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
        self.desk.work.start(self._run(event["function_execution_id"], event.get("inputs", {})))
        await ack()

    async def _run(self, execution_id: str, inputs: dict[str, Any]) -> None:
        """End the step in every case; nobody can be asked anything within a workflow."""
        request = ProjectRequest(_words(inputs, "team"), _words(inputs, "name"))
        place = Place(user_id=_words(inputs, "person"), channel_id=_words(inputs, "channel"))

        async def fail(words: Message) -> None:
            await self.steps.fail(execution_id, unescape(words.text))

        if not request.team or not request.name:
            await fail(incomplete_step_message())
            return
        async with self.desk.failures.caught(opening(request), fail):
            found = await self.desk.projects.look(request)
            opened = await self.desk.open(found, place)
            await self.steps.complete(execution_id, _outputs(opened))


def _words(inputs: dict[str, Any], name: str) -> str:
    return str(inputs.get(name) or "").strip()


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
