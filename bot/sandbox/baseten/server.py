"""The server of the sandbox's Baseten, and the methods with which a test fills it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from bot.sandbox import refusals
from bot.sandbox.baseten import api as baseten_api
from bot.sandbox.baseten.job_logs import Line
from bot.sandbox.baseten.job_measures import SavedCheckpoint
from bot.sandbox.baseten.training import Job, Team, Training, eight_h100
from bot.sandbox.fake_server import FakeServer, Recorded, utc_now
from bot.sandbox.faults import Json


class SandboxBaseten(FakeServer):
    """Baseten's management API, with teams, training projects and jobs that a test adds.

    Each method returns a snapshot in the shape of the API's JSON.

    Attributes:
        api_key: the only valid key.
        training_enabled: whether training is enabled for the organization; if not, only lists work.
        list_teams_allowed: whether the key has permission to list teams.
        list_projects_allowed: whether the key has permission to list training projects.
        search_allowed: whether the key has permission to search training jobs.
        capacity_allowed: whether the key has permission to read the organization's capacity.
        capacities: the organization's limit of GPUs by type, as the capacity endpoint returns it.
        team_capacities: the limits of teams, by the team's id and the type.
    """

    def __init__(
        self,
        *,
        api_key: str = "sandbox1.0123456789abcdef0123456789abcdef",
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Build an empty Baseten, without even a default team.

        Args:
            api_key: the key that clients must send.
            now: an aware clock; it sets every timestamp, `Date` headers too, and drives scripts.
        """
        super().__init__(now=now)
        self.api_key = api_key
        self.training_enabled = True
        self.list_teams_allowed = True
        self.list_projects_allowed = True
        self.search_allowed = True
        self.capacity_allowed = True
        self.capacities = {"H100": 64, "H200": 16}
        self.team_capacities: dict[tuple[str, str], int] = {}
        self._training = Training(now)

    def stops_after(self, seconds: float) -> None:
        """Let a job end so many seconds after the call that stops it."""
        self._training.stops_after = seconds

    @property
    def upserts(self) -> list[Recorded]:
        """The requests to upsert a training project, with the failed ones."""
        return [
            request
            for request in self.requests
            if request.method == "POST" and request.path.endswith("/training_projects")
        ]

    def add_team(
        self,
        name: str,
        *,
        id: str | None = None,  # noqa: A002 - the API's word
        default: bool = False,
    ) -> dict[str, Json]:
        """Add a team; as in Baseten, two teams can have the same name."""
        team = Team(id or self._training.new_id(), name, default, self.now())
        self._training.teams[team.id] = team
        return team.json()

    def add_project(
        self,
        team_id: str,
        name: str,
        *,
        created_at: datetime | None = None,
        id: str | None = None,  # noqa: A002 - the API's word
    ) -> dict[str, Json]:
        """Add a training project that the bot has not created."""
        if team_id not in self._training.teams:
            unknown = f"no team {team_id}"
            raise LookupError(unknown)
        project = self._training.create(team_id, name, created_at or self.now(), id)
        return self._training.project_json(project)

    def add_job(  # noqa: PLR0913 - a job has this many fields
        self,
        project_id: str,
        *,
        status: str = "TRAINING_JOB_RUNNING",
        name: str | None = None,
        error_message: str | None = None,
        instance_type: dict[str, Json] | None = None,
        node_count: int = 1,
        user_email: str | None = "dana@example.com",
        availability_model: str = "dedicated",
        created_at: datetime | None = None,
        checkpoint_sync_status: str | None = None,
        priority: int = 0,
        id: str | None = None,  # noqa: A002 - the API's word
    ) -> dict[str, Json]:
        """Start a job, which becomes its project's latest; without an instance type: 8xH100."""
        created_at = created_at or self.now()
        job = Job(
            id=id or self._training.new_id(),
            project_id=project_id,
            created_at=created_at,
            updated_at=created_at,
            current_status=status,
            instance_type=instance_type or eight_h100(),
            error_message=error_message,
            node_count=node_count,
            name=name,
            checkpoint_sync_status=checkpoint_sync_status,
            priority=priority,
            availability_model=availability_model,
            user_email=user_email,
        )
        self._training.start(job)
        return self._training.job_json(job)

    def set_job(self, job_id: str, **changes: Any) -> dict[str, Json]:  # noqa: ANN401 - of any field
        """Change a job now: `status`, `error_message`, any field that `add_job` takes.

        Raises:
            TypeError: a job has no such field.
        """
        job = self._training.change(job_id, changes, self.now())
        self.touch()
        return self._training.job_json(job)

    def script_job(
        self,
        job_id: str,
        turns: Sequence[tuple[float, Mapping[str, Any]]],
        once_opened: str | None = None,
    ) -> None:
        """Plan changes of a job.

        Args:
            job_id: the job that changes.
            turns: pairs of seconds from now and the changes at that time. The first read after
                that time applies them, and stamps them with the planned time.
            once_opened: a project's id; the seconds count from when it is first upserted.
        """
        if once_opened is None:
            self._training.plan(job_id, turns)
        else:
            self._training.plan_once_opened(once_opened, job_id, turns)

    def unscript_job(self, job_id: str) -> None:
        """Drop the planned changes of a job."""
        self._training.unplan(job_id)

    def projects(self) -> list[dict[str, Json]]:
        """The current states of all projects, after the planned changes that are due."""
        self._training.catch_up()
        return [self._training.project_json(each) for each in self._training.projects.values()]

    def job(self, job_id: str) -> dict[str, Json]:
        """The current state of a job, after the planned changes that are due."""
        self._training.catch_up()
        return self._training.job_json(self._training.jobs[job_id])

    def project(self, project_id: str) -> dict[str, Json]:
        """The current state of a project, after the planned changes that are due."""
        self._training.catch_up()
        return self._training.project_json(self._training.projects[project_id])

    def job_ids(self, project_id: str) -> tuple[str, ...]:
        """The ids of a project's jobs, from the oldest to the newest."""
        return self._training.projects[project_id].job_ids

    def add_logs(self, job_id: str, lines: list[str], *, level: str | None = None) -> None:
        """Add log lines to a job, a millisecond apart, the last one now."""
        begin = self.now() - timedelta(milliseconds=len(lines))
        self._training.logs.setdefault(job_id, []).extend(
            Line(begin + timedelta(milliseconds=number), line, level)
            for number, line in enumerate(lines)
        )

    def add_checkpoint(
        self, job_id: str, name: str, *, size_bytes: int = 1, sync_status: str | None = "COMPLETE"
    ) -> None:
        """Save a checkpoint of a job now."""
        saved = SavedCheckpoint(name, self.now(), size_bytes, sync_status)
        self._training.checkpoints.setdefault(job_id, []).append(saved)

    def add_gpu_use(self, job_id: str, used: Sequence[float]) -> None:
        """Add measured fractions of use to a job's GPUs, a minute apart, the last one now."""
        begin = self.now() - timedelta(minutes=len(used) - 1)
        self._training.gpu_use.setdefault(job_id, []).extend(
            (begin + timedelta(minutes=number), value) for number, value in enumerate(used)
        )

    def delete_project(self, project_id: str) -> None:
        """Delete a project with its jobs, as a user of Baseten can at any time."""
        self._training.delete(project_id)
        self.touch()

    def delete_team(self, team_id: str) -> None:
        """Delete a team with its projects."""
        for project in [
            each for each in self._training.projects.values() if each.team_id == team_id
        ]:
            self._training.delete(project.id)
        del self._training.teams[team_id]
        self.touch()

    async def answer(self, recorded: Recorded, request: web.Request) -> web.StreamResponse:
        """Answer as the API does: check the key first, then the path, then the arguments."""
        del request  # `recorded` holds everything
        right = {f"api-key {self.api_key}", f"bearer {self.api_key}"}
        scheme, _, key = recorded.headers.get("authorization", "").partition(" ")
        if f"{scheme.lower()} {key}" not in right:
            return self.respond(refusals.wrong_key_403())
        self._training.catch_up()
        segments = [unquote(segment) for segment in recorded.path.strip("/").split("/")]
        api = baseten_api.BasetenApi(
            training=self._training,
            capacities=self.capacities,
            team_capacities=[(kind, n, team) for (team, kind), n in self.team_capacities.items()],
            allowed=baseten_api.Allowed(
                training=self.training_enabled,
                list_teams=self.list_teams_allowed,
                list_projects=self.list_projects_allowed,
                search=self.search_allowed,
                capacity=self.capacity_allowed,
            ),
        )
        return self.respond(api.call(recorded, segments))
