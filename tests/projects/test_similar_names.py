"""Names that a person could confuse are found; other names are not."""

import string
from collections.abc import Iterable

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bot.projects.similar_names import ProjectNames, Similar, SimilarNames, fold

LETTERS = string.ascii_lowercase
WORDS = st.lists(st.text(LETTERS + string.digits, min_size=1, max_size=8), min_size=1, max_size=5)
LONG = st.text(LETTERS, min_size=10, max_size=40)
ANY = st.text(max_size=40)
CLOSE = st.text("ab1-", min_size=6, max_size=11)  # usually one typo apart


def similar(name: str, existing: Iterable[str]) -> Similar:
    names = SimilarNames()
    for other in existing:
        names.add(other)
    return names.find_similar(name)


def near(name: str, *existing: str) -> str | None:
    return similar(name, existing).near


def one_typo(one: str, other: str) -> bool:
    """Return whether one typo makes one form from the other, by trying every typo."""

    def letters(text: str) -> bool:
        return not any(character.isdigit() for character in text)

    for at in range(len(one) + 1):
        head, tail = one[:at], one[at:]
        if tail and letters(tail[0]) and head + tail[1:] == other:
            return True
        if letters(tail[:2]) and len(tail) > 1 and head + tail[1] + tail[0] + tail[2:] == other:
            return True
        for letter in set(other):
            added = letters(letter) and head + letter + tail == other
            changed = letters(letter + tail[:1]) and head + letter + tail[1:] == other
            if added or changed:
                return True
    return False


def near_by_definition(name: str, existing: list[str]) -> str | None:
    form = fold(name)
    if not form:
        return None
    alike = [other for other in existing if fold(other) == form]
    if not alike and 8 <= len(form) <= 300:
        alike = [other for other in existing if fold(other) and one_typo(form, fold(other))]
    return min(alike, default=None)


@given(CLOSE, st.lists(CLOSE, max_size=40))
@example("aaaaaaaa", ["aaaaaaaaa", "aaaaaaa", "aaaaaaba", "baaaaaaa"])
@example("abababab", ["abababba", "abaabbab", "babababa", "abababa", "bbababab"])
def test_the_index_finds_what_the_rules_say(name: str, existing: list[str]) -> None:
    assume(name not in existing)
    assert near(name, *existing) == near_by_definition(name, existing)


@given(st.text(min_size=7, max_size=12), st.data())
def test_the_index_finds_what_the_rules_say_in_every_script(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name)))
    letter = data.draw(st.characters())
    existing = [name[:at] + letter + name[at:], name[:at] + letter + name[at + 1 :], letter * 8]
    assume(name not in existing)
    assert near(name, *existing) == near_by_definition(name, existing)


@pytest.mark.parametrize("name", ["abcdefgh", "abcdefghi"])
def test_a_typo_is_found_at_every_place(name: str) -> None:
    for at in range(len(name) + 1):
        head, tail = name[:at], name[at:]
        others = {head + "z" + tail, head + "z" + tail[1:], head + tail[1:]}
        others.add(head + tail[1:2] + tail[:1] + tail[2:])
        for other in others - {name}:
            assert near(name, other) == other


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("llama_3_ft", "llama-3-ft"),
        ("LLAMA-3-FT", "llama-3-ft"),
        ("llama 3 ft", "llama-3-ft"),
        ("llama  3__ft", "llama-3-ft"),
        ("a_b", "a-b"),
        ("SFT", "sft"),
        ("STRASSE", "straße"),
        ("support-bto-sft", "support-bot-sft"),
        ("suport-bot-sft", "support-bot-sft"),
        ("support-bott-sft", "support-bot-sft"),
        ("support-bat-sft", "support-bot-sft"),
        ("support-bot-sf", "support-bot-sft"),
        ("upport-bot-sft", "support-bot-sft"),
        ("Support_Bot_SFTT", "support-bot-sft"),
        ("suppotr-bot", "support-bot"),
        ("suppor-tbot", "support-bot"),
    ],
)
def test_a_slip_is_near(name: str, other: str) -> None:
    assert near(name, "something-else", other) == other


@pytest.mark.parametrize(
    ("name", "other"),
    [
        pytest.param("ｌｌａｍａ", "llama", id="full width"),  # noqa: RUF001
        pytest.param("ﬁne", "fine", id="ligature"),
        pytest.param("𝗅𝗅𝖺𝗆𝖺", "llama", id="mathematical"),
        pytest.param("run²", "run2", id="superscript"),
        pytest.param("cafe\u0301", "caf\u00e9", id="combining accent"),
        pytest.param("lla\u200bma", "llama", id="zero-width space"),
        pytest.param("lla\u00adma", "llama", id="soft hyphen"),
        pytest.param("llama\ufeff", "llama", id="byte order mark"),
        pytest.param("llama\u202e", "llama", id="right-to-left override"),
        pytest.param("❤\ufe0f", "❤", id="variation selector"),
        pytest.param("llama\U000e0101", "llama", id="ideographic variation selector"),
        pytest.param("lla\u3164ma", "llama", id="Hangul filler"),
        pytest.param("lla\U000e0061ma", "llama", id="tag"),
        pytest.param("lla\U0010ffffma", "llama", id="the last character"),
        pytest.param("llаmа", "llama", id="Cyrillic a"),  # noqa: RUF001
        pytest.param("ЅFТ", "sft", id="Cyrillic capitals"),  # noqa: RUF001
        pytest.param("ВЕRТ", "bert", id="Cyrillic capitals without similar small letters"),  # noqa: RUF001
        pytest.param("bеrt-ё", "bert-ë", id="Cyrillic with an accent"),  # noqa: RUF001
        pytest.param("gрο", "gpo", id="Cyrillic and Greek"),  # noqa: RUF001
        pytest.param("ΑΒΖ", "abz", id="Greek capitals"),  # noqa: RUF001
        pytest.param("llama–3", "llama-3", id="dash"),  # noqa: RUF001
        pytest.param("llama\u00a03", "llama-3", id="no-break space"),
    ],
)
def test_what_looks_the_same_is_near(name: str, other: str) -> None:
    assert near(name, "something-else", other) == other
    assert near(other, "something-else", name) == name


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("run-1", "run-2"),
        ("experiment-1", "experiment-2"),
        ("experiment-1", "experiment-11"),
        ("experiment-12", "experiment-21"),
        ("experiment-a1", "experiment-1a"),
        ("experiment-1a", "experiment-a1"),
        ("experiment", "experiment2"),
        ("experiment-٣", "experiment-٤"),
        ("experiment-O", "experiment-0"),
        ("qwen3-0.6b-long", "qwen3-0.8b-long"),
        ("sft", "sfx"),
        ("cat", "car"),
        ("llama", "lama"),
        ("support-bot-sft", "support-bot-sft-v2"),
        ("suport-bto-sft", "support-bot-sft"),
        ("", "a"),
        ("", "sft"),
        ("\u200b", "\u2060"),
    ],
)
def test_what_is_meant_to_differ_is_not_near(name: str, other: str) -> None:
    assert near(name, other) is None


def test_nothing_is_similar_to_nothing() -> None:
    assert similar("support-bot-sft", []) == Similar()


def test_a_name_in_another_case_is_nearer_than_a_typo() -> None:
    assert near("Support-Bot", "support-boy", "support_bot") == "support_bot"


@given(ANY)
def test_a_normal_form_is_its_own(name: str) -> None:
    assert fold(fold(name)) == fold(name)


@given(WORDS, st.sampled_from("-_ "), st.sampled_from("-_ "), st.booleans())
def test_case_and_separators_alone_are_always_near(
    words: list[str],
    one: str,
    other: str,
    upper: bool,  # noqa: FBT001 - drawn
) -> None:
    name, twin = one.join(words), other.join(words)
    assert near(name.upper() if upper else name, twin) == twin


@given(LONG, st.sampled_from(string.digits), st.data())
def test_a_digit_more_or_less_is_never_near(name: str, digit: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name)))
    numbered = name[:at] + digit + name[at:]
    assert near(numbered, name) is None
    assert near(name, numbered) is None


@given(st.text(LETTERS, max_size=7), st.text(LETTERS, max_size=7))
def test_a_letter_makes_another_word_of_a_short_name(name: str, other: str) -> None:
    assume(name != other)
    assert near(name, other) is None


def test_typos_of_endless_names_are_not_looked_for() -> None:
    assert near("a" * 300, "a" * 299) == "a" * 299
    assert near("a" * 301, "a" * 300) is None
    assert near("A" * 301, "a" * 301) == "a" * 301


@given(st.lists(ANY, min_size=1, max_size=5), ANY)
def test_the_order_of_the_list_does_not_matter(existing: list[str], name: str) -> None:
    assert similar(name, existing) == similar(name, existing[::-1])


@pytest.mark.parametrize(
    ("name", "existing", "longer"),
    [
        ("llama-3", ["llama-3-ft", "llama-3-eval", "qwen"], "llama-3-eval"),
        ("Llama_", ["llama-3-ft"], "llama-3-ft"),
        ("experiment", ["experiment2"], "experiment2"),
        ("l", ["llama"], "llama"),
        ("llama-3", ["LLAMA 3 ft", "llama-3_ft"], "LLAMA 3 ft"),
        ("run-1", ["run-10", "run-11"], None),
        ("run-1", ["run-10", "run-1st"], "run-1st"),
        ("run-1", ["run-1-old", "run-10"], "run-1-old"),
        ("llama-3-ft", ["llama-3"], None),
        ("llama-3", ["Llama-3"], None),
        ("", ["llama"], None),
        ("\u200b", ["llama"], None),
    ],
)
def test_the_beginning_of_a_name_is_told(
    name: str, existing: list[str], longer: str | None
) -> None:
    assert similar(name, existing).beginning_of == longer


@given(st.text(LETTERS + "-", min_size=1), st.text(LETTERS, min_size=1), st.lists(ANY))
def test_every_beginning_is_found(name: str, more: str, others: list[str]) -> None:
    assume(fold(name + more).startswith(fold(name)))
    found = similar(name, [*others, name + more]).beginning_of
    assert found is not None
    assert fold(found).startswith(fold(name))


def test_projects_are_compared_within_their_team() -> None:
    names = ProjectNames()
    for team, name in [("b", "sft"), ("a", "sft"), ("a", "Sft"), (None, "lost"), ("a", "sft")]:
        names.add(team, name)
    assert "sft" in names.of("a")
    assert "Sft" in names.of("a")
    assert "SFT" not in names.of("a")
    assert "sft" not in names.of("c")
    assert names.teams_with("sft") == ["a", "b"]
    assert names.teams_with("lost") == []
    assert names.of("a").find_similar("SFT").near == "Sft"
    assert names.of("b").find_similar("SFT").near == "sft"


def test_a_name_that_is_added_later_is_found() -> None:
    names = ProjectNames()
    names.add("a", "support-bot")
    assert names.of("a").find_similar("support-bott").near == "support-bot"
    names.add("a", "Support-bots")
    assert names.of("a").find_similar("support_bots").near == "Support-bots"
    assert names.of("a").find_similar("support-bo").near == "support-bot"


def test_typed_letters_find_names_that_begin_with_them_before_names_that_contain_them() -> None:
    names = SimilarNames()
    for name in ("b-llama", "Llama-3", "llama-2", "qwen", "LLAMA"):
        names.add(name)
    assert names.matching("llama", 10) == ["LLAMA", "llama-2", "Llama-3", "b-llama"]
    assert names.matching("llama", 2) == ["LLAMA", "llama-2"]
    assert names.matching("", 3) == ["b-llama", "LLAMA", "llama-2"]
    names.add("llama-1")
    assert "llama-1" in names.matching("lla", 10)


@given(st.lists(ANY, max_size=30), ANY, st.integers(1, 10))
def test_a_search_agrees_with_its_definition(existing: list[str], text: str, most: int) -> None:
    names = SimilarNames()
    for name in existing:
        names.add(name)
    begin = [each for each in set(existing) if fold(each).startswith(fold(text))]
    contain = [each for each in set(existing) - set(begin) if fold(text) in fold(each)]
    expected = [*sorted(begin, key=lambda x: (fold(x), x))]
    expected += sorted(contain, key=lambda x: (fold(x), x))
    assert names.matching(text, most) == expected[:most]


@pytest.mark.parametrize("name", ["ոսհ-model", "ꭺᏟᎬ", "ᴍᴏᴅᴇʟ", "ѕсоре"])  # noqa: RUF001
def test_letters_of_other_alphabets_have_the_form_of_the_latin_ones(name: str) -> None:
    assert fold(name).isascii()
