"""The errors of a search for a team."""

from bot.baseten.errors import BasetenError
from bot.baseten.models import Team


class UnknownTeamError(Exception):
    """No team has this id or name.

    Attributes:
        asked: the id or name that the person typed.
        near: up to three similar names of teams.
        teams: every team that the API key can see, or that the person can use.
        needed_by: the person or the workflow who would need a grant; empty without grants.
        forbidden: the team that exists and that they cannot use, for operators alone.
    """

    def __init__(
        self,
        asked: str,
        near: list[str],
        teams: list[Team],
        needed_by: str = "",
        forbidden: str = "",
    ) -> None:
        super().__init__(asked)
        self.asked = asked
        self.near = near
        self.teams = teams
        self.needed_by = needed_by
        self.forbidden = forbidden


class TeamsUnavailableError(Exception):
    """Baseten did not return the list of teams, and no other request was sent.

    Attributes:
        cause: the error of the request.
    """

    def __init__(self, cause: BasetenError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class AmbiguousTeamError(Exception):
    """Several teams have this name.

    Attributes:
        asked: the name that the person typed.
        teams: the teams with this name.
    """

    def __init__(self, asked: str, teams: list[Team]) -> None:
        super().__init__(asked)
        self.asked = asked
        self.teams = teams
