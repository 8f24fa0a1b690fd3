"""The states of the tasks that start and end follows."""

from bot.baseten.models import Moment
from bot.durable.task_state import TaskState
from bot.follows.model import Level
from bot.projects.follow_choice import FollowChoice, FollowReference
from bot.slack.message import ReplyTarget

FOLLOW = "follow/1"
UNFOLLOW = "unfollow/1"


class FollowTask(TaskState):
    """The state of the task that starts a follow.

    Attributes:
        place: the person, and the place of the click.
        target: the project or the team; None: the jobs that the person starts.
        channel_id: the channel to post in; empty for the person's direct messages.
        level: the events that are posted.
        mentions: a person, a user group, or both.
        home: the click was in the home tab, which is published again.
        since: the time from which events count, by Baseten's clock, once it is known.
        looks: the number of searches for a post with an unknown outcome; None: none is in doubt.
        tries: the number of temporary failures of Slack in a row.
    """

    place: ReplyTarget
    target: FollowChoice | None
    channel_id: str = ""
    level: Level = Level.ENDS
    mentions: tuple[str, ...] = ()
    home: bool = False
    since: Moment | None = None
    looks: int | None = None
    tries: int = 0

    @property
    def is_direct(self) -> bool:
        """Whether the follow is for the person alone."""
        return not self.channel_id or self.channel_id.startswith("D")

    @property
    def follow_place(self) -> ReplyTarget:
        """The place to post in. Slack takes a person's id for the direct message."""
        if self.is_direct:
            return ReplyTarget(self.place.user_id, self.place.user_id)
        return ReplyTarget("", self.channel_id)


class UnfollowTask(TaskState):
    """The state of the tasks that end a follow.

    Attributes:
        place: the person, and the place of the click.
        follow: the follow; None: the one of the person's own jobs.
        home: the click was in the home tab, which is published again.
    """

    place: ReplyTarget
    follow: FollowReference | None
    home: bool = False
