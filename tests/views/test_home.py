"""The home tab matches its golden files."""

import json
from datetime import UTC, datetime

import pytest

from bot.projects.recents import Recent
from bot.sandbox.slack.block_kit import elements, view_problems
from bot.views.home import HOME_OPEN, home_view
from bot.views.installation import Installation
from tests.golden import assert_golden

INSTALLATION = Installation()
AT = datetime(2026, 11, 23, 17, 10, tzinfo=UTC)
HOSTILE = "<!channel> & *bold* `code` <https://evil.example|here> @everyone"
LONG = "<&>" * 2000


def recent(name: str, team: str, project_id: str = "n4q95w5") -> Recent:
    return Recent(project_id=project_id, name=name, team=team, at=AT)


CASES = {
    "empty": [],
    "five": [recent(f"support-bot-{n}", "Research", f"n4q95w{n}") for n in range(5)],
    "hostile": [recent(HOSTILE, HOSTILE, HOSTILE)],
    "long": [recent(LONG, LONG)] * 5,
}


@pytest.mark.parametrize("name", CASES)
def test_the_home_tab_is_drawn_as_it_was_agreed(name: str) -> None:
    drawn = home_view(CASES[name], INSTALLATION).to_dict()
    assert view_problems(drawn) == []
    assert_golden(f"home/{name}", drawn)


@pytest.mark.parametrize("text", [LONG, '"' * 5000, "日" * 5000, "🚀" * 5000, "`" * 5000])
def test_long_names_keep_slacks_limits(text: str) -> None:
    drawn = home_view([recent(text, text)] * 5, INSTALLATION).to_dict()
    assert view_problems(drawn) == []
    assert len(json.dumps(drawn, ensure_ascii=False)) < 10_000


@pytest.mark.parametrize("name", CASES)
def test_there_is_always_a_way_into_the_dialog(name: str) -> None:
    ids = [
        element["action_id"]
        for _, element in elements(home_view(CASES[name], INSTALLATION).to_dict()["blocks"])
    ]
    assert ids == [HOME_OPEN]


@pytest.mark.parametrize("name", ["hostile", "long"])
def test_nothing_that_was_written_elsewhere_is_markup_here(name: str) -> None:
    drawn = json.dumps(home_view(CASES[name], INSTALLATION).to_dict())
    assert "<!channel" not in drawn
    assert "<https" not in drawn
    assert "<&" not in drawn
