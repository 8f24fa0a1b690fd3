"""The watch of a message: the last known state of its job, and the news to deliver."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from bot.baseten.models import Moment, TrainingJob, TrainingProject
from bot.follows.model import Follower
from bot.projects.message_state import MessageState
from bot.slack.message import Message
from bot.views.job import job_name
from bot.views.project import WatchSummary, project_message
from bot.views.watch import NO_RIGHT
from bot.watches.news import Farewell, News, OutboxItem

DELIVER = "notification/2"  # the kind of the task that delivers the outbox of a watch


class Announced(BaseModel):
    """The newest job that the thread has heard of, beside the watched one."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    created_at: Moment


class Watch(BaseModel):
    """A watched message. The poller adds news to its outbox, and a delivery removes them.

    Attributes:
        id: new for each watch, also of a message that was watched before.
        channel_id: the channel of the message.
        ts: the id of the message in its channel.
        thread_ts: the thread that replies go to.
        watchers: the ids of the people who watch.
        message_state: the state that the message's buttons carry.
        project: its last known state; its latest job is the watched job.
        started_at: the start of the watch.
        running_since: the start of the job's run, if known.
        waiting_since: the time at which the job went back to waiting; None if it did not.
        told_waiting: whether the thread has the news that the job waits too long.
        missing: the number of polls in a row without the project or the job.
        end_seen_at: the time of the poll that found the job's end; None while it has none.
        newer: the newest announced job; None if the watched job is the newest.
        drawn_at: the time at which a poll last asked for an update of the message.
        looks: the number of polls that changed this watch.
        numbered: the number of pieces of news, which is also the number of the last one.
        outbox: the news that are not delivered yet, in order.
        revision: the number of the message's wanted content.
        drawn: the revision that the message shows.
        courier: the id of the task that delivers; empty if nothing is to be delivered.
        ended: whether the watch has ended; it is deleted after the delivery.
        gone: whether Baseten no longer has the project.
        follow: the follow that posted the message; None if a person's request did.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    channel_id: str
    ts: str
    thread_ts: str
    watchers: tuple[str, ...]
    message_state: MessageState
    project: TrainingProject
    started_at: Moment
    running_since: Moment | None = None
    waiting_since: Moment | None = None
    told_waiting: bool = False
    missing: int = 0
    end_seen_at: Moment | None = None
    newer: Announced | None = None
    drawn_at: Moment | None = None
    looks: int = 0
    numbered: int = 0
    outbox: tuple[OutboxItem, ...] = ()
    revision: int = 0
    drawn: int = 0
    courier: str = ""
    ended: bool = False
    gone: bool = False
    follow: Follower | None = None

    @property
    def job(self) -> TrainingJob | None:
        """The watched job; None until the project has one."""
        return self.project.latest_job

    @property
    def expires(self) -> bool:
        """Whether the watch has a last day: a follow has none."""
        return self.follow is None

    @property
    def undelivered(self) -> bool:
        """Whether the message or the thread lacks something."""
        return bool(self.outbox) or self.drawn < self.revision

    @property
    def closing(self) -> bool:
        """Whether it has ended, and nothing but farewells is left to post."""
        return self.ended and all(isinstance(each.news, Farewell) for each in self.outbox)

    @property
    def for_others(self) -> tuple[OutboxItem, ...]:
        """The news for people who do not watch any more."""
        return tuple(
            each for each in self.outbox if each.to is not None or isinstance(each.news, Farewell)
        )

    @property
    def shown(self) -> tuple[object, ...]:
        """The part of the watch that its message shows."""
        return self.project, self.message_state, self.summary()

    def message(self) -> Message:
        """Return the message of the project, with this watch."""
        return project_message(self.project, self.message_state, watch=self.summary())

    def summary(self) -> WatchSummary:
        """Return the watch's part of its message."""
        return WatchSummary(
            self.watchers,
            self.running_since,
            self.job.id if self.job else "",
            ended=self.ended,
            project_missing=self.gone,
            newer_job=self.newer.name if self.newer else "",
        )

    def joined_by(self, *user_ids: str) -> "Watch":
        """Return the watch with more watchers; a person counts once."""
        watchers = tuple(dict.fromkeys((*self.watchers, *user_ids)))
        return self.model_copy(update={"watchers": watchers})

    def announcing(self, job: TrainingJob) -> "Watch":
        """Return the watch that knows a newer job."""
        newer = Announced(id=job.id, name=job_name(job), created_at=job.created_at)
        return self.model_copy(update={"newer": newer})

    def with_news(self, at: datetime, news: Iterable[News], *, first: bool = False) -> "Watch":
        """Return the watch with more news in its outbox: at its end, or before all others."""
        items = tuple(
            OutboxItem(id=f"{DELIVER}:{self.id}:{number}", at=at, news=each)
            for number, each in enumerate(news, self.numbered + 1)
        )
        outbox = items + self.outbox if first else self.outbox + items
        numbered = self.numbered + len(items)
        return self.model_copy(update={"outbox": outbox, "numbered": numbered})

    def without(self, item: OutboxItem) -> "Watch":
        """Return the watch after the delivery of an item."""
        left = tuple(each for each in self.outbox if each.id != item.id)
        return self.model_copy(update={"outbox": left})

    def unfollowed(self, *, redraw: bool = True) -> "Watch":
        """Return the watch after the end of its follow: people who watch the message keep it.

        Without ``redraw`` the message stays as it is.
        """
        state = self.message_state.model_copy(update={"follow_id": "", "follow_digest": ""})
        fields: dict[str, Any] = {"follow": None, "message_state": state}
        if not self.watchers:
            fields |= {"ended": True, "outbox": ()}
        if redraw or self.watchers:
            fields["revision"] = self.revision + 1
        else:
            fields["drawn"] = self.revision
        return self.model_copy(update=fields)

    def begun_after(self, earlier: "Watch") -> "Watch":
        """Return this watch in the place of an ended one, whose news are still delivered."""
        outbox = tuple(
            each.model_copy(update={"to": earlier.watchers}) if each.to is None else each
            for each in earlier.outbox
        )
        fields = {
            "outbox": outbox,
            "courier": earlier.courier,
            "drawn": earlier.drawn,
            "revision": earlier.revision + 1,
        }
        return self.model_copy(update=fields)

    def closed(self, at: datetime, slack_error: str, *, unanswerable: bool) -> "Watch":
        """Return the watch that cannot go on: its watchers get farewells instead of the news.

        The message loses its watch, if Slack still updates the message.
        """
        farewells = [
            Farewell(user_id=user_id, slack_error=slack_error, unanswerable=unanswerable)
            for user_id in self.watchers
            if user_id
        ]
        redraw = unanswerable and not self.ended
        revision = self.revision + 1 if redraw else self.drawn
        fields = {"outbox": self.for_others, "ended": True, "revision": revision}
        return self.model_copy(update=fields).with_news(at, farewells)

    def losing(self, user_ids: Collection[str], at: datetime) -> "Watch":
        """Return the watch without people who lost their right; each of them gets a farewell.

        With the last watcher it ends, unless a follow keeps it; its message shows nothing new.
        """
        if self.closing:
            return self.model_copy(update={"revision": self.drawn})
        left = tuple(each for each in self.watchers if each not in user_ids)
        farewells = [
            Farewell(user_id=each, slack_error=NO_RIGHT)
            for each in self.watchers
            if each and each in user_ids
        ]
        fields: dict[str, object] = {"watchers": left, "revision": self.revision + 1}
        if not left and self.follow is None:
            kept = tuple(each for each in self.outbox if isinstance(each.news, Farewell))
            fields = {"outbox": kept, "ended": True, "revision": self.drawn}
        return self.model_copy(update=fields).with_news(at, farewells)
