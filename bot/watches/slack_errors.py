"""What Slack's codes mean for a watch. https://docs.slack.dev/reference/methods/chat.postMessage"""

from bot.slack.message import SlackCallFailed
from bot.slack.web_api import AUTH_ERRORS

# With these, Slack takes no more changes of the message, or no more replies to it.
ENDINGS = frozenset(
    {
        "cannot_reply_to_message",
        "cant_update_message",
        "channel_is_archived",
        "channel_not_found",
        "edit_window_closed",
        "is_archived",
        "is_inactive",
        "message_not_found",
        "not_in_channel",
        "restricted_action",
        "restricted_action_non_threadable_channel",
        "restricted_action_read_only_channel",
        "restricted_action_thread_locked",
        "restricted_action_thread_only_channel",
        "thread_not_found",
    }
)
# Who runs the bot, or the workspace, can mend these.
_MENDED = AUTH_ERRORS | {"accesslimited"}
# Of those, what a token may get that may post and not read.
_MAY_NOT_READ = frozenset(
    {"access_denied", "missing_scope", "no_permission", "not_allowed_token_type"}
)


def takes_later(refused: SlackCallFailed) -> bool:
    """Tell whether Slack may yet take what it did not take now."""
    return refused.retryable or refused.error in _MENDED


def reads_later(refused: SlackCallFailed) -> bool:
    """Tell whether Slack may yet show what it did not show now."""
    return refused.outcome_unknown or (takes_later(refused) and refused.error not in _MAY_NOT_READ)
