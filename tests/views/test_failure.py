"""Every failure has words: the event, whether anything was done, and the next step."""

import re
from dataclasses import replace

import pytest

from bot.access.rules import (
    CannotCreateError,
    MalformedIdError,
    NotAllowedError,
    NotServedError,
    Refusal,
    RightsUnknownError,
    Verb,
)
from bot.baseten.errors import BasetenError, RateLimited, Refused, Unreachable, Unreadable
from bot.baseten.models import Team
from bot.durable.in_flight import BusyError, ShutdownError
from bot.durable.model import StoreUnavailableError
from bot.projects.request import ProjectRequest, parse
from bot.projects.team_errors import AmbiguousTeamError, TeamsUnavailableError, UnknownTeamError
from bot.slack.message import SlackCallFailed
from bot.views.failure import (
    READING,
    STOPPING,
    STOPPING_FOR_EVERYONE,
    FailureWording,
    attempt_to_open,
    failure_message,
    is_foreseen,
)
from bot.views.installation import Installation
from tests.views.drawn import assert_fit

ASKED = ProjectRequest("Platform Team", "r<d> & 'co'")
NAME = "r&lt;d&gt; &amp; 'co'"
REFERENCE = "0a1b2c3d"
INSTALLATION = Installation()

NOTHING_DONE = re.compile(r"Nothing was (created|changed|created or changed)\.")
CANNOT_TELL = re.compile(r"may or may not have been created\. It's safe to try again")
IS_READY = re.compile(r"is ready in Baseten")
AGAIN = re.compile(r"[Tt]ry again|run the command again")

TEAMS = [Team(id="aaaaaa1", name="Twins"), Team(id="aaaaaa2", name="Twins")]
TRAINING_OFF = "You are not authorized for Baseten training."
WRONG_KEY = "Authorization error"

CASES = [
    # the error, whether anything was done, and the words that the person must read
    (UnknownTeamError("reserch", ["research"], TEAMS), NOTHING_DONE, ["reserch", "*research*"]),
    (UnknownTeamError("nobody", [], TEAMS), NOTHING_DONE, ["nobody", "Twins"]),
    (UnknownTeamError("a b", [], []), NOTHING_DONE, ["a b", "can't see any team"]),
    (
        UnknownTeamError("x<y", ["Twins"], TEAMS, "U0DANA"),
        NOTHING_DONE,
        ["no team *x&lt;y* that you can use here", "they need U0DANA and *x&lt;y*."],
    ),
    (
        NotServedError(Refusal.OTHER_WORKSPACE, "people of A"),
        NOTHING_DONE,
        ["only work for people"],
    ),
    (NotServedError(Refusal.GUEST), NOTHING_DONE, ["don't work for guests"]),
    (NotServedError(Refusal.SHARED_CHANNEL), NOTHING_DONE, ["shared with other companies"]),
    (NotServedError(Refusal.UNKNOWN_PERSON), NOTHING_DONE, ["whether you are a guest"]),
    (NotServedError(Refusal.UNKNOWN_CHANNEL), NOTHING_DONE, ["whether this channel is shared"]),
    (NotAllowedError(Verb.VIEW), NOTHING_DONE, ["no project here that you can use"]),
    (NotAllowedError(Verb.VIEW, opened=True), CANNOT_TELL, ["can't use this project"]),
    (RightsUnknownError(teams=False), NOTHING_DONE, ["Slack doesn't tell", "who is in a group"]),
    (RightsUnknownError(teams=True), NOTHING_DONE, ["Baseten doesn't tell", "which teams"]),
    (
        CannotCreateError("Research", "new<er>", "newer", "U0DANA"),
        NOTHING_DONE,
        ["no project *new&lt;er&gt;*", "Did you mean *newer*?", "they need U0DANA and *Research*"],
    ),
    (MalformedIdError("x"), NOTHING_DONE, ["not one that I made"]),
    (AmbiguousTeamError("Twins", TEAMS), NOTHING_DONE, ["2 teams", "`aaaaaa1` or `aaaaaa2`"]),
    (BusyError(), NOTHING_DONE, ["I'm overloaded"]),
    (ShutdownError(), CANNOT_TELL, ["I was restarted"]),
    (SlackCallFailed("is_archived"), IS_READY, ["this channel is archived", "in another channel"]),
    (SlackCallFailed("restricted_action"), IS_READY, ["not allowed to post", "another channel"]),
    (SlackCallFailed("not_in_channel"), IS_READY, ["refused my message", "`/invite` me"]),
    (
        SlackCallFailed("TimeoutError", outcome_unknown=True),
        IS_READY,
        ["did not confirm", "may or may not"],
    ),
    (RateLimited("slow down", 37), NOTHING_DONE, ["is rate-limiting the bot", "in 37 seconds"]),
    (RateLimited("slow down", 90), NOTHING_DONE, ["in 1 minute 30 seconds"]),
    (RateLimited("", None), NOTHING_DONE, ["in a minute"]),
    (
        Refused(400, "VALIDATION_ERROR", "no <b>"),
        NOTHING_DONE,
        [f"rejected the name *{NAME}*: “no &lt;b&gt;”"],
    ),
    (Refused(401, "", "Unauthorized"), NOTHING_DONE, ["API key", "BASETEN_API_KEY"]),
    (Refused(403, "PERMISSION_DENIED", WRONG_KEY), NOTHING_DONE, ["API key", "BASETEN_API_KEY"]),
    (Refused(403, "PERMISSION_DENIED", TRAINING_OFF), NOTHING_DONE, ["not enabled", "admin"]),
    (Refused(403, "", "Team is locked"), NOTHING_DONE, ["Team is locked"]),
    (Refused(403), NOTHING_DONE, ["isn't allowed to"]),
    (Refused(404, "NOT_FOUND", "No team"), NOTHING_DONE, ["team", "No team"]),
    (Refused(409, "CONFLICT", "Busy"), NOTHING_DONE, ["Busy"]),
    (Refused(408), CANNOT_TELL, ["408"]),
    (Refused(422, "", "odd name"), NOTHING_DONE, ["rejected the name", "“odd name”"]),
    (
        Refused(500, "INTERNAL_ERROR", "Oops"),
        CANNOT_TELL,
        ["having problems (error 500)", "Baseten says: “Oops”"],
    ),
    (Refused(502), CANNOT_TELL, ["502"]),
    (Refused(503), CANNOT_TELL, ["503"]),
    (Unreachable("no route", sent=False), NOTHING_DONE, ["can't reach Baseten"]),
    (
        Unreachable("paused", sent=False, retry_after=20.0),
        NOTHING_DONE,
        ["Baseten does not answer at the moment", "in 20 s"],
    ),
    (Unreachable("too slow", sent=True), CANNOT_TELL, ["did not answer"]),
    (Unreadable("status 202"), CANNOT_TELL, ["doesn't look like Baseten's", "firewall"]),
]
IDS = [f"{at} {type(error).__name__} {error}"[:40] for at, (error, _, _) in enumerate(CASES)]


@pytest.mark.parametrize(("error", "done", "said"), CASES, ids=IDS)
def test_a_failure_says_what_happened_and_whether_anything_was_done(
    error: Exception, done: re.Pattern[str], said: list[str]
) -> None:
    message = failure_message(error, attempt_to_open(ASKED), REFERENCE, INSTALLATION)
    assert_fit(message)
    for words in said:
        assert words in message.text
    claims = [
        claim for claim in (NOTHING_DONE, CANNOT_TELL, IS_READY) if claim.search(message.text)
    ]
    assert claims == [done]
    assert REFERENCE not in message.text
    assert is_foreseen(error, attempt_to_open(ASKED))


@pytest.mark.parametrize(("error", "_done", "_said"), CASES, ids=IDS)
def test_a_failure_says_what_to_do_next(
    error: Exception, _done: re.Pattern[str], _said: list[str]
) -> None:
    happened, *next_ = failure_message(
        error, attempt_to_open(ASKED), REFERENCE, INSTALLATION
    ).payload()["blocks"]
    assert happened["type"] == "section"
    (do,) = next_
    assert do["elements"][0]["text"].strip()


@pytest.mark.parametrize(
    "error",
    [
        BusyError(),
        ShutdownError(),
        RateLimited("", 37),
        Refused(409),
        Refused(500),
        Refused(503),
        Unreachable("", sent=False),
        Unreachable("", sent=True),
        Unreadable(""),
    ],
)
def test_what_may_pass_shows_the_persons_own_command_to_try_again(error: Exception) -> None:
    text = failure_message(error, attempt_to_open(ASKED), REFERENCE, INSTALLATION).text
    assert AGAIN.search(text)
    (typed,) = re.findall(rf"`{INSTALLATION.command} ([^`]+)`", text)
    assert parse(typed) == ASKED


def test_a_command_to_try_again_keeps_every_space_of_a_name() -> None:
    asked = ProjectRequest("research", "two  spaces")
    text = failure_message(
        Unreachable("", sent=True), attempt_to_open(asked), REFERENCE, INSTALLATION
    ).text
    (typed,) = re.findall(rf"`{INSTALLATION.command} ([^`]+)`", text)
    assert parse(typed) == asked


@pytest.mark.parametrize(
    ("error", "meant"),
    [
        (UnknownTeamError("x", ["R & D", "R & B"], TEAMS), ProjectRequest("R & D", ASKED.name)),
        (AmbiguousTeamError("Twins", TEAMS), ProjectRequest("aaaaaa1", ASKED.name)),
    ],
)
def test_a_team_that_is_not_clear_shows_a_command_with_one_that_is(
    error: Exception, meant: ProjectRequest
) -> None:
    text = failure_message(error, attempt_to_open(ASKED), REFERENCE, INSTALLATION).text
    (typed,) = re.findall(rf"`{INSTALLATION.command} ([^`]+)`", text)
    assert parse(typed) == meant


@pytest.mark.parametrize(("error", "_done", "_said"), CASES, ids=IDS)
def test_the_words_for_a_workflow_name_no_command(
    error: Exception, _done: re.Pattern[str], _said: list[str]
) -> None:
    wording = attempt_to_open(ASKED, workflow=True)
    text = failure_message(error, wording, REFERENCE, INSTALLATION).text
    assert INSTALLATION.command not in text
    if not isinstance(error, MalformedIdError):  # only a click can cause it
        assert "the command" not in text


def test_a_wrong_key_and_training_that_is_not_enabled_are_told_apart() -> None:
    key, off = (
        failure_message(
            Refused(403, "PERMISSION_DENIED", said), attempt_to_open(ASKED), REFERENCE, INSTALLATION
        ).text
        for said in (WRONG_KEY, TRAINING_OFF)
    )
    assert "not enabled" not in key
    assert "BASETEN_API_KEY" not in off


def test_another_403_that_speaks_of_training_does_not_claim_that_it_is_not_enabled() -> None:
    said = "You do not have permission to create training projects in this team."
    text = failure_message(
        Refused(403, "PERMISSION_DENIED", said), attempt_to_open(ASKED), REFERENCE, INSTALLATION
    ).text
    assert "not enabled" not in text
    assert said in text


@pytest.mark.parametrize("error", [ValueError("secret words"), BasetenError("new kind")])
@pytest.mark.parametrize("attempt", [attempt_to_open(ASKED), READING])
def test_what_was_not_foreseen_shows_a_reference_and_nothing_of_itself(
    error: Exception, attempt: FailureWording
) -> None:
    message = failure_message(error, attempt, REFERENCE, INSTALLATION)
    assert_fit(message)
    assert f"`{REFERENCE}`" in message.text
    assert attempt.unsure in message.text
    assert str(error) not in message.text
    assert not is_foreseen(error, attempt)


@pytest.mark.parametrize("error", [Refused(500), Unreachable("", sent=True), Unreadable("")])
def test_where_only_the_teams_could_not_be_had_nothing_was_opened(error: BasetenError) -> None:
    text = failure_message(
        TeamsUnavailableError(error), attempt_to_open(ASKED), REFERENCE, INSTALLATION
    ).text
    assert NOTHING_DONE.search(text)
    assert not CANNOT_TELL.search(text)


@pytest.mark.parametrize("status", [400, 404, 409, 418, 422])
def test_a_refused_list_of_teams_is_no_fault_of_the_name_or_the_team(status: int) -> None:
    error = TeamsUnavailableError(Refused(status, "", "Bad request"))
    text = failure_message(error, attempt_to_open(ASKED), REFERENCE, INSTALLATION).text
    assert text == (
        "⚠️ I couldn't list the teams. Nothing was created or changed. Baseten says: “Bad request”"
        "\nTry again in a minute. If it keeps happening, tell the person who runs this bot."
    )


@pytest.mark.parametrize("error", [*map(Refused, (401, 403, 408, 500, 503)), RateLimited("", 37)])
def test_a_list_of_teams_that_the_bot_cannot_have_fails_as_any_other_request(
    error: Refused,
) -> None:
    asked = attempt_to_open(ASKED)
    whole = failure_message(TeamsUnavailableError(error), asked, REFERENCE, INSTALLATION)
    plain = failure_message(error, replace(asked, unsure=asked.nothing), REFERENCE, INSTALLATION)
    assert whole == plain


def test_looking_at_what_is_gone_says_so() -> None:
    text = failure_message(Refused(404, "", "Not here"), READING, REFERENCE, INSTALLATION).text
    assert "I can't find that project in Baseten any more" in text
    assert "Baseten says: “Not here”" in text


@pytest.mark.parametrize("status", [400, 409, 422])
def test_after_a_click_nobody_is_asked_for_another_name_or_team(status: int) -> None:
    text = failure_message(Refused(status, "", "Odd"), READING, REFERENCE, INSTALLATION).text
    assert "“Odd”" in text
    assert "Nothing was changed." in text
    assert "name" not in text
    assert "team" not in text


RESTRICTED = ["restricted_action", "restricted_action_thread_locked"]
ARCHIVED = ["is_archived", "channel_is_archived", "is_inactive"]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        *((code, "I'm not allowed to post in this channel.") for code in RESTRICTED),
        *((code, "this channel is archived") for code in ARCHIVED),
    ],
)
def test_nobody_is_invited_where_an_invitation_does_not_help(code: str, why: str) -> None:
    text = failure_message(
        SlackCallFailed(code), attempt_to_open(ASKED), REFERENCE, INSTALLATION
    ).text
    assert why in text
    assert "invite" not in text


@pytest.mark.parametrize("attempt", [READING, attempt_to_open(ASKED)], ids=["click", "command"])
@pytest.mark.parametrize("code", ["is_archived", "restricted_action", "expired_trigger_id"])
def test_the_codes_of_slack_are_not_shown_to_people(code: str, attempt: FailureWording) -> None:
    assert code not in failure_message(SlackCallFailed(code), attempt, REFERENCE, INSTALLATION).text


@pytest.mark.parametrize(
    ("wording", "said"),
    [
        (STOPPING, "You've stopped watching, but I couldn't update the message."),
        (STOPPING_FOR_EVERYONE, "The watch has ended for everyone, but I couldn't update"),
    ],
)
def test_a_watch_that_ended_has_ended_whatever_failed_later(
    wording: FailureWording, said: str
) -> None:
    text = failure_message(Refused(500), wording, REFERENCE, INSTALLATION).text
    assert said in text
    assert text.endswith("Try again in a few minutes: choose *Refresh* in the menu of the message.")


def test_the_contact_is_named_where_a_person_is_to_be_asked() -> None:
    installation = Installation(contact="C0HELP0001")
    for error in (Refused(401), Unreadable(""), StoreUnavailableError("away"), ValueError("x")):
        text = failure_message(error, attempt_to_open(ASKED), REFERENCE, installation).text
        assert "<#C0HELP0001>" in text
        assert "the person who runs this bot" not in text


@pytest.mark.parametrize(
    ("team", "name", "shown"),
    [("platform", "team x", '"Platform Team" x'), ("platfrm", "x", '"Platform Team" x')],
)
def test_words_of_the_teams_name_are_not_taken_for_the_projects(
    team: str, name: str, shown: str
) -> None:
    error = UnknownTeamError(team, ["Platform Team"], TEAMS)
    text = failure_message(
        error, attempt_to_open(ProjectRequest(team, name)), REFERENCE, INSTALLATION
    ).text
    assert f"`{INSTALLATION.command} {shown}`" in text


def test_a_command_too_long_to_show_whole_is_not_shown() -> None:
    asked = attempt_to_open(ProjectRequest("research", "x" * 400))
    assert (
        INSTALLATION.command
        not in failure_message(BusyError(), asked, REFERENCE, INSTALLATION).text
    )
    error = UnknownTeamError("reserch", ["Research"], TEAMS)
    text = failure_message(error, asked, REFERENCE, INSTALLATION).text
    assert text.endswith("Did you mean *Research*?\nRun the command again with that team.")


@pytest.mark.parametrize("word", ["x" * 5000, "&" * 5000, "<!channel> " * 500, "`\n" * 2500])
def test_words_of_any_length_fit(word: str) -> None:
    asked = ProjectRequest(word, word)
    errors = [error for error, _, _ in CASES] + [
        UnknownTeamError(word, [word] * 3, TEAMS),
        UnknownTeamError(word, [], [Team(id="i", name=word)] * 50),
        UnknownTeamError(word, [], []),
        AmbiguousTeamError(word, TEAMS * 30),
        SlackCallFailed(word),
        RateLimited(word, 1e9),
        *(Refused(status, word, word) for status in (400, 401, 403, 404, 409, 418, 500)),
        Refused(403, word, f"{WRONG_KEY}{word}"),
        Refused(403, word, f"{TRAINING_OFF}{word}"),
        ValueError(word),
    ]
    for error in errors:
        assert_fit(failure_message(error, attempt_to_open(asked), REFERENCE, INSTALLATION))


def test_many_teams_are_not_all_listed_and_the_rest_is_counted() -> None:
    teams = [Team(id=f"id{n}", name=f"team-{n}.") for n in range(50)]
    text = failure_message(
        UnknownTeamError("x", [], teams), attempt_to_open(ASKED), REFERENCE, INSTALLATION
    ).text
    listed = re.findall(r"team-\d+\.", text)
    assert 3 <= len(listed) < 50
    assert f"{50 - len(listed)} more" in text


@pytest.mark.parametrize(
    ("channels", "shown"),
    [
        (("C0A", "C0B"), "Try again in <#C0A> or <#C0B>."),
        (tuple(f"C0{number}" for number in range(9)), "<#C04> or 4 more."),
    ],
)
def test_the_channels_that_the_bot_works_in_are_shown_as_links(
    channels: tuple[str, ...], shown: str
) -> None:
    error = NotServedError(Refusal.CHANNEL, channels=channels)
    said = failure_message(error, READING, REFERENCE, INSTALLATION).text
    assert "I don't work in this channel. Nothing was changed." in said
    assert said.endswith(shown)


def test_a_command_that_would_mean_another_name_is_not_shown() -> None:
    shown = Installation().command_for("research", "it's `sft`")
    assert shown == "```/training-project research it's `sft`\n```"
    assert not Installation().command_for("research", "“sft”")
    assert not Installation().command_for("“research”", "sft")


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Bad name", "“Bad name”. Nothing"),
        ("Bad name. ", "“Bad name.” Nothing"),
        ("", "(error 400). Nothing"),
    ],
)
def test_the_words_after_a_quote_are_a_sentence_of_their_own(message: str, said: str) -> None:
    refused = Refused(400, "", message)
    assert said in failure_message(refused, READING, REFERENCE, INSTALLATION).text
