"""Several watches of one project in one thread: only one of them announces a newer job."""

from collections import defaultdict
from collections.abc import Sequence

from bot.watches.model import Watch
from bot.watches.slices import in_slices

_Thread = tuple[str, str, str]


class Threads:
    """The watches by thread and project."""

    def __init__(self) -> None:
        self._found: dict[_Thread, list[Watch]] = {}

    async def set(self, watches: Sequence[Watch]) -> None:
        """Set all watches that have not ended."""
        found: defaultdict[_Thread, list[Watch]] = defaultdict(list)
        self._found = found
        async for some in in_slices(watches):
            for watch in some:
                found[_thread(watch)].append(watch)

    def audience(self, watch: Watch) -> tuple[str, ...] | None:
        """Return the watchers of the other watches, who hear of a newer job from this one.

        None: another watch, of the earliest message, announces it.
        """
        group = self._found.get(_thread(watch)) or [watch]
        if min(group, key=lambda each: float(each.ts)) is not watch:
            return None
        return tuple(dict.fromkeys(each for other in group for each in other.watchers))


def _thread(watch: Watch) -> _Thread:
    return watch.channel_id, watch.thread_ts, watch.project.id
