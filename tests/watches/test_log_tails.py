"""A log tail is shown on the rights of the first watcher."""

from typing import TYPE_CHECKING, cast

from bot.access.rules import Actor, Verb
from bot.access.standing import StandingRights
from bot.telemetry.redaction import Redactor
from bot.watches.news import Ended
from bot.watches.news_messages import NewsMessages
from tests.watches.made import job, watch

if TYPE_CHECKING:
    from bot.baseten.client import Baseten
    from bot.slack.people import People


async def test_no_log_line_is_read_without_the_right_to_log_lines() -> None:
    asked: list[tuple[str, str, Verb, str]] = []

    def deny(actor: Actor, verb: Verb, team: str) -> bool:
        asked.append((actor.id, actor.channel_id, verb, team))
        return False

    failed = job("FAILED")
    # Without a Baseten, it would fail if it asked for lines.
    messages = NewsMessages(
        cast("Baseten", None), Redactor(()), cast("People", None), StandingRights(deny)
    )
    watched = watch(failed, watchers=("U0DANA0001", "U0LEE00001"))
    await messages.build(Ended(job=failed), watched, watched.watchers, message_updated=True)
    assert asked == [("U0DANA0001", "C0SANDBOX1", Verb.LOGS, "Research")]
