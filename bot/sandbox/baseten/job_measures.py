"""The checkpoints of a training job, and the use of its GPUs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.sandbox.faults import Json


@dataclass(frozen=True, slots=True)
class SavedCheckpoint:
    """A checkpoint that a job saved."""

    name: str
    at: datetime
    size_bytes: int
    sync_status: str | None

    def json(self, job_id: str) -> dict[str, Json]:
        """The checkpoint as the API shows it."""
        return {
            "checkpoint_id": self.name,
            "created_at": _iso(self.at),
            "checkpoint_type": "lora",
            "base_model": "Qwen/Qwen3-8B",
            "lora_adapter_config": {"r": 16},
            "size_bytes": self.size_bytes,
            "sync_status": self.sync_status,
            "training_job_id": job_id,
        }


def window(query: Mapping[str, str]) -> tuple[datetime, datetime]:
    """Read the times that a query of the metrics names.

    Raises:
        ValueError: a time is not a number, or the times are in the wrong order.
    """
    try:
        begin, end = (
            datetime.fromtimestamp(int(query[name]) / 1000, UTC) if name in query else default
            for name, default in (
                ("start_epoch_millis", datetime.min.replace(tzinfo=UTC)),
                ("end_epoch_millis", datetime.max.replace(tzinfo=UTC)),
            )
        )
    except ValueError:
        raise ValueError("epoch_millis: Input should be a valid integer") from None
    if begin > end:
        raise ValueError("start_epoch_millis must not be after end_epoch_millis")
    return begin, end


def nodes(
    used: Iterable[tuple[datetime, float]], asked: tuple[datetime, datetime], count: int
) -> Sequence[dict[str, Json]]:
    """Return the metrics of each node, the leader first; all have the same values."""
    begin, end = asked
    values = [{"value": value, "timestamp": _iso(at)} for at, value in used if begin <= at <= end]
    metrics = {
        "gpu_memory_usage_bytes": {},
        "gpu_utilization": {"0": values} if values else {},
        "cpu_usage": [],
        "cpu_memory_usage_bytes": [],
        "ephemeral_storage": {"usage_bytes": [], "utilization": []},
    }
    return [{"node_id": f"node-{number}", "metrics": metrics} for number in range(count)]


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
