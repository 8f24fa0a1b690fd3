"""Jobs that were parsed in the last poll; parsing thousands of unchanged ones blocks the loop."""

from collections.abc import Callable, Container

from bot.baseten.models import TrainingJob


class ParsedJobs:
    """The jobs of the last answer, with their JSON."""

    def __init__(self) -> None:
        self._parsed: dict[str, tuple[object, TrainingJob]] = {}

    def reader(self, projects: Container[str]) -> Callable[[object], TrainingJob | None]:
        """Return a function that reads the JSON of one answer's jobs.

        That function returns None for a job of another project, and raises ``ValueError`` for JSON
        that is not a valid job. A job whose JSON has not changed is the same object as before.
        """
        before, self._parsed = self._parsed, {}

        def read(said: object) -> TrainingJob | None:
            match said:
                case {"id": str(job_id), "training_project_id": str(project_id)}:
                    if project_id not in projects:
                        return None
                    known = before.get(job_id)
                    if known is None or known[0] != said:
                        known = (said, TrainingJob.model_validate(said))
                    self._parsed[job_id] = known
                    return known[1]
            return TrainingJob.model_validate(said)

        return read
