"""The rights that a watch lives on, while Slack does not tell who is in a group."""

from pathlib import Path

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.access.access import Access
from bot.access.access_file import read_access_file
from bot.access.rules import RightsUnknownError
from bot.access.standing import StandingRights
from bot.follows.model import FAREWELL, Follow, Follower, Kind, Scope
from bot.follows.store import Follows
from bot.projects.service import Projects
from bot.slack.directory import SlackDirectory
from bot.watches.changes import LONGEST
from bot.watches.model import Watch
from bot.watches.news import Gone
from bot.watches.rights import WatchRights
from tests.scenarios.rules import DANA, GROUP, granted
from tests.watches.made import BEGIN, PROJECT, after, job, watch
from tests.watches.scene import CHANNEL, QUEUE, Scene

FOLLOW = Follow(
    id="f1",
    scope=Scope(kind=Kind.PROJECT, project_id=PROJECT, name="support-bot-sft", team="Research"),
    channel_id=CHANNEL,
    created_by=DANA,
    since=BEGIN,
)
FOLLOWER = Follower(key=FOLLOW.key, id=FOLLOW.id, created_by=DANA, mentions=())
BEGUN = watch(job(), watchers=(DANA,), revision=1)
LATER = after(86_400)
WAITING = [BEGUN, BEGUN.model_copy(update={"drawn_at": LATER}), BEGUN.with_news(LATER, [Gone()])]


@pytest.fixture
def rights(scene: Scene, tmp_path: Path) -> WatchRights:
    """Rights by a group; the bot's token has no scope to read its members."""
    (tmp_path / "access.toml").write_text(granted(GROUP), encoding="utf-8")
    client = AsyncWebClient(scene.slack.bot_token, base_url=scene.slack.api_url)
    access = Access(
        read_access_file(tmp_path / "access.toml"),
        SlackDirectory(client),
        Projects(scene.client, scene.store),
    )
    standing = StandingRights(access, access)
    return WatchRights(standing, Follows(scene.store, standing, QUEUE), scene.clock)


def set_clock(scene: Scene, since: Watch, *, late: bool) -> None:
    """Let two weeks pass since the watch began to wait, or nearly."""
    begun = BEGIN if since is BEGUN else LATER
    scene.clock.advance((begun + LONGEST - scene.clock()).total_seconds() + (60 if late else -60))


@pytest.mark.parametrize("waiting", WAITING, ids=["begun", "drawn", "news"])
async def test_watchers_whose_rights_stay_unknown_lose_them_after_two_weeks(
    scene: Scene, rights: WatchRights, waiting: Watch
) -> None:
    set_clock(scene, waiting, late=False)
    with pytest.raises(RightsUnknownError):
        await rights.lost(waiting)
    set_clock(scene, waiting, late=True)
    assert await rights.lost(waiting) == (DANA,)


async def test_a_follow_whose_rights_stay_unknown_ends_for_its_watch_after_two_weeks(
    scene: Scene, rights: WatchRights
) -> None:
    await rights.follows.begin(FOLLOW)
    followed = BEGUN.model_copy(update={"follow": FOLLOWER})
    set_clock(scene, BEGUN, late=False)
    with pytest.raises(RightsUnknownError):
        await rights.lost_follow(followed)
    set_clock(scene, BEGUN, late=True)
    assert await rights.lost_follow(followed)


async def test_the_follow_of_a_watch_ends_once(scene: Scene, rights: WatchRights) -> None:
    await rights.follows.begin(FOLLOW)
    await rights.end_follow(BEGUN, "is_archived")
    assert await rights.follows.all() == [FOLLOW]
    followed = BEGUN.model_copy(update={"follow": FOLLOWER})
    for _ in range(2):
        await rights.end_follow(followed, "is_archived")
        assert await rights.follows.all() == []
    assert len(await scene.claim(FAREWELL, 9)) == 1
