"""A long list is read in slices, and one invalid item does not hide the others."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.baseten.errors import Unreadable
from bot.baseten.lists import KnownItems, read_list
from bot.baseten.models import ProjectName, TrainingProject, only_named, only_projects

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab:,]}", max_size=3), inner)
    ),
    max_leaves=8,
)


async def read(body: bytes, key: str = "items") -> list[object]:
    return [item async for item in read_list(body, key, lambda item: item)]


@given(
    st.lists(JSON, max_size=5), st.dictionaries(st.text(max_size=3), JSON), st.booleans(), st.data()
)
async def test_every_item_is_read_wherever_the_list_stands(
    items: list[object],
    others: dict[str, object],
    ascii_only: bool,  # noqa: FBT001 - drawn
    data: st.DataObject,
) -> None:
    said = {**others, "items": items, "more": []}
    indent = data.draw(st.sampled_from([None, 1, "\t"]))
    assert await read(json.dumps(said, ensure_ascii=ascii_only, indent=indent).encode()) == items


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"items": null}',
        b'{"items": {"a": 1}}',
        b'{"items": [1',
        b'{"items": [1,',
        b'{"items": [1 2]}',
        b'{"other": []}',
        b'{"other" []}',
        b'{"items": ["\xff"]}',
        b'{"items": [' + b"[" * 100_000,
    ],
    ids=lambda body: body[:20].decode(errors="replace"),
)
async def test_anything_else_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable, match="list items"):
        await read(body)


async def test_an_empty_list_is_read() -> None:
    assert await read(b'{"items": [ ]}') == []


@pytest.mark.parametrize(
    ("written", "name"),
    [(r"cut \ud83d", "cut ?"), (r"\uD83D cut", "? cut"), (r"\ud83d\ude80", "🚀")],
)
async def test_half_a_character_hides_nothing(written: str, name: str) -> None:
    body = f'{{"items": [{{"name": "{written}"}}]}}'.encode()
    assert await read(body) == [{"name": name}]


def project(**changes: Any) -> dict[str, Any]:
    return {
        "id": "yqvj7q3",
        "name": "bert",
        "team_name": "Research",
        "created_at": "2026-11-23T17:10:00Z",
        "updated_at": "2026-11-23T17:10:00Z",
    } | changes


@pytest.mark.parametrize("read_item", [TrainingProject.model_validate, ProjectName.read])
async def test_an_odd_item_does_not_hide_the_others(read_item: Any) -> None:
    body = json.dumps({"items": [7, project(name=None), project(), []]}).encode()
    (item,) = [item async for item in read_list(body, "items", read_item)]
    assert (item.name, item.team_name) == ("bert", "Research")


@pytest.mark.parametrize("read_item", [TrainingProject.model_validate, ProjectName.read])
@pytest.mark.parametrize("item", [7, None, [], {}, project(name=7)])
async def test_a_list_of_odd_items_alone_is_unreadable(read_item: Any, item: object) -> None:
    body = json.dumps({"items": [item]}).encode()
    with pytest.raises(Unreadable, match="any item"):
        [item async for item in read_list(body, "items", read_item)]


async def test_of_all_projects_only_those_of_one_name_are_read() -> None:
    body = json.dumps({"items": [project(name="a"), project(name="b"), {"name": "b", "id": 5}, 7]})
    found = [item async for item in read_list(body.encode(), "items", only_named("b"))]
    assert [item and item.name for item in found] == [None, "b"]


async def test_of_all_projects_only_the_wanted_ones_are_read() -> None:
    items = [
        project(id="other", name=None),  # has no wanted id, so it need not be valid
        project(id="odd", name=None),
        {"name": "no id"},
        project(id="wanted"),
    ]
    body = json.dumps({"items": items}).encode()
    read_item = only_projects({"wanted", "odd", "gone"})
    found = [item async for item in read_list(body, "items", read_item)]
    assert [each.id for each in found if each] == ["wanted"]
    body = json.dumps({"items": [{"name": "no id"}]}).encode()
    with pytest.raises(Unreadable, match="any item"):
        [item async for item in read_list(body, "items", read_item)]


async def test_an_item_with_the_text_of_the_last_answer_is_not_read_again() -> None:
    known: KnownItems[object] = KnownItems()
    asked: list[object] = []

    one, long = {"id": "one", "text": "x" * 200}, {"id": "long", "text": "x" * 200 + "y"}
    hidden, number = {"id": "hidden", "text": "x" * 200}, 10**200

    def read_item(said: object) -> object:
        asked.append(said)
        return None if said == hidden else {"read": said}

    async def answer(*items: object) -> list[object]:
        asked.clear()
        body = json.dumps({"items": items}).encode()
        return [item async for item in read_list(body, "items", read_item, known)]

    first = await answer(one, long, hidden, number)
    again = await answer(number * 10, hidden, long, {"id": "new"}, one)
    assert asked == [number * 10, hidden, {"id": "new"}]
    assert again[2] is first[1]
    assert again[4] is first[0]
    assert await answer(one) == [again[4]]
    assert asked == []
    changed = one | {"text": "x" * 199 + "z"}
    assert await answer(changed) == [{"read": changed}]
    assert asked == [changed]
    await answer(long)
    assert asked == [long]  # only the last answer is known


@given(st.lists(st.lists(JSON, max_size=5), max_size=4))
async def test_each_answer_is_read_like_a_first_one(answers: list[list[object]]) -> None:
    known: KnownItems[object] = KnownItems()
    for items in answers:
        body = json.dumps({"items": items}).encode()
        found = [item async for item in read_list(body, "items", lambda item: item, known)]
        assert found == items


@pytest.mark.parametrize("team", [None, 7])
def test_a_name_is_read_without_a_team(team: object) -> None:
    assert ProjectName.read(project(team_name=team)) == ("bert", None)


async def test_others_get_their_turn_while_a_long_list_is_read() -> None:
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(take_turns())
    assert len(await read(json.dumps({"items": [project()] * 50_000}).encode())) == 50_000
    other.cancel()
    assert turns > 3
