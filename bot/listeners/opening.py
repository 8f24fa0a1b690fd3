"""What was accepted is done: the project is opened, and posted where it was asked for.

Each step ends on disk, so whoever takes the work over goes on with the next.
"""

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import structlog
from pydantic import BaseModel, ConfigDict

from bot.arguments import ProjectRequest
from bot.journal.journal import Entry, State
from bot.journal.steps import Done, Later, Next, Steps
from bot.listeners.failures import Failures
from bot.listeners.patience import patience
from bot.message import Message, SlackCallFailed
from bot.posting import Place, Posted, Poster
from bot.projects import Found, Opened, Projects
from bot.recents import Recent, Recents
from bot.remembered import Remembered
from bot.views.failure import opening
from bot.views.near_name import can_ask, near_name_message
from bot.views.notice import invite, still_opening
from bot.views.project import can_follow, card_of, project_message
from bot.watching.following import Following
from bot.work import MissedWorkError

log = structlog.stdlib.get_logger(__name__)

OPEN = "open/1"  # with the version of the order: another version's work is left to it
_AGAIN = 30.0  # seconds until what Slack could not take is sent again
# Slack lets a command be answered for so long; whoever asked longer ago has asked again.
_TOO_LATE = timedelta(minutes=30)


class Order(BaseModel):
    """What was asked for, and how far it is; the journal keeps it.

    Attributes:
        step: what to do next.
        request: the team and the name.
        place: who asked, and where.
        sure: the name is meant as it is, so nothing is asked.
        execution_id: which workflow step it is for; empty for a person's own.
        opened: the project, from the second step on.
        posted: where the answer is, from the third step on.
        unsure: the answer may have been posted already.
    """

    model_config = ConfigDict(frozen=True)

    step: Literal["open", "post", "end"] = "open"
    request: ProjectRequest
    place: Place
    sure: bool = False
    execution_id: str = ""
    opened: Opened | None = None
    posted: Posted | None = None
    unsure: bool = False

    def state(self) -> State:
        """Return it as JSON."""
        return self.model_dump(mode="json")


def check_in_time(order: Order, entry: Entry) -> None:
    """Look whether anybody can still wait for this.

    Raises:
        MissedWorkError: it was accepted too long ago.
    """
    if order.step != "end" and _age(entry) > _TOO_LATE:
        raise MissedWorkError(entry.accepted_at)


def put_off(steps: Steps, refused: SlackCallFailed) -> Next:
    """Try later what Slack cannot take now, for as long as anybody may wait for it."""
    if not refused.retryable or _age(steps.entry) > 2 * _TOO_LATE:
        log.error("given up: Slack does not take it", slack_error=refused.error)
        return Done()
    log.warning("Slack cannot take it now", slack_error=refused.error)
    state = steps.entry.state
    unsure = steps.entry.dirty or refused.outcome_unknown or state.get("unsure", False)
    return Later(max(_AGAIN, refused.retry_after), state | {"unsure": unsure})


def _age(entry: Entry) -> timedelta:
    return datetime.now(UTC) - entry.accepted_at


@dataclass(frozen=True, slots=True)
class Opening:
    """Open the project of an order, and say so in Slack.

    Attributes:
        ask_near_names: whether to ask before a project is made whose name is near another's.
        watch_answers: whether each answer is watched without being asked.
    """

    projects: Projects
    poster: Poster
    failures: Failures
    recents: Recents
    following: Following
    ask_near_names: bool
    watch_answers: bool
    _invited: Remembered = field(default_factory=Remembered)

    async def handle(self, entry: Entry, steps: Steps) -> Next:
        """Do what a person asked for; whatever fails reaches them in words."""
        order = Order.model_validate(entry.state)

        async def tell(words: Message) -> None:
            steps.check()
            await self.poster.send_privately(order.place, words)

        try:
            async with self.failures.caught(opening(order.request), tell, kept=True):
                check_in_time(order, entry)
                await self._go_on(order, steps, tell)
        except SlackCallFailed as refused:
            return put_off(steps, refused)
        return Done()

    async def _go_on(
        self, order: Order, steps: Steps, tell: Callable[[Message], Awaitable[None]]
    ) -> None:
        if order.step == "open":
            async with patience(tell, still_opening(order.request)):
                found = await self.projects.look(order.request)
                ask = self.ask_near_names and not order.sure and can_ask(found)
                if not ask:
                    order = await self.open(order, found, steps)
            if ask:
                await tell(near_name_message(found, order.place.thread_ts))
                return
        if order.step == "post":
            order = await self.post(order, steps)
        await self._end(order, steps)

    async def open(self, order: Order, found: Found, steps: Steps) -> Order:
        """Do the first step: open the project."""
        started = time.monotonic()
        begun = steps.entry.accepted_at if steps.entry.dirty else None
        opened = await self.projects.open_project(found, begun_at=begun)
        place, project = order.place, opened.project
        log.info(
            "project opened",
            project=project.id,
            team=found.team.id,
            outcome=opened.outcome.value,
            user=place.user_id,
            seconds=round(time.monotonic() - started, 3),
        )
        if place.user_id:
            recent = Recent(
                project_id=project.id, name=project.name, team=opened.team, at=datetime.now(UTC)
            )
            await self.recents.add(place.user_id, recent)
        order = order.model_copy(update={"step": "post", "opened": opened})
        await steps.keep(order.state())
        return order

    async def post(self, order: Order, steps: Steps) -> Order:
        """Do the second step: post the answer, if there is a channel to post in.

        Raises:
            SlackCallFailed: Slack did not take the message, or did not confirm it.
        """
        place, opened, posted = order.place, order.opened, None
        if place.channel_id and opened is not None:
            message = project_message(opened.project, card_of(opened, place.user_id))
            posted = await self._post_once(order, message, steps)
        return order.model_copy(update={"step": "end", "posted": posted})

    async def _end(self, order: Order, steps: Steps) -> None:
        """Do the last step: what else there is to do about an answer that is posted."""
        place, opened, posted = order.place, order.opened, order.posted
        if opened is None or posted is None:
            return
        asks = not posted.as_member and place.response_url
        watches = self.watch_answers and posted.ts and can_follow(opened.project)
        if asks or watches:  # else this work is finished, which is as good as kept
            await steps.keep(order.state())
        if asks:
            await self._ask_in(place)
        if watches:
            where = replace(place, channel_id=posted.channel_id)
            if where.channel_id != place.channel_id:  # there is no such thread
                where = replace(where, thread_ts=None)
            card = card_of(opened, place.user_id)
            try:
                if not await self.following.begin(where, posted.ts, card, opened.project):
                    now = await self.projects.get_project(opened.project.id)
                    await self.poster.update(where, posted.ts, project_message(now, card))
            except SlackCallFailed as refused:
                if refused.retryable:
                    raise
                log.info("cannot watch this answer", slack_error=refused.error)

    async def _post_once(self, order: Order, message: Message, steps: Steps) -> Posted:
        """Post, unless it is there already: a process may have died just after it was."""
        place, entry = order.place, steps.entry
        if entry.dirty or order.unsure:
            try:
                if ts := await self.poster.find(place, entry.id, entry.accepted_at):
                    return Posted(place.channel_id, ts, as_member=True)
            except SlackCallFailed as unread:
                if unread.retryable:
                    raise
                log.info("may not look whether it is posted", slack_error=unread.error)
        steps.check()
        try:
            return await self.poster.post(place, message, entry.id)
        except SlackCallFailed as refused:
            if not refused.outcome_unknown:
                raise
            return await self._unconfirmed(place, entry, refused)

    async def _unconfirmed(self, place: Place, entry: Entry, refused: SlackCallFailed) -> Posted:
        """Look whether it arrived; where the bot may not, the person is told that it may have."""
        try:
            ts = await self.poster.find(place, entry.id, entry.accepted_at)
        except SlackCallFailed as unread:
            raise SlackCallFailed(
                refused.error, outcome_unknown=True, retryable=unread.retryable
            ) from refused
        if ts is None:
            raise SlackCallFailed(refused.error, retryable=True) from refused
        return Posted(place.channel_id, ts, as_member=True)

    async def _ask_in(self, place: Place) -> None:
        """Say once a channel how to make the bot a member; nobody can be added to a DM."""
        if place.channel_id.startswith("D") or place.channel_id in self._invited:
            return
        self._invited.add(place.channel_id)
        with suppress(SlackCallFailed):  # which is in the log
            await self.poster.send_privately(place, invite())
