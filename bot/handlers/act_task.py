"""The state of the task that acts on a job."""

from dataclasses import dataclass
from typing import Literal

from bot.access.rules import Verb
from bot.baseten.models import TrainingJob, TrainingProject
from bot.durable.context import TaskContext
from bot.durable.model import RunAgain
from bot.durable.task_state import TaskState
from bot.handlers.audit import Audit
from bot.handlers.failures import Send
from bot.projects.job_acts import Act
from bot.projects.message_state import MessageState
from bot.slack.message import ReplyTarget

ACT_ON_JOB = "act/1"  # with the version of the state
_ACTED = {  # for the audit log
    Act.STOP: "stopped",
    Act.RUN_AGAIN: "run again",
    Act.USE_SPOT: "set to spot",
    Act.SET_PRIORITY: "given a priority",
}


class ActTask(TaskState):
    """The state of the task.

    Attributes:
        step: before the call; the call; the reads until a job has stopped; the searches for a new
            job; the report; the update of the message.
        place: the person, and the place of the message or of the list.
        act: the act.
        project_id, job_id: the job.
        newest: the project's newest job when the person was asked, for *Run again*.
        priority: the new priority.
        ts: the message; empty for a list, which only the person sees.
        message_state: the state that the message carries; None for a list.
        project, job: as read before the call, and as read last.
        known: the ids of the project's jobs before the call, for *Run again*.
        new_job: the job that *Run again* started.
        reads: the number of reads or searches until now.
        waited: seconds that the bot waited in vain for the job to stop.
        refusals: the number of calls that Baseten has not taken.
        looks: the number of searches for a reply with an unknown outcome; None if none is in doubt.
        tries: the number of temporary failures of Slack in a row.
    """

    step: Literal["check", "call", "settle", "look", "report", "end"] = "check"
    place: ReplyTarget
    act: Act
    project_id: str
    job_id: str
    newest: str = ""
    priority: int | None = None
    ts: str = ""
    message_state: MessageState | None = None
    project: TrainingProject | None = None
    job: TrainingJob | None = None
    known: tuple[str, ...] = ()
    new_job: TrainingJob | None = None
    reads: int = 0
    waited: float = 0.0
    refusals: int = 0
    looks: int | None = None
    tries: int = 0


@dataclass(slots=True)
class ActAttempt:
    """One attempt at the task.

    Attributes:
        context: the context of the task.
        task: its state now.
        answer: sends the person the answer.
    """

    context: TaskContext
    task: ActTask
    answer: Send

    def update(self, **changes: object) -> None:
        """Change the state."""
        self.task = self.task.model_copy(update=changes)

    async def save(self) -> None:
        """Write the state before the next step; see `TaskContext.checkpoint`."""
        await self.context.checkpoint(self.task.state())

    def again(self, seconds: float, **changes: object) -> RunAgain:
        """Return the reschedule of the task, with these changes of the state."""
        self.update(**changes)
        return RunAgain(seconds, self.task.state())


def note_act(audit: Audit, context: TaskContext, task: ActTask, *, perhaps: bool = False) -> None:
    """Note the act for the audit log.

    Args:
        audit: the log.
        context: the attempt.
        task: its state after the act.
        perhaps: it is unknown whether Baseten did the act.
    """
    project = task.project
    acted = "stop accepted" if task.waited or task.step == "settle" else _ACTED[task.act]
    audit.acted(
        context,
        Verb.STOP,
        f"perhaps {acted}" if perhaps else acted,
        team=project.team_name if project else None,
        project=task.project_id,
        name=project.name if project else "",
        job=task.job_id,
    )
