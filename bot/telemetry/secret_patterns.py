"""Patterns of secrets, which match by their own form or by the words before them."""

import re
from dataclasses import dataclass

from bot.telemetry.task_ids import STAND_IN

MARK = "[redacted]"

_PRIVATE = r"(?:[A-Z0-9]+\ ){0,4}PRIVATE\ KEY(?:\ BLOCK)?"
_END = r"""(?:[^\s"'&<>|\\]|\\/)"""  # a character of a URL, also in JSON

# Words after "bearer" in a sentence; no token is one of them.
_PROSE = (
    r"(?:and|auth|authentication|authorization|for|from|in|is|of|or|realm=|scheme|to|tokens?|was"
    r"|with)(?:(?<==)|(?![\w+/=~-]|\.\w))"
)


@dataclass(frozen=True, slots=True)
class _Pattern:
    """One kind of secret.

    Attributes:
        hints: every text with such a secret contains one of these. Most texts contain none, and
            the search for hints is cheaper than the pattern.
        pattern: matches the secret. The group ``kept`` is not redacted. The time is linear in the
            text, so two repeated parts must not match the same characters.
        any_case: hints and pattern ignore case.
    """

    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    any_case: bool = False


def _pattern(*hints: str, pattern: str, any_case: bool = False) -> _Pattern:
    flags = re.VERBOSE | (re.IGNORECASE if any_case else re.NOFLAG)
    return _Pattern(hints, re.compile(pattern, flags), any_case)


_PATTERNS = (
    _pattern(
        "xox",
        "xapp-",
        "xwfp-",
        pattern=r"""
            xox[a-z](?:\.[a-z]+)?-[\w-]{8,}  # Slack tokens: bot, user, rotated
          | xapp-[\w-]{8,}                   # Slack app-level token
          | xwfp-[\w-]{8,}                   # the token of a workflow step
        """,
        any_case=True,
    ),
    _pattern(
        "hooks.slack",
        "discord",
        "api-key",
        "bearer",
        "authorization",
        "cookie",
        '"auth',
        "response_url",
        "/link/?ticket=",
        pattern=rf"""
            https?(?::|%(?:25)*3A)(?:\\?/|%(?:25)*2F){{2}}  # in any encoding
            hooks\.slack(?:-gov)?\.com{_END}*
          | hooks\.slack(?:-gov)?\.com(?:\\?/|%(?:25)*2F){_END}+  # without a scheme
          | discord(?:app)?\.com(?:\\?/|%2F)api(?:\\?/|%2F)(?:v[0-9]+(?:\\?/|%2F))?webhooks{_END}+
          | (?P<kept>
                \b(?:api-key|bearer)\s+(?!{_PROSE})                 # any Authorization header
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
    _pattern(
        "-----BEGIN",
        pattern=rf"""
            -----BEGIN\ {_PRIVATE}-----
            (?:[^-]*(?:-(?!----)[^-]*)*-----END\ {_PRIVATE}-----
              |(?:\s*(?:Proc-Type|DEK-Info|Version|Comment):[^\n]*)*  # where its end was cut off
               [A-Za-z0-9+/=\s\\]*)
        """,
    ),
    _pattern(
        "://",  # a password in an address, or a token in the place of name and password
        pattern=r"""
            (?P<kept>://(?:[^\s/:@"'<>|]*:|(?=(?=[\w-]*[0-9])[\w-]{16,}@)))[^\s/"'<>|]+(?=@)
        """,
    ),
    _pattern(
        "eyJ",  # JSON Web Tokens
        pattern=r"eyJ[\w-]{8,500}\.[\w-]{8,}(?:\.[\w-]*)?",
    ),
    _pattern(
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
        "SG.",
        "npm_",
        "pypi-",
        "gsk_",
        "r8_",
        "dapi",
        "dckr_",
        "rk_",
        "whsec_",
        "xai-",
        "ya29.",
        "pplx-",
        "pcsk_",
        "tgp_v1_",
        "lsv2_",
        pattern=r"""
            hf_[A-Za-z0-9]{20,}                          # Hugging Face
          | (?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=[0-9]m))  # no "task-"; an escape, a color
            sk-(?=[\w-]{0,80}?[0-9])[\w-]{16,}           # OpenAI, Anthropic and their like
          | [rs]k_(?:live|test)_[A-Za-z0-9]{16,}         # Stripe
          | whsec_[A-Za-z0-9+/=]{24,}                    # Stripe, Svix: signing secrets
          | gh[opusr]_[A-Za-z0-9]{20,}                   # GitHub
          | github_pat_\w{20,}
          | A(?:KIA|SIA)[A-Z0-9]{16}(?![A-Za-z0-9])      # AWS; the secret can follow
            (?:[\s:,/"'|]{1,5}[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=]))?
          | AIza[\w-]{35}                                # Google
          | ya29\.[\w-]{20,}                             # Google: an access token
          | wandb_v[0-9]_\w{20,}                         # Weights & Biases
          | (?:nvapi|glpat)-[\w-]{20,}                   # NVIDIA, GitLab
          | SG\.[\w-]{16,40}\.[\w-]{30,}                # SendGrid
          | npm_[A-Za-z0-9]{30,}
          | pypi-Ag[\w-]{40,}
          | gsk_[A-Za-z0-9]{40,}                         # Groq
          | r8_[A-Za-z0-9]{30,}                          # Replicate
          | dapi[0-9a-f]{32}(?:-[0-9]+)?                 # Databricks
          | dckr_[a-z]{3}_[\w-]{20,}                     # Docker
          | (?:xai|pplx)-[A-Za-z0-9]{40,}                # xAI, Perplexity
          | pcsk_\w{40,}                                 # Pinecone
          | tgp_v1_[\w-]{30,}                            # Together
          | lsv2_[a-z]{2}_[0-9a-f]{32}_[0-9a-f]{10}      # LangSmith
        """,
    ),
    _pattern(
        "passw",  # quoted, so it can have several words
        "passphrase",
        pattern=r"""
            (?P<kept>(?:passw(?:or)?d|passphrase)["']?[ \t]*[=:][ \t]*(?P<quote>["']))
            [^"'\n\\]{4,}(?=(?P=quote))
        """,
        any_case=True,
    ),
    _pattern(
        "-signature=",
        "?sig=",
        "&sig=",
        pattern=rf"(?P<kept>(?:\bx-(?:amz|goog)-signature|[?&]sig)=){_END}+",  # signed addresses
        any_case=True,
    ),
    _pattern(
        "password",  # a line of a .netrc file
        pattern=r"""
            (?P<kept>
                \b(?:machine|login)[ \t]+\S+\s+password[ \t]+
              | (?m:^)[ \t]*password[ \t]+(?=[A-Za-z]*[0-9])(?=[A-Za-z0-9+/=]{16,}[ \t]*(?m:$))
            )\S+(?=[ \t]*(?m:$))
        """,
    ),
    _pattern(
        "wandb",  # older keys look like a commit hash
        pattern=r"(?P<kept>wandb[^\n]{0,100}?(?<![0-9a-f]))[0-9a-f]{40}(?![0-9a-f])",
        any_case=True,
    ),
)
# Every text that `redact_patterns` changes contains one of these.
EXACT_HINTS = (
    "-----END",
    *(hint for secret in _PATTERNS if not secret.any_case for hint in secret.hints),
)
ANY_CASE_HINTS = tuple(hint for secret in _PATTERNS if secret.any_case for hint in secret.hints)
HINT_PATTERNS = (r"\.[A-Za-z0-9]{32}",)  # of a Baseten API key, by its second half, which is rarer
_KEY_END = re.compile(rf"\s*-----END\ {_PRIVATE}-----")
_KEY_LINE = re.compile(r"\s*[A-Za-z0-9+/=]+\s*")
_BASETEN_KEY = re.compile(r"(?:[bB]10_)?[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}\b")

_BETWEEN_IDS = re.compile(rf"[^{STAND_IN}]*\w[^{STAND_IN}]*")


def redact_patterns(text: str) -> str:
    """Return the text without the secrets that match a pattern."""
    lower = text.lower()
    for secret in _PATTERNS:
        searched = lower if secret.any_case else text
        if any(hint in searched for hint in secret.hints):
            text = secret.pattern.sub(_redact_match, text)
    if "-----END" in text:
        text = _redact_key_end(text)
    return _BASETEN_KEY.sub(MARK, text)


def mark(secret: str) -> str:
    """Return the replacement of a matched secret; task ids inside the match stay readable."""
    return _BETWEEN_IDS.sub(MARK, secret) if STAND_IN in secret else MARK


def _redact_match(found: re.Match[str]) -> str:
    kept = found.groupdict().get("kept") or ""
    return kept + mark(found[0][len(kept) :])


def _redact_key_end(text: str) -> str:
    """Redact the last lines of a private key whose first line is not in the text."""
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
