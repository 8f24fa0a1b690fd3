"""The refusals of Slack that last, and those that a later attempt clears up.

https://docs.slack.dev/reference/methods/chat.postMessage
"""

from bot.slack.message import SlackCallFailed
from bot.slack.web_api import AUTH_ERRORS

# After these, Slack takes no more updates of the message, or no more replies to it.
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
# After these, Slack takes no more messages in the channel.
PLACE_ENDINGS = frozenset(
    {
        "account_inactive",
        "cannot_dm_bot",
        "channel_is_archived",
        "channel_not_found",
        "is_archived",
        "is_inactive",
        "not_in_channel",
        "restricted_action",
        "restricted_action_read_only_channel",
        "restricted_action_thread_only_channel",
        "user_disabled",
        "user_not_found",
    }
)
# The operator of the bot, or the admin of the workspace, can correct these.
_MENDED = AUTH_ERRORS | {"accesslimited"}
# Of those, the codes that a token gets if it can post but not read.
_MAY_NOT_READ = frozenset(
    {"access_denied", "missing_scope", "no_permission", "not_allowed_token_type"}
)


def takes_later(refused: SlackCallFailed) -> bool:
    """Return whether a later attempt at the call can succeed."""
    return refused.retryable or refused.error in _MENDED


def reads_later(refused: SlackCallFailed) -> bool:
    """Return whether a later attempt to read can succeed."""
    return refused.outcome_unknown or (takes_later(refused) and refused.error not in _MAY_NOT_READ)
