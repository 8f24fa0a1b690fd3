"""The events of the audit log: one for each act and each refusal. Pure."""

from dataclasses import dataclass
from typing import Any

from bot.telemetry.redaction import Redactor, escaped

REFUSED = "refused"
_LONGEST = 200  # characters of a name


@dataclass(frozen=True, slots=True)
class Event:
    """One act, or one refusal. It holds no secret, no response URL and no message's text.

    Attributes:
        time: in UTC, as in ``2026-11-23T17:10:03Z``.
        actor_kind: person or workflow.
        actor: the id of the person or the workflow.
        workspace: the workspace of the actor.
        channel: the id of the channel; empty without one.
        entry_point: the way in, such as "command" or "button:watch".
        verb: the right that the act needs: view, create or stop.
        team: the name of the team.
        project: the id of the project.
        name: the name of the project.
        job: the id of the job.
        outcome: the act, such as "created" or "watched"; "refused"; or an outcome that is unknown.
        rule: the rule that decided.
        task: the id of the task; empty for a refusal before there was one.
        seconds: from the acceptance of the request to the act.
    """

    time: str
    actor_kind: str
    actor: str
    workspace: str = ""
    channel: str = ""
    entry_point: str = ""
    verb: str = ""
    team: str = ""
    project: str = ""
    name: str = ""
    job: str = ""
    outcome: str = ""
    rule: str = ""
    task: str = ""
    seconds: float = 0.0

    def fields(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def event_of(fields: dict[str, Any]) -> Event:
    """Return the event of this JSON, also of a later version with further fields."""
    return Event(**{name: value for name, value in fields.items() if name in Event.__slots__})


def cleaned(event: Event, redactor: Redactor) -> Event:
    """Return the event with each text redacted, cut, and escaped where a reader would obey it.

    The id of a task is redacted alone: it looks like a secret, and then every text is searched.
    """
    fields = event.fields()
    task = fields.pop("task")
    safe: dict[str, Any] = {
        name: escaped(value[:_LONGEST]) if isinstance(value, str) else value
        for name, value in redactor.tree(fields).items()
    }
    return Event(**safe, task=escaped(redactor.text(task)[:_LONGEST]))
