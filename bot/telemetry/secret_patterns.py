"""What a secret looks like by itself, or by the words before it."""

import re
from dataclasses import dataclass

from bot.telemetry.task_ids import STAND_IN

MARK = "[redacted]"

_PRIVATE = r"(?:[A-Z0-9]+\ ){0,4}PRIVATE\ KEY(?:\ BLOCK)?"
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
        "cookie",
        '"auth',
        "response_url",
        "/link/?ticket=",
        pattern=rf"""
            https?(?::|%3A)(?:\\?/|%2F){{2}}hooks\.slack\.com{_END}*  # however encoded
          | (?P<kept>
                \b(?:api-key|bearer)\s+                             # any Authorization header
              | authorization\\*["']?\s*[=:]\s*\\*["']?(?:basic|token|digest)\s+
              | authorization\\*["']\s*:\s*\\*["'](?=[^\s"']{{8,}}["'])   # without a scheme
              | "auth\\*"\s*:\s*\\*"(?=[^\s"]{{8,}}")                     # a registry's login
              | \b(?:set-)?cookie\\*["']?\s*:\s*\\*["']?[\w.-]+=
              | response_url\\?["']?\s*[=:]\s*\\?["']?              # a response URL of any host
              | /link/\?ticket=                                     # a socket's one-time ticket
            ){_END}+
        """,
        any_case=True,
    ),
    _shape(
        "-----BEGIN",
        pattern=rf"""
            -----BEGIN\ {_PRIVATE}-----
            (?:[^-]*(?:-(?!----)[^-]*)*-----END\ {_PRIVATE}-----
              |(?:\s*(?:Proc-Type|DEK-Info|Version|Comment):[^\n]*)*  # where its end was cut off
               [A-Za-z0-9+/=\s\\]*)
        """,
    ),
    _shape(
        "://",  # a password in an address, or a token in the place of name and password
        pattern=r"""
            (?P<kept>://(?:[^\s/:@"'<>|]*:|(?=(?=[\w-]*[0-9])[\w-]{16,}@)))[^\s/"'<>|]+(?=@)
        """,
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
          | A(?:KIA|SIA)[A-Z0-9]{16}(?![A-Za-z0-9])      # AWS; its secret, where that follows
            (?:[\s:,/"'|]{1,5}[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=]))?
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
        "-signature=",
        "?sig=",
        "&sig=",
        pattern=rf"(?P<kept>(?:\bx-(?:amz|goog)-signature|[?&]sig)=){_END}+",  # signed addresses
        any_case=True,
    ),
    _shape(
        "password",  # a line of a .netrc file
        pattern=r"""
            (?P<kept>(?m:^)[ \t]*(?:machine[ \t]+\S+[ \t]+)?(?:login[ \t]+\S+[ \t]+)?
            password[ \t]+)\S+(?=[ \t]*(?m:$))
        """,
    ),
    _shape(
        "wandb",  # whose older keys look like a commit, but are not spoken of as one
        pattern=r"(?P<kept>wandb[^\n]{0,100}?(?<![0-9a-f]))[0-9a-f]{40}(?![0-9a-f])",
        any_case=True,
    ),
)
_CASED_HINTS = tuple(hint for shape in _SHAPES if not shape.any_case for hint in shape.hints)
_HINTS = ("-----end", *(hint for shape in _SHAPES if shape.any_case for hint in shape.hints))
_KEY_END = re.compile(rf"\s*-----END\ {_PRIVATE}-----")
_KEY_LINE = re.compile(r"\s*[A-Za-z0-9+/=]+\s*")
# A Baseten API key is looked for by its rarer half.
_BASETEN_HALF = re.compile(r"\.[A-Za-z0-9]{32}\b")
_BASETEN_KEY = re.compile(r"(?:[bB]10_)?[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}\b")

_BETWEEN_IDS = re.compile(rf"[^{STAND_IN}]*\w[^{STAND_IN}]*")


def has_hint(text: str) -> bool:
    """Return False only for a text in which no shape of a secret can be found."""
    return (
        any(map(text.__contains__, _CASED_HINTS))
        or any(map(text.lower().__contains__, _HINTS))
        or _BASETEN_HALF.search(text) is not None
    )


def without_shapes(text: str) -> str:
    """Take out what has the shape of a secret."""
    if not has_hint(text):
        return text
    lower = text.lower()
    for shape in _SHAPES:
        hay = lower if shape.any_case else text
        if any(hint in hay for hint in shape.hints):
            text = shape.pattern.sub(_kept, text)
    if "-----END" in text:
        text = _without_end_of_key(text)
    if _BASETEN_HALF.search(text):
        text = _BASETEN_KEY.sub(MARK, text)
    return text


def mark(secret: str) -> str:
    """Return a mark to stand in the place of a secret; the ids of tasks in it stay."""
    return _BETWEEN_IDS.sub(MARK, secret) if STAND_IN in secret else MARK


def _kept(found: re.Match[str]) -> str:
    kept = found.groupdict().get("kept") or ""
    return kept + mark(found[0][len(kept) :])


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
