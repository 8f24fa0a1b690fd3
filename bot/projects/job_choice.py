"""The values of the buttons of a list of jobs."""

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

LONGEST_ID = 24  # characters; Baseten's ids have 7
_ID = rf"[A-Za-z0-9_-]{{1,{LONGEST_ID}}}"
_Id = Annotated[str, Field(pattern=f"^{_ID}$")]


def fits_a_button(*ids: str) -> bool:
    """Return whether a button can carry these ids of Baseten."""
    return all(re.fullmatch(_ID, each) for each in ids)


class ProjectChoice(BaseModel):
    """A project; the value can name a job too."""

    model_config = ConfigDict(frozen=True)

    project_id: _Id


class JobChoice(BaseModel):
    """A job of a project."""

    model_config = ConfigDict(frozen=True)

    project_id: _Id
    job_id: _Id


class JobListPage(BaseModel):
    """A page of a list of jobs.

    Attributes:
        team_digest: the digest of the name of the team whose jobs are listed; empty: all teams.
        project_id: the project whose jobs are listed; empty: all projects.
        page: the number of the page, from 0.
    """

    model_config = ConfigDict(frozen=True)

    team_digest: str = Field(default="", pattern=r"^([0-9a-f]{16})?$")
    project_id: str = Field(default="", pattern=f"^({_ID})?$")
    page: int = Field(default=0, ge=0, le=100_000)
