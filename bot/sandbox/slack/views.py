"""The Web API's methods for modals and home tabs, and the effect of an ack on a modal."""

from dataclasses import dataclass

from bot.sandbox.faults import Json
from bot.sandbox.slack import arguments as slack_arguments
from bot.sandbox.slack import block_kit
from bot.sandbox.slack.records import View
from bot.sandbox.slack.workspace import SlackRefusedError, Workspace


@dataclass(frozen=True, slots=True)
class SlackViews:
    """The methods `views.*`."""

    workspace: Workspace

    def open(self, arguments: dict[str, Json]) -> dict[str, Json]:
        """`views.open`."""
        payload = self._view(arguments, "modal")
        trigger = self.workspace.use_trigger(slack_arguments.required(arguments, "trigger_id"))
        return self._response(self.workspace.show(trigger.user, payload))

    def update(self, arguments: dict[str, Json]) -> dict[str, Json]:
        """`views.update`, by `view_id`; a wrong `hash` is refused."""
        payload = self._view(arguments, None)
        view = self._open(slack_arguments.required(arguments, "view_id"))
        self._need_hash(arguments, view)
        self.workspace.redraw(view, payload)
        return self._response(view)

    def publish(self, arguments: dict[str, Json]) -> dict[str, Json]:
        """`views.publish`: create or replace a person's home tab."""
        payload = self._view(arguments, "home")
        user = slack_arguments.required(arguments, "user_id")
        for view in self.workspace.views:
            if view.user == user and view.payload["type"] == "home":
                self._need_hash(arguments, view)
                self.workspace.redraw(view, payload)
                return self._response(view)
        return self._response(self.workspace.show(user, payload))

    def apply_ack(self, view: View, ack: Json) -> None:
        """Apply the ack of a submission to its view.

        Raises:
            SlackRefusedError: the ack is invalid.
        """
        action = ack.get("response_action") if isinstance(ack, dict) else None
        if action == "errors":
            here = {block["block_id"] for block in block_kit.with_ids(view.blocks)}
            if not ack.get("errors") or not here.issuperset(ack["errors"]):
                raise SlackRefusedError(code="invalid_errors")
        elif action == "update":
            self.workspace.redraw(view, self._view(ack, "modal"))
        else:
            self.close(view)

    def close(self, view: View) -> None:
        """Close a view for its person."""
        view.closed = True
        self.workspace.changed()

    def _view(self, arguments: dict[str, Json], kind: str | None) -> dict[str, Json]:
        view = arguments.get("view")
        problems = block_kit.view_problems(view)
        if not isinstance(view, dict) or problems:
            raise SlackRefusedError(code="invalid_arguments", details=problems)
        if kind not in {None, view["type"]}:
            wrong = f"[ERROR] must be of type {kind} [json-pointer:/view/type]"
            raise SlackRefusedError(code="invalid_arguments", details=[wrong])
        return view

    def _open(self, view_id: str) -> View:
        for view in self.workspace.views:
            if view.id == view_id and not view.closed:
                return view
        raise SlackRefusedError(code="not_found")

    def _need_hash(self, arguments: dict[str, Json], view: View) -> None:
        if arguments.get("hash") not in {None, "", view.hash}:
            raise SlackRefusedError(code="hash_conflict")

    def _response(self, view: View) -> dict[str, Json]:
        return {"view": self.workspace.view_json(view)}
