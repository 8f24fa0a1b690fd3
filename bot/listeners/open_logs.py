"""The *Open logs* button: a link, of which Slack tells all the same."""

from slack_bolt.context.ack.async_ack import AsyncAck


async def open_logs(ack: AsyncAck) -> None:
    """Ack the click, or the person sees a warning sign beside the button.

    https://docs.slack.dev/reference/block-kit/block-elements/button-element
    """
    await ack()
