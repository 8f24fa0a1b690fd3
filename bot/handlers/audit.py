"""The audit log: handlers note their acts, and refusals are noted where they are caught."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

import structlog
from structlog.contextvars import get_contextvars

from bot.access.audit import REFUSED, Event, cleaned
from bot.access.grants import Decision
from bot.access.limits import PersonLimitError
from bot.access.rules import (
    Actor,
    CannotCreateError,
    MalformedIdError,
    NotAllowedError,
    NotServedError,
    RightsUnknownError,
    Verb,
)
from bot.durable.context import TaskContext
from bot.durable.model import LONGEST_ID, Record
from bot.durable.store import Store
from bot.handlers.permissions import actor_of
from bot.handlers.task_age import age
from bot.projects.team_errors import UnknownTeamError
from bot.telemetry.redaction import Redactor, escaped

log = structlog.stdlib.get_logger(__name__)

_UNKNOWN = "the team, or the members of a group, are unknown"


class Decides(Protocol):
    """The rules in force; see `Access.decide`."""

    def __call__(self, actor: Actor, verb: Verb, team: str) -> Decision:
        """Decide about an act on a team, and name the rule."""


@dataclass(frozen=True, slots=True)
class Denial:
    """The part of an event that a refusal tells.

    Attributes:
        rule: the rule that decided; empty: the rules in force tell it.
        verb: the act.
        team: the name of the team.
        name: the name of the project.
        actor: the actor and the channel that were judged; None: those of the request.
    """

    rule: str = ""
    verb: Verb | None = None
    team: str = ""
    name: str = ""
    actor: Actor | None = None


@dataclass(slots=True)
class _Refusals:
    """The people who were refused in the present minute."""

    minute: int = 0
    people: set[tuple[str, str]] = field(default_factory=set)

    def is_first(self, minute: int, person: tuple[str, str]) -> bool:
        """Return whether a person is refused for the first time in a minute."""
        if minute != self.minute:
            self.minute, self.people = minute, set()
        first = person not in self.people
        self.people.add(person)
        return first


@dataclass(frozen=True, slots=True)
class Audit:
    """Write one event for each act and each refusal: a row, then a log line.

    Attributes:
        store: takes the rows.
        decide: names the rule.
        redactor: redacts names.
        now: an aware clock.
        on_unposted: called for each row that waits for its post; None without `AUDIT_CHANNEL`.
    """

    store: Store
    decide: Decides
    redactor: Redactor
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    on_unposted: Callable[[], object] | None = None
    _refusals: _Refusals = field(default_factory=_Refusals)

    def acted(  # noqa: PLR0913 - the fields of an event
        self,
        context: TaskContext,
        verb: Verb,
        outcome: str,
        *,
        team: str | None,
        project: str = "",
        name: str = "",
        job: str = "",
        actor: Actor | None = None,
        rule: str = "",
    ) -> None:
        """Note the act of a task; its row is written with the end of the attempt.

        A task has one act: a second note of it, also by another process, changes nothing.

        Args:
            context: the attempt.
            verb: the right that the act needs.
            outcome: the act, such as "created".
            team: the name of the team; None if it is unknown.
            project: the id of the project.
            name: the name of the project.
            job: the id of the job.
            actor: the actor that was decided about; None: the one of the task.
            rule: the rule that decided, if it is none about rights.
        """
        actor = actor or actor_of(context.task.state)
        event = replace(
            self._event(actor, context),
            verb=verb,
            team=team or "",
            project=project,
            name=name,
            job=job,
            outcome=outcome,
            rule=rule or self.decide(actor, verb, team or "").rule,
        )
        context.noted.append(self._record(context.task.id, event))

    def refused(self, context: TaskContext, error: Exception | Denial) -> None:
        """Note the refusal of a task; any other error is ignored."""
        actor = actor_of(context.task.state)
        if (record := self._refusal(actor, context, error)) is not None:
            context.noted.append(record)

    def refused_request(self, actor: Actor, error: Exception) -> None:
        """Write the refusal of a request that is no task; any other error is ignored."""
        if (record := self._refusal(actor, None, error)) is not None:
            self.store.submit(record)

    def _refusal(
        self, actor: Actor, context: TaskContext | None, error: Exception | Denial
    ) -> Record | None:
        """Return the row of a refusal; None if the person has one in this minute."""
        denial = error if isinstance(error, Denial) else _denial_of(error)
        if denial is None:
            return None
        actor = denial.actor or actor
        event = self._event(actor, context)
        minute, person = int(self.now().timestamp() // 60), (event.workspace, event.actor)
        if not self._refusals.is_first(minute, person):
            return None
        rule = denial.rule
        if not rule and denial.verb is not None:
            rule = self.decide(actor, denial.verb, denial.team).rule
        event = replace(
            event,
            verb=denial.verb or "",
            team=denial.team,
            name=denial.name,
            outcome=REFUSED,
            rule=rule,
        )
        # The same id on all replicas, so that the database keeps one row.
        return self._record(escaped(f"refused:{minute}:{':'.join(person)}")[:LONGEST_ID], event)

    def _event(self, actor: Actor, context: TaskContext | None) -> Event:
        """Return the fields that the request itself tells."""
        time = self.now().astimezone(UTC).isoformat(timespec="milliseconds")
        event = Event(
            time=time.replace("+00:00", "Z"),
            actor_kind=actor.kind,
            actor=actor.id,
            channel=actor.channel_id,
        )
        if context is None:
            bound = get_contextvars()  # see `RequestMiddleware`
            workspace, entry_point = bound.get("workspace", ""), bound.get("entry_point", "")
            return replace(event, workspace=workspace, entry_point=entry_point)
        task = context.task
        return replace(
            event,
            workspace=task.request.workspace,
            entry_point=task.request.entry_point,
            task=task.id,
            seconds=round(age(task), 3),
        )

    def _record(self, event_id: str, event: Event) -> Record:
        event = cleaned(event, self.redactor)
        posted = self.on_unposted is not None and event.outcome != REFUSED
        at = datetime.fromisoformat(event.time).timestamp()

        def written() -> None:
            log.info("audit", audit=True, **event.fields())
            if posted and self.on_unposted is not None:
                self.on_unposted()

        return Record(event_id, at, event.fields(), unposted=posted, written=written)


def _denial_of(error: Exception) -> Denial | None:
    """Return the refusal that an error stands for; None for any other error."""
    match error:
        case NotServedError():
            return Denial(error.refusal.value, actor=error.actor)
        case NotAllowedError():
            return Denial(error.rule, error.verb, error.team, actor=error.actor)
        case UnknownTeamError() if error.forbidden:
            return Denial(verb=Verb.CREATE, team=error.forbidden)
        case CannotCreateError():
            return Denial(verb=Verb.CREATE, team=error.team, name=error.name)
        case RightsUnknownError():
            return Denial(_UNKNOWN)
        case PersonLimitError():
            return Denial("the limits of a person")
        case MalformedIdError():
            return Denial("a malformed request")
    return None
