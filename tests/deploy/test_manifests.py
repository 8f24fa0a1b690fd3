"""The files for Kubernetes and Docker Compose against their schemas, and against the bot."""

import re
from typing import Any

import kubernetes_validate
import pytest
import yaml

from bot import __version__
from bot.settings import Settings
from tests.process import ROOT

DEPLOY = ROOT / "bot/deploy"
KUBERNETES = ("kubernetes.yaml", "kubernetes-sqlite.yaml")


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


def kinds(name: str) -> dict[str, dict[str, Any]]:
    return {document["kind"]: document for document in documents(name)}


def pod(name: str) -> dict[str, Any]:
    template: dict[str, Any] = kinds(name)["Deployment"]["spec"]["template"]["spec"]
    return template


@pytest.mark.parametrize("name", KUBERNETES)
def test_kubernetes_accepts_each_document(name: str) -> None:
    for document in documents(name):
        kubernetes_validate.validate(document, "1.33", strict=True)


@pytest.mark.parametrize("name", KUBERNETES)
def test_a_pod_cannot_do_more_than_it_needs(name: str) -> None:
    (container,) = pod(name)["containers"]
    security = container["securityContext"]
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert pod(name)["securityContext"]["runAsNonRoot"] is True
    assert pod(name)["automountServiceAccountToken"] is False
    assert container["image"].endswith(f":{__version__}")


@pytest.mark.parametrize("name", KUBERNETES)
def test_a_pod_has_the_time_that_its_shutdown_takes(name: str) -> None:
    (container,) = pod(name)["containers"]
    given = {each["name"]: each["value"] for each in container.get("env", ())}
    default = Settings.model_fields["shutdown_seconds"].default
    seconds = float(given.get("SHUTDOWN_SECONDS", default))
    sleeps = re.findall(r"time\.sleep\((\d+)\)", str(container.get("lifecycle")))
    assert pod(name)["terminationGracePeriodSeconds"] == 30
    assert seconds + 3 + sum(map(int, sleeps)) < 30


@pytest.mark.parametrize("name", KUBERNETES)
def test_the_probes_ask_the_pages_that_the_bot_has(name: str) -> None:
    (container,) = pod(name)["containers"]
    paths = [container[f"{each}Probe"]["httpGet"]["path"] for each in ("liveness", "readiness")]
    assert paths == ["/healthz", "/readyz"]
    assert container["ports"][0]["containerPort"] == Settings.model_fields["port"].default


@pytest.mark.parametrize("name", KUBERNETES)
def test_prometheus_reaches_the_metrics_of_a_pod_and_nobody_else_does(name: str) -> None:
    (container,) = pod(name)["containers"]
    given = {each["name"]: each["value"] for each in container["env"]}
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert given["METRICS_HOST"] == "0.0.0.0"  # noqa: S104 - of a container
    assert int(given["METRICS_PORT"]) == ports["metrics"]
    services = [each for each in documents(name) if each["kind"] == "Service"]
    assert all("metrics" not in str(service) for service in services)


def test_postgresql_has_two_replicas_of_which_one_always_stays() -> None:
    found = kinds("kubernetes.yaml")
    spec = found["Deployment"]["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert found["PodDisruptionBudget"]["spec"]["minAvailable"] == 1
    labels = spec["template"]["metadata"]["labels"]
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert found["Service"]["spec"]["selector"] == labels


def test_sqlite_has_one_replica_which_ends_before_the_next_one_starts() -> None:
    found = kinds("kubernetes-sqlite.yaml")
    spec = found["Deployment"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    (container,) = spec["template"]["spec"]["containers"]
    mounted = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
    (data,) = [v for v in pod("kubernetes-sqlite.yaml")["volumes"] if v["name"] == "data"]
    assert mounted["/app/data"] == "data"
    claim = found["PersistentVolumeClaim"]["metadata"]["name"]
    assert data["persistentVolumeClaim"]["claimName"] == claim


def test_compose_starts_two_replicas_without_more_rights_than_they_need() -> None:
    (compose,) = documents("compose.yaml")
    bot = compose["services"]["bot"]
    assert bot["deploy"]["replicas"] == 2
    assert (bot["read_only"], bot["cap_drop"], bot["stop_grace_period"]) == (True, ["ALL"], "30s")
    assert compose["configs"]["balancer"]["file"] == "nginx.conf"
