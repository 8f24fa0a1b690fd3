"""The private messages name the right remedy."""

import pytest

from bot.views.notice import cannot_watch, invite, nothing_to_watch, stopped

CHANNEL = "C0SANDBOX1"


@pytest.mark.parametrize("why", ["channel_not_found", "not_in_channel"])
def test_who_cannot_watch_where_the_bot_is_no_member_is_told_to_invite_it(why: str) -> None:
    assert "`/invite`" in cannot_watch(why, CHANNEL).text
    assert "`/invite`" in cannot_watch(why, "G0PRIVATE1").text


def test_nobody_is_asked_to_invite_the_bot_into_a_conversation_of_two() -> None:
    said = cannot_watch("channel_not_found", "D0OTHERDM1").text
    assert said == (
        "I'm not in this conversation, so I can't update messages here.\n"
        "Run the command in a channel, and watch the new message."
    )


@pytest.mark.parametrize("why", ["channel_is_archived", "is_archived", "is_inactive"])
def test_nobody_is_asked_to_run_a_command_in_an_archived_channel(why: str) -> None:
    said = cannot_watch(why, CHANNEL).text
    assert said.startswith("This channel is archived, so ")
    assert "in another channel" in said


def test_of_a_job_that_cannot_be_read_it_is_not_said_that_it_has_ended() -> None:
    assert "has ended" in nothing_to_watch(unreadable=False).text
    assert "has ended" not in nothing_to_watch(unreadable=True).text


@pytest.mark.parametrize("why", ["cant_update_message", "edit_window_closed", "message_not_found"])
def test_who_cannot_watch_what_is_too_old_is_told_to_open_it_again(why: str) -> None:
    said = cannot_watch(why, CHANNEL).text
    assert "`/invite`" not in said
    assert "Slack no longer lets me change this message" in said
    assert "Run the command again" in said


def test_who_is_asked_for_an_invitation_is_told_what_for() -> None:
    assert invite().text == (
        "I'm not a member of this channel, so I can't keep my message up to date. "
        "Use `/invite` to add me here."
    )


def test_who_stopped_a_watch_is_named() -> None:
    said = stopped("*llama*", "U0KIM00001").text
    assert said.startswith("<@U0KIM00001> stopped watching ")
    assert said.endswith(" for everyone.")
