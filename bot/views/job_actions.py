"""The dialogs in which a person acts on a job: the choice, and the question before the act."""

from slack_sdk.models.blocks import PlainTextObject
from slack_sdk.models.views import View

from bot.baseten.models import TrainingJob, TrainingProject
from bot.projects.job_acts import (
    HIGHEST_PRIORITY,
    LOWEST_PRIORITY,
    Act,
    JobActions,
    offered_acts,
)
from bot.slack.message import Block, Message
from bot.views.blocks import actions, button, context, section
from bot.views.job import error_section, job_name, machines, status
from bot.views.more import modal
from bot.views.text import ago, bold, say

ACT_DIALOG = "act_on_job"
ACTIONS_TITLE = "Job actions"
PRIORITY = "priority"
# The action id of each button. One listener reads the act from it.
ACT_BUTTONS = {
    "act_stop": Act.STOP,
    "act_run_again": Act.RUN_AGAIN,
    "act_use_spot": Act.USE_SPOT,
    "act_set_priority": Act.SET_PRIORITY,
}
_LABELS = {
    Act.STOP: "Stop job…",
    Act.RUN_AGAIN: "Run again…",
    Act.USE_SPOT: "Use spot…",
    Act.SET_PRIORITY: "Change priority…",
}
_SUBMITS = {
    Act.STOP: "Stop job",
    Act.RUN_AGAIN: "Run again",
    Act.USE_SPOT: "Use spot",
    Act.SET_PRIORITY: "Change priority",
}


def job_actions_view(project: TrainingProject, job: TrainingJob, state: JobActions) -> View:
    """Return the job with a button for each act that its status allows.

    Args:
        project: the project of the job.
        job: the job now.
        state: the job and the message, which the dialog carries.
    """
    buttons = [
        button(_LABELS[act], action_id, **({"style": "danger"} if act is Act.STOP else {}))
        for action_id, act in ACT_BUTTONS.items()
        if act in offered_acts(job)
    ]
    return modal(
        ACTIONS_TITLE,
        [*_job(project, job), actions(*buttons)],
        private_metadata=state.model_dump_json(),
    )


def notice_about_job(project: TrainingProject, job: TrainingJob, message: Message) -> View:
    """Return the job with a message in the place of the buttons."""
    return modal(ACTIONS_TITLE, [*_job(project, job), *message.blocks])


def confirm_view(project: TrainingProject, job: TrainingJob, act: Act, state: JobActions) -> View:
    """Return the question before an act. It names the job, its project and its team.

    Args:
        project: the project of the job.
        job: the job now.
        act: the act.
        state: the job, the message and the act, which the dialog carries.
    """
    blocks = [section(f"{_question(act)} {_named(project, job)}?"), context(_consequence(act, job))]
    if act is Act.SET_PRIORITY:
        blocks.insert(1, _priority_field(job))
    return modal(
        _SUBMITS[act],
        blocks,
        callback_id=ACT_DIALOG,
        private_metadata=state.model_dump_json(),
        submit=PlainTextObject(text=_SUBMITS[act]),
    )


def priority_error() -> str:
    """Return the note at the field whose content is no priority."""
    return f"Enter a whole number from {LOWEST_PRIORITY} to {HIGHEST_PRIORITY}."


def read_priority(typed: str) -> int | None:
    """Return the number that a person typed; None if it is not a priority."""
    try:
        number = int(typed)
    except ValueError:
        return None
    return number if LOWEST_PRIORITY <= number <= HIGHEST_PRIORITY else None


def _job(project: TrainingProject, job: TrainingJob) -> list[Block]:
    """Return the job's status, its machines and its age, with Baseten's error or advice."""
    now = status(job)
    age = f"ended {ago(job.updated_at)}" if now.ended else f"created {ago(job.created_at)}"
    details = [say(machines(job), 70), age]
    if job.priority:
        details.append(f"priority {job.priority}")
    first = f"{now.mark} {bold(job_name(job))} {say(now.does, 60)} in {_where(project)}"
    blocks = [section(f"{first}\n{' · '.join(details)}")]
    if (said := error_section(job)) is not None:
        blocks.append(said)
    return blocks


def _named(project: TrainingProject, job: TrainingJob) -> str:
    return f"{bold(job_name(job))} in {_where(project)}"


def _where(project: TrainingProject) -> str:
    team = f" ({say(project.team_name)})" if project.team_name else ""
    return f"{bold(project.name)}{team}"


def _question(act: Act) -> str:
    return {
        Act.STOP: "Stop",
        Act.RUN_AGAIN: "Start a new job like",
        Act.USE_SPOT: "Use spot capacity for",
        Act.SET_PRIORITY: "Change the priority of",
    }[act]


def _consequence(act: Act, job: TrainingJob) -> str:
    now = f"It {say(status(job).does, 60)}: {say(machines(job), 70)}."
    match act:
        case Act.STOP:
            return f"{now} A stopped job can't be continued."
        case Act.RUN_AGAIN:
            return f"The new job has the same configuration and runs on {say(machines(job), 70)}."
        case Act.USE_SPOT:
            return f"{now} Baseten can reclaim spot capacity while a job runs."
        case Act.SET_PRIORITY:
            return f"{now} Its priority is {job.priority}."


def _priority_field(job: TrainingJob) -> Block:
    """Return a field for a whole number.

    https://docs.slack.dev/reference/block-kit/block-elements/number-input-element
    """
    return {
        "type": "input",
        "block_id": PRIORITY,
        "label": {"type": "plain_text", "text": "Priority"},
        "hint": {
            "type": "plain_text",
            "text": "Of the jobs that wait, the one with the highest priority starts first.",
        },
        "element": {
            "type": "number_input",
            "action_id": PRIORITY,
            "is_decimal_allowed": False,
            "initial_value": str(job.priority),
            "min_value": str(LOWEST_PRIORITY),
            "max_value": str(HIGHEST_PRIORITY),
        },
    }
