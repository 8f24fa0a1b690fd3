"""Take secrets out of text before a log or a person sees it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

MARK = "[redacted]"
_SHORTEST = 8  # characters

# --- what a secret looks like by itself, or by the words before it

_END = r"""(?:[^\s"'&<>|\\]|\\/)"""  # a character of an address, in JSON too


@dataclass(frozen=True, slots=True)
class _Shape:
    """How one kind of secret is found.

    Attributes:
        hints: one of these is in every text that holds such a secret; looking for them first is
            what keeps the common text, which holds none, cheap.
        pattern: what is taken out, but for its group ``kept``. It takes time in proportion to the
            text, whatever that is: no two of its parts may try the same stretch again and again.
        any_case: whether hints and pattern go for capitals too.
    """

    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    any_case: bool = False


def _shape(*hints: str, pattern: str, any_case: bool = False) -> _Shape:
    flags = re.VERBOSE | (re.IGNORECASE if any_case else re.NOFLAG)
    return _Shape(hints, re.compile(pattern, flags), any_case)


_SHAPES = (
    _shape(
        "xox",
        "xapp-",
        pattern=r"""
            xox[a-z](?:\.[a-z]+)?-[\w-]{8,}  # Slack tokens: bot, user, rotated
          | xapp-[\w-]{8,}                   # Slack app-level token
        """,
        any_case=True,
    ),
    _shape(
        "hooks.slack.com",
        "api-key",
        "bearer",
        "authorization",
        "response_url",
        "/link/?ticket=",
        pattern=rf"""
            https?(?::|%3A)(?:\\?/|%2F){{2}}hooks\.slack\.com{_END}*  # however encoded
          | (?P<kept>
                \b(?:api-key|bearer)\s+                             # any Authorization header
              | authorization\\*["']?\s*[=:]\s*\\*["']?(?:basic|token|digest)\s+
              | response_url\\?["']?\s*[=:]\s*\\?["']?              # a response URL of any host
              | /link/\?ticket=                                     # a socket's one-time ticket
            ){_END}+
        """,
        any_case=True,
    ),
    _shape(
        "-----BEGIN",
        pattern=r"""
            -----BEGIN\ (?:[A-Z0-9]+\ ){0,4}PRIVATE\ KEY-----
            (?:(?:[^-]|-(?!----))*+-----END\ (?:[A-Z0-9]+\ ){0,4}PRIVATE\ KEY-----
              |[A-Za-z0-9+/=\s\\]*)  # where its end was cut off
        """,
    ),
    _shape(
        "://",  # a password in an address
        pattern=r"""(?P<kept>://[^\s/:@"'<>|]*:)[^\s/"'<>|]+(?=@)""",
    ),
    _shape(
        "eyJ",  # JSON Web Tokens
        pattern=r"eyJ[\w-]{8,500}\.[\w-]{8,}(?:\.[\w-]*)?",
    ),
    _shape(
        "hf_",
        "sk-",
        "sk_",
        "ghp_",
        "gho_",
        "ghr_",
        "ghs_",
        "ghu_",
        "github_pat_",
        "AKIA",
        "ASIA",
        "AIza",
        "wandb_v",
        "nvapi-",
        "glpat-",
        pattern=r"""
            hf_[A-Za-z0-9]{20,}                          # Hugging Face
          | (?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=[0-9]m))  # no "task-"; an escape, a colour
            sk-(?=[\w-]{0,80}?[0-9])[\w-]{16,}           # OpenAI, Anthropic and their like
          | sk_(?:live|test)_[A-Za-z0-9]{16,}            # Stripe
          | gh[opusr]_[A-Za-z0-9]{20,}                   # GitHub
          | github_pat_\w{20,}
          | A(?:KIA|SIA)[A-Z0-9]{16}(?![A-Za-z0-9])      # AWS
          | AIza[\w-]{35}                                # Google
          | wandb_v[0-9]_\w{20,}                         # Weights & Biases
          | (?:nvapi|glpat)-[\w-]{20,}                   # NVIDIA, GitLab
        """,
    ),
    _shape(
        "passw",  # one of several words, where quotes tell how many
        "passphrase",
        pattern=r"""
            (?P<kept>(?:passw(?:or)?d|passphrase)["']?[ \t]*[=:][ \t]*(?P<quote>["']))
            [^"'\n\\]{4,}(?=(?P=quote))
        """,
        any_case=True,
    ),
    _shape(
        "wandb",  # whose older keys look like a commit, but are not spoken of as one
        pattern=r"(?P<kept>wandb[^\n]{0,100}?(?<![0-9a-f]))[0-9a-f]{40}(?![0-9a-f])",
        any_case=True,
    ),
)
_KEY_END = re.compile(r"\s*-----END (?:[A-Z0-9]+ ){0,4}PRIVATE KEY-----")
_KEY_LINE = re.compile(r"\s*[A-Za-z0-9+/=]+\s*")
# A Baseten API key is looked for by its rarer half.
_BASETEN_HALF = re.compile(r"\.[A-Za-z0-9]{32}\b")
_BASETEN_KEY = re.compile(r"(?:[bB]10_)?[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}\b")

# --- what is given to a name that tells of a secret

_WORDS = ("key", "token", "secret", "password", "passwd", "passphrase", "credential", "credentials")
_NOT_A_NAME = "".join(f"(?<!{word})" for word in _WORDS)
# A character of a value. A sign after one of the words belongs to that: it is looked at by itself.
_INNER = rf"""(?:[^\s"'`,;&<>(){{}}\[\]|\\=:]|{_NOT_A_NAME}[=:])"""
_VALUE = rf"(?P<value>{_INNER}++)(?![=:])"
_ASSIGNED = re.compile(
    rf"""
      (?P<word>{"|".join(sorted(_WORDS, reverse=True))})
      (?P<sign>\\*["']?\]?[ \t]*(?::=|=>|={{1,2}}|:(?!:))[ \t]*(?:\bb)?\\*["']?){_VALUE}
    """,
    re.VERBOSE | re.IGNORECASE,
)
_FLAGGED = re.compile(
    rf"""
      (?:(?<![\w-])|(?<=\\[nrt]))(?P<word>--?[a-z][\w-]{{0,60}})
      (?P<sign>[ \t]+["']?)(?!-){_VALUE}
    """,
    re.VERBOSE | re.IGNORECASE,
)
# The rest of a name, before its last word; in prose, a word before that.
_BEFORE = re.compile(r"(?:(?:access|api|private|secret)\ )?[\w.-]{0,40}\Z", re.IGNORECASE)

_ENDS_AS_ONE = re.compile(rf"(?:{'|'.join(_WORDS)})\Z", re.IGNORECASE)
_PASSWORD = re.compile(r"(?:password|passwd|passphrase)\Z", re.IGNORECASE)
# A key that opens something. Other keys are those of dictionaries, columns and caches.
_OPENING_KEY = re.compile(
    r"[A-Z0-9]_KEY\Z"
    r"|(?i:(?:api|access|account|auth|encryption|private|secret|service|signing|ssh)[_. -]?key\Z)"
)
_KEY = re.compile(r"key\Z", re.IGNORECASE)
_TOKENIZERS = re.compile(
    r"(?:bos|cls|end|eos|first|image|last|mask|next|pad|prev|sep|special|start|stop|unk)"
    r"[_.-]?token\Z",
    re.IGNORECASE,
)

_NUMBER = re.compile(r"[\d.,:_/TZ+-]*(?:[eE][-+]?\d+)?(?:[munk]?s|[kKMGT]i?B?|%)?")  # a date too
_NOTHING = frozenset({"empty", "false", "none", "null", "true", "unset"})
# What a traceback's line gives to a name: a call or an item, an attribute, another name.
_IDENTIFIER = re.compile(r"[A-Za-z_.]+")
_CODE = re.compile(r"[A-Za-z_]+(?:\.[A-Za-z_]+)+|\w*(?:key|token|secret|password)", re.IGNORECASE)
# Letters and digits in turn, as in no word, no step and no layer.
_RANDOM = re.compile(
    r"(?<![a-z0-9])(?=[a-z0-9]{12})(?:[a-z]*\d+[a-z]+\d|\d*[a-z]+\d+[a-z])", re.IGNORECASE
)


def _tells(name: str, sign: str, value: str, follows: str) -> bool:
    """Tell whether a value that is given to a name is a secret, and not one of many other things.

    Args:
        name: that ends in one of the words.
        sign: what stands between the two.
        value: without its quotes.
        follows: the character after it, if any.
    """
    if value.lower() in _NOTHING or (follows in {"(", "["} and _IDENTIFIER.fullmatch(value)):
        return False
    if _PASSWORD.search(name):
        return len(value) > 3 or sign.isspace()  # noqa: PLR2004 - "no", "yes", "-"
    if _NUMBER.fullmatch(value) or len(value) < (3 if sign.isspace() else _SHORTEST):
        return False
    if (_KEY.search(name) and not _OPENING_KEY.search(name)) or _TOKENIZERS.search(name):
        return _RANDOM.search(value) is not None
    if name.isupper() or sign[-1:] in {'"', "'"}:
        return True
    if _CODE.fullmatch(value):
        return False
    word = value.rstrip(".!?")
    return not (": " in sign and word.isalpha() and (word.islower() or word.istitle()))


def _after_its_name(found: re.Match[str]) -> str:
    """Keep the name, and hide what is given to it."""
    text, begin = found.string, found.start()
    before = _BEFORE.search(text, max(0, begin - 40), begin)
    name = (before[0] if before else "") + found["word"]
    if _tells(name, found["sign"], found["value"], text[found.end() : found.end() + 1]):
        return found["word"] + found["sign"] + MARK
    return found[0]


def _after_its_flag(found: re.Match[str]) -> str:
    """Do the same on a command line, where a space is enough."""
    return _after_its_name(found) if _ENDS_AS_ONE.search(found["word"]) else found[0]


def _kept(found: re.Match[str]) -> str:
    return (found.groupdict().get("kept") or "") + MARK


def _without_end_of_key(text: str) -> str:
    """Take out the lines of a private key whose first line is not in the text."""
    kept: list[str] = []
    for line in text.split("\n"):
        if (end := _KEY_END.match(line)) is None:
            kept.append(line)
            continue
        above = len(kept)
        while kept and _KEY_LINE.fullmatch(kept[-1]):
            kept.pop()
        kept.append(line if len(kept) == above else MARK + line[end.end() :])
    return "\n".join(kept)


def redact_shapes(text: str) -> str:
    """Take out what looks like a secret, whoever's it is."""
    lower = text.lower()
    for shape in _SHAPES:
        hay = lower if shape.any_case else text
        if any(hint in hay for hint in shape.hints):
            text = shape.pattern.sub(_kept, text)
    if "-----END" in text:
        text = _without_end_of_key(text)
    if _BASETEN_HALF.search(text):
        text = _BASETEN_KEY.sub(MARK, text)
    if any(word in lower for word in _WORDS[:-1]):
        text = _ASSIGNED.sub(_after_its_name, text)
        if "--" in text or " -" in text:
            text = _FLAGGED.sub(_after_its_flag, text)
    return text


class Redactor:
    """Replace what looks like a secret, and every secret this process was given.

    Args:
        secrets: the exact values to hide, whatever their shape, from 8 characters on.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # A shorter one is part of too many words.
        long = [secret for secret in secrets if len(secret) >= _SHORTEST]
        known = {form for secret in long for form in (secret, quote(secret, safe=""))}
        longest_first = sorted(known, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if known else None

    def text(self, text: str) -> str:
        """Return the text with each secret replaced by a mark."""
        if self._known is not None:
            text = self._known.sub(MARK, text)
        return redact_shapes(text)

    def tree(self, value: Any) -> Any:  # noqa: ANN401 - JSON is any shape
        """Redact every string in a JSON-like value; the value itself stays as it is."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.tree(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.tree(item) for item in value]
        return value
