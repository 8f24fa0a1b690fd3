"""The user of the demo can fill in every kind of field that Slack has, and press every control."""

import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from rich.console import Console
from slack_bolt.async_app import AsyncApp

from bot.cli.controls import controls
from bot.cli.demo_data import NAMES, seed_people
from bot.cli.demo_user import DemoUser
from bot.cli.prompt import Prompt
from bot.cli.screen import Screen
from bot.sandbox import SandboxSlack
from tests.sandbox.bolt import over_http


def option(text: str) -> dict[str, Any]:
    return {"text": {"type": "plain_text", "text": text}, "value": text.lower()}


def block(name: str, kind: str, **more: Any) -> dict[str, Any]:
    label = {"type": "plain_text", "text": name.title()}
    element = {"type": kind, "action_id": name, **more}
    return {"type": "input", "block_id": name, "label": label, "element": element}


LEVELS = [option("Failures"), option("Ends"), option("All")]
FIELDS = [
    block("level", "radio_buttons", options=LEVELS, initial_option=LEVELS[1]),
    block("kind", "static_select", option_groups=[{"label": {}, "options": LEVELS}]),
    block("days", "checkboxes", options=LEVELS),
    block("one", "users_select"),
    block("people", "multi_users_select"),
    block("place", "conversations_select", default_to_current_conversation=True),
    block("when", "datepicker"),
    block("found", "external_select", min_query_length=0),
    block("words", "plain_text_input"),
]
for each in FIELDS[1]["element"]["option_groups"]:
    each["label"] = {"type": "plain_text", "text": "Group"}
TYPED = ["1", "ends", "1, 3", "dana", "2 3", "direct", "2026-11-27", "be", "hello"]


@dataclass
class Typist(Prompt):
    """A person whose answers are known."""

    answers: list[str | None] = field(default_factory=list)

    async def ask(self, question: str, *, remember: bool = False) -> str | None:
        del question, remember
        return self.answers.pop(0)


class Bot:
    """A bot with one dialog of all fields, which refuses it the first time."""

    def __init__(self) -> None:
        self.submitted: list[dict[str, Any]] = []
        self.acts: list[dict[str, Any]] = []

    def register(self, app: AsyncApp) -> None:
        app.command("/training-project")(self.open)
        app.command("/training-jobs")(self.show)
        app.options("found")(self.offer)
        app.action("pick")(self.act)
        app.view("form")(self.submit)

    async def open(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        await ack()
        title = {"type": "plain_text", "text": "All fields"}
        view = {"type": "modal", "callback_id": "form", "title": title, "submit": title}
        await client.views_open(trigger_id=body["trigger_id"], view=view | {"blocks": FIELDS})

    async def show(self, ack: Any) -> None:
        menu = {"type": "overflow", "action_id": "pick", "options": LEVELS[:2]}
        people = {"type": "users_select", "action_id": "pick"}
        rows = [
            {"type": "section", "block_id": name, "text": {"type": "mrkdwn", "text": name}}
            for name in ("first", "second", "third")
        ]
        blocks = [row | {"accessory": menu} for row in rows[:2]] + [rows[2] | {"accessory": people}]
        await ack(text="Rows", blocks=blocks)

    async def offer(self, ack: Any, body: dict[str, Any]) -> None:
        names = [each for each in ("Alpha", "Beta") if body["value"] in each.lower()]
        await ack(options=[option(name) for name in names])

    async def act(self, ack: Any, body: dict[str, Any], say: Any) -> None:
        await ack()
        self.acts += body["actions"]
        await say("Noted.")

    async def submit(self, ack: Any, view: dict[str, Any], client: Any) -> None:
        self.submitted.append(view["state"]["values"])
        if len(self.submitted) == 1:
            await ack(response_action="errors", errors={"words": "Say more."})
            return
        await ack()
        await client.chat_postMessage(channel="C0SANDBOX1", text="Thank you.")


@pytest.fixture
async def slack() -> AsyncIterator[SandboxSlack]:
    async with SandboxSlack() as slack:
        seed_people(slack)
        yield slack


def user_of(slack: SandboxSlack, *answers: str | None) -> tuple[DemoUser, Typist]:
    screen = Screen(Console(width=100, file=io.StringIO(), highlight=False), NAMES)
    typist = Typist(answers=list(answers))
    return DemoUser(slack, screen, typist, interactive=True), typist


def shown(user: DemoUser) -> str:
    file = user.screen.console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


async def test_every_kind_of_field_is_filled_in_and_kept_after_an_error(
    slack: SandboxSlack,
) -> None:
    bot = Bot()
    user, typist = user_of(slack, *TYPED, *[""] * (len(FIELDS) - 1), "hello again")
    async with over_http(slack, bot.register):
        await user.type("/training-project")
    assert typist.answers == []
    assert "Words: Say more." in shown(user)
    assert "Thank you." in shown(user)
    first, second = bot.submitted
    states = {name: next(iter(state.values())) for name, state in second.items()}
    assert states["level"]["selected_option"]["value"] == "failures"
    assert states["kind"]["selected_option"]["value"] == "ends"
    assert [each["value"] for each in states["days"]["selected_options"]] == ["failures", "all"]
    assert states["one"]["selected_user"] == "U0SANDBOX2"
    assert states["people"]["selected_users"] == ["U0SANDBOX2", "U0SANDBOX3"]
    assert states["place"]["selected_conversation"] == "D0SANDBOX1"
    assert states["when"]["selected_date"] == "2026-11-27"
    assert states["found"]["selected_option"]["value"] == "beta"
    assert states["words"]["value"] == "hello again"
    assert first == second | {"words": first["words"]}
    assert first["words"]["words"]["value"] == "hello"


async def test_a_field_is_emptied_and_the_dialog_is_left(slack: SandboxSlack) -> None:
    bot = Bot()
    emptied = ["", "", "1", "-", "", "", "", "", "hello"]
    user, _ = user_of(slack, *emptied, "", "", "-", None)
    async with over_http(slack, bot.register):
        await user.type("/training-project")
    assert bot.submitted[0]["days"]["days"]["selected_options"][0]["value"] == "failures"
    assert bot.submitted[0]["one"]["one"]["selected_user"] is None
    assert "You left the dialog." in shown(user)
    assert slack.views[-1].closed


async def test_a_control_acts_on_its_own_block(slack: SandboxSlack) -> None:
    bot = Bot()
    user, _ = user_of(slack, "@sam")
    async with over_http(slack, bot.register):
        await user.type("/training-jobs")
        assert user.seen is not None
        rows = user.seen
        assert [each.label for each in controls(rows.blocks)] == [
            *("Failures", "Ends") * 2,
            "users select…",
        ]
        await user.press(4)
        await user.press(5)
        await user.press(6)
    assert [(each["block_id"], each["type"]) for each in bot.acts] == [
        ("second", "overflow"),
        ("third", "users_select"),
    ]
    assert bot.acts[0]["selected_option"]["value"] == "ends"
    assert bot.acts[1]["selected_user"] == "U0SANDBOX3"
    assert "There is no button 6." in shown(user)
