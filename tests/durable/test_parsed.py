"""Documents as models, in both databases."""

import pytest
from pydantic import BaseModel, ConfigDict
from structlog.testing import capture_logs

from bot.durable.parsed import ChangedError, ParsedDocuments
from bot.durable.store import Store


class Count(BaseModel):
    """A model of the version of this test; it knows no other fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int


OTHER = {"n": 1, "of": "another version"}


def more(kept: Count | None) -> Count | None:
    return None if kept is None else Count(n=kept.n + 1)


async def test_a_document_of_another_version_counts_as_missing_and_is_kept(store: Store) -> None:
    counts = ParsedDocuments(store, "counts", Count)
    await store.amend("counts", "a", lambda _: OTHER)
    with capture_logs() as logs:
        assert await counts.read("a") is None
        assert await counts.all() == []
        assert await counts.amend("a", more) is None
    assert {(line["collection"], line["document"]) for line in logs} == {("counts", "a")}
    assert await store.read("counts", "a") == OTHER
    assert await counts.amend("a", lambda _: Count(n=5)) == Count(n=5)
    assert await counts.all() == [Count(n=5)]


async def test_a_document_is_changed_and_deleted(store: Store) -> None:
    counts = ParsedDocuments(store, "counts", Count)
    assert await counts.amend("a", more) is None
    assert await counts.amend("a", lambda _: Count(n=1)) == Count(n=1)
    assert await counts.amend("a", more) == Count(n=2) == await counts.read("a")
    assert await counts.amend("a", lambda _: None) is None
    assert await store.read("counts", "a") is None


async def test_a_replacement_finds_the_document_that_was_read_or_writes_nothing(
    store: Store,
) -> None:
    counts = ParsedDocuments(store, "counts", Count)
    await store.write(counts.replacement("a", None, Count(n=1)))
    with pytest.raises(ChangedError):
        await store.write(counts.replacement("a", None, Count(n=7)))
    with pytest.raises(ChangedError):
        await store.write(counts.replacement("a", Count(n=2), None))
    assert await counts.read("a") == Count(n=1)
    await store.write(counts.replacement("a", Count(n=1), None))
    assert await counts.read("a") is None
