"""The text of a command, from any keyboard, becomes a request, help or a usage error."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.projects.request import (
    DialogRequest,
    HelpRequest,
    ProjectRequest,
    UsageError,
    Wrong,
    command_text,
    has_control_character,
    is_typeable,
    parse,
)

# Pairs of quotes that phones and macOS insert for a plain quote.
DOUBLES = [
    "\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}",
    "\N{RIGHT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}",
    "\N{DOUBLE LOW-9 QUOTATION MARK}\N{LEFT DOUBLE QUOTATION MARK}",
    "\N{DOUBLE HIGH-REVERSED-9 QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}",
    '""',
]
SINGLES = [
    "\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}",
    "\N{SINGLE LOW-9 QUOTATION MARK}\N{LEFT SINGLE QUOTATION MARK}",
    "\N{SINGLE HIGH-REVERSED-9 QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}",
    "''",
]
SPACES = {
    "no-break": "\N{NO-BREAK SPACE}",
    "narrow no-break": "\N{NARROW NO-BREAK SPACE}",
    "figure": "\N{FIGURE SPACE}",
    "thin": "\N{THIN SPACE}",
    "em": "\N{EM SPACE}",
    "ideographic": "\N{IDEOGRAPHIC SPACE}",
}
CONTROL = {
    "tab": "\t",
    "line feed": "\n",
    "carriage return": "\r",
    "null": "\0",
    "next line": "\x85",
    "delete": "\x7f",
    "line separator": "\N{LINE SEPARATOR}",
    "paragraph separator": "\N{PARAGRAPH SEPARATOR}",
}


def as_slack_sends(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def named(cases: dict[str, str]) -> list[object]:
    return [pytest.param(value, id=name) for name, value in cases.items()]


@pytest.mark.parametrize(
    ("text", "team", "name"),
    [
        ("research llama-3-finetune", "research", "llama-3-finetune"),
        ("  research   llama  ", "research", "llama"),
        ("research Qwen3.6-35B Long  Context", "research", "Qwen3.6-35B Long  Context"),
        ("abc1234 demo/qwen3-0.6b", "abc1234", "demo/qwen3-0.6b"),
        ('"Platform Team" my project', "Platform Team", "my project"),
        ("'Platform Team' my project", "Platform Team", "my project"),
        ('" Platform Team " x', "Platform Team", "x"),
        ('"Platform Team" "my project"', "Platform Team", "my project"),
        ("research 'my project'", "research", "my project"),
        ('research "it\'s mine"', "research", "it's mine"),
        ("don't-stop don't-stop", "don't-stop", "don't-stop"),
        ('research the "good" one', "research", 'the "good" one'),
        ('research "good" one', "research", '"good" one'),
        ('research 12" rulers', "research", '12" rulers'),
        ("'don't stop' now", "don't stop", "now"),
        ("help me", "help", "me"),
        ('"help" me', "help", "me"),
        ("research help", "research", "help"),
        ("payload payload", "payload", "payload"),
        ("research payload-model", "research", "payload-model"),
        ("research a—b", "research", "a—b"),
        ("チーム プロジェクト 🚀", "チーム", "プロジェクト 🚀"),
    ],
)
def test_the_first_word_or_phrase_is_the_team_and_the_rest_is_the_name(
    text: str, team: str, name: str
) -> None:
    assert parse(text) == ProjectRequest(team, name)


@pytest.mark.parametrize(
    ("text", "team", "name"),
    [
        ("<research> <my project>", "research", "my project"),
        ("`research` `sft`", "research", "sft"),
        ("research `a` and `b`", "research", "`a` and `b`"),
        ("research ``", "research", "``"),
        ("research < >", "research", "< >"),
        ("research a<b>", "research", "a<b>"),
        ('"<research>" "`sft`"', "<research>", "`sft`"),
        ("<Platform Team> <my project>", "Platform Team", "my project"),
        ("`Platform Team` my-model", "Platform Team", "my-model"),
        ('<"Platform Team"> `"my model"`', "Platform Team", "my model"),
        ("`“Platform Team”` <“my model”>", "Platform Team", "my model"),
        ("<'research'> x", "research", "x"),
        ("``research`` ```my project```", "research", "my project"),
    ],
)
def test_the_marks_of_an_example_are_removed_unless_in_quotes(
    text: str, team: str, name: str
) -> None:
    assert parse(as_slack_sends(text)) == ProjectRequest(team, name)


@pytest.mark.parametrize("pair", DOUBLES + SINGLES)
def test_every_keyboards_quotes_are_quotes(pair: str) -> None:
    left, right = pair[0], pair[1]
    text = f"{left}Platform Team{right} {left}my project{right}"
    assert parse(text) == ProjectRequest("Platform Team", "my project")


@pytest.mark.parametrize("pair", SINGLES)
def test_every_keyboards_apostrophe_is_an_apostrophe(pair: str) -> None:
    assert parse(f"research don{pair[1]}t-stop") == ProjectRequest("research", "don't-stop")


@pytest.mark.parametrize("space", named(SPACES))
def test_every_keyboards_space_is_a_space(space: str) -> None:
    assert parse(f"{space}research{space}my{space}project{space}") == ProjectRequest(
        "research", "my project"
    )


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("&amp;", "&"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&lt;!channel&gt;", "<!channel>"),
        ("&amp;lt;", "&lt;"),
        ("&amp;amp;", "&amp;"),
        ("&quot;a&#39;", "&quot;a&#39;"),
        ("&AMP;", "&AMP;"),
    ],
)
def test_what_slack_escaped_is_unescaped_exactly_once(sent: str, meant: str) -> None:
    assert parse(f"r{sent} x{sent}y") == ProjectRequest(f"r{meant}", f"x{meant}y")


@pytest.mark.parametrize(
    "text",
    [
        "help",
        "HELP",
        " Help ",
        "?",
        "list",
        "Status",
        "--help",
        "—help",
        "\N{NO-BREAK SPACE}help ",
        "help\n",
    ],
)
def test_help_alone_asks_for_the_help(text: str) -> None:
    assert parse(text) == HelpRequest()


@pytest.mark.parametrize("text", ["", " ", "\N{NO-BREAK SPACE}", "\n"])
def test_nothing_asks_for_the_dialog(text: str) -> None:
    assert parse(text) == DialogRequest()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("research", DialogRequest("research")),
        ('"Platform Team"', DialogRequest("Platform Team")),
        ('research ""', DialogRequest("research")),
        ('research "  "', DialogRequest("research")),
        ('"help"', DialogRequest("help")),
        ("r&amp;d", DialogRequest("r&d")),
        ('"Platform Team x', UsageError(Wrong.UNCLOSED_TEAM, "Platform Team", "x")),
        ("'research", UsageError(Wrong.UNCLOSED_TEAM, "research")),
        ('"', UsageError(Wrong.UNCLOSED_TEAM)),
        ('research "my project', UsageError(Wrong.UNCLOSED_NAME, "research", "my project")),
        ("research 'tis mine", UsageError(Wrong.UNCLOSED_NAME, "research", "tis mine")),
        (
            '"Platform Team" \'my project',
            UsageError(Wrong.UNCLOSED_NAME, "Platform Team", "my project"),
        ),
    ],
)
def test_a_command_that_cannot_be_understood_tells_what_was(text: str, error: UsageError) -> None:
    assert parse(text) == error


@pytest.mark.parametrize("text", ['"" x', "'' x", '"  " x', '""'])
def test_an_empty_team_is_not_called_an_unclosed_quote(text: str) -> None:
    answer = parse(text)
    assert isinstance(answer, UsageError)
    assert answer.wrong is not Wrong.UNCLOSED_TEAM


@pytest.mark.parametrize("character", named(CONTROL))
@pytest.mark.parametrize("text", ["research{}my project", "research my{}project", "a{}b{}c"])
def test_a_control_character_is_refused_with_what_the_words_would_be(
    text: str, character: str
) -> None:
    spaced = parse(text.replace("{}", " "))
    assert isinstance(spaced, ProjectRequest)
    assert parse(text.replace("{}", character)) == UsageError(
        Wrong.CONTROL_CHARACTER, spaced.team, spaced.name
    )


BIDIRECTIONAL = [
    *map(chr, [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
]


@pytest.mark.parametrize(
    "character", BIDIRECTIONAL, ids=lambda character: f"U+{ord(character):04X}"
)
@pytest.mark.parametrize(
    "text", ["re{}search sft", "research s{}ft", "{}research sft", "research sft{}"]
)
def test_a_bidirectional_control_is_refused_with_what_the_words_would_be_without(
    text: str, character: str
) -> None:
    assert has_control_character(character)
    assert parse(text.replace("{}", character)) == UsageError(
        Wrong.CONTROL_CHARACTER, "research", "sft"
    )
    assert parse(f"he{character}lp") == UsageError(Wrong.CONTROL_CHARACTER)


@pytest.mark.parametrize("text", ["שלום", "مرحبا", "日本 語", "👩\u200d🚀", "❤\ufe0f", "a b"])
def test_every_script_is_free_of_control_characters(text: str) -> None:
    assert not has_control_character(text)


sensible = st.text(
    st.characters(
        categories=["L", "M", "N", "P", "S"],
        include_characters=" ",
        exclude_characters="".join(DOUBLES + SINGLES),
    ),
    min_size=1,
    max_size=40,
).filter(lambda text: text == text.strip())
teams = st.one_of(sensible, sensible.map(lambda team: f"{team}'s"), st.just("help"))
names = st.one_of(
    sensible,
    sensible.map(lambda name: f"'{name}"),
    sensible.map(lambda name: f'"{name}"'),
    sensible.map(lambda name: f" {name} "),
)


@given(teams, names)
@example("Platform Team", "my project")
@example('The "A" Team', "'tis")
@example("help", "help")
@example("<research>", "`sft`")
@example("`research`", "<my project>")
@example("R&amp;D", "&lt;x&gt;")
def test_a_written_command_reads_back_as_the_same_request(team: str, name: str) -> None:
    assert parse(as_slack_sends(command_text(team, name))) == ProjectRequest(team, name)
    assert is_typeable(team, name)


@pytest.mark.parametrize("name", ["“sft”", "it\u2019s", "a\u00a0b", "a\tb", "a\u202eb", ""])
def test_a_name_that_a_command_changes_is_not_typeable(name: str) -> None:
    assert is_typeable("research", "it's a `b` <c> &amp;")
    assert not is_typeable("research", name)
    assert not is_typeable(name, "sft")


@pytest.mark.parametrize(
    ("sent", "team", "name"),
    [
        ("research <#C0SANDBOX1|general>", "research", "#general"),
        ("<@U0SANDBOX1|dana> run <@U0SANDBOX1|dana>", "@dana", "run @dana"),
        ("research <https://example.com/a|example.com/a>", "research", "example.com/a"),
        ("research <mailto:dana@example.com|dana@example.com>", "research", "dana@example.com"),
        ("research &lt;#C0SANDBOX1|general&gt;", "research", "#C0SANDBOX1|general"),
    ],
)
def test_an_escaped_mention_or_link_is_what_was_typed(sent: str, team: str, name: str) -> None:
    assert parse(sent) == ProjectRequest(team, name)


# A small alphabet of characters with a meaning for the parser makes conflicts likely.
typed = st.one_of(
    st.text(),
    st.text(st.sampled_from(list("ab \"'&<>`\t\u201c\u2019\u00a0\ud800"))),
    st.lists(st.sampled_from(["help", "&amp;", "&lt;", '"', "'", " ", "x", "\n"])).map("".join),
)


@given(typed)
def test_any_text_at_all_is_read_without_an_exception(text: str) -> None:
    assert isinstance(parse(text), ProjectRequest | DialogRequest | HelpRequest | UsageError)


@given(typed)
@example('"a\' b"c d" n')
def test_whatever_was_understood_can_be_written_as_a_command_again(text: str) -> None:
    understood = parse(text)
    if isinstance(understood, ProjectRequest):
        again = command_text(understood.team, understood.name)
        assert parse(as_slack_sends(again)) == understood


@given(typed)
def test_a_request_has_a_team_and_a_name_without_control_characters(text: str) -> None:
    understood = parse(text)
    if isinstance(understood, ProjectRequest):
        assert understood.team.strip()
        assert understood.name.strip()
        assert not set(understood.team + understood.name) & set(CONTROL.values())


@pytest.mark.parametrize("name", ["\u200b", '"\u200b"', "`\u2060`", "\u3164 \u2800"])
def test_a_name_of_which_nothing_is_seen_is_no_name(name: str) -> None:
    assert parse(f"research {name}") == DialogRequest("research")
