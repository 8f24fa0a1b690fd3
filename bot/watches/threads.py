"""Several watches of one project in one thread: only one of them announces a newer job."""

from collections import defaultdict
from collections.abc import Iterable

from bot.watches.model import Watch

_Thread = tuple[str, str, str]


class Threads:
    """The watches by thread and project.

    Args:
        watches: all watches that have not ended.
    """

    def __init__(self, watches: Iterable[Watch]) -> None:
        found: defaultdict[_Thread, list[Watch]] = defaultdict(list)
        for watch in watches:
            found[_thread(watch)].append(watch)
        self._shared = {thread: group for thread, group in found.items() if len(group) > 1}

    def audience(self, watch: Watch) -> tuple[str, ...] | None:
        """Return the watchers of the other watches, who hear of a newer job from this one.

        None: another watch, of the earliest message, announces it.
        """
        group = self._shared.get(_thread(watch))
        if group is None:
            return ()
        if min(group, key=lambda each: float(each.ts)) is not watch:
            return None
        return tuple(dict.fromkeys(each for other in group for each in other.watchers))


def _thread(watch: Watch) -> _Thread:
    return watch.channel_id, watch.thread_ts, watch.project.id
