"""The secrets of this process are redacted however they are written, and ordinary words stay."""

import re
import secrets
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from functools import partial
from urllib.parse import quote

import pytest

from bot.telemetry.own_secrets import OwnSecrets
from bot.telemetry.redaction import MARK, Redactor

# No pattern of another secret matches it.
SECRET = "q7" + "/W+ro-" + "ng-horse=Battery_staple9"


def percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def base64(text: str) -> str:
    return b64encode(text.encode()).decode()


WRITTEN = {
    "as it is": SECRET,
    "percent-encoded": quote(SECRET, safe=""),
    "percent-encoded, lower case": quote(SECRET, safe="")
    .replace("%2F", "%2f")
    .replace("%2B", "%2b")
    .replace("%3D", "%3d"),
    "percent-encoded, also the dots": re.sub(
        "[-._~]", lambda found: percent(found[0]), quote(SECRET, safe="")
    ),
    "each character percent-encoded": percent(SECRET),
    "each character percent-encoded, lower case": percent(SECRET).lower(),
    "hex": SECRET.encode().hex(),
    "HEX": SECRET.encode().hex().upper(),
    "base64": base64(SECRET),
    "base64 of an address": urlsafe_b64encode(SECRET.encode()).decode(),
    "base64 after one character": base64(f"u{SECRET}"),
    "base64 after two": base64(f"u:{SECRET}"),
    "base64 after three": base64(f"me:{SECRET}"),
    "base64 in between": base64(f"user:{SECRET}:and more"),
    "cut short": SECRET[:12],
    "cut short later": SECRET[:20],
    "cut short, percent-encoded": quote(SECRET[:14], safe=""),
    "cut short, hex": SECRET[:14].encode().hex(),
    "cut short, base64": base64(SECRET[:15]),
}


def leaked(text: str, written: str) -> bool:
    """Return whether the text has 8 characters in a row of what was written."""
    return any(written[at : at + 8] in text for at in range(len(written) - 7))


@pytest.mark.parametrize("how", WRITTEN)
@pytest.mark.parametrize("text", ["{}", "a {} z", "x={}&y=1", '{{"k": "{}"}}', "{}. {}"])
def test_a_secret_is_redacted_however_it_is_written(how: str, text: str) -> None:
    redacted = Redactor([SECRET]).text(text.replace("{}", WRITTEN[how]))
    assert MARK in redacted
    # What stands in front of the secret can share up to 4 characters with it in base64.
    assert not leaked(redacted, WRITTEN[how][4:] if "after" in how else WRITTEN[how][8:])
    assert Redactor([SECRET]).tree({"a": [WRITTEN[how]]}) != {"a": [WRITTEN[how]]}


@pytest.mark.parametrize(
    "text",
    [
        SECRET[:11],
        SECRET[8:16],
        quote("an ordinary/address", safe=""),
        base64("an ordinary text, which is not secret"),
        b"an ordinary text".hex(),
        "q7 / W+ro",
    ],
)
def test_what_only_resembles_it_stays(text: str) -> None:
    assert Redactor([SECRET]).text(text) == text


@pytest.mark.parametrize("secret", ["training-project-bot", "correct-horse-battery"])
def test_a_part_of_a_secret_of_words_is_an_ordinary_word(secret: str) -> None:
    redactor = Redactor([secret])
    assert redactor.text(f"{secret[:16]} is open") == f"{secret[:16]} is open"
    assert redactor.text(f"it is {secret}!") == f"it is {MARK}!"


def test_the_longer_of_two_secrets_with_one_beginning_is_redacted_whole() -> None:
    short, long = "a1b2c3d4e5f6", "a1b2c3d4e5f6g7h8"
    assert Redactor([short, long]).text(f"{long} {short}") == f"{MARK} {MARK}"


@pytest.mark.parametrize("written", [str, quote, partial(quote, safe="")])
def test_a_secret_with_a_sign_after_its_beginning_is_redacted_whole(
    written: Callable[[str], str],
) -> None:
    secret = "abcdefgh1234" + "WXYZ/0klmnop+rstuv"
    for text in (written(secret), written(secret)[:20]):
        assert Redactor([secret]).text(f"it is {text}!") == f"it is {MARK}!"


def test_many_random_secrets_never_pass() -> None:
    for _ in range(200):
        secret = secrets.token_urlsafe(24)
        for written in (secret, percent(secret), base64(f"api:{secret}"), secret.encode().hex()):
            assert not leaked(OwnSecrets([secret]).redact(f"x {written} y", MARK), written[8:])


@pytest.mark.parametrize("piece", [SECRET[:12], SECRET[:11], "q7", "q", base64(SECRET), "71372f57"])
def test_no_text_takes_long(piece: str) -> None:
    own, times = OwnSecrets([SECRET, *(f"{SECRET}{number}" for number in range(5))]), []
    for length in (25_000, 100_000):
        text = piece * (length // len(piece))
        begin = time.process_time()
        own.redact(text, MARK)
        times.append(time.process_time() - begin)
    assert times[1] < max(8 * times[0], 0.5)
