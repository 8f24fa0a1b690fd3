"""The contents of a person's home tab. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.access.rules import NotServedError, RightsUnknownError
from bot.baseten.errors import BasetenError
from bot.baseten.models import LIVE, TrainingJob
from bot.baseten.project_heads import ProjectHead
from bot.follows.model import Follow
from bot.projects.job_list import CurrentJobs, ListedJob
from bot.projects.recents import Recent

MOST_RUNNING = 10


@dataclass(frozen=True, slots=True)
class Listed:
    """Baseten's answers for one person.

    Attributes:
        current: the current jobs that the person can view.
        projects: the projects that the person can view, by their ids; None: Baseten refuses the
            list.
        complete_until: a project that the person opened later might be missing.
    """

    current: CurrentJobs
    projects: dict[str, ProjectHead] | None
    complete_until: datetime

    @property
    def live(self) -> list[ListedJob]:
        """The jobs that have not ended, the newest first."""
        live = [each for each in self.current.jobs if each.job.current_status in LIVE]
        return sorted(live, key=lambda each: each.job.created_at, reverse=True)

    def present(self, recent: Recent) -> "OwnProject | None":
        """Return the present state of a project that the person opened; None: it is not there.

        It is gone from Baseten, or the person cannot view its team any more.
        """
        head = (self.projects or {}).get(recent.project_id)
        if head is not None:
            team = head.team_name or recent.team
            return OwnProject(head.id, head.name, team, recent.at, head.latest_job)
        unknown = self.projects is None or recent.at > self.complete_until
        return as_opened(recent) if unknown else None


@dataclass(frozen=True, slots=True)
class OwnProject:
    """A project that the person has opened.

    Attributes:
        id: the id in Baseten.
        name: its name.
        team: the name of its team.
        opened_at: the time at which the person opened it.
        job: its latest job if it is current; None otherwise.
    """

    id: str
    name: str
    team: str
    opened_at: datetime
    job: TrainingJob | None = None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """The contents of a home tab.

    Attributes:
        listed: Baseten's answers; the error without an answer; None: there is no answer yet.
        recents: the projects that the person opened and can view, newest first; None: unknown,
            because the database is away.
        follows: the follows of projects and teams that the person created and can view; None:
            unknown.
        tells: whether the bot tells the person about the jobs that they start.
        watched: the ids of the jobs that the person watches.
        doubt: the reason why things might be missing that the person can view; None: none are.
    """

    listed: Listed | BasetenError | None
    recents: Sequence[Recent] | None
    follows: Sequence[Follow] | None = ()
    tells: bool = False
    watched: frozenset[str] = frozenset()
    doubt: NotServedError | RightsUnknownError | None = None

    @property
    def projects(self) -> list[OwnProject]:
        """The projects that the person opened, in their present state if it is known."""
        listed, recents = self.listed, self.recents or ()
        if not isinstance(listed, Listed):
            return [as_opened(recent) for recent in recents]
        present = (listed.present(recent) for recent in recents)
        return [project for project in present if project is not None]


def as_opened(recent: Recent) -> OwnProject:
    """Return a project as it was when the person opened it."""
    return OwnProject(recent.project_id, recent.name, recent.team, recent.at)


def opened_first(recents: Iterable[Recent], opened: Recent | None) -> list[Recent]:
    """Return the projects with the one that the person has just opened first.

    The task that opens a project saves it at its end, which follows.
    """
    if opened is None:
        return list(recents)
    return [opened, *(each for each in recents if each.project_id != opened.project_id)]
