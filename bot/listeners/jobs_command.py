"""``/training-jobs [team] [project]``, and the buttons of its list."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.handlers.services import Services
from bot.handlers.show_project import SHOW_PROJECT, ShowProjectTask
from bot.listeners.payloads import Click, carried, click, reply_target_of
from bot.projects.job_choice import JobChoice, JobListPage, ProjectChoice
from bot.projects.request import DialogRequest, HelpRequest, ProjectRequest, UsageError, parse
from bot.views.failure import READING
from bot.views.job_list_words import clicked_already, job_list_help, job_list_usage


@dataclass(frozen=True, slots=True)
class JobsCommand:
    """The listener for the slash command.

    https://docs.slack.dev/interactivity/implementing-slash-commands
    """

    services: Services

    async def handle(self, ack: AsyncAck, command: dict[str, Any]) -> None:
        """Ack at once; the list follows. The ack carries the help and the usage errors."""
        place = reply_target_of(command)
        installation = self.services.installation
        match parse(command.get("text") or ""):
            case HelpRequest():
                await ack(**job_list_help(installation).payload())
            case UsageError() as error:
                await ack(**job_list_usage(error, installation).payload())
            case DialogRequest() | ProjectRequest() as asked:
                self.services.run_in_background(
                    place, READING, lambda: self.services.job_list.send(place, asked)
                )
                await ack()


@dataclass(frozen=True, slots=True)
class JobListButtons:
    """The listeners for the buttons of the list; the home tab and the previews have them too."""

    services: Services

    async def turn(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Ack at once; another page replaces the list."""
        clicked = click(body)
        page = carried(JobListPage, clicked.value)
        self.services.run_in_background(
            clicked.place, READING, lambda: self.services.job_list.turn(clicked.place, page)
        )
        await ack()

    async def show(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Ack once the task is on disk: it posts the project in the channel of the list.

        From the home tab, it posts the project to the person.
        """
        clicked = click(body)
        choice = carried(ProjectChoice, clicked.value)
        task = ShowProjectTask(
            place=clicked.place, project_id=choice.project_id, home=bool(clicked.view_hash)
        )
        await self._enqueue("show", clicked, task)
        await ack()

    async def watch(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Ack once the task is on disk: it posts a watched message to the person."""
        clicked = click(body)
        choice = carried(JobChoice, clicked.value)
        task = ShowProjectTask(
            place=clicked.place,
            project_id=choice.project_id,
            watch_job=choice.job_id,
            home=bool(clicked.view_hash),
        )
        await self._enqueue("watch", clicked, task)
        await ack()

    async def _enqueue(self, button: str, clicked: Click, task: ShowProjectTask) -> None:
        """Enqueue the task; of several clicks on a button of one list, the first counts."""
        new = await self.services.enqueue(
            show_task_id(button, clicked), SHOW_PROJECT, task.state(), clicked.place
        )
        if not new and clicked.view_hash:
            self.services.home.redraw(clicked.place.user_id)
        elif not new:
            words = clicked_already(self.services.installation)
            self.services.run_in_background(
                clicked.place,
                READING,
                lambda: self.services.poster.send_privately(clicked.place, words),
            )


def show_task_id(button: str, clicked: Click) -> str:
    """Return the id of a click's task: the same for each click on this button of this message.

    A home tab is published again after each click. Its button counts once until then.
    """
    meant = f"{clicked.place.user_id} {button} {clicked.value} {clicked.view_hash}"
    digest = sha256(meant.encode(errors="replace")).hexdigest()[:16]
    if clicked.view_hash:
        return f"show:{clicked.view_id}:{digest}"
    return f"show:{clicked.place.channel_id}:{clicked.ts}:{digest}"
