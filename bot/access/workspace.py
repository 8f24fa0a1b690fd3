"""The workspace that the token belongs to, as Slack's ``auth.test`` names it. Pure."""

from typing import Any, Protocol

from bot.access.rules import Workspace


class _Answer(Protocol):
    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - JSON
        """Return a field."""


def workspace_of(answer: _Answer) -> Workspace:
    """Read an answer of https://docs.slack.dev/reference/methods/auth.test"""
    organization = bool(answer.get("is_enterprise_install"))
    name = (organization and answer.get("enterprise_name")) or answer.get("team") or ""
    return Workspace(
        team_id=str(answer.get("team_id") or ""),
        enterprise_id=str(answer.get("enterprise_id") or ""),
        name=str(name),
        organization=organization,
    )


def access_in_words(workspace: Workspace) -> str:
    """Say in one line for operators whom the bot serves, and what they can do."""
    place = workspace.enterprise_id if workspace.organization else workspace.team_id
    return (
        f"serves {workspace.audience} ({place}), guests included: all of them can create, view and "
        "see log lines in every team that the key sees; nobody can stop"
    )
