"""The approval of new projects: let a request wait, ask for a decision, let it expire."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

import structlog

from bot.access.access import Access
from bot.access.approvals import APPROVAL_RULE, rule_for
from bot.access.rules import Verb
from bot.durable.context import TaskContext
from bot.durable.model import Done, Outcome, RunAgain
from bot.durable.task_state import TaskState
from bot.handlers.audit import Audit
from bot.handlers.failures import Failures
from bot.handlers.open_task import OpenProjectTask
from bot.handlers.permissions import actor_of
from bot.handlers.posting import post_once
from bot.handlers.task_age import retry_later
from bot.projects.approval import (
    APPROVED_TASK,
    AlreadyWaitsError,
    ApprovalRequest,
    Decision,
    Verdict,
    digest,
    project_key,
)
from bot.projects.service import ExistingProjects, Projects
from bot.projects.waiting import WaitingProjects
from bot.slack.message import PostedMessage, ReplyTarget, SlackCallFailed
from bot.slack.messages import Poster
from bot.slack.permalinks import Permalinks
from bot.slack.workflow_steps import WorkflowSteps
from bot.views.approval import cannot_ask, card, waits
from bot.views.text import without_markup

log = structlog.stdlib.get_logger(__name__)

_LIFE = timedelta(days=1)
_MOST_TRIES = 8  # to tell the requester that the request waits


class AskTask(TaskState):
    """The state of the task that asks for a decision.

    Attributes:
        step: post the question; tell the requester that it waits, or that it does not; end it.
        request: the request.
        unsure: the question might stand in the channel, although it was withdrawn.
        looks: the number of searches for the question; None if no post is in doubt.
        tries: the number of temporary failures of Slack in a row.
    """

    step: Literal["card", "tell", "withdraw", "expire"] = "card"
    request: ApprovalRequest
    unsure: bool = False
    looks: int | None = None
    tries: int = 0


@dataclass(frozen=True, slots=True)
class ApprovalGate:
    """Let a new project wait if a rule of ``ACCESS_FILE`` wants another person's approval."""

    access: Access
    projects: Projects
    waiting: WaitingProjects
    links: Permalinks
    audit: Audit

    async def admit(
        self, task: OpenProjectTask, found: ExistingProjects, context: TaskContext
    ) -> ExistingProjects | None:
        """Return the project that can be opened now; None: the request waits.

        A project that exists needs no approval. It is read here and not upserted later, because
        an upsert would create one that was deleted.

        Raises:
            AlreadyWaitsError: an earlier request for this project waits.
            RightsUnknownError: the rule is unknown.
            BasetenError: Baseten does not tell whether the project exists.
        """
        rule = rule_for(self.access.file, found.team)
        if rule is None or task.approved_by or found.project is not None:
            return found
        request_id = digest(context.task.id)
        if await self.waiting.has_begun(request_id):  # by an attempt before a kill
            self._note(found, context)
            return None
        project = await self.projects.find_project(found.team, found.name)
        if project is not None:
            return replace(found, project=project)
        now = self.waiting.now()
        request = ApprovalRequest(
            id=request_id,
            key=project_key(found.team.id, found.name),
            name=found.name,
            team=found.team.name,
            team_id=found.team.id,
            requester=task.place.user_id,
            for_person=task.for_person,
            by=rule.by,
            channel_id=rule.channel,
            asked_at=now,
            expires_at=now + _LIFE,
            kind=context.task.kind,
            order=task.state(),
        )
        first = await self.waiting.begin(request, context.task.request)
        if first.id == request.id:
            self._note(found, context)
            return None
        raise AlreadyWaitsError(first, await self.links.of(first.channel_id, first.card_ts))

    def _note(self, found: ExistingProjects, context: TaskContext) -> None:
        team, name = found.team.name, found.name
        self.audit.acted(context, Verb.CREATE, "approval requested", team=team, name=name)

    async def tell_approved(self, task: OpenProjectTask, context: TaskContext) -> None:
        """Enqueue the direct message about a project that was opened after an approval."""
        opened, posted = task.opened, task.posted
        if not task.approved_by or opened is None:
            return
        link = await self.links.of(posted.channel_id, posted.ts) if posted else ""
        request_id = context.task.id.removeprefix(f"{APPROVED_TASK}:")
        await self.waiting.tell_approved(
            request_id, context.task.request, link=link, origin=opened.outcome
        )


@dataclass(frozen=True, slots=True)
class AskHandler:
    """Post the question, tell the requester, and end the request if nobody decides.

    Attributes:
        looks: seconds before each search for a post with an unknown outcome.
    """

    waiting: WaitingProjects
    poster: Poster
    failures: Failures
    steps: WorkflowSteps
    links: Permalinks
    looks: tuple[float, ...]

    async def handle(self, context: TaskContext) -> Outcome:
        """Run the task."""
        task = AskTask.model_validate(context.task.state)
        if task.step == "card":
            if await self.waiting.read(task.request.key, task.request.id) is None:
                return Done()  # somebody was faster than the bot's note about the question
            return await self._ask(task, context)
        if task.step == "withdraw":
            return await self._withdraw(task, context)
        return await self._wait(task, context)

    async def _ask(self, task: AskTask, context: TaskContext) -> Outcome:
        place, message = ReplyTarget("", task.request.channel_id), card(task.request)
        try:
            posted = await post_once(self.poster, context, self.looks, place, message)
        except SlackCallFailed as refused:
            if refused.retryable and isinstance(again := retry_later(context, refused), RunAgain):
                return again
            log.error("cannot ask for approval", slack_error=refused.error)  # noqa: TRY400
            unsure = refused.outcome_unknown
            task = task.model_copy(update={"step": "withdraw", "unsure": unsure, "tries": 0})
            await context.checkpoint(task.state())
            return await self._withdraw(task, context)
        if not isinstance(posted, PostedMessage):
            return posted
        request = task.request.model_copy(update={"card_ts": posted.ts})
        await self.waiting.set_card(request)
        task = task.model_copy(update={"step": "tell", "request": request, "tries": 0})
        await context.checkpoint(task.state())
        return await self._wait(task, context)

    async def _withdraw(self, task: AskTask, context: TaskContext) -> Outcome:
        """Let nothing wait, and say so; a decision that came before this counts."""
        request = task.request
        await self.waiting.withdraw(request)
        if await self.waiting.outcome(request.id) is not None:
            return Done()
        self._note("approval withdrawn", request, context)
        message = cannot_ask(request, self.failures.installation, unsure=task.unsure)
        order = OpenProjectTask.model_validate(request.order)
        try:
            if order.execution_id:
                await self.steps.fail(order.execution_id, without_markup(message.text))
            else:
                await self.poster.send_privately(order.place, message, guard=context.may_post)
        except SlackCallFailed as refused:
            return retry_later(context, refused)
        self.failures.answered(context, order.place.channel_id)
        return Done()

    async def _wait(self, task: AskTask, context: TaskContext) -> Outcome:
        """Tell the requester that the request waits; end it when its time is up."""
        request = task.request
        if await self.waiting.read(request.key, request.id) is None:
            return Done()
        if task.step == "tell" and request.requester:
            place = OpenProjectTask.model_validate(request.order).place
            message = waits(request, await self.links.of(request.channel_id, request.card_ts))
            try:
                await self.poster.send_privately(place, message, guard=context.may_post)
            except SlackCallFailed as refused:  # the log has it; the outcome is told in any case
                if refused.retryable and task.tries < _MOST_TRIES:
                    return retry_later(context, refused)
            else:
                self.failures.answered(context, place.channel_id)
        now = self.waiting.now()
        left = (request.expires_at - now).total_seconds()
        if left > 0:
            return RunAgain(left, task.state(step="expire"))
        decision = Decision(verdict=Verdict.EXPIRED, at=now, task_id=context.task.id)
        if await self.waiting.end(request, decision, context.task.request):
            self._note("approval expired", request, context)
        return Done()

    def _note(self, outcome: str, request: ApprovalRequest, context: TaskContext) -> None:
        self.failures.audit.acted(
            context,
            Verb.CREATE,
            outcome,
            team=request.team,
            name=request.name,
            actor=actor_of(request.order),
            rule=APPROVAL_RULE,
        )
