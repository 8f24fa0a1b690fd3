"""The projects that wait for approval: one request for each, and one end for each request."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from bot.durable.model import Change, Enqueue, Request, State
from bot.durable.parsed import ParsedDocuments
from bot.durable.store import Store
from bot.projects.approval import (
    APPROVED_TASK,
    ASK_APPROVAL,
    CLOSE_CARD,
    TELL_OUTCOME,
    ApprovalRequest,
    Decision,
    OutcomeTask,
    Verdict,
)
from bot.projects.creation import CreationOutcome

log = structlog.stdlib.get_logger(__name__)

WAITING = "approvals"  # the collection
_FORGOTTEN = timedelta(hours=1)  # after its expiry, a request has lost its task
_Change = Callable[[ApprovalRequest | None], ApprovalRequest | None]


class _OtherRequestError(Exception):
    """Another request for the project waits.

    Attributes:
        request: that request.
    """

    def __init__(self, request: ApprovalRequest) -> None:
        super().__init__("another request waits")
        self.request = request


class _OverError(Exception):
    """The request does not wait any more."""


class WaitingProjects:
    """Keep the requests that wait for approval.

    A request is written together with the task that asks, and removed together with the tasks that
    follow its end. So a kill loses neither, and of two decisions at once only one is written.

    Args:
        store: holds one document for each project that waits.
        queue: the worker of the tasks.
        now: returns the time.
    """

    def __init__(self, store: Store, queue: str, now: Callable[[], datetime]) -> None:
        self.now = now
        self._store = store
        self._queue = queue
        self._documents = ParsedDocuments(store, WAITING, ApprovalRequest)

    async def has_begun(self, request_id: str) -> bool:
        """Return whether a request was ever asked about, whatever its end."""
        return await self._store.get(f"{ASK_APPROVAL}:{request_id}") is not None

    async def begin(self, request: ApprovalRequest, origin: Request) -> ApprovalRequest:
        """Let a request wait, and enqueue the task that asks, unless an earlier request waits.

        Args:
            request: the request.
            origin: the request of Slack, for the log lines of the task.

        Returns:
            The request that waits for this project: this one, or an earlier one.
        """

        def begun(kept: ApprovalRequest | None) -> ApprovalRequest:
            if kept is not None and self.now() < kept.expires_at + _FORGOTTEN:
                raise _OtherRequestError(kept)
            return request

        state = {"request": request.model_dump(mode="json")}
        lane = request.channel_id
        asks = self._task(
            request.ask_task_id, ASK_APPROVAL, state, request, origin=origin, lane=lane
        )
        try:
            await self._write(request.key, begun, asks)
        except _OtherRequestError as other:
            return other.request
        log.info("approval requested", **_fields(request))
        return request

    async def read(self, key: str, request_id: str) -> ApprovalRequest | None:
        """Return a request that waits; None if none of this id does."""
        kept = await self._documents.read(key)
        return kept if kept is not None and kept.id == request_id else None

    async def set_card(self, request: ApprovalRequest) -> None:
        """Keep the message with the question, if the request still waits."""
        await self._replace(request, request)

    async def withdraw(self, request: ApprovalRequest) -> None:
        """Let the request wait no more, without an end that anybody hears from here."""
        await self._replace(request, None)

    async def end(self, request: ApprovalRequest, decision: Decision, origin: Request) -> bool:
        """End a request, and enqueue the tasks that follow; only the first end counts.

        The task that creates the project belongs to the request for it, not to the click.

        Returns:
            False if the request has ended already; nothing has changed.
        """

        def ended(kept: ApprovalRequest | None) -> None:
            if kept is None or kept.id != request.id:
                raise _OverError

        outcome = OutcomeTask(request=request, decision=decision)
        lane = request.channel_id
        after = [
            self._task(
                request.card_task_id, CLOSE_CARD, outcome.state(), request, origin=origin, lane=lane
            )
        ]
        if decision.verdict is Verdict.APPROVED:
            asked = await self._store.get(request.ask_task_id)
            requested = origin if asked is None else asked.request
            after.append(self._goes_on(request, decision, requested))
        else:
            after.append(self._tells(outcome, origin))
        try:
            await self._write(request.key, ended, *after)
        except _OverError:
            return False
        verdict, by = decision.verdict.value, decision.by
        log.info("approval ended", verdict=verdict, by=by, **_fields(request))
        return True

    async def tell_approved(
        self, request_id: str, asked: Request, *, link: str, origin: CreationOutcome
    ) -> None:
        """Enqueue the task that tells the requester about the project; a repeat changes nothing.

        Args:
            request_id: the request.
            asked: the request of Slack, for the log lines of the task.
            link: the project's message; empty if there is none.
            origin: the origin of the project.
        """
        outcome = await self.outcome(request_id)
        if outcome is not None:
            told = outcome.model_copy(update={"link": link, "origin": origin})
            await self._store.write(self._tells(told, asked))
            self._store.publish(self._queue)

    async def outcome(self, request_id: str) -> OutcomeTask | None:
        """Return a request with its end; None if none is known, as after some days.

        The task about its question keeps it.
        """
        task = await self._store.get(f"{CLOSE_CARD}:{request_id}")
        return None if task is None else OutcomeTask.model_validate(task.state)

    async def _replace(self, request: ApprovalRequest, new: ApprovalRequest | None) -> None:
        """Replace a request, if it still waits."""

        def replaced(kept: ApprovalRequest | None) -> ApprovalRequest | None:
            return new if kept is not None and kept.id == request.id else kept

        await self._documents.amend(request.key, replaced)

    async def _write(self, key: str, change: _Change, *more: Change) -> None:
        await self._store.write(self._documents.amendment(key, change), *more)
        self._store.publish(self._queue)

    def _goes_on(self, request: ApprovalRequest, decision: Decision, origin: Request) -> Enqueue:
        """Return the task that creates the project, in the team that was asked about.

        The response URL has expired by then, or will soon.
        """
        order = request.order
        changed = {
            "approved_by": decision.by,
            "sure": True,
            "request": order["request"] | {"team": request.team_id},
            "place": order["place"] | {"response_url": None},
        }
        task_id, lane = f"{APPROVED_TASK}:{request.id}", order["place"]["channel_id"]
        return self._task(task_id, request.kind, order | changed, request, origin=origin, lane=lane)

    def _tells(self, outcome: OutcomeTask, origin: Request) -> Enqueue:
        task_id = f"{TELL_OUTCOME}:{outcome.request.id}"
        return self._task(task_id, TELL_OUTCOME, outcome.state(), outcome.request, origin=origin)

    def _task(  # noqa: PLR0913 - the columns of a task
        self,
        task_id: str,
        kind: str,
        state: State,
        request: ApprovalRequest,
        *,
        origin: Request,
        lane: str = "",
    ) -> Enqueue:
        return Enqueue(
            task_id,
            kind,
            state,
            self._queue,
            person=request.requester,
            lane=lane,
            delay=0.0,
            request=origin,
        )


def _fields(request: ApprovalRequest) -> dict[str, str]:
    return {
        "approval": request.id,
        "team": request.team,
        "requester": request.requester or "a workflow",
    }
