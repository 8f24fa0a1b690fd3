"""State that a message or a dialog carries; Slack sends it back with a click or a submission."""

from pydantic import BaseModel, ConfigDict, Field

from bot.projects.creation import CreationOutcome

_LONGEST_VALUE = 2000  # bytes of a button's value


class MessageState(BaseModel):
    """The data that the message needs for a redraw. The message's buttons carry it.

    Attributes:
        project_id: the project's id.
        team: the name of its team at the time of the request; the team's id if it was unknown.
        outcome: created by the request, existed before, or unknown.
        asked_by: the requester; empty for a workflow without a person.
        also_in: other teams with a project of this name.
        asked_for: the free text of a workflow about a person.
        follow_digest: the key of the follow that posted the message; empty if a request did.
        follow_id: the id of that follow.
    """

    model_config = ConfigDict(frozen=True)

    project_id: str
    team: str
    outcome: CreationOutcome
    asked_by: str = ""
    also_in: tuple[str, ...] = ()
    asked_for: str = Field(default="", exclude_if=lambda text: not text)
    follow_digest: str = Field(default="", exclude_if=lambda text: not text)
    follow_id: str = Field(default="", exclude_if=lambda text: not text)


class StopState(BaseModel):
    """The message whose watch the dialog ends for everyone; a submission carries no message.

    Attributes:
        channel_id: the channel of the message.
        ts: the message.
        thread_ts: the thread of the message; None outside of a thread.
        ephemeral_thread_ts: the same thread if it has a reply; see `ReplyTarget`.
        response_url: the response URL of the click that opened the dialog.
        message_state: the state that the message carries.
    """

    model_config = ConfigDict(frozen=True)

    channel_id: str
    ts: str
    message_state: MessageState
    thread_ts: str | None = None
    ephemeral_thread_ts: str | None = None
    response_url: str | None = None


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
    """The value of a button of a question: the project that it opens."""

    model_config = ConfigDict(frozen=True)

    team_id: str
    name: str
    thread_ts: str | None = None


class TeamChoice(BaseModel):
    """The value of the button *Choose a team…*: the fields that the dialog is filled in with.

    Attributes:
        team: the team, as the person typed it; empty if the bot does not know such a team.
        name: the name of the project; empty if the person typed none.
        thread_ts: the thread that the project's message goes to.
    """

    model_config = ConfigDict(frozen=True)

    team: str = ""
    name: str = ""
    thread_ts: str | None = None


def button_value(choice: NameChoice | TeamChoice) -> str | None:
    """Return the value of a button; None if it is too long for Slack.

    https://docs.slack.dev/reference/block-kit/block-elements/button-element
    """
    value = choice.model_dump_json()
    return value if len(value.encode()) <= _LONGEST_VALUE else None


class DialogState(BaseModel):
    """The chosen team, and the place that the message goes to: the dialog carries them.

    Attributes:
        team: the id of the chosen team, or the team as typed; empty without a choice. Slack does
            not report a choice when it asks for the options of another select.
        name: the beginning of the name that the dialog was filled in with, or empty.
        channel_id: the channel; empty if the dialog asks for a channel.
        response_url: the response URL of the command that opened the dialog.
        thread_ts: the thread of the message that the dialog was opened from.
        ephemeral_thread_ts: the same thread if it has a reply; see `ReplyTarget`.
    """

    model_config = ConfigDict(frozen=True)

    team: str = ""
    name: str = ""
    channel_id: str = ""
    response_url: str | None = None
    thread_ts: str | None = None
    ephemeral_thread_ts: str | None = None
