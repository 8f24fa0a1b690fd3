"""The *Open logs* button: a link, but Slack sends each click to the bot too."""

from slack_bolt.context.ack.async_ack import AsyncAck


async def open_logs(ack: AsyncAck) -> None:
    """Ack the click; without an ack, Slack shows a warning sign beside the button.

    https://docs.slack.dev/reference/block-kit/block-elements/button-element
    """
    await ack()
