"""The last projects of each person."""

from datetime import UTC, datetime

from bot.recents import Recent, Recents

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def recent(project_id: str, name: str = "sft") -> Recent:
    return Recent(project_id, name, "Research", NOW)


def ids(recents: Recents, user_id: str = "U1") -> list[str]:
    return [one.project_id for one in recents.of(user_id)]


def test_at_first_there_are_none() -> None:
    assert Recents().of("U1") == []


def test_the_newest_come_first_and_five_are_kept() -> None:
    recents = Recents()
    for number in range(7):
        recents.add("U1", recent(f"p{number}"))
    assert ids(recents) == ["p6", "p5", "p4", "p3", "p2"]


def test_one_that_is_opened_again_moves_to_the_front_as_it_is_now() -> None:
    recents = Recents()
    for project_id in ("a", "b", "c"):
        recents.add("U1", recent(project_id))
    recents.add("U1", recent("a", "renamed"))
    assert ids(recents) == ["a", "c", "b"]
    assert recents.of("U1")[0].name == "renamed"


def test_each_person_has_their_own() -> None:
    recents = Recents()
    recents.add("U1", recent("a"))
    recents.add("U2", recent("b"))
    assert (ids(recents, "U1"), ids(recents, "U2")) == (["a"], ["b"])


def test_what_is_returned_is_a_copy() -> None:
    recents = Recents()
    recents.add("U1", recent("a"))
    recents.of("U1").clear()
    assert ids(recents) == ["a"]


def test_of_very_many_people_those_who_came_long_ago_are_forgotten() -> None:
    recents = Recents()
    for number in range(10_000):
        recents.add(f"U{number}", recent("a"))
    recents.add("U0", recent("b"))
    recents.add("one-more", recent("a"))
    assert ids(recents, "U0") == ["b", "a"]
    assert ids(recents, "U1") == []
    assert ids(recents, "U2") == ["a"]
