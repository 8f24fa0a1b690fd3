"""The few blocks that the views are made of."""

import re

from slack_sdk.models.blocks import Block, ContextBlock, MarkdownTextObject, SectionBlock

from bot.message import Message

MOST_TEXT = 3000  # characters in a section, https://docs.slack.dev/reference/block-kit/blocks


# What Slack would make a mention, a channel or a link of by itself, such as a bare @everyone.
_WOULD_EXPAND = re.compile(r"(?<![\w<])(?:[@#]\w|https?://|www\.)")


def mrkdwn(text: str) -> MarkdownTextObject:
    """Make a text object in which Slack links nothing by itself.

    https://docs.slack.dev/reference/block-kit/composition-objects/text-object
    """
    return MarkdownTextObject(text=text, verbatim=True if _WOULD_EXPAND.search(text) else None)


def section(text: str) -> SectionBlock:
    """Make a section of mrkdwn, cut to what Slack takes."""
    return SectionBlock(
        text=mrkdwn(text if len(text) <= MOST_TEXT else text[: MOST_TEXT - 1] + "…")
    )


def fields(*named: tuple[str, str]) -> SectionBlock:
    """Set values in two columns, each under its name."""
    return SectionBlock(fields=[mrkdwn(f"*{name}*\n{value}") for name, value in named])


def context(*lines: str) -> ContextBlock:
    """Make a block of small print."""
    return ContextBlock(elements=[mrkdwn(line) for line in lines])


def plain(text: str, *more: str) -> Message:
    """Make a message of one section, with small print below it, that reads the same as text."""
    blocks: list[Block] = [section(text)]
    small = [line for line in more if line]
    if small:
        blocks.append(context(*small))
    return Message("\n".join((text, *small)), blocks)
