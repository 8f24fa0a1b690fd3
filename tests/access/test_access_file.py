"""``ACCESS_FILE``: right files become rules; wrong lines are named with the cure."""

import os
from pathlib import Path

import pytest

from bot.access.access_file import (
    AccessFile,
    BadAccessFileError,
    missing_scopes,
    parse_access_file,
    read_access_file,
)
from bot.access.rules import Verb
from bot.access.toml_lines import line_of, lines_of

WHOLE = """
workspaces = ["T0ACME"]
external   = "allow"
guests     = "deny"
channels   = ["C0ML", "C0PLATFORM"]
shared_channels = "deny"

[[grant]]
to    = ["S0MLTEAM", "U0DANA"]     # a group and a person
teams = ["Research", "wp7ndew"]
can   = ["create", "view", "logs", "stop"]
in    = ["C0ML"]

[[grant]]
to    = ["Wf0NIGHTLY"]
teams = ["*"]
can   = ["create"]

[[approve]]
teams = ["Production"]
by    = ["S0LEADS", "U0LEE"]
channel = "C0APPROVALS"
"""
GRANT = '[[grant]]\nto = ["U0DANA"]\nteams = ["Research"]\ncan = ["view"]\n'


def wrong(text: str) -> list[str]:
    """The lines about a wrong file."""
    with pytest.raises(BadAccessFileError) as refused:
        parse_access_file(text)
    return refused.value.lines


def test_every_rule_is_read() -> None:
    rules = parse_access_file(WHOLE)
    assert (rules.workspaces, rules.external) == (("T0ACME",), "allow")
    assert (rules.guests, rules.shared_channels) == ("deny", "deny")
    assert rules.channels == ("C0ML", "C0PLATFORM")
    first, second = rules.grants
    assert (first.to, first.groups) == (("S0MLTEAM", "U0DANA"), ("S0MLTEAM",))
    assert (first.teams, first.channels) == (("Research", "wp7ndew"), ("C0ML",))
    assert first.can == (Verb.CREATE, Verb.VIEW, Verb.LOGS, Verb.STOP)
    assert (second.to, second.teams, second.channels) == (("Wf0NIGHTLY",), ("*",), None)
    (approval,) = rules.approvals
    assert (approval.teams, approval.by) == (("Production",), ("S0LEADS", "U0LEE"))
    assert approval.channel == "C0APPROVALS"
    assert rules.groups == {"S0MLTEAM", "S0LEADS"}


def test_no_rule_has_to_be_given() -> None:
    assert parse_access_file("# nothing\n") == AccessFile() == read_access_file(None)


@pytest.mark.parametrize("text", ["", " \n\n"])
def test_an_empty_file_is_wrong_because_it_would_give_everybody_rights(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "access.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadAccessFileError, match="ACCESS_FILE is empty; write rules, or only a"):
        read_access_file(path)


def test_a_number_that_is_too_long_for_python_is_wrong() -> None:
    (said,) = wrong(f"guests = {'9' * 5000}")
    assert said.startswith("ACCESS_FILE is no TOML: Exceeds the limit")


def test_a_mark_of_an_editor_at_the_beginning_is_no_rule(tmp_path: Path) -> None:
    path = tmp_path / "access.toml"
    path.write_bytes(b'\xef\xbb\xbfguests = "deny"\n')
    assert read_access_file(path).guests == "deny"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("\nguest = 1", 2, "'guest' is no rule; use one of workspaces, external, guests, channels"),
        ('workspaces = ["acme"]', 1, "'acme' in workspaces is not the id of a workspace"),
        ("workspaces = []", 1, "[] is no value for workspaces; give a list of ids of workspaces"),
        ('external = "yes"', 1, '\'yes\' is no value for external; give "allow" or "deny"'),
        ("\n\nguests = true", 3, "True is no value for guests"),
        ('channels = [\n  "C0ML", # yes\n  "#ml",\n]', 3, "'#ml' in channels is not the id of a"),
        ('channels = ["D0DANA"]', 1, "'D0DANA' in channels is not the id of a channel"),
        ('shared_channels = "no"', 1, "'no' is no value for shared_channels"),
        ("[channels]\nC0ML = 1", 1, "is no value for channels"),
        ("grant = 5", 1, "one or more tables that begin with [[grant]]"),
        ('[grant]\nto = ["U0DANA"]', 1, "one or more tables that begin with [[grant]]"),
        (f"{GRANT}\n{GRANT}on = 1", 10, "'on' is no rule; use one of to, teams, can, in"),
        (f'{GRANT}\n[[grant]]\nto = ["U0DANA"]\ncan = ["view"]', 6, "teams is missing; give"),
        (GRANT.replace("U0DANA", "@dana"), 2, "'@dana' in to is not the id of a person"),
        (GRANT.replace("U0DANA", "C0ML"), 2, "'C0ML' in to is not the id of a person"),
        (GRANT.replace('["U0DANA"]', '"U0DANA"'), 2, "'U0DANA' is no value for to; give a list"),
        (GRANT.replace('["U0DANA"]', "[\n5]"), 3, "5 is no value for to"),
        (GRANT.replace("Research", " "), 3, "' ' in teams is not the name or the id of a team"),
        (GRANT.replace('"view"', '"view", "fly"'), 4, "'fly' is no value for can; give a list of"),
        (f'{GRANT}in = ["ml"]', 5, "'ml' in in is not the id of a channel"),
        (f"{GRANT}in = []", 5, "[] is no value for in"),
        ('[[approve]]\nteams = ["P"]\nby = ["Wf0X"]\nchannel = "C0A"', 3, "'Wf0X' in by is not"),
        ('[[approve]]\nteams = ["P"]\nby = ["U0X"]', 1, "channel is missing; give the id of a"),
        (
            '[[approve]]\nteams = ["P"]\nby = ["U0X"]\nchannel = ["C0A"]',
            4,
            "is no value for channel",
        ),
        (
            'grant = [\n{to = ["U0A"], teams = ["R"], can = ["view"]},\n{to = ["x"]}]',
            3,
            "'x' in to",
        ),
        ('x."y z" = 1', 1, "'x' is no rule"),
        (f'text = """\n[[grant]]\n"""\n{GRANT}y = 1', 8, "'y' is no rule"),
        ("guests = 'deny'\nguests = 'deny'", 2, "is no TOML: Cannot overwrite a value"),
        ("channels = [", 1, "is no TOML"),
        ("grant:\n  - to: [U0DANA]", 1, "is no TOML"),
        ('{"guests": "deny"}', 1, "is no TOML"),
        ("\n\n[[grant", 3, "is no TOML"),
    ],
)
def test_a_wrong_line_is_named_with_the_cure(text: str, line: int, words: str) -> None:
    said = wrong(text)
    assert any(f"line {line}" in one and words in one for one in said), said


def test_every_wrong_line_is_named_once() -> None:
    said = wrong('guests = 1\nx = 2\n[[grant]]\nto = ["x", "y"]\nteams = ["R"]\ncan = ["view"]\n')
    assert [one.split(":")[0] for one in said] == [
        f"ACCESS_FILE, line {line}" for line in (1, 2, 4, 4)
    ]


def test_a_token_in_a_wrong_place_is_not_told() -> None:
    text = '[[grant]]\nto = ["xoxb-1234567890-zq7zq7"]\nteams = ["R"]\ncan = ["view"]\n'
    with pytest.raises(BadAccessFileError, match=r"'\[redacted\]' in to is not the id") as wrong:
        parse_access_file(text)
    assert "zq7" not in str(wrong.value)


def test_a_null_in_the_path_is_told() -> None:
    with pytest.raises(BadAccessFileError, match="a path has no null characters"):
        read_access_file(Path("a\0b"))


def test_a_pipe_is_refused_because_the_file_is_read_again(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadAccessFileError, match="it is no regular file"):
        read_access_file(tmp_path / "pipe")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadAccessFileError, match="No such file or directory"):
        read_access_file(tmp_path / "none.toml")
    with pytest.raises(BadAccessFileError, match="Is a directory"):
        read_access_file(tmp_path)
    (tmp_path / "latin").write_bytes(b"# \xe9")
    with pytest.raises(BadAccessFileError, match="it is not UTF-8 text"):
        read_access_file(tmp_path / "latin")


@pytest.mark.parametrize(
    ("rules", "granted", "missing"),
    [
        ("", "commands", []),
        ('guests = "deny"', "commands, users:read", []),
        ('guests = "deny"', "commands,users:read.email", ["users:read"]),
        ('guests = "deny"', "", []),
        ('shared_channels = "deny"', "commands", ["channels:read"]),
        (GRANT, "commands", []),
        (GRANT.replace("U0DANA", "S0ML"), "commands", ["usergroups:read"]),
        ('[[approve]]\nteams = ["P"]\nby = ["S0X"]\nchannel = "C0A"', "x", ["usergroups:read"]),
        (WHOLE, "x", ["usergroups:read", "users:read", "channels:read"]),
    ],
)
def test_the_scopes_that_rules_need_are_named(rules: str, granted: str, missing: list[str]) -> None:
    said = missing_scopes(parse_access_file(rules), granted) or ""
    named = [scope for scope in ("usergroups:read", "users:read", "channels:read") if scope in said]
    assert named == missing


def test_the_lines_of_nested_tables_and_missing_entries() -> None:
    lines = lines_of("a = 1\n[b]\nc = [1,\n2\n,3]\n[[d.e]]\n[[d.e]]\nf = '''\nx\n'''\ng = 2\n")
    assert lines == {
        ("a",): 1,
        ("b",): 2,
        ("b", "c"): 3,
        ("b", "c", 0): 3,
        ("b", "c", 1): 4,
        ("b", "c", 2): 5,
        ("d", "e", 0): 6,
        ("d", "e", 1): 7,
        ("d", "e", 1, "f"): 8,
        ("d", "e", 1, "g"): 11,
    }
    assert line_of(("d", "e", 1, "x", 4), lines) == 7
    assert line_of(("y",), lines) == 1
    lines = lines_of("c = ['''\nx\n''',\n2]\n")  # an item has the line of its end
    assert lines == {("c",): 1, ("c", 0): 3, ("c", 1): 4}
