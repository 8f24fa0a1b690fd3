"""The places where handlers and lists ask for a person's rights on a team."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import wraps

from bot.access.access import Access
from bot.access.grants import ANYWHERE
from bot.access.rules import (
    Actor,
    ActorKind,
    Allows,
    CannotCreateError,
    NotAllowedError,
    NotServedError,
    RightsUnknownError,
    Verb,
    allows,
)
from bot.baseten.errors import BasetenError
from bot.baseten.models import Team
from bot.baseten.project_heads import ProjectHead
from bot.durable.context import Handler, TaskContext
from bot.durable.model import Outcome, State
from bot.durable.worker import Worker
from bot.projects.creation import CreationOutcome
from bot.projects.job_list import CurrentJobs
from bot.projects.request import ProjectRequest
from bot.projects.service import ExistingProjects, OpenedProject, Projects, near_teams
from bot.projects.team_errors import AmbiguousTeamError, UnknownTeamError
from bot.slack.message import ReplyTarget


def actor_at(place: ReplyTarget, workflow_id: str = "", execution_id: str = "") -> Actor:
    """Return the person or the workflow that asked; the middleware has judged its workspace."""
    return Actor(
        ActorKind.WORKFLOW if execution_id else ActorKind.PERSON,
        workflow_id or place.user_id,
        channel_id=place.channel_id,
        execution_id=execution_id,
    )


def actor_of(state: State) -> Actor:
    """Return the actor of a task, which its state names as `place` and, in a workflow, by ids."""
    place = state.get("place") or {}
    return actor_at(
        ReplyTarget(place.get("user_id", ""), place.get("channel_id", "")),
        state.get("workflow_id", ""),
        state.get("execution_id", ""),
    )


@dataclass(frozen=True, slots=True)
class Permissions:
    """Ask for rights. A forbidden team gets the same words as an unknown one.

    Attributes:
        allows: decides.
        access: the rules of ``ACCESS_FILE``; None: there are none.
    """

    allows: Allows = allows
    access: Access | None = None

    async def prepare(self, actor: Actor) -> None:
        """Make the facts about the actor fresh; every decision about it comes after this."""
        if self.access is not None:
            await self.access.prepare(actor)

    def admit(self, actor: Actor) -> None:
        """Let work for an actor go on, in its channel, whatever the team.

        Raises:
            NotServedError: the bot does not work for it, or not in this channel.
        """
        if self.access is not None and (reason := self.access.refusal(actor)) is not None:
            channels = self.access.file.channels or ()
            raise NotServedError(reason, channels=channels, actor=actor)

    def doubt(self, actor: Actor) -> NotServedError | RightsUnknownError | None:
        """Return the reason why lists for the actor lack things; None: they are complete."""
        try:
            self.admit(actor)
            self.require_facts(actor)
        except (NotServedError, RightsUnknownError) as doubt:
            return doubt
        return None

    def require(self, place: ReplyTarget, verb: Verb, team: str | None) -> None:
        """Let a handler go on with a project of this team.

        Raises:
            NotServedError: as `admit`.
            NotAllowedError: the person has no right to it.
            RightsUnknownError: it is unknown whether they have it.
        """
        actor = actor_at(place)
        self.admit(actor)
        if not self.allows(actor, verb, team or ""):
            self.require_facts(actor)
            raise NotAllowedError(verb, team or "", actor=actor)

    def require_shown(self, actor: Actor, opened: OpenedProject) -> None:
        """Let a handler show a project that it opened: a new one to the creator, or to a viewer.

        Raises:
            NotAllowedError: the actor has no right to see it, or none any more, for any reason.
        """
        created = opened.outcome is CreationOutcome.CREATED
        verbs = (Verb.VIEW, Verb.CREATE) if created else (Verb.VIEW,)
        if not any(self.allows(actor, verb, opened.team) for verb in verbs):
            raise NotAllowedError(Verb.VIEW, opened.team, opened=True)

    def verb_to_open(self, actor: Actor, opened: OpenedProject) -> Verb:
        """Return the right that an actor needed to open a project."""
        existed = opened.outcome is CreationOutcome.EXISTED
        return Verb.VIEW if existed and self.allows(actor, Verb.VIEW, opened.team) else Verb.CREATE

    def require_facts(self, actor: Actor) -> None:
        """Tell a missing right from one that nobody confirms; call it after a refusal.

        Raises:
            RightsUnknownError: it is unknown whether the actor has more rights.
        """
        if self.access is not None:
            self.access.require_facts(actor)

    def can_view(self, place: ReplyTarget, team: str) -> bool:
        """Return whether a list for this person can name the team."""
        return self.allows(actor_at(place), Verb.VIEW, team)

    def visible_projects(
        self, place: ReplyTarget, heads: Iterable[ProjectHead]
    ) -> list[ProjectHead]:
        """Return the projects that the person can view; each team is judged once."""
        heads = list(heads)
        teams = self._visible_teams(place, (head.team_name for head in heads))
        return [head for head in heads if head.team_name in teams]

    def visible_jobs(self, place: ReplyTarget, current: CurrentJobs, team: str = "") -> CurrentJobs:
        """Return the jobs that the person can view, of one team or of all."""
        named = (listed.project.team_name for listed in current.jobs)
        teams = self._visible_teams(place, (each for each in named if each == team or not team))
        jobs = [listed for listed in current.jobs if listed.project.team_name in teams]
        return replace(current, jobs=tuple(jobs))

    def _visible_teams(self, place: ReplyTarget, teams: Iterable[str]) -> set[str]:
        return {team for team in set(teams) if self.can_view(place, team)}

    def usable(self, actor: Actor, teams: Iterable[Team]) -> list[Team]:
        """Return the teams in which the actor can create or open a project, in their order.

        A dialog without a channel offers the teams of all channels: the submission names one.
        """
        if not actor.channel_id:
            actor = replace(actor, channel_id=ANYWHERE)
        return [team for team in teams if self._can_use(actor, team.name)]

    def viewable(self, actor: Actor, teams: Iterable[Team]) -> list[Team]:
        """Return the teams whose projects the actor can see, in a channel or, without one, any."""
        return [team for team in teams if self.can_view_somewhere(actor, team.name)]

    def can_view_somewhere(self, actor: Actor, team: str) -> bool:
        """Return whether the actor can see a team's projects, in a channel or, without one, any."""
        if not actor.channel_id:
            actor = replace(actor, channel_id=ANYWHERE)
        return self.allows(actor, Verb.VIEW, team)

    async def find_team(self, actor: Actor, projects: Projects, asked: str) -> Team:
        """Find the team that the actor wants to create or open a project in.

        Raises: as `Projects.find_team` and `admit`.
        """
        self.admit(actor)
        with self._only_usable(actor):
            try:
                team = await projects.find_team(asked)
            except AmbiguousTeamError as error:
                team = self._only_one(actor, error)
        await self._require_use(actor, projects, asked, team)
        return team

    async def find_existing(
        self, actor: Actor, projects: Projects, request: ProjectRequest
    ) -> ExistingProjects:
        """Find the team and the similar projects that the actor can view.

        Raises:
            CannotCreateError: the actor can only view, and there is no project of this name.
            NotAllowedError: the actor can only create, and there is a project of this name.

        Also raises as `Projects.find_existing` and `admit`.
        """
        self.admit(actor)
        with self._only_usable(actor):
            try:
                found = await projects.find_existing(request)
            except AmbiguousTeamError as error:
                team = self._only_one(actor, error)
                found = await projects.find_existing(replace(request, team=team.id))
        await self._require_use(actor, projects, request.team, found.team)
        also_in = tuple(team for team in found.also_in if self.allows(actor, Verb.VIEW, team))
        readings = tuple(
            self._only_viewable(actor, each)
            for each in found.readings
            if self._can_use(actor, each.team.name)
        )
        found = replace(found, also_in=also_in, readings=readings)
        if not self.allows(actor, Verb.VIEW, found.team.name):
            if found.listed:
                raise NotAllowedError(Verb.VIEW, found.team.name)
            return replace(found, near=None, beginning_of=None)
        if self.allows(actor, Verb.CREATE, found.team.name):
            return found
        return await self._find_project(actor, projects, found)

    async def _find_project(
        self, actor: Actor, projects: Projects, found: ExistingProjects
    ) -> ExistingProjects:
        """Find the project itself: an upsert would create a missing one."""
        if found.listed is not False:
            project = await projects.find_project(found.team, found.name)
            if project is not None:
                return replace(found, project=project)
        near = found.near or found.beginning_of
        raise CannotCreateError(found.team.name, found.name, near, actor.id)

    def _only_viewable(self, actor: Actor, reading: ExistingProjects) -> ExistingProjects:
        """Take the names of projects that the actor cannot view out of a reading."""
        also_in = tuple(team for team in reading.also_in if self.allows(actor, Verb.VIEW, team))
        if self.allows(actor, Verb.VIEW, reading.team.name):
            return replace(reading, also_in=also_in)
        return ExistingProjects(reading.team, reading.name, also_in=also_in)

    def _can_use(self, actor: Actor, team: str) -> bool:
        return any(self.allows(actor, verb, team) for verb in (Verb.VIEW, Verb.CREATE))

    def _only_one(self, actor: Actor, error: AmbiguousTeamError) -> Team:
        """Return the only team of this name that the actor can use, else raise the error."""
        usable = self.usable(actor, error.teams)
        if len(usable) != 1:
            raise error
        return usable[0]

    @contextmanager
    def _only_usable(self, actor: Actor) -> Iterator[None]:
        """Take the teams that the actor cannot use out of an error."""
        try:
            yield
        except UnknownTeamError as error:
            raise self._unknown(actor, error.asked, error.teams) from None
        except AmbiguousTeamError as error:
            usable = self.usable(actor, error.teams)
            if not usable:
                raise self._unknown(actor, error.asked, (), error.teams[0].name) from None
            raise AmbiguousTeamError(error.asked, usable) from None

    async def _require_use(self, actor: Actor, projects: Projects, asked: str, team: Team) -> None:
        if self._can_use(actor, team.name):
            return
        try:
            teams = await projects.teams()
        except BasetenError:
            teams = []
        raise self._unknown(actor, asked, teams, team.name)

    def _unknown(
        self, actor: Actor, asked: str, teams: Iterable[Team], forbidden: str = ""
    ) -> UnknownTeamError:
        self.require_facts(actor)
        usable = self.usable(actor, teams)
        granted = self.access is not None and self.access.has_grants
        return UnknownTeamError(
            asked, near_teams(asked, usable), usable, actor.id if granted else "", forbidden
        )


@dataclass(frozen=True, slots=True)
class PreparedTasks:
    """Register handlers that run once the facts about the task's actor are fresh."""

    worker: Worker
    permissions: Permissions

    def on(self, kind: str, handler: Handler) -> None:
        """Register the handler of a kind of task."""

        @wraps(handler)
        async def prepared(context: TaskContext) -> Outcome:
            await self.permissions.prepare(actor_of(context.task.state))
            return await handler(context)

        self.worker.on(kind, prepared)
