"""Who can use the bot, and for which acts. Pure.

The middleware asks :func:`serves` before the ack. Handlers and lists ask :func:`allows` once they
know the team.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

WORKFLOW = "workflow"  # the id of a workflow that the payload does not name
_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_CHANNEL_ID = re.compile(r"[CDG][A-Z0-9]{1,30}")
_MESSAGE_TS = re.compile(r"[0-9]{1,20}\.[0-9]{1,20}")
_GROUP_ID = re.compile(r"S[A-Z0-9]{1,30}")
_USER_ID = re.compile(r"[UW][A-Z0-9]{1,30}")


class ActorKind(StrEnum):
    """The kinds of actors."""

    PERSON = "person"
    WORKFLOW = "workflow"


class Verb(StrEnum):
    """The acts that access is decided for."""

    VIEW = "view"
    LOGS = "logs"
    CREATE = "create"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Actor:
    """The person or the workflow that a request comes from.

    Attributes:
        kind: person or workflow.
        id: the user id, or the workflow id.
        workspace: the ``team_id`` of the request.
        home: the workspace of the person; empty where the payload does not name it.
        enterprise_id: the organization of the request; empty outside of one.
        channel_id: the channel of the request; empty where there is none.
        entry_point: such as "command", "dialog", "button:refresh", "workflow step".
        execution_id: the execution of the workflow; empty for a person.
    """

    kind: ActorKind = ActorKind.PERSON
    id: str = ""
    workspace: str = ""
    home: str = ""
    enterprise_id: str = ""
    channel_id: str = ""
    entry_point: str = ""
    execution_id: str = ""


@dataclass(frozen=True, slots=True)
class Workspace:
    """The workspace, or the organization, that the bot's token belongs to.

    Attributes:
        team_id: the id of the workspace.
        enterprise_id: its organization; empty outside of one.
        name: the name of the workspace, or of the organization.
        organization: the bot is installed in the whole organization.
    """

    team_id: str
    enterprise_id: str = ""
    name: str = ""
    organization: bool = False

    @property
    def audience(self) -> str:
        """The people that the bot works for, in words."""
        kind = "organization" if self.organization else "workspace"
        return f"people of {self.name}'s {kind}" if self.name else f"people of one {kind}"


class Refusal(StrEnum):
    """The reasons why a request is not served."""

    OTHER_WORKSPACE = "another workspace"
    OTHER_ORGANIZATION = "another organization"
    CONNECTED_COMPANY = "a connected company"
    GUEST = "a guest"
    CHANNEL = "a channel that the bot does not post in"
    SHARED_CHANNEL = "a channel that is shared with another company"
    UNKNOWN_PERSON = "Slack does not tell whether the person is a guest"
    UNKNOWN_CHANNEL = "Slack does not tell whether the channel is shared"

    @property
    def is_unknown(self) -> bool:
        """Whether Slack does not tell; later it might."""
        return self in {Refusal.UNKNOWN_PERSON, Refusal.UNKNOWN_CHANNEL}


class NotServedError(Exception):
    """The bot does not work for this actor, or not in this channel; nothing was done.

    Attributes:
        refusal: the reason.
        audience: the people that the bot works for.
        channels: the channels that it works in; empty unless the channel is the reason.
        actor: the actor and the channel that were judged; None: those of the request.
    """

    def __init__(
        self,
        refusal: Refusal,
        audience: str = "",
        channels: tuple[str, ...] = (),
        actor: Actor | None = None,
    ) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal
        self.audience = audience
        self.channels = channels
        self.actor = actor


class NotAllowedError(Exception):
    """The actor has no right to this act on a team.

    Attributes:
        verb: the act.
        team: the name of the team; empty if it is unknown.
        opened: the project was opened before; False: nothing was done.
        actor: the actor and the channel that were judged; None: those of the request.
        rule: the rule that decided; empty: it is a rule about teams.
    """

    def __init__(
        self,
        verb: Verb,
        team: str = "",
        *,
        opened: bool = False,
        actor: Actor | None = None,
        rule: str = "",
    ) -> None:
        super().__init__(verb)
        self.verb = verb
        self.team = team
        self.opened = opened
        self.actor = actor
        self.rule = rule


class RightsUnknownError(Exception):
    """Nobody tells who is in a user group, or which teams there are; nothing was done.

    Attributes:
        teams: Baseten does not list its teams; else Slack does not tell a group's members.
    """

    def __init__(self, *, teams: bool) -> None:
        super().__init__("the teams are unknown" if teams else "a group's members are unknown")
        self.teams = teams


class CannotCreateError(Exception):
    """The actor can view a team's projects but not create one; nothing was done.

    Attributes:
        team: the name of the team.
        name: the name that they asked for.
        near: a similar name of a project that exists.
        actor_id: the person or the workflow.
    """

    def __init__(self, team: str, name: str, near: str | None, actor_id: str) -> None:
        super().__init__(f"{actor_id} cannot create in {team}")
        self.team = team
        self.name = name
        self.near = near
        self.actor_id = actor_id


class MalformedIdError(ValueError):
    """A button or a view carries an id or a state of a form that none has; nothing was done."""


class MalformedPayloadError(MalformedIdError):
    """A field of a payload is missing, or has another type; the text names it, not its value."""


def serves(
    actor: Actor,
    workspace: Workspace,
    workspaces: Collection[str] | None = None,
    *,
    external: bool = False,
) -> Refusal | None:
    """Return the reason to refuse the actor; None: the bot serves it.

    A request that names neither a workspace nor an organization is refused.

    Args:
        actor: the actor.
        workspace: the one that the bot's token belongs to.
        workspaces: the only workspaces that the bot serves; None: the token's own.
        external: whether it serves people of connected companies.
    """
    if actor.enterprise_id not in {"", workspace.enterprise_id}:
        return Refusal.OTHER_ORGANIZATION
    if workspace.organization and not actor.enterprise_id:
        return Refusal.OTHER_ORGANIZATION
    if workspaces is None and not workspace.organization:
        workspaces = (workspace.team_id,)
    if workspaces is not None and actor.workspace not in workspaces:
        return Refusal.OTHER_WORKSPACE
    own = {"", *(workspaces or ())}
    if workspace.organization:
        # The organization's workspaces are not listed anywhere: the person's is the one of the
        # request.
        own |= {actor.workspace, workspace.team_id, workspace.enterprise_id}
    return None if external or actor.home in own else Refusal.CONNECTED_COMPANY


class Allows(Protocol):
    """A function that decides about acts: :func:`allows`, or the rules of ``ACCESS_FILE``."""

    def __call__(self, actor: Actor, verb: Verb, team: str) -> bool:
        """Return whether the actor has the right to this act on a team."""


def allows(actor: Actor, verb: Verb, team: str) -> bool:  # noqa: ARG001 - grants will need all
    """Return whether the actor has the right to this act on a team, by name.

    Without grants, everybody that the bot serves can view, see log lines and create; nobody can
    stop.
    """
    return verb is not Verb.STOP


def checked_id(value: str) -> str:
    """Return the id of a project, a team or a job if it has the form of one.

    Raises:
        MalformedIdError: it has another form.
    """
    return _checked(_ID, value)


def checked_place(channel_id: str, ts: str) -> None:
    """Check the form of the ids of a channel and a message; empty ones pass.

    Raises:
        MalformedIdError: one has another form.
    """
    if channel_id:
        _checked(_CHANNEL_ID, channel_id)
    if ts:
        _checked(_MESSAGE_TS, ts)


def is_user_id(value: str) -> bool:
    """Return whether a text has the form of a user's id."""
    return bool(_USER_ID.fullmatch(value))


def is_group_id(value: str) -> bool:
    """Return whether a text has the form of a user group's id."""
    return bool(_GROUP_ID.fullmatch(value))


def _checked(form: re.Pattern[str], value: str) -> str:
    if not form.fullmatch(value):
        raise MalformedIdError("an id has an unknown form")
    return value
