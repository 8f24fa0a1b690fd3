"""The decisions by the rules of ``ACCESS_FILE`` and by known facts about Slack and Baseten. Pure.

Unknown means no.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.access.access_file import ALL, AccessFile, Grant
from bot.access.rules import Actor, ActorKind, Refusal, Verb, allows
from bot.baseten.models import Team

ANYWHERE = "*"  # the channel of an actor who is yet to choose one
UNKNOWN_TEAM = "an unknown team"  # the rule that refuses it


class Facts(Protocol):
    """The facts that decisions need; each returns None if the fact is unknown."""

    def members(self, group_id: str) -> frozenset[str] | None:
        """Return the people of a user group."""

    def is_guest(self, user_id: str) -> bool | None:
        """Return whether a person is a guest."""

    def is_shared(self, channel_id: str) -> bool | None:
        """Return whether a channel is shared with another company."""

    def team_keys(self, name: str) -> frozenset[str] | None:
        """Return the texts that a grant can name a team by; None if two teams have its name."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one question.

    Attributes:
        allowed: yes or no.
        rule: the rule that decides, for operators, such as "grant 2".
    """

    allowed: bool
    rule: str


def refusal(file: AccessFile, facts: Facts, actor: Actor) -> Refusal | None:
    """Return the reason to do nothing at all for an actor, or in its channel; None: there is none.

    The workspace is judged elsewhere: later, a task does not know it any more.
    """
    channel = actor.channel_id
    if not works_in(file, channel):
        return Refusal.CHANNEL
    if file.shared_channels == "deny" and channel not in {"", ANYWHERE}:
        shared = facts.is_shared(channel)
        if shared is not False:
            return Refusal.SHARED_CHANNEL if shared else Refusal.UNKNOWN_CHANNEL
    if file.guests == "deny" and actor.kind is ActorKind.PERSON:
        guest = facts.is_guest(actor.id)
        if guest is not False:
            return Refusal.GUEST if guest else Refusal.UNKNOWN_PERSON
    return None


def works_in(file: AccessFile, channel_id: str) -> bool:
    """Return whether the bot works in a channel; direct messages are no channels."""
    if file.channels is None or channel_id in {"", ANYWHERE} or channel_id.startswith("D"):
        return True
    return channel_id in file.channels


def decide(file: AccessFile, facts: Facts, actor: Actor, verb: Verb, team: str) -> Decision:
    """Decide about an act on a team, by the team's name."""
    reason = refusal(file, facts, actor)
    if reason is not None:
        return Decision(allowed=False, rule=reason.value)
    if not file.grants:
        return Decision(allows(actor, verb, team), "no grants")
    keys = facts.team_keys(team) if team else None
    if keys is None:
        return Decision(allowed=False, rule=UNKNOWN_TEAM)
    for number, grant in enumerate(file.grants, 1):
        if (
            verb in grant.can
            and (ALL in grant.teams or not keys.isdisjoint(grant.teams))
            and _holds_in(grant, actor.channel_id)
            and _is_granted_to(grant, facts, actor)
        ):
            return Decision(allowed=True, rule=f"grant {number}")
    return Decision(allowed=False, rule="no grant")


def unknown_teams(file: AccessFile, teams: Sequence[Team]) -> list[str]:
    """Return the teams in the file that no team, or more than one, has as its name or id."""
    ids, names = {team.id for team in teams}, [team.name for team in teams]
    rules = [grant.teams for grant in file.grants] + [each.teams for each in file.approvals]
    named = [team for given in rules for team in given]
    known = {ALL} | ids
    return [each for each in dict.fromkeys(named) if each not in known and names.count(each) != 1]


def is_unsure(file: AccessFile, facts: Facts, actor: Actor) -> bool:
    """Return whether the actor might be in a user group whose members are unknown."""
    if actor.kind is not ActorKind.PERSON:
        return False
    return any(
        facts.members(group) is None
        for grant in file.grants
        if _holds_in(grant, actor.channel_id)
        for group in grant.groups
    )


def _holds_in(grant: Grant, channel_id: str) -> bool:
    return grant.channels is None or channel_id == ANYWHERE or channel_id in grant.channels


def _is_granted_to(grant: Grant, facts: Facts, actor: Actor) -> bool:
    if actor.id in grant.to:  # the ids of people, workflows and groups have different forms
        return True
    if actor.kind is not ActorKind.PERSON:
        return False
    return any(actor.id in (facts.members(group) or ()) for group in grant.groups)
