"""The state of the task that opens a project."""

from typing import Literal

from bot.access.rules import Actor
from bot.durable.task_state import TaskState
from bot.handlers.permissions import actor_at
from bot.projects.request import ProjectRequest
from bot.projects.service import OpenedProject
from bot.slack.message import PostedMessage, ReplyTarget

OPEN_PROJECT = "open/2"  # with the version of the state: a bot runs only tasks of its own version


class OpenProjectTask(TaskState):
    """The state of the task.

    Attributes:
        request: the team and the name.
        place: the person, and the channel or thread.
        compared: the name was compared with the names of the team's projects.
        sure: the person has confirmed the name, so the bot asks nothing.
        approved_by: the person who has approved the new project; empty if nobody was asked.
        execution_id, workflow_id: the workflow; empty for a person's own request.
        home: the request began in the home tab, or in the shortcut from anywhere: the home tab is
            published again.
        for_person: what the workflow says about a person, as free text.
        opened: the project, after the first step.
        posted: the message, after the second step.
        looks: the number of searches for a post with an unknown outcome; None if no post is in
            doubt.
        tries: the number of temporary failures of Slack in a row.
    """

    step: Literal["open", "post", "end"] = "open"
    request: ProjectRequest
    place: ReplyTarget
    compared: bool = True
    sure: bool = False
    approved_by: str = ""
    execution_id: str = ""
    workflow_id: str = ""
    home: bool = False
    for_person: str = ""
    opened: OpenedProject | None = None
    posted: PostedMessage | None = None
    looks: int | None = None
    tries: int = 0

    def actor(self) -> Actor:
        """Return the person or the workflow that made the request."""
        return actor_at(self.place, self.workflow_id, self.execution_id)

    @property
    def private_place(self) -> ReplyTarget:
        """The place of words for the requester alone; hours later, it is a direct message."""
        return ReplyTarget(self.place.user_id) if self.approved_by else self.place
