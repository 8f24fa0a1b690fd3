"""The Web API's methods about people, user groups and channels."""

from dataclasses import dataclass

from bot.sandbox.faults import Json
from bot.sandbox.slack import arguments as slack_arguments
from bot.sandbox.slack.records import BOT_USER, TEAM_ID
from bot.sandbox.slack.workspace import SlackRefusedError, Workspace


@dataclass(frozen=True, slots=True)
class SlackDirectory:
    """The methods.

    Attributes:
        workspace: the state.
        scopes: the scopes of the bot's token.
    """

    workspace: Workspace
    scopes: tuple[str, ...]

    def usergroups_list(self, _arguments: dict[str, Json]) -> dict[str, Json]:
        """`usergroups.list`. https://docs.slack.dev/reference/methods/usergroups.list"""
        groups = self.workspace.user_groups
        return {"usergroups": [{"id": key, "name": name} for key, name in groups.items()]}

    def usergroups_users_list(self, arguments: dict[str, Json]) -> dict[str, Json]:
        """`usergroups.users.list`: the ids of a group's people, on one page.

        https://docs.slack.dev/reference/methods/usergroups.users.list
        """
        group = slack_arguments.required(arguments, "usergroup")
        if group not in self.workspace.groups:
            raise SlackRefusedError(code="no_such_subteam")
        return {"users": list(self.workspace.groups[group])}

    def users_info(self, arguments: dict[str, Json]) -> dict[str, Json]:
        """`users.info`; a single-channel guest is both kinds of guest.

        The profile has an email address only with the scope for it. A person of another
        workspace is a stranger, whose guest flags are left out.
        https://docs.slack.dev/reference/methods/users.info
        https://docs.slack.dev/reference/objects/user-object
        """
        user = slack_arguments.required(arguments, "user")
        if not user.startswith(("U", "W")):
            raise SlackRefusedError(code="user_not_found")
        person = self.workspace.person(user)
        guest = self.workspace.guests.get(user)
        shown: dict[str, Json] = {
            "id": user,
            "team_id": person.team_id,
            "name": user.lower(),
            "deleted": False,
            "is_bot": user == BOT_USER,
            "updated": int(self.workspace.now().timestamp()),
            "profile": self._profile(user),
        }
        if person.team_id == TEAM_ID:
            flags = {"is_restricted": guest is not None, "is_ultra_restricted": bool(guest)}
            return {"user": shown | flags}
        return {"user": shown | {"is_stranger": True}}

    def users_lookup_by_email(self, arguments: dict[str, Json]) -> dict[str, Json]:
        """`users.lookupByEmail`.

        https://docs.slack.dev/reference/methods/users.lookupByEmail
        """
        email = slack_arguments.required(arguments, "email").casefold()
        user = self.workspace.emails.get(email)
        if user is None:
            raise SlackRefusedError(code="users_not_found")
        return {"user": {"id": user, "team_id": TEAM_ID, "profile": {"email": email}}}

    def conversations_info(self, arguments: dict[str, Json]) -> dict[str, Json]:
        """`conversations.info`; each kind of conversation has a scope of its own.

        https://docs.slack.dev/reference/methods/conversations.info
        """
        channel = self.workspace.visible_channel(slack_arguments.required(arguments, "channel"))
        direct = channel.id.startswith("D")
        kind = "im" if direct else "groups" if channel.private else "channels"
        slack_arguments.need_scope(f"{kind}:read", self.scopes)
        shown: dict[str, Json] = {
            "id": channel.id,
            "created": int(self.workspace.now().timestamp()),
            "is_archived": channel.archived,
            "is_im": direct,
            "is_org_shared": False,
        }
        if not direct:
            shown |= {
                "name": channel.name,
                "is_channel": not channel.private,
                "is_private": channel.private,
                "is_member": channel.member,
                "is_shared": channel.shared,
            }
        return {"channel": shown | {"is_ext_shared": channel.shared}}

    def _profile(self, user: str) -> dict[str, Json]:
        if "users:read.email" not in self.scopes:
            return {}
        emails = [email for email, who in self.workspace.emails.items() if who == user]
        return {"email": emails[0]} if emails else {}
