"""Frozen models of the measures of jobs: capacity, checkpoints, and the use of GPUs."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from bot.baseten.models import NULL_IS_EMPTY, READABLE, ApiAnswer, Moment, Tolerant

_MORE = 0.01  # tolerated below and above a fraction, as numbers are rounded


class GpuCapacity(Tolerant):
    """The GPUs of one type.

    Attributes:
        gpu_type: the type, such as ``H100``.
        limit: the number of GPUs that the organization can use at once; None if unknown.
        usage_count: the number of GPUs in use; 0 if unknown. Spot jobs can raise it above the
            limit.
    """

    gpu_type: str = ""
    limit: int | None = None
    usage_count: int = 0


class TeamCapacity(GpuCapacity):
    """The GPUs of one type that one team can use; see `GpuCapacity`."""

    team_name: str = ""


class Capacities(Tolerant):
    """The body of ``GET /v1/training/capacity``."""

    gpu_capacities: Annotated[Sequence[GpuCapacity], NULL_IS_EMPTY, READABLE] = ()
    team_gpu_capacities: Annotated[Sequence[TeamCapacity], NULL_IS_EMPTY, READABLE] = ()

    def of(self, gpu_type: str, team_name: str) -> GpuCapacity | None:
        """Return the capacity that limits a team: its own one if it has a limit; None if unknown.

        Baseten spells a type in two ways, such as ``A100-40GB`` and ``A100_40GB``.
        """
        ours = [
            each
            for each in self.team_gpu_capacities
            if each.team_name == team_name and each.limit is not None
        ]
        for each in (*ours, *self.gpu_capacities):
            if _plain(each.gpu_type) == _plain(gpu_type):
                return each
        return None


def _plain(gpu_type: str) -> str:
    return "".join(filter(str.isalnum, gpu_type)).casefold()


class Checkpoint(Tolerant):
    """A checkpoint of a job. ``sync_status`` is ``SYNCING`` or ``COMPLETE``, or None."""

    checkpoint_id: str
    created_at: Moment
    size_bytes: int | None = None
    sync_status: str | None = None


class Checkpoints(ApiAnswer):
    """The body of ``GET …/jobs/{training_job_id}/checkpoints``."""

    checkpoints: Annotated[Sequence[Checkpoint], NULL_IS_EMPTY, READABLE] = ()


class MetricValue(ApiAnswer):
    """A measured value at a time."""

    value: float
    timestamp: Moment


class NodeMetrics(Tolerant):
    """The metrics of one node. ``gpu_utilization`` holds fractions, by the GPU's number."""

    gpu_utilization: dict[str, Annotated[list[MetricValue], READABLE]] = Field(default_factory=dict)


class OneNode(Tolerant):
    """A node of a job, with its metrics."""

    metrics: NodeMetrics = NodeMetrics()


class Metrics(NodeMetrics):
    """The body of ``GET …/jobs/{training_job_id}/metrics``.

    The values at the top are those of the leading node; ``per_node_metrics`` has every node.
    """

    per_node_metrics: Annotated[Sequence[OneNode], NULL_IS_EMPTY] = ()

    def gpu_use(self, steps: int) -> list[float]:
        """Return the mean use of all GPUs in equal steps of time; empty without values.

        A value that is no fraction is left out.
        """
        nodes = [each.metrics for each in self.per_node_metrics if each.metrics.gpu_utilization]
        rows = [row for node in nodes or [self] for row in node.gpu_utilization.values()]
        values = [each for row in rows for each in row if -_MORE <= each.value <= 1 + _MORE]
        if not values:
            return []
        begin = min(each.timestamp for each in values)
        length = max(each.timestamp for each in values) - begin
        means: list[list[float]] = [[] for _ in range(steps)]
        for each in values:
            place = (each.timestamp - begin) / length * steps if length else 0
            means[min(steps - 1, int(place))].append(min(1.0, max(0.0, each.value)))
        return [sum(mean) / len(mean) for mean in means if mean]
