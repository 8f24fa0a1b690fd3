"""Which names one person could take for another."""

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.names import near_name

LETTERS = string.ascii_lowercase
WORDS = st.lists(st.text(LETTERS + string.digits, min_size=1, max_size=8), min_size=1, max_size=5)
LONG = st.text(LETTERS, min_size=10, max_size=40)
ANY = st.text(max_size=40)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("llama_3_ft", "llama-3-ft"),
        ("LLAMA-3-FT", "llama-3-ft"),
        ("llama 3 ft", "llama-3-ft"),
        ("llama  3__ft", "llama-3-ft"),
        ("a_b", "a-b"),
        ("SFT", "sft"),
        ("support-bto-sft", "support-bot-sft"),
        ("suport-bot-sft", "support-bot-sft"),
        ("support-bott-sft", "support-bot-sft"),
        ("support-bat-sft", "support-bot-sft"),
        ("support-bot-sf", "support-bot-sft"),
        ("Support_Bot_SFTT", "support-bot-sft"),
    ],
)
def test_a_slip_is_near(name: str, other: str) -> None:
    assert near_name(name, ["something-else", other]) == other


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("run-1", "run-2"),
        ("experiment-1", "experiment-2"),
        ("experiment-1", "experiment-11"),
        ("experiment-12", "experiment-21"),
        ("experiment", "experiment2"),
        ("qwen3-0.6b-long", "qwen3-0.8b-long"),
        ("sft", "sfx"),
        ("cat", "car"),
        ("llama", "lama"),
        ("support-bot-sft", "support-bot-sft-v2"),
        ("suport-bto-sft", "support-bot-sft"),
        ("", "a"),
        ("", "sft"),
    ],
)
def test_what_is_meant_to_differ_is_not_near(name: str, other: str) -> None:
    assert near_name(name, [other]) is None


def test_nothing_is_near_to_nothing() -> None:
    assert near_name("support-bot-sft", []) is None


def test_a_name_in_another_case_is_nearer_than_a_typo() -> None:
    assert near_name("Support-Bot", ["support-boy", "support_bot"]) == "support_bot"


@given(ANY, st.lists(ANY, max_size=5))
def test_what_is_near_is_there(name: str, existing: list[str]) -> None:
    near = near_name(name, existing)
    assert near is None or near in existing


@given(WORDS, st.sampled_from("-_ "), st.sampled_from("-_ "), st.booleans())
def test_case_and_separators_alone_are_always_near(
    words: list[str],
    one: str,
    other: str,
    upper: bool,  # noqa: FBT001 - drawn
) -> None:
    name, twin = one.join(words), other.join(words)
    assert near_name(name.upper() if upper else name, [twin]) == twin


@given(LONG, st.data())
def test_one_letter_left_out_is_near_from_both_sides(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name) - 1))
    shorter = name[:at] + name[at + 1 :]
    assert near_name(shorter, [name]) == name
    assert near_name(name, [shorter]) == shorter


@given(LONG, st.sampled_from(LETTERS), st.data())
def test_one_letter_changed_is_near(name: str, letter: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name) - 1))
    other = name[:at] + letter + name[at + 1 :]
    assert near_name(other, [name]) == name


@given(LONG, st.data())
def test_two_letters_swapped_are_near(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name) - 2))
    other = name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    assert near_name(other, [name]) == name


@given(LONG, st.sampled_from(string.digits), st.data())
def test_a_digit_more_or_less_is_never_near(name: str, digit: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name)))
    numbered = name[:at] + digit + name[at:]
    assert near_name(numbered, [name]) is None
    assert near_name(name, [numbered]) is None


@given(st.text(LETTERS, max_size=7), st.text(LETTERS, max_size=7))
def test_a_letter_makes_another_word_of_a_short_name(name: str, other: str) -> None:
    assume(name != other)
    assert near_name(name, [other]) is None


@given(LONG, st.text("XYZ", min_size=2, max_size=5), st.data())
def test_two_letters_more_are_never_near(name: str, more: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name)))
    assert near_name(name[:at] + more + name[at:], [name]) is None


@given(st.lists(ANY, min_size=1, max_size=5), ANY, st.randoms())
def test_the_order_of_the_list_does_not_matter(
    existing: list[str], name: str, random: object
) -> None:
    del random
    assert near_name(name, existing) == near_name(name, existing[::-1])
