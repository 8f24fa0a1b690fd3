"""State that a message or a dialog carries; Slack sends it back with a click or a submission."""

from pydantic import BaseModel, ConfigDict, Field

from bot.projects.creation import CreationOutcome


class MessageState(BaseModel):
    """The data that the message needs for a redraw. The message's buttons carry it.

    Attributes:
        project_id: the project's id.
        team: the name of its team at the time of the request; the team's id if it was unknown.
        outcome: created by the request, existed before, or unknown.
        asked_by: the requester; empty for a workflow without a person.
        also_in: other teams with a project of this name.
        asked_for: the free text of a workflow about a person.
    """

    model_config = ConfigDict(frozen=True)

    project_id: str
    team: str
    outcome: CreationOutcome
    asked_by: str = ""
    also_in: tuple[str, ...] = ()
    asked_for: str = Field(default="", exclude_if=lambda text: not text)


class JobChoice(BaseModel):
    """The value of a button that watches one job of a project in its message.

    Attributes:
        message_state: the state for the buttons of the job's message.
        job_id: the job.
    """

    model_config = ConfigDict(frozen=True)

    message_state: MessageState
    job_id: str


class NameChoice(BaseModel):
    """The value of a button of the question: the project that it opens."""

    model_config = ConfigDict(frozen=True)

    team_id: str
    name: str
    thread_ts: str | None = None


class DialogState(BaseModel):
    """The place that the message goes to. The dialog carries it, because a submission does not.

    Attributes:
        channel_id: the channel; empty if the dialog asks for a channel.
        response_url: the response URL of the command that opened the dialog.
        thread_ts: the thread of the message that the dialog was opened from.
        ephemeral_thread_ts: the same thread if it has a reply; see `ReplyTarget`.
    """

    model_config = ConfigDict(frozen=True)

    channel_id: str = ""
    response_url: str | None = None
    thread_ts: str | None = None
    ephemeral_thread_ts: str | None = None
