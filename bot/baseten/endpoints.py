"""The endpoints by name, for limits, metrics and traces, which hold no ids."""

ENDPOINTS = (
    "GET /v1/teams",
    "POST /v1/teams/{team_id}/training_projects",
    "GET /v1/training_projects",
    "GET /v1/training_projects/{training_project_id}",
    "GET /v1/training_projects/{training_project_id}/jobs",
    "GET /v1/training_projects/{training_project_id}/jobs/{training_job_id}",
    "GET /v1/training_projects/{training_project_id}/jobs/{training_job_id}/checkpoints",
    "GET /v1/training_projects/{training_project_id}/jobs/{training_job_id}/logs",
    "GET /v1/training_projects/{training_project_id}/jobs/{training_job_id}/metrics",
    "POST /v1/training_projects/{training_project_id}/jobs/{training_job_id}/stop",
    "POST /v1/training_projects/{training_project_id}/jobs/{training_job_id}/recreate",
    "PATCH /v1/training_projects/{training_project_id}/jobs/{training_job_id}",
    "POST /v1/training_jobs/search",
    "GET /v1/training/capacity",
)
OTHER = "other"


_WORDS = frozenset(
    word
    for endpoint in ENDPOINTS
    for word in endpoint.partition("/v1/")[2].split("/")
    if not word.startswith("{")
)


def _shape(method: str, path: str) -> tuple[str, ...]:
    """Return the method, and the path's segments with a star for each id."""
    segments = path.partition("/v1/")[2].split("/")
    return (method, *(segment if segment in _WORDS else "*" for segment in segments))


_BY_SHAPE = {_shape(method, path): f"{method} {path}" for method, path in map(str.split, ENDPOINTS)}


def endpoint_of(method: str, path: str) -> str:
    """Return the endpoint of a request, or `OTHER`.

    Args:
        method: the HTTP method.
        path: with a prefix where the API's address has one; without the query.
    """
    return _BY_SHAPE.get(_shape(method, path), OTHER)
