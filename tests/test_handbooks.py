"""The texts for people agree with the code: README, CONTRIBUTING, RUNBOOK and the compose file."""

import ast
import os
import re
from collections.abc import Iterator

import pytest
import yaml
from pydantic import SecretStr

from bot.durable.schema import VERSION
from bot.listeners.authorization import NOT_CONFIRMED
from bot.server.health import DATABASE, DRAINING, SLACK, SOCKET, START, TOKEN
from bot.settings import Settings
from tests.test_repository import PYTHON_FILES, ROOT, read

LONGEST_README = 150  # lines
HANDBOOKS = (
    ".github/CONTRIBUTING.md",
    ".github/DECISIONS.md",
    "README.md",
    "bot/deploy/RUNBOOK.md",
)


def test_the_readme_is_short() -> None:
    assert len(read("README.md").splitlines()) <= LONGEST_README


def settings_table() -> str:
    """The README's table: a row for each setting, with its default and its description."""
    rows = ["| Variable | Default | Meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = field.default
        if isinstance(default, SecretStr):
            default = default.get_secret_value()
        shown = "" if default is None else f"`{str(default).lower()}`"
        shown = "**needed**" if field.is_required() else shown
        rows.append(f"| `{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(rows)


def test_the_readme_shows_the_settings_of_the_code() -> None:
    """``WRITE_GOLDEN=1`` writes the table."""
    before, mark, rest = read("README.md").partition("<!-- settings: from bot/settings.py -->\n")
    _, end, after = rest.partition("<!-- end of settings -->")
    text = f"{before}{mark}{settings_table()}\n{end}{after}"
    if os.environ.get("WRITE_GOLDEN"):
        (ROOT / "README.md").write_text(text, encoding="utf-8")
    assert mark
    assert end
    assert read("README.md") == text


@pytest.mark.parametrize("handbook", HANDBOOKS)
def test_each_file_that_a_handbook_names_exists(handbook: str) -> None:
    """A file that the reader makes is marked (new); its folder exists."""
    text = read(handbook)
    named = re.findall(r"`((?:bot|tests|\.github|\.ci)/[^`\s]*)`( \(new\))?", text)
    assert named
    wrong = [
        name
        for name, new in named
        if not ((ROOT / name).parent.is_dir() if new else (ROOT / name).exists())
    ]
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)
    wrong += [link for link in links if not (ROOT / handbook).parent.joinpath(link).exists()]
    assert wrong == []


def bot_nodes() -> Iterator[tuple[ast.AST, str]]:
    """Every node of the bot's own code, each with the text of its file."""
    for path in PYTHON_FILES:
        if path.parts[0] == "bot" and path.parts[1] not in {"cli", "sandbox"}:
            text = read(str(path))
            yield from ((node, text) for node in ast.walk(ast.parse(text)))


def logged_problems() -> set[str]:
    """The text of every log line of the bot from ``warning`` on."""
    found = set()
    for node, _ in bot_nodes():
        match node:
            case ast.Call(
                func=ast.Attribute(
                    value=ast.Name("log"),
                    attr="warning" | "error" | "exception" | "critical",
                ),
                args=[ast.Constant(str(text)), *_],
            ):
                found.add(text)
    return found


def test_the_runbook_explains_every_warning_of_the_log_and_no_other() -> None:
    _, _, part = read("bot/deploy/RUNBOOK.md").partition("## Warnings in the log\n")
    explained = re.findall(r"^\| `+(.*?) ?`+ \|", part, re.MULTILINE)
    assert sorted(explained) == sorted(logged_problems())


def fixed_parts(node: ast.expr) -> list[str]:
    """The fixed parts of a text with values in it."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return [
        part.value.strip(" :;")
        for part in parts
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]


def reasons(node: ast.AST, text: str) -> list[str]:
    """The fixed parts of the texts that a node shows on ``/readyz``."""
    match node:
        case ast.Call(func=ast.Attribute(attr="set_problem" | "_set_problem"), args=args):
            return fixed_parts(args[-1])
        case ast.Call(func=ast.Name("on_wait"), args=[ast.Name(name)]):
            return re.findall(rf'\b{name} = "(.*)"', text)
        case ast.Call(func=ast.Name("on_wait"), args=[reason]):
            return fixed_parts(reason)
        case ast.Call(func=ast.Name("_log_wait"), args=[_, reason, _]):
            return fixed_parts(reason)
        case ast.AnnAssign(target=ast.Attribute(attr="problem"), value=ast.expr() as value):
            return fixed_parts(value)
        case ast.FunctionDef(name="problem", body=body):
            inner = [each for line in body for each in ast.walk(line)]
            return [
                p for each in inner if isinstance(each, ast.JoinedStr) for p in fixed_parts(each)
            ]
    return []


def test_the_runbook_explains_every_reason_of_readyz() -> None:
    _, _, part = read("bot/deploy/RUNBOOK.md").partition("## Reasons of /readyz\n")
    table = part.partition("\n## ")[0]
    shown = {one for node, text in bot_nodes() for one in reasons(node, text) if " " in one}
    assert len(shown) > 10
    assert [reason for reason in {*shown, NOT_CONFIRMED} if reason not in table] == []
    parts = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert parts == {DATABASE, DRAINING, SLACK, SOCKET, START, TOKEN}


def test_the_runbook_names_each_collection_of_documents_and_each_table() -> None:
    _, _, part = read("bot/deploy/RUNBOOK.md").partition("## The data that is kept\n")
    named = set(re.findall(r"`([^`]+)`", part.partition("\nTo delete a person")[0]))
    schema = "".join(read(f"bot/durable/schema/{each}.sql") for each in ("0001", "0002"))
    kept = set(re.findall(r"CREATE TABLE (\w+)", schema))
    kept -= {VERSION}
    for path in PYTHON_FILES:
        if path.parts[0] == "bot":
            text = read(str(path))
            used = set(re.findall(r"store\.amend(?:ment)?\((\w+), ", text))
            used |= set(re.findall(r"\bParsedDocuments\(store, (\w+), ", text))
            constants = dict(re.findall(r'^(\w+) = "([a-z ]+)"', text, re.MULTILINE))
            kept |= {constants[name] for name in used & constants.keys()}
    assert {"watches", "recent projects"} <= kept
    assert named == kept


def test_the_compose_file_fits_the_bot() -> None:
    compose = yaml.safe_load(read("bot/deploy/compose.yaml"))
    bot = compose["services"]["bot"]
    final_writes = 3
    shutdown = Settings.model_fields["shutdown_seconds"].default
    assert int(bot["stop_grace_period"].removesuffix("s")) >= shutdown + final_writes
    assert bot["deploy"]["replicas"] > 1
    assert bot["environment"]["DATABASE_URL"].startswith("postgresql://")
    file = compose["configs"]["balancer"]["file"]
    port = Settings.model_fields["port"].default
    assert f"set $bot bot;\n    proxy_pass http://$bot:{port};" in read(f"bot/deploy/{file}")
