"""The help, and the message about an invalid command."""

import re

import pytest

from bot.projects.request import ProjectRequest, UsageError, Wrong, parse
from bot.slack.message import Message
from bot.views.installation import Installation
from bot.views.usage import help_message, usage_message
from tests.views.drawn import assert_fit, texts

INSTALLATION = Installation()
WRONGS = list(Wrong)
LONG = "&<>\"'` \n" * 625


def commands(message: Message) -> list[str]:
    """Return the arguments of each command that the message shows."""
    return re.findall(rf"`{INSTALLATION.command} ([^`]+)`", message.text)


def test_the_help_says_what_the_command_does_and_shows_forms_that_work() -> None:
    message = help_message(INSTALLATION)
    assert_fit(message)
    assert "Baseten" in message.text
    assert INSTALLATION.command in message.text
    examples = commands(message)
    assert len(examples) == 2
    for example in examples:
        assert isinstance(parse(example), ProjectRequest), example
    bullets = [line for line in message.text.split("\n") if line.startswith("• ")]
    assert len(bullets) == 4
    for words in (
        f"`{INSTALLATION.jobs_command}`",
        "*Follow…*",
        "home tab",
        "I ask first",
        "*Watch*",
    ):
        assert words in message.text
    (button,) = message.blocks[-1]["elements"]
    assert (button["action_id"], button["text"]["text"]) == ("open_dialog", "Open the dialog")


def test_the_help_names_the_person_to_ask() -> None:
    assert "Ask <@U0DANA0001>." in help_message(Installation(contact="U0DANA0001")).text
    assert "Ask the person who runs this bot." in help_message(INSTALLATION).text


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (Wrong.EMPTY_TEAM, "nothing between the quotes"),
        (Wrong.UNCLOSED_TEAM, "before the team"),
        (Wrong.UNCLOSED_NAME, "before the project's name"),
        (Wrong.CONTROL_CHARACTER, "line break"),
    ],
)
def test_what_is_wrong_is_said_and_that_nothing_was_done(wrong: Wrong, words: str) -> None:
    message = usage_message(UsageError(wrong, "research", "llama"), INSTALLATION)
    assert_fit(message)
    assert words in message.text
    assert "Nothing was done" in message.text


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ('research "my project', ProjectRequest("research", "my project")),
        ('"Platform Team x', ProjectRequest("Platform Team", "x")),
        ("'Platform Team' \"my project", ProjectRequest("Platform Team", "my project")),
        ("research\tmy project", ProjectRequest("research", "my project")),
        ("r&amp;d\nx&lt;y&gt;z", ProjectRequest("r&d", "x<y>z")),
        ('"', ProjectRequest("research", "llama-3-finetune")),
    ],
)
def test_the_right_form_is_shown_with_the_persons_own_words(
    text: str, request_: ProjectRequest
) -> None:
    error = parse(text)
    assert isinstance(error, UsageError)
    message = usage_message(error, INSTALLATION)
    assert_fit(message)
    # Escape the text as Slack escapes typed text.
    (form,) = commands(message)
    assert parse(form) == request_


@pytest.mark.parametrize(
    ("error", "said", "not_said"),
    [
        (UsageError(Wrong.UNCLOSED_NAME, "r<d>"), ["the team `r&lt;d&gt;`"], ["the project `"]),
        (UsageError(Wrong.UNCLOSED_NAME, "a", "b"), ["the team `a`", "the project `b`"], []),
        (UsageError(Wrong.UNCLOSED_TEAM), [], ["understood"]),
    ],
)
def test_what_was_understood_is_repeated(
    error: UsageError, said: list[str], not_said: list[str]
) -> None:
    text = usage_message(error, INSTALLATION).text
    assert all(words in text for words in said)
    assert not any(words in text for words in not_said)


@pytest.mark.parametrize("wrong", WRONGS)
@pytest.mark.parametrize("word", [LONG, "&" * 5000, "<" * 5000, "x" * 5000, "`" * 5000, "é🚀"])
def test_words_of_any_length_fit(wrong: Wrong, word: str) -> None:
    for error in (UsageError(wrong, word), UsageError(wrong, word, word), UsageError(wrong)):
        assert_fit(usage_message(error, INSTALLATION))


def test_a_message_reads_the_same_without_its_blocks() -> None:
    for message in (
        help_message(INSTALLATION),
        usage_message(UsageError(Wrong.UNCLOSED_NAME, "research"), INSTALLATION),
    ):
        whole, *parts = texts(message)
        assert all(part in whole for part in parts)
