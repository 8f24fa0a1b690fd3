"""A bounded set drops its oldest items."""

from bot.projects.bounded_set import BoundedSet


def test_what_was_added_is_remembered_and_nothing_else() -> None:
    remembered = BoundedSet()
    remembered.add("one")
    assert "one" in remembered
    assert "two" not in remembered


def test_the_oldest_is_forgotten_first() -> None:
    remembered = BoundedSet(most=2)
    for thing in ("one", "two", "two", "three"):
        remembered.add(thing)
    assert [thing in remembered for thing in ("one", "two", "three")] == [False, True, True]
