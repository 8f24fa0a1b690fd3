"""The search for hints finds all that Python's ``in`` finds."""

from string import printable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.telemetry.hints import Hints

TEXTS = st.text(st.sampled_from("aAbB.-\\ é\ud800🐉"), max_size=12)
STRINGS = st.lists(TEXTS.filter(bool), max_size=4)


@given(STRINGS, TEXTS)
def test_exact_hints_are_found_as_by_in(hints: list[str], text: str) -> None:
    found = any(hint in text for hint in hints)
    assert Hints(hints).are_in(text) >= found
    if "\ud800" not in text:
        assert Hints(hints).are_in(text) == found


@given(STRINGS, TEXTS)
def test_hints_in_any_case_are_found_in_any_case(hints: list[str], text: str) -> None:
    found = any(hint.lower() in text.lower() for hint in hints)
    assert Hints(any_case=hints).are_in(text) >= found


@pytest.mark.parametrize("character", printable)
def test_no_character_of_a_hint_has_a_meaning_of_its_own(character: str) -> None:
    hint = f"a{character}b{character}"
    for hints in (Hints([hint]), Hints(any_case=[hint])):
        assert hints.are_in(f"x{hint}x")
        assert not hints.are_in("ab abab a b")


def test_a_pattern_is_found_beside_strings() -> None:
    hints = Hints(["one"], ["two"], ["x{3}|y{3}"])
    assert [hints.are_in(text) for text in ("one", "ONE", "TWO", "xxx", "ayyya", "xxyy")] == [
        *(True, False, True, True, True, False)
    ]


def test_without_hints_nothing_is_found() -> None:
    assert not Hints().are_in("")
    assert not Hints().are_in("a")
