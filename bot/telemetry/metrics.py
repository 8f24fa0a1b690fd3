"""The metrics of one process for Prometheus. Imported only if `METRICS_PORT` is set.

Every label has a value from a fixed list, so a stranger's payload creates no time series, and the
page contains no ids and no names.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_LATEST
OTHER = "other"
# Each entry point of bot/listeners; the label of any other is `OTHER`.
ENTRY_POINTS = frozenset(
    {
        "command",
        "dialog",
        "dialog closed",
        "suggestion",
        "shortcut",
        "home",
        "link",
        "workflow step",
        "event",
        "button:act_run_again",
        "button:act_set_priority",
        "button:act_stop",
        "button:act_use_spot",
        "button:approve_project",
        "button:cancel",
        "button:choose_team",
        "button:create_anyway",
        "button:create_in_other_team",
        "button:decline_project",
        "button:follow",
        "button:home_open",
        "button:job_actions",
        "button:jobs",
        "button:more",
        "button:newer_jobs",
        "button:older_jobs",
        "button:open_dialog",
        "button:open_logs",
        "button:refresh",
        "button:show_help",
        "button:show_job",
        "button:stop_following",
        "button:stop_watching",
        "button:team",
        "button:tell_me",
        "button:tell_me_no_more",
        "button:use_existing",
        "button:use_in_other_team",
        "button:use_team_1",
        "button:use_team_2",
        "button:use_team_3",
        "button:use_team_4",
        "button:watch",
        "button:watch_job",
        "button:watch_too",
    }
)
_ACK_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3)  # Slack waits 3 s
_ANSWER_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800)  # a response URL lives 30 min


@dataclass(frozen=True, slots=True)
class Facts:
    """The state of the bot at the time of a scrape.

    Attributes:
        ready: the bot takes requests.
        socket_connected: None in HTTP mode.
        running: the running tasks of this process by queue; ``background`` counts the light work.
        waiting: by queue, the tasks in the database that can run now and have no process.
        oldest: by queue, the seconds that the oldest of them has waited.
        counted: the number of documents by collection, watches and follows.
    """

    ready: bool = False
    socket_connected: bool | None = None
    running: Mapping[str, int] = field(default_factory=dict)
    waiting: Mapping[str, int] = field(default_factory=dict)
    oldest: Mapping[str, float] = field(default_factory=dict)
    counted: Mapping[str, int] = field(default_factory=dict)


class Metrics:
    """The counters and histograms, and the gauges that each scrape fills.

    Args:
        version: the version of the bot.
    """

    def __init__(self, version: str) -> None:
        self._registry = _Registry()
        self._requests = Counter(
            "training_bot_requests",
            "Requests from Slack by entry point and outcome (ok, refused, failed).",
            ("entry_point", "outcome"),
            registry=self._registry,
        )
        self._acks = Histogram(
            "training_bot_ack_seconds",
            "Seconds from a request to its ack.",
            ("entry_point",),
            registry=self._registry,
            buckets=_ACK_BUCKETS,
        )
        self._answers = Histogram(
            "training_bot_answer_seconds",
            "Seconds from an accepted request to its posted answer.",
            ("entry_point",),
            registry=self._registry,
            buckets=_ANSWER_BUCKETS,
        )
        self._failures = Counter(
            "training_bot_failures",
            "Failures that a person or a workflow was told about, foreseen or unforeseen (a bug).",
            ("kind",),
            registry=self._registry,
        )
        for kind in ("foreseen", "unforeseen"):  # a rate needs the zero before the first failure
            self._failures.labels(kind)
        self._calls = {
            "baseten": Counter(
                "training_bot_baseten_calls",
                "Requests to Baseten by endpoint and HTTP status; none: no answer.",
                ("method", "status"),
                registry=self._registry,
            ),
            "slack": Counter(
                "training_bot_slack_calls",
                "Requests to Slack by method and status: ok, error (Slack's code is in the log),"
                " an HTTP status, or none (no answer).",
                ("method", "status"),
                registry=self._registry,
            ),
        }
        self._facts = _FactsCollector(version)
        self._registry.register(self._facts)
        ProcessCollector(registry=self._registry)

    def request(self, entry_point: str, outcome: str, seconds: float) -> None:
        """Count a request, and record the time until its ack."""
        entry_point = _known(entry_point)
        self._requests.labels(entry_point, outcome).inc()
        self._acks.labels(entry_point).observe(seconds)

    def answer(self, entry_point: str, seconds: float) -> None:
        """Record the time until an answer."""
        self._answers.labels(_known(entry_point)).observe(seconds)

    def failure(self, *, foreseen: bool) -> None:
        """Count a failure."""
        self._failures.labels("foreseen" if foreseen else "unforeseen").inc()

    def call(self, service: str, method: str, status: str) -> None:
        """Count a request to ``slack`` or ``baseten``; both labels are from fixed lists."""
        self._calls[service].labels(method, status).inc()

    def page(self, facts: Facts) -> bytes:
        """Return the page for Prometheus."""
        self._facts.now = facts
        return generate_latest(self._registry)


def _known(entry_point: str) -> str:
    return entry_point if entry_point in ENTRY_POINTS else OTHER


class _Registry(CollectorRegistry):
    """A registry without the series ``…_created``, which double the page and which nobody reads."""

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        for metric in super().collect():
            metric.samples = [each for each in metric.samples if not _is_creation(each.name)]
            yield metric


def _is_creation(name: str) -> bool:
    return name.endswith("_created")


class _FactsCollector(Collector):
    """Turn `Facts` into gauges. Facts that are unknown, such as without a database, have none."""

    def __init__(self, version: str) -> None:
        self.now = Facts()
        self._build = {"version": version, "python": ".".join(map(str, sys.version_info[:3]))}

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges."""
        facts = self.now
        build = GaugeMetricFamily(
            "training_bot_build_info",
            "The version of the bot and of Python.",
            labels=list(self._build),
        )
        build.add_metric(tuple(self._build.values()), 1)
        yield build
        yield GaugeMetricFamily("training_bot_ready", "The bot takes requests.", value=facts.ready)
        if facts.socket_connected is not None:
            yield GaugeMetricFamily(
                "training_bot_socket_connected",
                "Socket Mode: the socket to Slack is connected.",
                value=facts.socket_connected,
            )
        yield _by_queue(
            "training_bot_tasks_running", "Tasks that run in this process.", facts.running
        )
        yield _by_queue(
            "training_bot_tasks_waiting",
            "Tasks in the database that can run now and wait for a slot.",
            facts.waiting,
        )
        yield _by_queue(
            "training_bot_oldest_task_seconds",
            "Seconds that the oldest of the waiting tasks has waited.",
            facts.oldest,
        )
        for collection, count in facts.counted.items():
            yield GaugeMetricFamily(
                f"training_bot_{collection}", f"The number of {collection}.", value=count
            )


def _by_queue(name: str, text: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=("queue",))
    for queue, value in values.items():
        family.add_metric((queue,), value)
    return family
