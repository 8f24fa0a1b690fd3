"""The values of the buttons and the options that start and end follows."""

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_Digest = Annotated[str, Field(pattern=r"^([0-9a-f]{16})?$")]
_Key = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
_OPTION = re.compile(r"(project|team):([A-Za-z0-9_-]{1,140})")


class FollowChoice(BaseModel):
    """The project or the team that a person wants to follow.

    Attributes:
        project_id: the project; empty for a team.
        team_digest: the digest of the team's name; empty for a project.
    """

    model_config = ConfigDict(frozen=True)

    project_id: str = Field(default="", pattern=r"^[A-Za-z0-9_-]{0,140}$")
    team_digest: _Digest = ""

    def option(self) -> str:
        """Return the value of its option in a select, which holds 150 characters."""
        return f"project:{self.project_id}" if self.project_id else f"team:{self.team_digest}"


def choice_of(option: str) -> FollowChoice:
    """Return the choice for an option's value; an empty one if it is no such value."""
    found = _OPTION.fullmatch(option)
    if found is None:
        return FollowChoice()
    if found[1] == "project":
        return FollowChoice(project_id=found[2])
    is_digest = re.fullmatch("[0-9a-f]{16}", found[2])
    return FollowChoice(team_digest=found[2]) if is_digest else FollowChoice()


class FollowReference(BaseModel):
    """The follow that a button ends.

    Attributes:
        digest: the key of its document. It is not called a key, because the redactor takes what is
            called so for a secret.
        id: its id.
    """

    model_config = ConfigDict(frozen=True)

    digest: _Key
    id: _Key


class FollowDialogState(BaseModel):
    """The place that the dialog was opened from.

    Attributes:
        channel_id: the channel; empty for the home tab.
        response_url: the response URL of the click.
        thread_ts: the thread of the message.
        ephemeral_thread_ts: the same thread if it has a reply.
    """

    model_config = ConfigDict(frozen=True)

    channel_id: str = ""
    response_url: str | None = None
    thread_ts: str | None = None
    ephemeral_thread_ts: str | None = None
