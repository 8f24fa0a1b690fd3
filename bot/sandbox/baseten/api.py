"""One method for each endpoint of Baseten's management API that the sandbox answers."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from bot.sandbox import refusals
from bot.sandbox.baseten import job_changes, job_logs, job_measures
from bot.sandbox.baseten.training import KNOWN, Job, Project, Training
from bot.sandbox.fake_server import Recorded
from bot.sandbox.faults import Json, Respond

Endpoint: TypeAlias = Callable[..., Respond]


@dataclass(frozen=True, slots=True)
class Allowed:
    """The permissions of the API key."""

    training: bool
    list_teams: bool
    list_projects: bool
    search: bool
    capacity: bool


class _RefusedError(Exception):
    """Raised anywhere in an endpoint to return an error response."""

    def __init__(self, answer: Respond) -> None:
        super().__init__(answer)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class BasetenApi:
    """The endpoints, over the state of the service."""

    training: Training
    capacities: dict[str, int]
    team_capacities: list[tuple[str, int, str]]
    allowed: Allowed

    def call(self, request: Recorded, segments: list[str]) -> Respond:
        """Return the response to a request whose decoded path segments are given."""
        try:
            endpoint, ids = self._route(request.method, segments)
            return endpoint(request, *ids)
        except _RefusedError as refused:
            return refused.answer

    def _route(self, method: str, segments: list[str]) -> tuple[Endpoint, list[str]]:
        in_job = ("training_projects", "*", "jobs", "*")
        routes: dict[tuple[str, ...], Endpoint] = {
            ("GET", "teams"): self.teams,
            ("POST", "teams", "*", "training_projects"): self.upsert,
            ("GET", "training_projects"): self.projects,
            ("GET", "training_projects", "*"): self.project,
            ("GET", "training_projects", "*", "jobs"): self.jobs,
            ("GET", *in_job): self.job,
            ("PATCH", *in_job): self.update_job,
            ("POST", *in_job, "stop"): self.stop_job,
            ("POST", *in_job, "recreate"): self.recreate_job,
            ("GET", *in_job, "logs"): self.logs,
            ("GET", *in_job, "checkpoints"): self.checkpoints,
            ("GET", *in_job, "metrics"): self.metrics,
            ("POST", "training_jobs", "search"): self.search,
            ("GET", "training", "capacity"): self.capacity,
        }
        asked = (method, *segments[1:]) if segments[0] == "v1" else ()
        for route, endpoint in routes.items():
            if len(route) == len(asked) and all(
                want in ("*", got) for want, got in zip(route, asked, strict=True)
            ):
                ids = [got for want, got in zip(route, asked, strict=True) if want == "*"]
                return endpoint, ids
        raise _RefusedError(refusals.not_found_404("Not found"))

    def teams(self, request: Recorded) -> Respond:
        """`GET /v1/teams`; a `name` in the query selects the teams with exactly this name."""
        if not self.allowed.list_teams:
            raise _RefusedError(refusals.permission_denied_403())
        name = request.query.get("name")
        teams = [team.json() for team in self.training.teams.values() if name in (None, team.name)]
        return Respond(200, {"teams": teams})

    def upsert(self, request: Recorded, team_id: str) -> Respond:
        """`POST /v1/teams/{team_id}/training_projects`."""
        if not self.allowed.training:
            raise _RefusedError(refusals.training_disabled_403())
        body = _object(request)
        wanted = body.get("training_project")
        name = wanted.get("name") if isinstance(wanted, dict) else None
        if not isinstance(name, str) or not name.strip():
            raise _RefusedError(refusals.validation_400())
        if team_id not in self.training.teams:
            raise _RefusedError(refusals.not_found_404("Team not found"))
        project = self.training.upsert(team_id, name)
        return Respond(200, {"training_project": self.training.project_json(project)})

    def projects(self, _request: Recorded) -> Respond:
        """`GET /v1/training_projects`, the newest first."""
        if not self.allowed.list_projects:
            raise _RefusedError(refusals.permission_denied_403())
        projects = sorted(
            self.training.projects.values(), key=lambda project: project.created_at, reverse=True
        )
        return Respond(
            200, {"training_projects": [self.training.project_json(each) for each in projects]}
        )

    def project(self, _request: Recorded, project_id: str) -> Respond:
        """`GET /v1/training_projects/{project_id}`."""
        project = self._project(project_id)
        return Respond(200, {"training_project": self.training.project_json(project)})

    def jobs(self, _request: Recorded, project_id: str) -> Respond:
        """`GET …/jobs`, the newest first."""
        project = self._project(project_id)
        jobs = [self.training.jobs[job_id] for job_id in reversed(project.job_ids)]
        return Respond(
            200,
            {
                "training_project": self.training.project_json(project),
                "training_jobs": [self.training.job_json(job) for job in jobs],
            },
        )

    def job(self, _request: Recorded, project_id: str, job_id: str) -> Respond:
        """`GET …/jobs/{job_id}`."""
        job = self._job(project_id, job_id)
        return Respond(
            200,
            {
                "training_project": self.training.project_json(self._project(project_id)),
                "training_job": self.training.job_json(job),
            },
        )

    def stop_job(self, request: Recorded, project_id: str, job_id: str) -> Respond:
        """`POST …/stop`: the job ends a moment later, as its next reads show."""
        job = self._job(project_id, job_id)
        _object(request)
        try:
            job_changes.stop(self.training, job)
        except ValueError as error:
            raise _RefusedError(refusals.validation_400(str(error))) from None
        return self._changed(job.id)

    def recreate_job(self, request: Recorded, project_id: str, job_id: str) -> Respond:
        """`POST …/recreate`: each call starts a new job with the same configuration."""
        job = self._job(project_id, job_id)
        _object(request)
        return self._changed(job_changes.recreate(self.training, job).id)

    def update_job(self, request: Recorded, project_id: str, job_id: str) -> Respond:
        """`PATCH …/jobs/{job_id}`: the availability model or the priority of a pending job."""
        job = self._job(project_id, job_id)
        try:
            job_changes.update(self.training, job, _object(request))
        except ValueError as error:
            raise _RefusedError(refusals.validation_400(str(error))) from None
        return self._changed(job.id)

    def logs(self, request: Recorded, project_id: str, job_id: str) -> Respond:
        """`GET …/logs`: by default the last half hour, the oldest first."""
        lines = self.training.logs.get(self._job(project_id, job_id).id, [])
        try:
            asked = job_logs.asked(request.query, self.training.now())
        except ValueError as error:
            raise _RefusedError(refusals.validation_400(str(error))) from None
        return Respond(200, {"logs": [line.json() for line in asked.of(lines)]})

    def checkpoints(self, _request: Recorded, project_id: str, job_id: str) -> Respond:
        """`GET …/checkpoints`, in no promised order."""
        job = self._job(project_id, job_id)
        found = [each.json(job.id) for each in self.training.checkpoints.get(job.id, [])]
        return Respond(200, {"training_job": self.training.job_json(job), "checkpoints": found})

    def metrics(self, request: Recorded, project_id: str, job_id: str) -> Respond:
        """`GET …/metrics`: the GPUs' use within the asked times, for each node."""
        job = self._job(project_id, job_id)
        try:
            asked = job_measures.window(request.query)
        except ValueError as error:
            raise _RefusedError(refusals.validation_400(str(error))) from None
        nodes = job_measures.nodes(self.training.gpu_use.get(job.id, []), asked, job.node_count)
        shown = {"training_job": self.training.job_json(job), "cache": None}
        return Respond(200, nodes[0]["metrics"] | shown | {"per_node_metrics": nodes})

    def search(self, request: Recorded) -> Respond:
        """`POST /v1/training_jobs/search`, by default the newest first.

        Baseten does not document how it treats an unknown status. The sandbox refuses it.
        """
        if not self.allowed.search:
            raise _RefusedError(refusals.permission_denied_403())
        wanted = _object(request)
        statuses, project_id, job_id = (
            wanted.get(key) for key in ("statuses", "project_id", "job_id")
        )
        if statuses is not None and not (isinstance(statuses, list) and KNOWN.issuperset(statuses)):
            raise _RefusedError(refusals.validation_400("statuses: invalid"))
        jobs = [
            self.training.job_json(job)
            for job in self.training.jobs.values()
            if (statuses is None or job.current_status in statuses)
            and project_id in (None, job.project_id)
            and job_id in (None, job.id)
        ]
        order_by = wanted.get("order_by", [{"field": "created_at", "order": "desc"}])
        try:
            # The last key first: sorting is stable, so the first key decides.
            for order in reversed(order_by):
                field = str(order["field"])
                jobs.sort(key=lambda job: job[field], reverse=order["order"] == "desc")
        except (KeyError, TypeError):
            raise _RefusedError(refusals.validation_400("order_by: invalid")) from None
        return Respond(200, {"training_jobs": jobs})

    def capacity(self, _request: Recorded) -> Respond:
        """`GET /v1/training/capacity`."""
        if not self.allowed.capacity:
            raise _RefusedError(refusals.permission_denied_403())
        capacities = [
            self.training.capacity_json(gpu_type, limit)
            for gpu_type, limit in self.capacities.items()
        ]
        teams = [self.training.capacity_json(*each) for each in self.team_capacities]
        return Respond(200, {"gpu_capacities": capacities, "team_gpu_capacities": teams or None})

    def _changed(self, job_id: str) -> Respond:
        job = self.training.jobs[job_id]
        return Respond(200, {"training_job": self.training.job_json(job)})

    def _project(self, project_id: str) -> Project:
        if project_id not in self.training.projects:
            raise _RefusedError(refusals.not_found_404())
        return self.training.projects[project_id]

    def _job(self, project_id: str, job_id: str) -> Job:
        if job_id not in self._project(project_id).job_ids:
            raise _RefusedError(refusals.not_found_404("Training job not found"))
        return self.training.jobs[job_id]


def _object(request: Recorded) -> dict[str, Json]:
    try:
        body = json.loads(request.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise _RefusedError(refusals.validation_400("body: Input should be a valid dictionary"))
    return body
