"""The task of a click on *Approve* or *Decline*."""

from dataclasses import dataclass

from bot.access.access import Access
from bot.access.access_file import groups_in
from bot.access.approvals import APPROVAL_RULE, can_decide, rule_for
from bot.access.rules import Verb
from bot.baseten.models import Team
from bot.durable.context import TaskContext
from bot.durable.model import Done, Outcome
from bot.durable.task_state import TaskState
from bot.handlers.audit import Denial
from bot.handlers.failures import Failures, Send
from bot.handlers.permissions import Permissions, actor_at
from bot.projects.approval import ApprovalChoice, ApprovalRequest, Decision, Verdict
from bot.projects.waiting import WaitingProjects
from bot.slack.message import Message, ReplyTarget
from bot.views.approval import expired, not_a_decider, over, own_request
from bot.views.failure import READING

DECIDE_APPROVAL = "approval decision/1"  # with the version of the state


class DecideTask(TaskState):
    """The state of the task.

    Attributes:
        place: the person, and the channel of the question.
        choice: the request, as the button names it.
        approve: *Approve*, else *Decline*.
        ts: the message that was clicked.
    """

    place: ReplyTarget
    choice: ApprovalChoice
    approve: bool
    ts: str


@dataclass(frozen=True, slots=True)
class DecideHandler:
    """End a request for approval, if the person can and nobody was faster."""

    access: Access
    waiting: WaitingProjects
    failures: Failures
    permissions: Permissions

    async def handle(self, context: TaskContext) -> Outcome:
        """Run the task; the person hears only why nothing was decided: the question shows the rest.

        The button names the request. All else is read from the store, and from the rules in force.
        """
        task = DecideTask.model_validate(context.task.state)

        async def work(answer: Send) -> Outcome:
            if (refused := await self._decide(task, context)) is not None:
                await answer(refused)
            return Done()

        return await self.failures.run_task(context, task.place, READING, work) or Done()

    async def _decide(self, task: DecideTask, context: TaskContext) -> Message | None:
        """Return the reason why this click decides nothing; None: it has decided."""
        user_id, now = task.place.user_id, self.waiting.now()
        self.permissions.admit(actor_at(ReplyTarget(user_id)))  # the rule has named the channel
        request = await self.waiting.read(task.choice.project, task.choice.id)
        if request is None:
            return await self._over(task, context)
        by = self._deciders(request)
        await self.access.prepare(groups=groups_in(by))  # the rule might be gone from the file
        own = user_id == request.requester
        if own or not can_decide(by, self.access, user_id):
            denial = Denial(APPROVAL_RULE, Verb.CREATE, request.team, request.name)
            self.failures.audit.refused(context, denial)
            return own_request() if own else not_a_decider(by)
        if now >= request.expires_at:
            return expired()
        if not request.card_ts:  # a click that was faster than the bot's own note about the post
            request = request.model_copy(update={"card_ts": task.ts})
        verdict = Verdict.APPROVED if task.approve else Verdict.DECLINED
        decision = Decision(verdict=verdict, by=user_id, at=now, task_id=context.task.id)
        await self.waiting.end(request, decision, context.task.request)
        return await self._over(task, context)

    async def _over(self, task: DecideTask, context: TaskContext) -> Message | None:
        """Return the end of the request; None if this task has ended it, perhaps before a kill."""
        ended = await self.waiting.outcome(task.choice.id)
        if ended is None or ended.decision.task_id != context.task.id:
            return over(None if ended is None else ended.decision)
        verdict, request = ended.decision.verdict.value, ended.request
        self.failures.audit.acted(
            context,
            Verb.CREATE,
            verdict,
            team=request.team,
            name=request.name,
            rule=APPROVAL_RULE,
        )
        return None

    def _deciders(self, request: ApprovalRequest) -> tuple[str, ...]:
        """Return the people and groups of the rule in force; without one, of the request's rule."""
        rule = rule_for(self.access.file, Team(id=request.team_id, name=request.team))
        return request.by if rule is None else rule.by
