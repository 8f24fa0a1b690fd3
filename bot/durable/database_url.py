"""Which addresses of a database the bot understands. Pure, and cheap to import."""

from urllib.parse import urlsplit

from bot.durable.model import DatabaseError

FILE_SCHEMES = frozenset({"sqlite", "sqlite+aiosqlite"})
_SCHEMES = FILE_SCHEMES | {"postgres", "postgresql", "postgresql+asyncpg"}
_NO_URL = (
    "DATABASE_URL is not a URL: give sqlite:///… or postgresql://…, or leave it out for data/bot.db"
    ". In a password, write what is neither a letter nor a digit as % and two hex digits, such as"
    " %40 for @"
)


def read_url(url: str) -> None:
    """Check the address of a database.

    Raises:
        DatabaseError: the bot cannot use it. The text repeats no part of it, as any could be a
            password's.
    """
    try:
        address = urlsplit(url)
        _ = address.port
    except ValueError:
        raise DatabaseError(_NO_URL) from None
    if not address.scheme or "://" not in url or address.netloc.count("@") > 1 or address.fragment:
        raise DatabaseError(_NO_URL)
    if address.scheme not in _SCHEMES:
        raise DatabaseError("DATABASE_URL must begin with sqlite:/// or postgresql://")
    if address.scheme in FILE_SCHEMES:
        if address.netloc:
            raise DatabaseError(
                "DATABASE_URL needs three slashes before a file's name, such as"
                " sqlite:///data/bot.db"
            )
        if address.path in {"", "/", "/:memory:"}:
            raise DatabaseError("DATABASE_URL must name a file, such as sqlite:///data/bot.db")


def shown(url: str) -> str:
    """Return an address without its password."""
    address = urlsplit(url)
    user, at, host = address.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    return address._replace(netloc=f"{name}{':***' if colon else ''}{at}{host}").geturl()
