"""No secret passes, and nothing else is taken out."""

from urllib.parse import quote, urlencode

import pytest

from bot.redaction import MARK, Redactor

HOOK = "https://hooks.slack.com/commands/T012AB3C4/5678901234567/Zm9yZ2V0IG1lIG5vdA"
ELSEWHERE = "https://chat.example.org/r/Zm9yZ2V0IG1lIG5vdA"
NEEDLE = "Zm9yZ2V0IG1lIG5vdA"  # the secret part of both addresses


@pytest.mark.parametrize(
    "secret",
    [
        "xoxb-1234567890-0987654321-AbCdEfGhIjKlMnOpQrStUvWx",
        "xoxp-1234567890-0987654321-AbCdEfGhIjKlMnOpQrStUvWx",
        "xoxe.xoxb-1-MS0xLXRoaXMtaXMtbm90LWEtdG9rZW4",
        "xoxe-1-MS0xLXRoaXMtaXMtbm90LWEtdG9rZW4",
        "xapp-1-A0123456789-1234567890-0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "b10_AbCd1234.0123456789abcdefghijABCDEFGHIJ01",
        "AbCd1234.0123456789abcdefghijABCDEFGHIJ01",
    ],
)
@pytest.mark.parametrize(
    "text", ["{}", "a {} z", "key={}&z", '{{"k": "{}"}}', "('{}',)", "https://x.org/?t={}", "{}."]
)
def test_the_shapes_of_tokens_and_keys_are_taken_out(secret: str, text: str) -> None:
    assert Redactor().text(text.format(secret)) == text.format(MARK)


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Authorization: Api-Key s3cr3t/+==", f"Authorization: Api-Key {MARK}"),
        ("Authorization: Bearer s3cr3t.x-y_z", f"Authorization: Bearer {MARK}"),
        ("authorization: bearer s3cr3t", f"authorization: bearer {MARK}"),
        ("{'Authorization': 'Api-Key s3cr3t', 'a': 1}", None),
        ('{"Authorization":"Bearer s3cr3t","a":1}', None),
        ("[(b'Authorization', b'Api-Key s3cr3t')]", None),
        (r"{\"Authorization\": \"Api-Key s3cr3t\"}", r"{\"Authorization\": \"Api-Key *\"}"),
    ],
)
def test_authorization_headers_keep_only_their_scheme(text: str, redacted: str | None) -> None:
    expected = (redacted or text.replace("s3cr3t", MARK)).replace("*", MARK)
    assert Redactor().text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        f"posting to {HOOK} now",
        f"({HOOK})",
        f"<{HOOK}|here>",
        f"a={quote(HOOK, safe='')}&b=1",
        f"a={quote(HOOK, safe='').replace('%3A', '%3a').replace('%2F', '%2f')}&b=1",
        '{"u":"' + HOOK.replace("/", r"\/") + '"}',
        HOOK.replace("https", "http"),
        HOOK.replace("commands", "actions"),
        HOOK.replace("commands", "services"),
    ],
)
def test_slacks_response_urls_are_taken_out_however_they_are_written(text: str) -> None:
    assert NEEDLE not in Redactor().text(text)


@pytest.mark.parametrize(
    "text",
    [
        urlencode({"text": "a b", "response_url": ELSEWHERE, "user_id": "U1"}),
        f"response_url={ELSEWHERE}",
        f'{{"response_url": "{ELSEWHERE}", "user_id": "U1"}}',
        f'{{"response_url":"{ELSEWHERE}","user_id":"U1"}}',
        f'{{"response_url" : "{ELSEWHERE}"}}',
        rf"{{\"response_url\": \"{ELSEWHERE}\", \"user_id\": \"U1\"}}",
        f"{{'response_url': '{ELSEWHERE}', 'user_id': 'U1'}}",
        f"Place(channel_id='C1', response_url='{ELSEWHERE}', user_id='U1')",
    ],
    ids=["form", "plain", "json", "compact", "spaced", "json in json", "dict", "dataclass"],
)
def test_a_response_url_field_is_taken_out_whatever_its_host(text: str) -> None:
    redacted = Redactor().text(text)
    assert NEEDLE not in redacted
    assert ("U1" in redacted) == ("U1" in text), "the neighbours stay"


def test_a_sockets_ticket_is_taken_out() -> None:
    text = "wss://wss-primary.slack.com/link/?ticket=0b1c2d3e&app_id=A1"
    assert Redactor().text(text) == text.replace("0b1c2d3e", MARK)


@pytest.mark.parametrize(
    "secret", ["8f742231b10e8888abcd99yyyzzz85a5", "odd/secret+with=signs", "50%-off-today"]
)
def test_known_values_are_taken_out_plain_and_percent_encoded(secret: str) -> None:
    text = f"{secret} {quote(secret, safe='')} {urlencode({'k': secret})}"
    assert Redactor([secret]).text(text) == f"{MARK} {MARK} k={MARK}"


@pytest.mark.parametrize("secrets", [["abcdefgh", "abcdefgh-ij"], ["abcdefgh-ij", "abcdefgh"]])
def test_the_longest_known_value_goes_first(secrets: list[str]) -> None:
    assert Redactor(secrets).text("abcdefgh-ij abcdefgh") == f"{MARK} {MARK}"


def test_empty_values_hide_nothing() -> None:
    assert Redactor(["", ""]).text("abc") == "abc"


@pytest.mark.parametrize(
    "text",
    [
        "demo/qwen3-0.6b",
        "Qwen3.6-35B-A3B Long Context - ML Cookbook",
        "My Training Project",
        "2026-11-23T17:10:00.123456789Z",
        "2026-11-23 17:10 UTC",
        "<!date^1795453800^{date_short_pretty} at {time}|2026-11-23 17:10 UTC>",
        "wlyx6nq yqvj7q3 job-abc123",
        "0123456789abcdef0123456789abcdef01234567",
        "550e8400-e29b-41d4-a716-446655440000",
        "https://app.baseten.co/training/yqvj7q3/logs/wlyx6nq",
        "https://hooks.example.com/x",
        "training.config notebook.ipynb finetune.20261123",
        "fox-trot xo-xo x86-64 response_url is missing",
        "BASETEN_API_KEY SLACK_BOT_TOKEN",
        "10.0.0.1:3000 v1.2.3 3.14159265358979",
        "U012AB3CD C0SANDBOX1 T012AB3C4",
    ],
)
def test_ordinary_words_stay_as_they_are(text: str) -> None:
    assert Redactor(["another-secret"]).text(text) == text


def test_a_value_too_short_to_be_a_secret_is_left_in_words() -> None:
    assert Redactor(["test"]).text("test-run") == "test-run"


def test_redacting_twice_changes_nothing_more() -> None:
    redactor = Redactor(["known-secret"])
    once = redactor.text(f"known-secret {HOOK} Api-Key abc response_url={ELSEWHERE}")
    assert redactor.text(once) == once


def test_every_string_of_a_tree_is_redacted_and_the_tree_itself_is_kept() -> None:
    plain = {"n": None, "t": True, "f": 1.5}
    tree = plain | {"a": ["known-value", ("x known-value", 1)], "b": {"c": "known-value"}}
    redacted = Redactor(["known-value"]).tree(tree)
    assert redacted == {
        "a": [MARK, [f"x {MARK}", 1]],
        "b": {"c": MARK},
        "n": None,
        "t": True,
        "f": 1.5,
    }
    assert tree["b"] == {"c": "known-value"}
