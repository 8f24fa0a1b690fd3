"""The dialogs behind *Job actions…*: the button in a list, the choice, and the confirmation."""

from dataclasses import dataclass
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.access.rules import MalformedIdError, checked_id
from bot.handlers.act_task import ACT_ON_JOB, ActTask
from bot.handlers.services import Services
from bot.listeners.actor import part, text, user_id_of
from bot.listeners.payloads import carried, checked, checked_state, click, field
from bot.projects.job_acts import Act, JobActions
from bot.projects.job_choice import JobChoice
from bot.slack.message import ReplyTarget
from bot.views.failure import READING
from bot.views.job_actions import ACT_BUTTONS, PRIORITY, priority_error, read_priority


@dataclass(frozen=True, slots=True)
class JobActs:
    """The listeners. The message's menu opens the same dialog; see `Overflow`."""

    services: Services

    async def open(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Ack at once; the dialog about a job of the list follows."""
        clicked = click(body)
        choice = carried(JobChoice, clicked.value)
        state = job_actions(clicked.place, choice.project_id, choice.job_id)
        self.services.run_in_background(
            clicked.place,
            READING,
            lambda: self.services.job_actions.show(clicked.trigger_id, clicked.place, state),
        )
        await ack()

    async def choose(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Ack at once; the question before the act replaces the content of the dialog."""
        view = part(body, "view")
        state, place = _carried(view, body)
        act = ACT_BUTTONS[body["actions"][0]["action_id"]]
        self.services.run_in_background(
            place,
            READING,
            lambda: self.services.job_actions.ask(text(view, "id"), place, state, act),
        )
        await ack()

    async def confirm(self, ack: AsyncAck, view: dict[str, Any], body: dict[str, Any]) -> None:
        """Ack once the task is on disk. A dialog has one task, however often it is submitted.

        Raises:
            MalformedIdError: the dialog is about no act.
        """
        state, place = _carried(view, body)
        if state.act is None:
            raise MalformedIdError("a dialog is about no act")
        priority = read_priority(field(view, PRIORITY)) if state.act is Act.SET_PRIORITY else None
        if state.act is Act.SET_PRIORITY and priority is None:
            await ack(response_action="errors", errors={PRIORITY: priority_error()})
            return
        task = ActTask(
            place=place,
            act=state.act,
            project_id=state.project_id,
            job_id=state.job_id,
            newest=state.newest,
            priority=priority,
            ts=state.ts,
            message_state=state.message_state,
        )
        await self.services.enqueue(f"{ACT_ON_JOB}:{view['id']}", ACT_ON_JOB, task.state(), place)
        await ack()


def job_actions(place: ReplyTarget, project_id: str, job_id: str) -> JobActions:
    """Return the state of a dialog about a job, opened from this place.

    Raises:
        MalformedIdError: an id has an unknown form.
    """
    return JobActions(
        project_id=checked_id(project_id),
        job_id=checked_id(job_id),
        channel_id=place.channel_id,
        thread_ts=place.thread_ts,
        ephemeral_thread_ts=place.ephemeral_thread_ts,
        response_url=place.response_url,
    )


def _carried(view: dict[str, Any], body: dict[str, Any]) -> tuple[JobActions, ReplyTarget]:
    """Read the state of a dialog, and the place that it was opened from.

    Raises:
        MalformedIdError: the dialog carries no state, or an id has an unknown form, or its job and
            its message belong to two projects.
    """
    state = carried(JobActions, text(view, "private_metadata") or "{}")
    for each in (state.project_id, state.job_id, *filter(None, [state.newest])):
        checked_id(each)
    if state.message_state is not None:
        checked_state(state.message_state)
        if state.message_state.project_id != state.project_id:
            raise MalformedIdError("a dialog is about two projects")
    place = ReplyTarget(
        user_id=user_id_of(body),
        channel_id=state.channel_id,
        response_url=state.response_url,
        thread_ts=state.thread_ts,
        ephemeral_thread_ts=state.ephemeral_thread_ts,
    )
    return state, checked(place, state.ts)
