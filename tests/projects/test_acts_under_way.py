"""Acts under way: one for each job, and none that lost its task blocks the job."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.durable.database import open_store
from bot.projects.acts_under_way import ActsUnderWay, UnderWay
from bot.projects.job_acts import Act

DANA, SAM = "U0DANA0001", "U0SAM00001"


@pytest.mark.parametrize(("minutes", "blocks"), [(14, True), (16, False)])
async def test_an_old_act_that_lost_its_task_does_not_block_the_job(
    sqlite_url: str, minutes: int, *, blocks: bool
) -> None:
    at = datetime.now(UTC) - timedelta(minutes=minutes)
    old = UnderWay(task_id="1", user_id=DANA, act=Act.STOP, at=at)
    async with open_store(sqlite_url) as store:
        await store.amend("acts on jobs", "eiw8uo9", lambda _: old.model_dump(mode="json"))
        other = await ActsUnderWay(store).begin("eiw8uo9", "2", SAM, Act.STOP)
    assert other == (old if blocks else None)


async def test_an_act_of_another_version_of_the_bot_does_not_block_the_job(sqlite_url: str) -> None:
    async with open_store(sqlite_url) as store:
        await store.amend("acts on jobs", "eiw8uo9", lambda _: {"task": "1", "act": "pause"})
        assert await ActsUnderWay(store).begin("eiw8uo9", "2", SAM, Act.STOP) is None
        assert await ActsUnderWay(store).begin("eiw8uo9", "3", DANA, Act.STOP) is not None
