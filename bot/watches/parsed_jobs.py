"""The reader of the JSON of watched jobs."""

from collections.abc import Callable, Sequence

from bot.baseten.models import TrainingJob
from bot.watches.model import Watch
from bot.watches.slices import in_slices


async def job_reader(watches: Sequence[Watch]) -> Callable[[object], TrainingJob | None]:
    """Return a function that reads the JSON of one answer's jobs.

    That function returns None for a job of a project without a watch, and raises ``ValueError``
    for JSON that is not a valid job. A job that has not changed is the same object as the job of
    its watch: comparing objects with themselves costs nothing.
    """
    watched: dict[str, TrainingJob] = {}
    projects: set[str] = set()
    async for some in in_slices(watches):
        projects.update(watch.project.id for watch in some)
        watched |= {job.id: job for watch in some if (job := watch.project.latest_job) is not None}

    def read(said: object) -> TrainingJob | None:
        match said:
            case {"id": str(job_id), "training_project_id": str(project_id)}:
                if project_id not in projects:
                    return None
                job, kept = TrainingJob.model_validate(said), watched.get(job_id)
                return kept if kept == job else job
        return TrainingJob.model_validate(said)

    return read
