"""The links to Baseten's web application that name a training project or a job. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bot.projects.job_choice import LONGEST_ID

_ID = rf"[A-Za-z0-9_-]{{1,{LONGEST_ID}}}"
_LINK = re.compile(
    rf"https://app\.baseten\.co/training/(?P<project>{_ID})(?:/logs/(?P<job>{_ID}))?/?(?:[?#].*)?"
)


@dataclass(frozen=True, slots=True)
class TrainingLink:
    """A link to a project or to a job.

    Attributes:
        url: the link as it was written.
        project_id: the project.
        job_id: the job; empty for a link to a project.
    """

    url: str
    project_id: str
    job_id: str = ""


def training_links(urls: Iterable[str]) -> list[TrainingLink]:
    """Return the links of the two known forms, each one once, in their order."""
    found = ((url, _LINK.fullmatch(url)) for url in dict.fromkeys(urls))
    return [
        TrainingLink(url, match["project"], match["job"] or "")
        for url, match in found
        if match is not None
    ]
