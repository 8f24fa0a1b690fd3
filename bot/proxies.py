"""Proxies and certificates: aiohttp and OpenSSL read them from the environment by themselves."""

import os
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from bot.environment import Ignored, is_host, unquoted

_SCHEME = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://.")


def wrong_proxies() -> list[str]:
    """Return a line for each wrong variable of a proxy, with its cure and without its value."""
    found = getproxies()
    proxy, other, around = (found.get(name, "") for name in ("https", "http", "no"))
    cure = "give http://<host>:<port>, which carries HTTPS too"
    lines = [f"HTTPS_PROXY {problem}: {cure}"] if (problem := _proxy_problem(proxy)) else []
    if other and not _is_address(other):  # aiohttp reads both
        lines.append(f"HTTP_PROXY is no address: {cure}, or leave it out")
    if around[:1] in {'"', "'"}:
        lines.append("NO_PROXY has quotes around it: remove them")
    return lines


def _proxy_problem(proxy: str) -> str | None:
    if not proxy:
        return None
    if proxy != unquoted(proxy):
        return "has quotes or spaces around it"
    if (scheme := _SCHEME.match(proxy.lower())) is None:
        return "has no scheme"
    if scheme["scheme"] != "http":
        return f"begins with {scheme['scheme']}://"
    good = _is_address(proxy) and urlsplit(proxy).hostname
    return None if good else "has no valid host and port"


def _is_address(url: str) -> bool:
    """Return whether aiohttp can read the URL; with a wrong one, it fails in each request."""
    from yarl import URL  # noqa: PLC0415 - few have a proxy

    try:
        return is_host(URL(url).host or "")
    except ValueError:
        return False


def unused_proxy() -> list[Ignored]:
    """Return ``ALL_PROXY`` if it is the only proxy: the bot does not use it."""
    proxies = getproxies()
    if "all" not in proxies or "https" in proxies:
        return []
    return [Ignored("ALL_PROXY", "the bot does not use it; give HTTPS_PROXY")]


def proxy_of(url: str) -> str | None:
    """Return the proxy for an address, or None: ``NO_PROXY`` names hosts without one."""
    host = urlsplit(url).hostname or ""
    return None if proxy_bypass(host) else getproxies().get("https")


def missing_certificates(env: Mapping[str, str]) -> list[Ignored]:
    """Return the variables of OpenSSL that name no certificates; OpenSSL itself says nothing."""
    found = []
    if (file := env.get("SSL_CERT_FILE")) and not _has_certificates(file):
        why = "it names no readable file of certificates (PEM); correct the path, or leave it out"
        found.append(Ignored("SSL_CERT_FILE", why))
    folders = env.get("SSL_CERT_DIR", "")
    if folders and not any(Path(each).is_dir() for each in folders.split(os.pathsep)):
        why = "it names no folder; correct the path, or leave it out"
        found.append(Ignored("SSL_CERT_DIR", why))
    return found


def _has_certificates(file: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except OSError:  # an ssl.SSLError is one
        return False
    return True
