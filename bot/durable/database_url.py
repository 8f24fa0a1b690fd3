"""Parse and redact database URLs. Pure, and cheap to import."""

import re
from urllib.parse import quote, unquote, urlsplit

from bot.durable.model import DatabaseError

FILE_SCHEMES = frozenset({"sqlite", "sqlite+aiosqlite"})
_SCHEMES = FILE_SCHEMES | {"postgres", "postgresql"}
_DRIVER = re.compile(r"postgres(?:ql)?\+\w+")  # SQLAlchemy's, such as postgresql+psycopg2
_NO_URL = (
    "DATABASE_URL is not a URL: give sqlite:///… or postgresql://…, or leave it out for data/bot.db"
    ". In a password, write each character that is no letter and no digit as % and two hex digits,"
    " such as %40 for @"
)
# Managed servers generate passwords with characters such as # ? /, and do not encode them. Only "@"
# ends a password.
_PARTS = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?:(?P<user>[^:/?#@]*)(?::(?P<password>[^@]*))?@)?"
    r"(?P<rest>.*)"
)

_IN_QUERY = re.compile(r"(?<=[?&]password=)[^&]+|(?<=[?&]sslpassword=)[^&]+")  # libpq allows it


def read_url(url: str) -> str:
    """Return the URL with its password encoded, for standard parsers.

    Raises:
        DatabaseError: the URL is invalid. The text quotes no part of it, because any part could
            belong to a password.
    """
    parts = _PARTS.fullmatch(url)
    if parts is None:
        raise DatabaseError(_NO_URL)
    scheme, rest = _DRIVER.sub("postgresql", parts["scheme"].lower()), parts["rest"]
    try:
        address = urlsplit(f"{scheme}://{rest}")
        for host in address.netloc.split(","):  # libpq allows several
            _ = urlsplit(f"//{host}").port
    except ValueError:
        raise DatabaseError(_NO_URL) from None
    if "@" in address.netloc or address.fragment:
        raise DatabaseError(_NO_URL)
    if scheme not in _SCHEMES:
        raise DatabaseError("DATABASE_URL must begin with sqlite:/// or postgresql://")
    if scheme in FILE_SCHEMES:
        if address.netloc or parts["user"] is not None:
            raise DatabaseError(
                "DATABASE_URL needs three slashes before a file's name, such as"
                " sqlite:///data/bot.db"
            )
        if address.path in {"", "/", "/:memory:"} or "\0" in unquote(address.path):
            raise DatabaseError("DATABASE_URL must name a file, such as sqlite:///data/bot.db")
    if parts["user"] is None:
        return f"{scheme}://{rest}"
    password = "" if parts["password"] is None else f":{_encoded(parts['password'])}"
    return f"{scheme}://{parts['user']}{password}@{rest}"


def passwords(url: str) -> set[str]:
    """Return the URL's passwords, both as written and decoded; empty if it has none."""
    parts = _PARTS.fullmatch(url)
    found = [parts["password"]] if parts and parts["password"] else []
    found += _IN_QUERY.findall(url)
    return {*found, *map(unquote, found)}


def without_password(url: str) -> str:
    """Return the URL with ``***`` for its passwords."""
    url = _IN_QUERY.sub("***", url)
    parts = _PARTS.fullmatch(url)
    if parts is None or parts["password"] is None:
        return url
    return f"{parts['scheme']}://{parts['user']}:***@{parts['rest']}"


def _encoded(password: str) -> str:
    """Encode the characters that end a password in a URL; keep existing escapes such as %40."""
    return quote(password, safe="%!$&'()+*,;=:-._~")
