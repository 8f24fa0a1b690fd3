"""The number of files that this process can open; each connection is one."""

import sys
from contextlib import suppress

_USEFUL = 4096
_OURS = 400  # to Slack, Baseten and the database; see bot.connections
_MOST = 3000  # a burst of as many commands at once is served whole


def raise_file_limit() -> None:
    """Raise the soft limit of open files as far as the hard limit allows and the bot can use."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - does not exist for Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _USEFUL if hard == resource.RLIM_INFINITY else min(hard, _USEFUL)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # some systems have a lower limit of their own
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def most_connections() -> int:
    """Return the number of incoming connections that leave files for everything else."""
    if sys.platform == "win32":
        return _MOST
    import resource  # noqa: PLC0415 - as above

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _MOST
    return min(_MOST, max(soft - _OURS, soft // 4))
