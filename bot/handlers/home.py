"""Publish the home tab."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bot.access.rules import NotServedError
from bot.baseten.errors import BasetenError
from bot.durable.in_flight import BusyError, InFlight
from bot.durable.model import StoreUnavailableError
from bot.follows.model import Kind
from bot.follows.store import Follows
from bot.handlers.failures import Failures
from bot.handlers.permissions import Permissions, actor_at
from bot.handlers.turns import Turn, Turns
from bot.projects.job_list import JobList
from bot.projects.recents import Recent, Recents
from bot.slack.message import Message, ReplyTarget
from bot.slack.modals import Modals
from bot.views.dashboard import Dashboard, Listed, opened_first
from bot.views.failure import READING
from bot.views.home import home_view, refused_view
from bot.views.installation import Installation
from bot.watches.store import Watches

_OLDEST_LIST = timedelta(minutes=1)  # longer than a list is shared


async def _tell_nobody(message: Message) -> None:
    """Send nothing: the person has asked for something else, and has got it."""


@dataclass(frozen=True, slots=True)
class HomeHandler:
    """Show a person the jobs that run, their projects and follows, and how to use the bot.

    A tab costs the list of projects and one search. Tabs that are opened within 30 seconds share
    them; after an act, Baseten is asked again, because the act might have shown what has changed.

    Attributes:
        in_flight: runs the publications that nobody waits for.
        patience: seconds to wait for Baseten before the tab is published without its answers.
    """

    recents: Recents
    job_list: JobList
    watches: Watches
    follows: Follows
    modals: Modals
    permissions: Permissions
    failures: Failures
    in_flight: InFlight
    installation: Installation
    patience: float = 0.5
    _turns: Turns = field(default_factory=Turns)

    async def publish(
        self,
        user_id: str,
        opened: Recent | None = None,
        *,
        published: bool = True,
        fresh: bool = False,
    ) -> None:
        """Publish the tab with Baseten's answers; before that, if they are slow, without them.

        While Baseten or the database is away, the tab says so and has the rest. If the tab is
        published again meanwhile, this publication ends.

        Args:
            user_id: the person.
            opened: a project that the person has just opened, and that is not saved yet.
            published: the person has a tab already. If the bot does not work for the person any
                more, the reason replaces it; without a tab, there is none.
            fresh: ask Baseten again.

        Raises:
            SlackCallFailed: Slack refused the tab, or the outcome is unknown.
        """
        actor = actor_at(ReplyTarget(user_id))
        await self.permissions.prepare(actor)
        async with self._turns.begin(user_id) as turn:
            doubt = self.permissions.doubt(actor)
            if isinstance(doubt, NotServedError):
                self.failures.audit.refused_request(actor, doubt)
                if published or doubt.refusal.is_unknown:
                    view = refused_view(doubt, self.installation)
                    await turn.act(lambda: self.modals.publish(user_id, view))
                return
            listing = asyncio.create_task(self._listed(ReplyTarget(user_id), fresh=fresh))
            try:
                done, _ = await asyncio.wait([listing], timeout=self.patience)
                if not done and not await self._show(turn, user_id, opened, None):
                    return
                await self._show(turn, user_id, opened, await listing)
            finally:
                listing.cancel()

    def redraw(self, user_id: str, opened: Recent | None = None) -> None:
        """Publish the tab in the background, after an act; a failure is only logged."""
        with suppress(BusyError):  # the tab is published again when it is opened
            self.in_flight.start(
                lambda: self.failures.report_failures(
                    READING, _tell_nobody, lambda: self.publish(user_id, opened, fresh=True)
                )
            )

    async def _show(
        self,
        turn: Turn,
        user_id: str,
        opened: Recent | None,
        listed: Listed | BasetenError | None,
    ) -> bool:
        """Publish the tab with the present state of the person's own things."""

        async def work() -> None:
            dashboard = await self._dashboard(user_id, opened, listed)
            await self.modals.publish(user_id, home_view(dashboard, self.installation))

        return await turn.act(work)

    async def _listed(self, place: ReplyTarget, *, fresh: bool) -> Listed | BasetenError:
        """Return the jobs and the projects that the person can view, or Baseten's error."""
        try:
            current = await self.job_list.current(fresh=fresh)
            projects = None
            if not current.projects_refused:  # otherwise they come from the same answer
                heads = self.permissions.visible_projects(
                    place, await self.job_list.projects(fresh=False)
                )
                projects = {head.id: head for head in heads}
        except BasetenError as error:
            return error
        listed_at = datetime.now(UTC) - _OLDEST_LIST
        return Listed(self.permissions.visible_jobs(place, current), projects, listed_at)

    async def _dashboard(
        self, user_id: str, opened: Recent | None, listed: Listed | BasetenError | None
    ) -> Dashboard:
        """Return the contents of the tab; without the person's own while the database is away."""
        place = ReplyTarget(user_id)
        actor = actor_at(place)
        doubt = self.permissions.doubt(actor)
        try:
            recents = opened_first(await self.recents.of(user_id), opened)
            follows = await self.follows.of(user_id)
            watches = await self.watches.all()
        except StoreUnavailableError:
            return Dashboard(listed, recents=None, follows=None, doubt=doubt)
        watched = (
            watch.job.id
            for watch in watches
            if not watch.ended and user_id in watch.watchers and watch.job is not None
        )
        return Dashboard(
            listed,
            [one for one in recents if self.permissions.can_view(place, one.team)],
            [
                one
                for one in follows
                if one.scope.kind is not Kind.MINE
                # Their own, also if the right to it holds in its channel alone.
                and self.permissions.can_view_somewhere(actor, one.scope.team)
            ],
            tells=any(one.scope.kind is Kind.MINE for one in follows),
            watched=frozenset(watched),
            doubt=doubt,
        )
