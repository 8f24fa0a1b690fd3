"""A new project that waits for another person's decision, and the decision."""

from enum import StrEnum
from hashlib import sha256

from pydantic import BaseModel, ConfigDict

from bot.baseten.models import Moment
from bot.durable.model import State
from bot.durable.task_state import TaskState
from bot.projects.creation import CreationOutcome

ASK_APPROVAL = "approval/1"  # the kinds of the tasks, with the versions of their states
CLOSE_CARD = "approval card/1"
TELL_OUTCOME = "approval outcome/1"
APPROVED_TASK = "approved"  # the beginning of the id of the task that creates the project


class Verdict(StrEnum):
    """The ends of a request for approval."""

    APPROVED = "approved"
    DECLINED = "declined"
    EXPIRED = "expired"


class Decision(BaseModel):
    """The end of a request for approval.

    Attributes:
        verdict: how it ended.
        at: when.
        task_id: the task that decided.
        by: the person; empty if the request expired.
    """

    model_config = ConfigDict(frozen=True)

    verdict: Verdict
    at: Moment
    task_id: str
    by: str = ""


class ApprovalRequest(BaseModel):
    """A request that waits for approval; the store has one for each project.

    Attributes:
        id: 32 hexadecimal digits, of the task that asked.
        key: the same for each request for this project.
        name: the name of the project.
        team: the name of its team.
        team_id: the id of its team.
        requester: the person; empty for a workflow.
        for_person: what the workflow says about a person, as free text.
        by: the people and user groups that decide.
        channel_id: the channel of the question.
        asked_at, expires_at: the time of the request, and of its end without a decision.
        kind, order: the task that goes on after the approval: its kind and its state.
        card_ts: the message with the question; empty until it is posted.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    key: str
    name: str
    team: str
    team_id: str
    requester: str
    for_person: str = ""
    by: tuple[str, ...]
    channel_id: str
    asked_at: Moment
    expires_at: Moment
    kind: str
    order: State
    card_ts: str = ""

    @property
    def ask_task_id(self) -> str:
        """The task that asks, and that waits for the end."""
        return f"{ASK_APPROVAL}:{self.id}"

    @property
    def card_task_id(self) -> str:
        """The task that shows the end in the question."""
        return f"{CLOSE_CARD}:{self.id}"


class AlreadyWaitsError(Exception):
    """The project waits for approval because of an earlier request; nothing was done.

    Attributes:
        request: the earlier request.
        link: its question; empty if it is unknown.
    """

    def __init__(self, request: ApprovalRequest, link: str) -> None:
        super().__init__(f"asked in {request.channel_id}")
        self.request = request
        self.link = link


class ApprovalChoice(BaseModel):
    """The value of the buttons of the question: the request, which is read from the store.

    Attributes:
        project: the key of the project.
        id: the request.
    """

    model_config = ConfigDict(frozen=True)

    project: str  # a field "key" would be redacted
    id: str


class OutcomeTask(TaskState):
    """The state of the tasks that show and tell the end of a request.

    Attributes:
        request: the request, which waits no more.
        decision: its end.
        link: the project's message; empty if there is none.
        origin: created after the approval, existed before it, or unknown; None if not approved.
        looks: the number of searches for a post with an unknown outcome; None if none is in doubt.
        tries: the number of temporary failures of Slack in a row.
    """

    request: ApprovalRequest
    decision: Decision
    link: str = ""
    origin: CreationOutcome | None = None
    looks: int | None = None
    tries: int = 0


def project_key(team_id: str, name: str) -> str:
    """Return the key of a project that does not exist yet."""
    return digest(f"{team_id}\n{name}")


def digest(text: str) -> str:
    """Return 32 hexadecimal digits that stand for a text."""
    return sha256(text.encode()).hexdigest()[:32]
