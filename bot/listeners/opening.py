"""What was accepted is done: the project is opened, and posted where it was asked for.

Each step ends on disk, so whoever takes the work over goes on with the next.
"""

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal

import structlog
from pydantic import BaseModel, ConfigDict

from bot.arguments import ProjectRequest
from bot.journal.journal import Entry, State
from bot.journal.steps import Done, Later, Next, Steps
from bot.listeners.failures import Failures
from bot.listeners.patience import patience
from bot.message import Message, NotTakenError
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

OPEN = "open"
_AGAIN = 30.0  # seconds until what Slack could not take is sent again
# Slack lets a command be answered for so long; whoever asked longer ago has asked again.
_TOO_LATE = timedelta(minutes=30)


class Order(BaseModel):
    """What was asked for, and how far it is; the journal keeps it.

    Attributes:
        version: of this class, for whoever takes up what another version wrote.
        step: what to do next.
        request: the team and the name.
        place: who asked, and where.
        sure: the name is meant as it is, so nothing is asked.
        execution_id: which workflow step it is for; empty for a person's own.
        opened: the project, from the second step on.
        posted: where the answer is, from the third step on.
    """

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = 1
    step: Literal["open", "post", "end"] = "open"
    request: ProjectRequest
    place: Place
    sure: bool = False
    execution_id: str = ""
    opened: Opened | None = None
    posted: Posted | None = None

    def state(self) -> State:
        """Return it as JSON."""
        return self.model_dump(mode="json")


def check_in_time(order: Order, entry: Entry) -> None:
    """Look whether anybody can still wait for this.

    Raises:
        MissedWorkError: it was accepted too long ago.
    """
    if order.step != "end" and datetime.now(UTC) - entry.accepted_at > _TOO_LATE:
        raise MissedWorkError(entry.accepted_at)


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
        words, later = partial(self.poster.tell, order.place), None
        async with self.failures.caught(opening(order.request), words, kept=True):
            check_in_time(order, entry)
            later = await self._go_on(order, steps)
        return later or Done()

    async def _go_on(self, order: Order, steps: Steps) -> Later | None:
        if order.step == "open":
            async with patience(self.poster, order.place, still_opening(order.request)):
                found = await self.projects.look(order.request)
                ask = self.ask_near_names and not order.sure and can_ask(found)
                if not ask:
                    order = await self.open(order, found, steps)
            if ask:
                question = near_name_message(found, order.place.thread_ts)
                await self.poster.tell(order.place, question)
                return None
        if order.step == "post":
            try:
                order = await self.post(order, steps)
            except NotTakenError as refused:
                if not refused.passing or refused.maybe:
                    raise
                log.warning("Slack cannot take the answer now", slack_error=refused.error)
                return Later(_AGAIN, order.state())
        await self._end(order, steps)
        return None

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
            NotTakenError: Slack did not take the message, or did not confirm it.
        """
        place, opened, posted = order.place, order.opened, None
        if place.channel_id and opened is not None:
            message = project_message(opened.project, card_of(opened, place.user_id))
            posted = await self._post_once(place, message, steps)
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
            card = card_of(opened, place.user_id)
            try:
                await self.following.begin(where, posted.ts, card, opened.project)
            except NotTakenError as refused:
                log.info("cannot watch this answer", slack_error=refused.error)

    async def _post_once(self, place: Place, message: Message, steps: Steps) -> Posted:
        """Post, unless it is there already: a process may have died just after it was."""
        entry = steps.entry
        if entry.dirty and (ts := await self._find(place, entry)):
            return Posted(place.channel_id, ts, as_member=True)
        steps.check()
        try:
            return await self.poster.post(place, message, entry.id)
        except NotTakenError as refused:
            if refused.maybe and (ts := await self._find(place, entry)):
                return Posted(place.channel_id, ts, as_member=True)
            raise

    async def _find(self, place: Place, entry: Entry) -> str | None:
        try:
            return await self.poster.find(place, entry.id, entry.accepted_at)
        except NotTakenError as refused:
            log.info("may not look whether it is posted", slack_error=refused.error)
            return None

    async def _ask_in(self, place: Place) -> None:
        """Say once a channel how to make the bot a member; nobody can be added to a DM."""
        if place.channel_id.startswith("D") or place.channel_id in self._invited:
            return
        self._invited.add(place.channel_id)
        await self.poster.tell(place, invite())
