"""Text for Slack is escaped, cut and formatted for people."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.projects.request import BIDIRECTIONAL
from bot.views.installation import Installation
from bot.views.text import (
    ago,
    bold,
    code,
    date,
    duration,
    escape,
    listing,
    quote,
    say,
    shorten,
    to_copy,
    utc,
    without_markup,
)

ISOLATES = "\u2068\u2069"  # around a text from right to left
RAW = re.compile(r"[<>]|&(?!(?:amp|lt|gt);)")


def unescape(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a < b > c & d", "a &lt; b &gt; c &amp; d"),
        ("<!channel>", "&lt;!channel&gt;"),
        ("<@U123|you>", "&lt;@U123|you&gt;"),
        ("<https://evil.example|good>", "&lt;https://evil.example|good&gt;"),
        ("&lt;!here&gt;", "&amp;lt;!here&amp;gt;"),
        ('it\'s "fine"', 'it\'s "fine"'),
    ],
)
def test_mentions_links_and_entities_are_disarmed(text: str, escaped: str) -> None:
    assert escape(text) == escaped


@given(st.text())
def test_nothing_raw_is_left_and_slack_reads_back_what_was_written(text: str) -> None:
    assert not RAW.search(escape(text))
    assert unescape(escape(text)) == text


@pytest.mark.parametrize(
    ("text", "most", "cut"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abcde…"),
        ("abcd efg", 6, "abcd…"),
        ("", 6, ""),
        ("ab", 1, "…"),
    ],
)
def test_a_long_text_ends_in_an_ellipsis(text: str, most: int, cut: str) -> None:
    assert shorten(text, most) == cut


@given(st.text(), st.integers(1, 50))
def test_a_cut_text_is_never_too_long(text: str, most: int) -> None:
    cut, text = shorten(text, most), BIDIRECTIONAL.sub("", text)
    assert len(cut) <= most
    assert cut == text or (cut.endswith("…") and text.startswith(cut[:-1]))


@given(st.text(), st.integers(2, 60))
def test_what_is_said_is_one_line_that_was_cut_before_it_was_escaped(text: str, most: int) -> None:
    said = say(text, most)
    assert not RAW.search(said)
    assert len(said.splitlines()) <= 1
    assert len(unescape(said).strip(ISOLATES)) <= most


@pytest.mark.parametrize("name", ["שלום", "llama مرحبا", "שלום 7"])
def test_a_name_from_right_to_left_does_not_turn_the_sentence(name: str) -> None:
    assert bold(name) == f"*\u2068{name}\u2069*"


@pytest.mark.parametrize("control", ["\u202e", "\u2066", "\u200f", "\u061c"])
def test_a_control_of_the_direction_is_not_shown(control: str) -> None:
    assert bold(f"a{control}b") == "*ab*"
    assert code(f"a{control}b") == "`ab`"
    assert say("日本 é") == "日本 é"


def test_an_entity_is_never_cut_in_two() -> None:
    assert say("&" * 20, 10) == "&amp;" * 9 + "…"


@pytest.mark.parametrize("text", ["a`b", "```", "a\nb", "<b>&", "x" * 5000])
def test_code_cannot_be_broken_out_of(text: str) -> None:
    shown = code(text)
    assert re.fullmatch(r"`[^`\n]+`", shown)
    assert not RAW.search(shown)


def test_a_name_is_bold_and_escaped() -> None:
    assert bold("a <b>") == "*a &lt;b&gt;*"


def test_every_line_of_a_quotation_is_quoted_and_escaped() -> None:
    assert quote(" CUDA <oom>\n\nat & line ") == "> CUDA &lt;oom&gt;\n> \n> at &amp; line"


@given(st.text())
def test_a_quotation_is_short_and_nothing_in_it_stands_outside(text: str) -> None:
    lines = quote(text).split("\n")
    assert len(lines) <= 12
    assert all(line.startswith("> ") for line in lines if text.strip())
    assert not any(RAW.search(line[2:]) for line in lines)


def test_a_quotation_of_many_lines_says_that_there_are_more() -> None:
    lines = quote("\n".join("abcdefghijklmnop")).split("\n")
    assert len(lines) == 12
    assert lines[-1] == "> …"


MOMENT = datetime(2026, 11, 23, 17, 10, 59, 999_999, tzinfo=UTC)


@pytest.mark.parametrize(
    "moment",
    [
        MOMENT,
        MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30))),
        MOMENT.astimezone(timezone(timedelta(hours=-8))),
    ],
)
def test_a_date_is_in_the_viewers_time_zone_with_a_fallback_in_utc(moment: datetime) -> None:
    assert utc(moment) == "2026-11-23 17:10 UTC"
    assert date(moment) == ("<!date^1795453859^{date_short_pretty} at {time}|2026-11-23 17:10 UTC>")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "1 second"),
        (0.4, "1 second"),
        (1, "1 second"),
        (37, "37 seconds"),
        (59.6, "1 minute"),
        (90, "1 minute 30 seconds"),
        (3600, "1 hour"),
        (7500, "2 hours 5 minutes"),
        (7505, "2 hours 5 minutes"),
        (86_400, "1 day"),
        (200_000, "2 days 7 hours"),
    ],
)
def test_a_duration_is_told_in_its_one_or_two_largest_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("words", "listed"),
    [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_words_are_listed_as_a_person_does(words: list[str], listed: str) -> None:
    assert listing(words) == listed
    assert listing(words, "or") == listed.replace("and", "or")


AT = datetime(2026, 11, 23, 17, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("mrkdwn", "shown"),
    [
        (
            f"You asked {ago(AT)}, on {date(AT)}.",
            "You asked 2026-11-23 17:10 UTC, on 2026-11-23 17:10 UTC.",
        ),
        (f"{bold('a*b & <c>')} is {code('x `y` *z*')}.", "a*b & <c> is x 'y' *z*."),
        (f"Run {to_copy('x `y`')} now.", "Run x `y` now."),
        (
            f"Ask {Installation(contact='U0DANA0001').operator}.",
            "Ask the person who runs this bot.",
        ),
        (f"Ask {Installation(contact='R&D').operator}.", "Ask R&D."),
        ("2 * 3 * 4, &amp;lt; and `", "2 * 3 * 4, &lt; and `"),
    ],
)
def test_a_text_without_markup_has_the_same_words(mrkdwn: str, shown: str) -> None:
    assert without_markup(mrkdwn) == shown


def copied(shown: str) -> str:
    """Return the text that a person copies from code, which ends where Slack ends it."""
    fence = "```" if shown.startswith("```") else "`"
    inner, end, rest = shown.removeprefix(fence).partition(fence)
    assert (end, rest) == (fence, "")
    return unescape(inner.removesuffix("\n"))


@given(st.text(st.sampled_from("ab `\"'&;<>\n\u202e"), max_size=12))
@example("a`")
@example("a```b")
@example("`a")
@example("&amp;")
def test_a_command_is_copied_as_it_must_be_typed_or_is_not_shown(text: str) -> None:
    command = f"/training-project {text}".strip()
    shown = to_copy(command)
    if shown:
        assert copied(shown) == command
    else:
        assert re.search("```|[\n\u202e]", command)


def test_a_command_with_a_key_in_it_or_that_is_too_long_is_not_shown() -> None:
    assert not to_copy("/training-project research hf_aBcDeFgHiJkLmNoPqRsTuVwXyZ012345")
    assert to_copy("/" + "x" * 299)
    assert not to_copy("/" + "x" * 300)
