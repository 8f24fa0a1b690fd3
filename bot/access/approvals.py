"""The rules of approval: which new projects wait, and for which people. Pure."""

from typing import Protocol

from bot.access.access_file import ALL, AccessFile, Approval, groups_in
from bot.access.rules import RightsUnknownError
from bot.baseten.models import Team

APPROVAL_RULE = "the rule of approval"  # for the audit log


class Groups(Protocol):
    """The user groups of the workspace."""

    def members(self, group_id: str) -> frozenset[str] | None:
        """Return the people of a user group; None if they are unknown."""


def rule_for(file: AccessFile, team: Team) -> Approval | None:
    """Return the first rule about new projects of a team; None: they wait for nobody.

    Raises:
        RightsUnknownError: Baseten does not tell the team's name, which a rule might have.
    """
    for rule in file.approvals:
        if not {ALL, team.id, team.name}.isdisjoint(rule.teams):
            return rule
    if file.approvals and team.name == team.id:
        raise RightsUnknownError(teams=True)
    return None


def asks_in(file: AccessFile, channel_id: str) -> bool:
    """Return whether a rule's question is posted in a channel, among `channels` or not."""
    return any(rule.channel == channel_id for rule in file.approvals)


def can_decide(by: tuple[str, ...], groups: Groups, user_id: str) -> bool:
    """Return whether a person is among the people and user groups that decide.

    Raises:
        RightsUnknownError: Slack does not tell who is in a group.
    """
    members = [groups.members(group) for group in groups_in(by)]
    if user_id in by or any(user_id in each for each in members if each is not None):
        return True
    if None in members:
        raise RightsUnknownError(teams=False)
    return False
