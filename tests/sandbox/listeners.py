"""The listeners of a bot written with Bolt, and the modal it shows."""

from dataclasses import dataclass, field
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.context.complete.async_complete import AsyncComplete
from slack_bolt.context.fail.async_fail import AsyncFail
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.faults import Json

SELECT: dict[str, Json] = {
    "type": "static_select",
    "action_id": "size",
    "options": [
        {"text": {"type": "plain_text", "text": text}, "value": text} for text in ("S", "M")
    ],
}
MODAL: dict[str, Json] = {
    "type": "modal",
    "callback_id": "new-project",
    "title": {"type": "plain_text", "text": "New project"},
    "submit": {"type": "plain_text", "text": "Open"},
    "notify_on_close": True,
    "blocks": [
        {
            "type": "input",
            "block_id": "team",
            "label": {"type": "plain_text", "text": "Team"},
            "element": {"type": "external_select", "action_id": "team"},
        },
        {
            "type": "input",
            "block_id": "name",
            "label": {"type": "plain_text", "text": "Name"},
            "element": {
                "type": "plain_text_input",
                "action_id": "name",
                "initial_value": "bert",
            },
        },
        {"type": "actions", "block_id": "more", "elements": [SELECT]},
    ],
}


@dataclass(frozen=True)
class Listeners:
    """The bot: each listener keeps the body that it was given."""

    seen: dict[str, Any] = field(default_factory=dict)

    def register(self, app: AsyncApp) -> None:
        app.command("/training-project")(self.command)
        app.action("go")(self.keep)
        app.action("size")(self.keep)
        app.options("team")(self.suggest)
        app.shortcut("start")(self.keep)
        app.shortcut("from-message")(self.keep)
        app.view("new-project")(self.submitted)
        app.view_closed("new-project")(self.keep)
        app.function("open_project")(self.step)
        app.event("app_home_opened")(self.home)

    async def command(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        self.seen["command"] = body
        match body["text"]:
            case "quiet":
                await ack()
            case "loud":
                await ack(text="hear", response_type="in_channel")
            case "broken":
                await ack(text="x", blocks=[{"type": "poem"}])
            case text:
                await ack(f"you said {text}")

    async def keep(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        self.seen[body["type"]] = body
        await ack()

    async def submitted(self, ack: AsyncAck, body: dict[str, Any], view: dict[str, Any]) -> None:
        self.seen["view_submission"] = body
        name = view["state"]["values"]["name"]["name"]["value"]
        match name:
            case "taken":
                await ack(response_action="errors", errors={"name": "taken"})
            case "nowhere":
                await ack(response_action="errors", errors={"nowhere": "taken"})
            case "update":
                await ack(response_action=name, view={**MODAL, "callback_id": name})
            case _:
                await ack()

    async def suggest(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        self.seen["block_suggestion"] = body
        text = {"type": "plain_text", "text": body["value"]}
        await ack(options=[{"text": text, "value": body["value"]}])

    async def step(self, inputs: dict[str, Any], complete: AsyncComplete, fail: AsyncFail) -> None:
        self.seen["inputs"] = inputs
        if inputs["team"] == "none":
            await fail(error="no")
        else:
            await complete(outputs={"id": "x"})

    async def home(self, event: dict[str, Any], client: AsyncWebClient) -> None:
        self.seen["event"] = event
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": []})
