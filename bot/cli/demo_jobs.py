"""The jobs that the user of the demo starts and ends, as with Baseten's Truss."""

from dataclasses import dataclass
from typing import Any

from bot.cli.demo_data import YOUR_EMAIL, log_with_a_key
from bot.sandbox.baseten.server import SandboxBaseten
from bot.sandbox.baseten.training import ENDED

_LOG = ["loading the base model", "step 1 loss=2.31 lr=2.0e-05", "step 2 loss=1.94 lr=2.0e-05"]
_TURNS = [
    (3.0, {"status": "TRAINING_JOB_DEPLOYING"}),
    (8.0, {"status": "TRAINING_JOB_RUNNING", "checkpoint_sync_status": "SYNCING"}),
    (30.0, {"status": "TRAINING_JOB_COMPLETED", "checkpoint_sync_status": "COMPLETED"}),
]
_FAILURE = "Worker 1 exited with code 1: uncorrectable ECC error"


class UnknownProjectError(Exception):
    """No project has this name; the text lists the names."""


@dataclass(frozen=True, slots=True)
class DemoJobs:
    """Start and end jobs.

    Attributes:
        baseten: the Baseten of the demo.
    """

    baseten: SandboxBaseten

    def push(self, name: str) -> str:
        """Start a job in a project, and return what happens."""
        project = self._project(name)
        job = self.baseten.add_job(
            project["id"],
            status="TRAINING_JOB_CREATED",
            name=f"{project['name'].rpartition('/')[2]}-run",
            user_email=YOUR_EMAIL,
        )
        self.baseten.script_job(job["id"], _TURNS)
        self.baseten.add_logs(job["id"], _LOG)
        self.baseten.add_checkpoint(job["id"], "checkpoint-2", size_bytes=3_200_000_000)
        return f"The job {job['name']} started. It runs in 8 seconds and ends after 30."

    def fail(self, name: str) -> str:
        """Let the job of a project fail, and return what happened."""
        return self._end(name, status="TRAINING_JOB_FAILED", error_message=_FAILURE)

    def finish(self, name: str) -> str:
        """Let the job of a project complete, and return what happened."""
        return self._end(name, status="TRAINING_JOB_COMPLETED", checkpoint_sync_status="COMPLETED")

    def _end(self, name: str, **changes: Any) -> str:  # noqa: ANN401 - of a job
        project = self._project(name)
        job = project["latest_job"]
        if job is None or job["current_status"] in ENDED:
            return f"{project['name']} has no job that runs or waits; push {name} starts one."
        if "error_message" in changes:
            self.baseten.add_logs(job["id"], log_with_a_key())
        self.baseten.unscript_job(job["id"])
        self.baseten.set_job(job["id"], **changes)
        return f"The job {job['name'] or job['id']} of {project['name']} has ended."

    def _project(self, name: str) -> dict[str, Any]:
        """Return the project with this name, or with a latest job of this name."""
        wanted = name.strip().strip('"').casefold()
        projects = self.baseten.projects()
        for project in projects:
            job = project["latest_job"] or {}
            if wanted and wanted in {
                str(each).casefold() for each in (project["name"], job.get("name"))
            }:
                return project
        names = ", ".join(sorted(project["name"] for project in projects))
        raise UnknownProjectError(f"There is no project “{name}”. There are: {names}")
