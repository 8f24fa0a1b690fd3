"""The tasks that end follows."""

from contextlib import suppress
from dataclasses import dataclass

from bot.access.rules import NotAllowedError, Verb
from bot.durable.context import TaskContext
from bot.durable.model import Done, Outcome
from bot.follows.model import RIGHTS, FarewellTask, Follow, Kind
from bot.follows.store import Follows
from bot.handlers.failures import Failures, Send
from bot.handlers.follow_tasks import UnfollowTask
from bot.handlers.home import HomeHandler
from bot.handlers.permissions import Permissions
from bot.handlers.task_age import retry_later
from bot.slack.message import ReplyTarget, SlackCallFailed
from bot.slack.messages import Poster
from bot.views.failure import READING
from bot.views.follow import no_such_follow, stopped_message, unfollowed_message, you_stopped


@dataclass(frozen=True, slots=True)
class UnfollowHandler:
    """End follows."""

    poster: Poster
    failures: Failures
    follows: Follows
    permissions: Permissions
    home: HomeHandler

    async def end(self, context: TaskContext) -> Outcome:
        """End a follow; its creator gets a message, if another person has ended it."""
        task = UnfollowTask.model_validate(context.task.state)
        ended = await self.failures.run_task(
            context, task.place, READING, lambda answer: self._end(task, context, answer)
        )
        return ended or Done()

    async def say_farewell(self, context: TaskContext) -> Outcome:
        """Send the creator of an ended follow a direct message.

        If the creator lost the right, the first message in the channel shows the end, too. An
        unknown outcome counts as sent.
        """
        task = FarewellTask.model_validate(context.task.state)
        if task.reason == RIGHTS:
            await self._show_end(task.follow, "", context)
        message = unfollowed_message(task.follow, task.reason, task.by)
        try:
            await self.poster.post(
                ReplyTarget(task.follow.created_by, task.follow.created_by),
                message,
                context.task.id,
                guard=context.may_post,
            )
        except SlackCallFailed as refused:
            return Done() if refused.outcome_unknown else retry_later(context, refused)
        return Done()

    async def _end(self, task: UnfollowTask, context: TaskContext, answer: Send) -> Outcome:
        person = task.place.user_id
        if task.follow is None:
            follow = await self._mine(person)
        else:
            follow = await self.follows.get(task.follow.digest, task.follow.id)
        if follow is None:
            await answer(no_such_follow())
            self._redraw_home(task)
            return Done()
        if follow.scope.kind is Kind.MINE and follow.created_by != person:
            raise NotAllowedError(Verb.VIEW, rule="a follow of another person")
        if follow.scope.kind is not Kind.MINE and follow.created_by != person:
            self.permissions.require(task.place, Verb.VIEW, follow.scope.team)
        await self.follows.end(follow, by=person)
        self.failures.audit.acted(
            context,
            Verb.VIEW,
            "stopped following",
            team=follow.scope.team,
            project=follow.scope.project_id,
            name=follow.scope.name,
        )
        await self._show_end(follow, person, context)
        await answer(you_stopped(follow))
        self._redraw_home(task)
        return Done()

    async def _show_end(self, follow: Follow, by: str, context: TaskContext) -> None:
        """Update the first message; the follow has ended, whatever that message shows."""
        if follow.ts:
            with suppress(SlackCallFailed):
                await context.may_post()
                await self.poster.update(
                    ReplyTarget("", follow.channel_id), follow.ts, stopped_message(follow, by)
                )

    def _redraw_home(self, task: UnfollowTask) -> None:
        if task.home:
            self.home.redraw(task.place.user_id)

    async def _mine(self, user_id: str) -> Follow | None:
        found = [each for each in await self.follows.of(user_id) if each.scope.kind is Kind.MINE]
        return found[0] if found else None
