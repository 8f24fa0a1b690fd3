"""Jobs that were parsed in the last poll; parsing thousands of unchanged ones blocks the loop."""

from collections.abc import Callable, Sequence

from bot.baseten.models import TrainingJob
from bot.watches.model import Watch
from bot.watches.slices import in_slices


class ParsedJobs:
    """The jobs of the last answer, with their JSON."""

    def __init__(self) -> None:
        self._parsed: dict[str, tuple[object, TrainingJob]] = {}

    async def reader(self, watches: Sequence[Watch]) -> Callable[[object], TrainingJob | None]:
        """Return a function that reads the JSON of one answer's jobs.

        That function returns None for a job of a project without a watch, and raises ``ValueError``
        for JSON that is not a valid job. A job that has not changed is the same object as before,
        and as the job of its watch: comparing objects with themselves costs nothing.
        """
        before, self._parsed = self._parsed, {}
        watched: dict[str, TrainingJob] = {}
        projects: set[str] = set()
        async for some in in_slices(watches):
            projects.update(watch.project.id for watch in some)
            watched |= {watch.job.id: watch.job for watch in some if watch.job is not None}

        def read(said: object) -> TrainingJob | None:
            match said:
                case {"id": str(job_id), "training_project_id": str(project_id)}:
                    if project_id not in projects:
                        return None
                    known = before.get(job_id)
                    if known is None or known[0] != said:
                        job, kept = TrainingJob.model_validate(said), watched.get(job_id)
                        known = (said, kept if kept is not None and kept == job else job)
                    self._parsed[job_id] = known
                    return known[1]
            return TrainingJob.model_validate(said)

        return read
