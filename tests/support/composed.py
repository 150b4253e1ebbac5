"""What docker-compose.yml and the rendered manifests start, as a process can be started from it.

In: the committed files. Out: names, arguments, environment, probe and grace of each process of ours.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
KUSTOMIZE = ROOT / "deploy" / "kustomize"
OVERLAYS = ("dev", "production")
OURS = "streaming-segmenter"
_UNITS = {"s": 1, "m": 60}
_DEFAULT = re.compile(r"\$\{\w+:-(.*)\}")


class Started(NamedTuple):
    """One process of ours, as a file has it.

    Attributes:
        name: of the service, or of the overlay and the workload.
        arguments: of `segmenter`.
        environment: as the process sees it; a secret by its reference, as `secret:NAME/KEY`.
        probe: what its health check asks: port and path; none of a job.
        grace_s: from SIGTERM to SIGKILL.
        copies: how many there are at first.
    """

    name: str
    arguments: list[str]
    environment: dict[str, str]
    probe: tuple[int, str] | None
    grace_s: float
    copies: int


@cache
def compose() -> dict[str, Any]:
    """The compose file, merged."""
    read: dict[str, Any] = yaml.safe_load(COMPOSE.read_text("utf-8"))
    return read


def services() -> dict[str, dict[str, Any]]:
    """All services, by name."""
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


@cache
def manifests(overlay: str) -> list[dict[str, Any]]:
    """The rendered manifests of an overlay."""
    path = KUSTOMIZE / "rendered" / f"{overlay}.yaml"
    return list(yaml.safe_load_all(path.read_text("utf-8")))


def of_kind(overlay: str, *kinds: str) -> list[dict[str, Any]]:
    """Those of some kinds."""
    return [each for each in manifests(overlay) if each["kind"] in kinds]


def is_ours(image: str) -> bool:
    """Whether it is the image of deploy/Dockerfile."""
    return image.rpartition("/")[2].partition(":")[0] == OURS


def composed() -> list[Started]:
    """Every service of ours."""
    return [
        Started(
            f"compose {name}",
            each["command"],
            {key: _DEFAULT.sub(r"\1", value) for key, value in each["environment"].items()},
            _asked(each["healthcheck"]),
            seconds(each["stop_grace_period"]),
            each["deploy"].get("replicas", 1),
        )
        for name, each in services().items()
        if is_ours(each["image"])
    ]


def orchestrated(overlay: str) -> list[Started]:
    """Every Deployment and Job of ours."""
    return [_orchestrated(overlay, each) for each in of_kind(overlay, "Deployment", "Job")]


def _orchestrated(overlay: str, workload: dict[str, Any]) -> Started:
    pod = workload["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    return Started(
        f"{overlay} {workload['metadata']['name']}",
        container["args"],
        environment(overlay, container),
        _got(container),
        pod["terminationGracePeriodSeconds"],
        workload["spec"].get("replicas", 1),
    )


def environment(overlay: str, container: dict[str, Any]) -> dict[str, str]:
    """What a container is told, its ConfigMaps looked up."""
    known = {each["metadata"]["name"]: each["data"] for each in of_kind(overlay, "ConfigMap")}
    told: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        told |= known[source["configMapRef"]["name"]]
    for each in container.get("env", ()):
        told[each["name"]] = each.get("value") or _reference(each["valueFrom"]["secretKeyRef"])
    return told


def seconds(text: str) -> float:
    """Of `40s` or `1m`."""
    return float(text[:-1]) * _UNITS[text[-1]]


def _reference(secret: dict[str, str]) -> str:
    return f"secret:{secret['name']}/{secret['key']}"


def _asked(healthcheck: dict[str, Any]) -> tuple[int, str] | None:
    if healthcheck.get("disable"):
        return None
    *command, url = healthcheck["test"]
    assert command == ["CMD", "python", "-m", "streams.probe"]
    found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)(/\w+)", url)
    assert found is not None, url
    return int(found[1]), found[2]


def _got(container: dict[str, Any]) -> tuple[int, str] | None:
    if "readinessProbe" not in container:
        return None
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    asked = container["readinessProbe"]["httpGet"]
    return ports[asked["port"]], asked["path"]
