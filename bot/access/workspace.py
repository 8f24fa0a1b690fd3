"""The workspace that the token belongs to, as Slack's ``auth.test`` names it. Pure."""

from typing import Any, Protocol

from bot.access.access_file import ALL, AccessFile
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


def access_in_words(workspace: Workspace, file: AccessFile | None = None) -> str:
    """Say in one line for operators whom the bot serves, and what they can do."""
    file = file or AccessFile()
    place = workspace.enterprise_id if workspace.organization else workspace.team_id
    audience = f"serves {workspace.audience} ({', '.join(file.workspaces or (place,))})"
    guests = f"guests {'included' if file.guests == 'allow' else 'excluded'}"
    limits = [", people of connected companies too"] if file.external == "allow" else []
    if file.channels is not None:
        limits.append(f", in {_count(len(file.channels), 'channel')}")
    if file.shared_channels == "deny":
        limits.append(", not in channels shared with other companies")
    if file.grants:
        can = f"{_count(len(file.grants), 'grant')}; everything that is not granted is refused"
    else:
        can = (
            "all of them can create, view and see log lines, with the e-mail addresses in them, in "
            "every team that the key sees; nobody can stop"
        )
    if file.approvals:
        named = dict.fromkeys(team for rule in file.approvals for team in rule.teams)
        teams = "all teams" if ALL in named else ", ".join(named)
        can = f"{can}; new projects in {teams} wait for approval"
    return f"{audience}, {guests}{''.join(limits)}: {can}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
