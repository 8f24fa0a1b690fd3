"""Redact the secrets of this process: as they are, encoded, or cut short."""

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from bot.telemetry.hints import Hints

SHORTEST = 8  # characters; a shorter value would match parts of ordinary words
_HEAD = 12  # characters of a secret; a part of at least these is redacted too
_HEX, _BASE64 = re.compile(r"[0-9a-fA-F]*"), re.compile(r"[A-Za-z0-9+/_=-]*")


@dataclass(frozen=True, slots=True)
class _Form:
    """One way to write a secret.

    Attributes:
        head: the beginning, which is searched for.
        rest: the characters of the secret that can follow it, as they are or percent-encoded.
        run: matches everything that follows in the same encoding; None for the secret itself.
    """

    head: str
    rest: str = ""
    run: re.Pattern[str] | None = None

    def redact(self, text: str, mark: str) -> str:
        """Return the text with the mark in place of the secret, or of the part that is there."""
        parts, begin = [], 0
        while (at := text.find(self.head, begin)) >= 0:
            parts.append(text[begin:at])
            begin = at + len(self.head)
            if self.run is not None and (found := self.run.match(text, begin)):
                begin = found.end()
            for character in self.rest:
                written = _percent(character)
                if text.startswith(character, begin):
                    begin += len(character)
                elif text[begin : begin + len(written)].upper() == written:
                    begin += len(written)
                else:
                    break
        return mark.join([*parts, text[begin:]])


class OwnSecrets:
    """Find the secrets of this process in a text.

    Args:
        secrets: the exact values; values under 8 characters are ignored.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        long = sorted({each for each in secrets if len(each) >= SHORTEST}, key=len, reverse=True)
        # The plain forms come first: an encoding's run would take more than the secret.
        self._forms = [form for secret in long for form in _plain(secret)]
        self._forms += [form for secret in long for form in _encoded(secret)]
        self._heads = Hints(form.head for form in self._forms)

    def redact(self, text: str, mark: str) -> str:
        """Return the text with the mark in place of each secret."""
        if self.are_in(text):
            for form in self._forms:
                text = form.redact(text, mark)
        return text

    def are_in(self, text: str) -> bool:
        """Return whether the text has a secret, or the beginning of one."""
        return self._heads.are_in(text)


def _plain(secret: str) -> Iterator[_Form]:
    """Yield the secret, and the ways in which an address has it."""
    at = min(_HEAD, len(secret))
    while at < len(secret) and not _looks_random(secret[:at]):
        at += 1
    head = secret[:at]
    short = quote(head, safe="")
    # Some servers encode each character that is no letter and no digit, such as the dot of a key.
    long = re.sub(r"[._~-]", lambda found: _percent(found[0]), short)
    all_ = _percent(head)
    forms = (head, quote(head), short, _lower(short), long, _lower(long), all_, all_.lower())
    for form in dict.fromkeys(forms):
        yield _Form(form, secret[at:])


def _encoded(secret: str) -> Iterator[_Form]:
    raw = secret.encode()
    for text in (raw.hex(), raw.hex().upper()):
        yield _Form(text[: 2 * _HEAD], run=_HEX)
    for encode in (b64encode, urlsafe_b64encode):
        for before in range(3):  # bytes in front of it shift the whole text
            text = encode(b"\0" * before + raw).decode().rstrip("=")
            whole = text[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
            yield _Form(whole[: _HEAD * 8 // 6], run=_BASE64)


def _percent(text: str) -> str:
    """Return the text with each of its bytes percent-encoded."""
    return "".join(f"%{byte:02X}" for byte in text.encode())


def _lower(quoted: str) -> str:
    """Return a percent-encoded text with lower-case digits."""
    return re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), quoted)


def _looks_random(head: str) -> bool:
    """Return whether this is the beginning of a secret rather than an ordinary word."""
    return any(map(str.isdigit, head)) and any(map(str.isalpha, head))
