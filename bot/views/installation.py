"""The names that an operator gives to one installation of the bot."""

import re
from dataclasses import dataclass

from bot.projects.request import command_text, is_typeable
from bot.views import text

_USER_ID = re.compile(r"[UW][A-Z0-9]{5,30}")
_CHANNEL_ID = re.compile(r"C[A-Z0-9]{5,30}")


@dataclass(frozen=True, slots=True)
class Installation:
    """The names that the messages contain.

    Attributes:
        command: the slash command that opens a project.
        jobs_command: the slash command that lists jobs.
        contact: the id of a person or a channel to ask, or free text; empty: the messages name
            nobody.
    """

    command: str = "/training-project"
    jobs_command: str = "/training-jobs"
    contact: str = ""

    @property
    def operator(self) -> str:
        """The person or the channel to ask, as mrkdwn that follows a verb such as "ask"."""
        if _USER_ID.fullmatch(self.contact):
            return f"<@{self.contact}>"
        if _CHANNEL_ID.fullmatch(self.contact):
            return f"<#{self.contact}>"
        return text.escape(self.contact) or "the person who runs this bot"

    def command_for(self, team: str, name: str) -> str:
        """Return the command that opens a project, to copy; empty if it cannot be typed."""
        if not is_typeable(team, name):
            return ""
        return text.to_copy(f"{self.command} {command_text(team, name)}")
