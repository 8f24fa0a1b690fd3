"""State that a message or a dialog carries; Slack sends it back with a click or a submission."""

from pydantic import BaseModel, ConfigDict

from bot.projects.creation import Outcome


class MessageState(BaseModel):
    """The state of a project's message, which each of its buttons carries.

    Attributes:
        project_id: the project.
        team: the name of its team, as far as it was known when the project was opened.
        outcome: created, already there, or unknown.
        asked_by: the person who asked for it; empty for a workflow without a person.
        also_in: other teams with a project of this name.
    """

    model_config = ConfigDict(frozen=True)

    project_id: str
    team: str
    outcome: Outcome
    asked_by: str = ""
    also_in: tuple[str, ...] = ()


class NameChoice(BaseModel):
    """The choice that a button of the question about a similar name stands for."""

    model_config = ConfigDict(frozen=True)

    team_id: str
    name: str
    thread_ts: str | None = None


class DialogState(BaseModel):
    """The place of the reply to a dialog; a submission does not name it.

    Attributes:
        channel_id: empty where the dialog asks for a channel.
        response_url: of the command that opened the dialog.
        thread_ts: of the message that the dialog was opened from.
    """

    model_config = ConfigDict(frozen=True)

    channel_id: str = ""
    response_url: str | None = None
    thread_ts: str | None = None
