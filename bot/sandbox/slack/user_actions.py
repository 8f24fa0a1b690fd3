"""The actions of Slack's users, and the effects of the bot's acks."""

from abc import ABC, abstractmethod
from dataclasses import replace

from bot.sandbox.faults import Json
from bot.sandbox.slack import block_kit
from bot.sandbox.slack.acts import act
from bot.sandbox.slack.payloads import Payloads, escape
from bot.sandbox.slack.records import (
    CHANNEL,
    USER,
    Delivery,
    Ephemeral,
    PostedMessage,
    ResponseUrl,
    Unfurl,
    View,
)
from bot.sandbox.slack.response_urls import show
from bot.sandbox.slack.transports import Ack, OutgoingPayload
from bot.sandbox.slack.views import SlackViews
from bot.sandbox.slack.workspace import SlackRefusedError, Workspace


class UserActions(ABC):
    """The actions of users. Each one sends its payload to the bot and returns the bot's ack.

    All of them raise `BotUnreachableError` if no bot answers, and `TimeoutError` if its answer
    takes longer than `delivery_timeout`.
    """

    _workspace: Workspace

    @abstractmethod
    async def _send(self, outgoing: OutgoingPayload) -> Ack:
        """Send a payload to the bot, and return its ack."""

    @abstractmethod
    def _response_url(
        self, channel: str, user: str, source: PostedMessage | Ephemeral | None = None
    ) -> str:
        """A new response URL."""

    async def command(
        self,
        text: str,
        *,
        channel: str = CHANNEL,
        user: str = USER,
        command: str = "/training-project",
        escaped: bool = False,
        **overrides: str | None,
    ) -> Delivery:
        """Type a slash command.

        Args:
            text: the typed text after the command.
            channel: the channel; an unknown one is a conversation without the bot.
            user: the person.
            command: the command.
            escaped: whether the text has Slack's format already, e.g. `<@U…|name>`.
            **overrides: form fields that replace the usual ones; None removes a field.
        """
        workspace = self._workspace
        fields = Payloads(workspace).command(
            command=command,
            text=text if escaped else escape(text),
            channel=workspace.channel(channel),
            user=user,
            response_url=self._response_url(channel, user),
            trigger_id=workspace.new_trigger(user),
        )
        fields = {key: value for key, value in (fields | overrides).items() if value is not None}
        delivery = await self.deliver("slash_commands", fields)
        body = delivery.body
        message = body if isinstance(body, dict) else {"text": body}
        if delivery.refused is None and (message.get("text") or message.get("blocks")):
            place = ResponseUrl(channel, user, workspace.now())
            try:
                show(workspace, place, message, "ack")
            except SlackRefusedError as refused:
                return replace(delivery, refused=refused.code)
        return delivery

    async def action(  # noqa: PLR0913 - an action has this many parts
        self,
        message_or_view: PostedMessage | Ephemeral | Unfurl | View,
        action_id: str,
        *,
        user: str = USER,
        value: Json = None,
        selected: Json = None,
        values: dict[str, dict[str, Json]] | None = None,
        block_id: str | None = None,
    ) -> Delivery:
        """Press a button, choose an option, or type into an element that sends its value at once.

        Args:
            message_or_view: the message, view or preview with the element.
            action_id: the id of the element.
            user: the person.
            value: the typed text, or the value of the button; no button with it: it replaces the
                first one's own.
            selected: the choice: an option's value, a user, a channel, a date; or a list of them.
            values: the state of other elements: `{block_id: {action_id: state}}`.
            block_id: the block of the element, if several blocks have the `action_id`.

        Raises:
            LookupError: no such element or option exists, or Slack reports it only at the
                submission.
        """
        source, workspace = message_or_view, self._workspace
        trigger_id = workspace.new_trigger(user)
        ts = workspace.stamp()
        if block_kit.waits_for_submit(source.blocks, action_id):
            silent = f"the input {action_id!r} has no dispatch_action"
            raise LookupError(silent)
        blocks = block_kit.with_ids(source.blocks)
        here = [block for block in blocks if block_id in {None, block["block_id"]}]
        chosen = act(here, action_id, value=value, selected=selected, ts=ts)
        payload = {
            **Payloads(workspace).interaction("block_actions", user, trigger_id),
            **Payloads(workspace).place(source, values),
            "actions": [chosen],
        }
        if not isinstance(source, View):
            original = None if isinstance(source, Unfurl) else source
            payload["response_url"] = self._response_url(source.channel, user, original)
        return await self.deliver("interactive", payload)

    async def submit(
        self, view: View, values: dict[str, dict[str, Json]], *, user: str = USER
    ) -> Delivery:
        """Submit a modal; the ack shows errors, updates the modal, or closes it.

        Args:
            view: the modal.
            values: the changed fields: `{block_id: {action_id: state}}`.
            user: the person.

        Raises:
            LookupError: the modal is closed, or has no such field.
        """
        if view.closed:
            gone = f"the view {view.callback_id!r} is closed"
            raise LookupError(gone)
        workspace = self._workspace
        place = Payloads(workspace).place(view, values)
        payload = {
            **Payloads(workspace).interaction("view_submission", user, workspace.new_trigger(user)),
            "view": place["view"],
            "response_urls": self._chosen_urls(view, place["view"]["state"]["values"], user),
        }
        delivery = await self.deliver("interactive", payload)
        if delivery.refused is None:
            try:
                SlackViews(workspace).apply_ack(view, delivery.body)
            except SlackRefusedError as refused:
                return replace(delivery, refused=refused.code)
        return delivery

    def _chosen_urls(self, view: View, values: Json, user: str) -> list[dict[str, Json]]:
        """Return response URLs for the channels chosen in elements with `response_url_enabled`."""
        urls = []
        for block_id, element in block_kit.elements(view.blocks):
            state = values.get(block_id, {}).get(element["action_id"], {})
            chosen = state.get("selected_conversation") or state.get("selected_channel")
            if element.get("response_url_enabled") and chosen:
                urls.append(
                    {
                        "block_id": block_id,
                        "action_id": element["action_id"],
                        "channel_id": chosen,
                        "response_url": self._response_url(chosen, user),
                    }
                )
        return urls

    async def leave(self, view: View, *, user: str = USER) -> Delivery | None:
        """Cancel a modal; the bot gets an event only with `notify_on_close`."""
        SlackViews(self._workspace).close(view)
        if not view.payload.get("notify_on_close"):
            return None
        payloads = Payloads(self._workspace)
        payload = {
            **payloads.interaction("view_closed", user),
            "view": payloads.place(view, None)["view"],
            "is_cleared": False,
        }
        return await self.deliver("interactive", payload)

    async def options(
        self,
        view: View | PostedMessage | Ephemeral,
        action_id: str,
        typed: str,
        *,
        user: str = USER,
    ) -> Delivery:
        """Type into an external select, which asks the bot for options.

        Args:
            view: the view or message with the select.
            action_id: the id of the select.
            typed: the typed text.
            user: the person.

        Raises:
            LookupError: no such select exists.
        """
        found = [
            here
            for here, element in block_kit.elements(view.blocks)
            if element["action_id"] == action_id
        ]
        if not found:
            missing = f"no select {action_id!r}"
            raise LookupError(missing)
        payloads = Payloads(self._workspace)
        payload = {
            **payloads.interaction("block_suggestion", user),
            **payloads.place(view, None),
            "action_id": action_id,
            "block_id": found[0],
            "value": typed,
        }
        delivery = await self.deliver("interactive", payload)
        offered = delivery.body.get("options") if isinstance(delivery.body, dict) else None
        if block_kit.option_problems(offered):
            return replace(delivery, refused="invalid_options")
        return delivery

    async def shortcut(self, callback_id: str, *, user: str = USER) -> Delivery:
        """Start a global shortcut."""
        trigger_id = self._workspace.new_trigger(user)
        payload = Payloads(self._workspace).shortcut(callback_id, user, trigger_id)
        return await self.deliver("interactive", payload)

    async def message_shortcut(
        self, callback_id: str, message: PostedMessage, *, user: str = USER
    ) -> Delivery:
        """Start a shortcut from a message's menu."""
        trigger_id = self._workspace.new_trigger(user)
        payload = {
            **Payloads(self._workspace).message_shortcut(callback_id, message, user, trigger_id),
            "response_url": self._response_url(message.channel, user, message),
        }
        return await self.deliver("interactive", payload)

    async def function_executed(
        self,
        callback_id: str,
        inputs: dict[str, Json],
        *,
        workflow_id: str | None = None,
        retries: int = 0,
        **envelope: Json,
    ) -> Delivery:
        """Let a workflow reach a step of the app; see `event`."""
        event = Payloads(self._workspace).function_executed(callback_id, inputs)
        if workflow_id is not None:
            event["workflow"] = {"id": workflow_id}
        return await self.event(event, retries=retries, **envelope)

    async def event(
        self, event: dict[str, Json], *, retries: int = 0, **envelope: Json
    ) -> Delivery:
        """Send an event of a type that the bot subscribes to, e.g. `app_home_opened`.

        Args:
            event: the inner event.
            retries: how many times Slack has sent it before.
            **envelope: fields of the envelope to send instead; None removes a field.
        """
        payload = Payloads(self._workspace).event_callback(event) | envelope
        for removed in [key for key, value in envelope.items() if value is None]:
            del payload[removed]
        return await self.deliver("events_api", payload, retries)

    async def deliver(self, kind: str, payload: dict[str, Json], retries: int = 0) -> Delivery:
        """Send any payload as it is.

        Args:
            kind: `slash_commands`, `interactive` or `events_api`.
            payload: its content.
            retries: how many times Slack has sent it before.
        """
        ack = await self._send(OutgoingPayload(kind, payload, retries))
        return Delivery(
            status=ack.status,
            body=ack.body,
            seconds=ack.seconds,
            payload=payload,
            response_url=payload.get("response_url", ""),
            trigger_id=payload.get("trigger_id", ""),
            refused=None if ack.status < 300 else "dispatch_failed",  # noqa: PLR2004 - HTTP's
        )
