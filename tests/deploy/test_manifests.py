"""The Kubernetes manifests: valid, confined, and of the same mind as the settings and the topics."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from models.policy import policy_from_toml
from streams.patience import STOP_WITHIN_S
from streams.settings import Settings
from streams.topics import LOG, TOPICS
from tests.support.composed import (
    KUSTOMIZE,
    OVERLAYS,
    ROOT,
    Started,
    composed,
    environment,
    is_ours,
    manifests,
    of_kind,
    orchestrated,
    services,
)
from tests.support.crd_schemas import SCHEMAS
from tests.support.secured_kafka import authority
from tests.support.told_metrics import DEPLOY

KUBERNETES = "1.34"
SECURED = "production-secured"  # production, with a Kafka that asks who we are
ROLES = {"worker", "relay", "api", "delivery", "surveyor", "normaliser"}
COMPONENT = "app.kubernetes.io/component"
EVERY = [(overlay, each) for overlay in OVERLAYS for each in manifests(overlay)]
PODS = [
    (overlay, each)
    for overlay, each in EVERY
    if each["kind"] in {"Deployment", "StatefulSet", "Job"}
]
STARTED = [each for overlay in OVERLAYS for each in orchestrated(overlay)]


def named(pair: object) -> str:
    return f"{pair['kind']}-{pair['metadata']['name']}" if isinstance(pair, dict) else str(pair)


def faults(manifest: dict[str, Any]) -> list[str]:
    """What is wrong with a manifest, by the published schema of its kind, or by ours."""
    schema = SCHEMAS.get(manifest["kind"])
    try:
        if schema is None:
            kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
        else:
            assert manifest["apiVersion"] == schema["title"]
            jsonschema.validate(manifest, schema)
    except (kubernetes_validate.ValidationError, jsonschema.ValidationError) as error:
        return [error.message]
    return []


def settings_of(overlay: str) -> Settings:
    """As the worker of an overlay has them, its secrets made up."""
    worker = next(each for each in orchestrated(overlay) if each.arguments == ["run", "worker"])
    return Settings.model_validate(values_of(worker))


def values_of(each: Started) -> dict[str, str]:
    told = {**each.environment, "SEGMENTER_REDIS_URL": "redis+cluster://node:6379"}
    del told["SEGMENTER_CONFIG"]
    return {key.removeprefix("SEGMENTER_").lower(): value for key, value in told.items()}


@pytest.mark.parametrize(("overlay", "manifest"), EVERY, ids=named)
def test_a_manifest_fits_the_schema_of_its_kind(overlay: str, manifest: dict[str, Any]) -> None:
    assert faults(manifest) == []


@pytest.mark.parametrize(
    ("kind", "key"),
    [("Deployment", "replica"), ("KafkaTopic", "partition"), ("PodMonitor", "jobs")],
)
def test_a_misspelt_key_is_found(kind: str, key: str) -> None:
    (manifest, *_) = of_kind("production", kind)
    assert faults(manifest | {"spec": {**manifest["spec"], key: 2}}) != []


@pytest.mark.parametrize("overlay", [*OVERLAYS, SECURED])
def test_what_is_committed_is_what_is_rendered(overlay: str) -> None:
    command = next((each for each in ("kustomize", "kubectl") if shutil.which(each)), None)
    if command is None:
        pytest.skip("neither kubectl nor kustomize is on the PATH: make manifests needs one")
    verb = "build" if command == "kustomize" else "kustomize"
    folder = str(KUSTOMIZE / "overlays" / overlay)
    done = subprocess.run([command, verb, folder], capture_output=True, text=True, check=True)
    assert list(yaml.safe_load_all(done.stdout)) == manifests(overlay), "run: make manifests"


@pytest.mark.parametrize("manifest", manifests(SECURED), ids=named)
def test_where_kafka_asks_who_we_are_a_manifest_fits_the_schema_of_its_kind(
    manifest: dict[str, Any],
) -> None:
    assert faults(manifest) == []


def test_where_kafka_asks_who_we_are_every_process_says_it_over_tls(tmp_path: Path) -> None:
    authority(tmp_path / "ca.pem", "the cluster's")
    started = orchestrated(SECURED)
    assert len(started) == len(orchestrated("production"))
    for each in started:
        assert each.environment["SEGMENTER_KAFKA_SSL_CAFILE"] == "/etc/segmenter/kafka/ca.crt"
        brokers = Settings.model_validate(
            values_of(each) | {"kafka_ssl_cafile": str(tmp_path / "ca.pem")}
        ).brokers
        brokers.require_whole()
        assert brokers.security_protocol == "SASL_SSL"
        assert all(address.endswith(":9093") for address in brokers.addresses)


def test_where_kafka_asks_who_we_are_keda_and_the_network_know_that_listener() -> None:
    ((trigger,),) = (each["spec"]["triggers"] for each in of_kind(SECURED, "ScaledObject"))
    (authentication,) = of_kind(SECURED, "TriggerAuthentication")
    assert trigger["authenticationRef"]["name"] == authentication["metadata"]["name"]
    assert trigger["metadata"]["bootstrapServers"].endswith(":9093")
    (policy,) = (
        each
        for each in of_kind(SECURED, "NetworkPolicy")
        if each["metadata"]["name"] == "segmenter-to-kafka-and-redis"
    )
    assert policy["spec"]["egress"][0]["ports"] == [{"port": 9093, "protocol": "TCP"}]
    spaces = {each["metadata"].get("namespace") for each in manifests(SECURED)} - {None}
    assert spaces == {"segmenter", "kafka"}


@pytest.mark.parametrize(("overlay", "manifest"), PODS, ids=named)
def test_a_pod_is_confined(overlay: str, manifest: dict[str, Any]) -> None:
    pod = manifest["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False  # SEGMENTER_API_PORT=tcp://…, KAFKA_PORT=tcp://…
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@pytest.mark.parametrize(("overlay", "manifest"), PODS, ids=named)
def test_a_container_has_limits_and_all_but_jobs_probes(
    overlay: str, manifest: dict[str, Any]
) -> None:
    for container in manifest["spec"]["template"]["spec"]["containers"]:
        resources = container["resources"]
        assert resources["requests"].keys() == resources["limits"].keys() == {"cpu", "memory"}
        probed = {"livenessProbe", "readinessProbe"} <= container.keys()
        assert probed == (manifest["kind"] != "Job")
        if is_ours(container["image"]) and probed:
            assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
            assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_of_a_namespace_is_held_to_the_restricted_standard(overlay: str) -> None:
    spaces = of_kind(overlay, "Namespace")
    level = "pod-security.kubernetes.io/enforce"
    assert [each["metadata"]["labels"][level] for each in spaces] == ["restricted"]
    (name,) = [each["metadata"]["name"] for each in spaces]
    others = {each["metadata"].get("namespace") for each in manifests(overlay)} - {None}
    assert others == ({name, "kafka"} if overlay == "production" else {name})


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_secrets_are_named_and_never_written_down(overlay: str) -> None:
    assert of_kind(overlay, "Secret") == []
    for each in orchestrated(overlay):
        assert each.environment["SEGMENTER_REDIS_URL"] == "secret:segmenter-secrets/redis-url"
        assert each.environment["SEGMENTER_HASH_KEY"] == "secret:segmenter-secrets/hash-key"


@pytest.mark.parametrize("each", STARTED, ids=lambda each: each.name)
def test_every_setting_exists_and_none_is_refused(each: Started) -> None:
    known = {f"SEGMENTER_{name.upper()}" for name in Settings.model_fields}
    assert each.environment.keys() <= known | {"SEGMENTER_CONFIG"}
    assert Settings.model_validate(values_of(each)).metrics_port == 9101


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_policy_can_be_used_and_stands_where_the_settings_say(overlay: str) -> None:
    (data,) = (
        each["data"]
        for each in of_kind(overlay, "ConfigMap")
        if each["metadata"]["name"].startswith("segmenter-policy")
    )
    assert policy_from_toml(data["segmenter.toml"], "segmenter.toml").preset == "general"
    for path in mounts(overlay):
        assert path["SEGMENTER_CONFIG"] == "/etc/segmenter/policy"


def mounts(overlay: str) -> Iterator[dict[str, str]]:
    """For each pod of ours the folder of each file that its settings name, if it is mounted."""
    for started, each in zip(
        orchestrated(overlay), of_kind(overlay, "Deployment", "Job"), strict=True
    ):
        (container,) = each["spec"]["template"]["spec"]["containers"]
        mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
        files = {key: value for key, value in started.environment.items() if "/" in value}
        folders = {key: value.rpartition("/")[0] for key, value in files.items()}
        yield {key: folder for key, folder in folders.items() if folder in mounted}


def test_files_of_keys_and_endpoints_are_mounted_where_they_are_read() -> None:
    found = {
        started.arguments[1]: path.keys()
        for started, path in zip(orchestrated("production"), mounts("production"), strict=True)
    }
    assert "SEGMENTER_API_KEYS_FILE" in found["api"]
    assert "SEGMENTER_ENDPOINTS_FILE" in found["delivery"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_same_processes_run_as_with_compose(overlay: str) -> None:
    deployments = [each for each in orchestrated(overlay) if each.arguments[0] == "run"]
    assert {each.arguments[1] for each in deployments} == ROLES
    assert {tuple(each.arguments) for each in deployments} == {
        tuple(each.arguments) for each in composed() if each.arguments[0] == "run"
    }
    copies = {each.arguments[1]: each.copies for each in deployments}
    assert copies["normaliser"] == 0  # until a source has a topic
    assert copies["relay"] == copies["surveyor"] == 1


def test_one_version_of_each_image_is_run_everywhere() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    used = {each["image"] for each in services().values()}
    for overlay, manifest in PODS:
        for container in manifest["spec"]["template"]["spec"]["containers"]:
            image = container["image"].removeprefix("registry.example.com/")
            assert image in used, overlay
    assert f"streaming-segmenter:{version}" in used


@pytest.mark.parametrize("each", STARTED, ids=lambda each: each.name)
def test_a_process_has_longer_than_it_takes_to_stop(each: Started) -> None:
    before_s = 5 if each.arguments == ["run", "api"] else 0  # its preStop
    assert each.grace_s > STOP_WITHIN_S + before_s


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_two_relays_never_run_at_once_and_workers_give_way_one_by_one(overlay: str) -> None:
    found = {each["metadata"]["name"]: each["spec"] for each in of_kind(overlay, "Deployment")}
    assert found["segmenter-relay"]["strategy"] == {"type": "Recreate"}
    rolling = found["segmenter-worker"]["strategy"]["rollingUpdate"]
    assert rolling == {"maxSurge": 0, "maxUnavailable": 1}
    assert found["segmenter-api"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_kafka_and_redis_of_a_laptop_cluster_are_set_as_those_that_were_tried_with_compose() -> (
    None
):
    found = {each["metadata"]["name"]: each for each in of_kind("dev", "StatefulSet")}
    containers = {
        name: each["spec"]["template"]["spec"]["containers"][0] for name, each in found.items()
    }
    assert containers["redis"]["args"] == services()["redis"]["command"]
    here, there = environment("dev", containers["kafka"]), services()["kafka"]["environment"]
    elsewhere = {key for key in there if "LISTENER" in key} | {
        "KAFKA_CONTROLLER_QUORUM_VOTERS",
        "KAFKA_LOG_DIRS",
    }
    assert here.keys() == there.keys()
    assert {key for key in there if here[key] != there[key]} <= elsewhere


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_selector_finds_pods(overlay: str) -> None:
    labels = [
        each["spec"]["template"]["metadata"]["labels"]
        for each in of_kind(overlay, "Deployment", "StatefulSet")
    ]
    selectors = [
        each["spec"]["selector"].get("matchLabels", each["spec"]["selector"])
        for each in of_kind(overlay, "Service", "PodDisruptionBudget", "Deployment", "PodMonitor")
    ]
    selectors += [
        each["spec"]["podSelector"].get("matchLabels", {})
        for each in of_kind(overlay, "NetworkPolicy")
    ]
    assert len(selectors) > 12
    assert [
        each for each in selectors if not any(each.items() <= one.items() for one in labels)
    ] == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_is_let_through_but_what_is_named(overlay: str) -> None:
    policies = {
        each["metadata"]["name"]: each["spec"] for each in of_kind(overlay, "NetworkPolicy")
    }
    assert policies["segmenter-deny-all"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }
    (dns,) = policies["segmenter-dns"]["egress"]
    assert dns["to"][0]["podSelector"] == {"matchLabels": {"k8s-app": "kube-dns"}}
    peers = [
        peer
        for each in policies.values()
        for rule in [*each.get("ingress", ()), *each.get("egress", ())]
        for peer in rule["from" if "from" in rule else "to"]
    ]
    assert {} not in peers
    assert len(peers) >= 5


def test_webhooks_leave_by_https_and_for_the_public_internet_only() -> None:
    (spec,) = (
        each["spec"]
        for each in of_kind("production", "NetworkPolicy")
        if each["metadata"]["name"] == "segmenter-webhooks"
    )
    assert spec["podSelector"] == {"matchLabels": {COMPONENT: "delivery"}}
    (rule,) = spec["egress"]
    assert rule["ports"] == [{"port": 443, "protocol": "TCP"}]
    private = {net for peer in rule["to"] for net in peer["ipBlock"]["except"]}
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"} <= private


def test_the_topics_are_those_that_the_command_makes() -> None:
    settings = settings_of("production")
    found = {each["metadata"]["name"]: each for each in of_kind("production", "KafkaTopic")}
    assert found.keys() == {each.name for each in TOPICS}
    for topic in TOPICS:
        spec = found[topic.name]["spec"]
        assert spec["partitions"] == (topic.partitions or settings.partitions)
        assert spec["replicas"] == settings.replication == 3
        safe = {**topic.config, "min.insync.replicas": "2"}
        assert {key: str(value) for key, value in spec["config"].items()} == safe
        assert found[topic.name]["metadata"]["labels"] == {"strimzi.io/cluster": "segmenter"}
    assert of_kind("production", "Job") == []  # one of the two makes them


def test_there_are_never_more_workers_than_partitions_and_an_apply_does_not_take_any_away() -> None:
    settings, (scaled,) = settings_of("production"), of_kind("production", "ScaledObject")
    spec = scaled["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (3, settings.partitions)
    (trigger,) = spec["triggers"]
    asked = trigger["metadata"]
    assert asked["topic"] == LOG
    assert asked["consumerGroup"] == f"{settings.group}-{settings.namespace}"
    assert asked["bootstrapServers"] == settings.bootstrap_servers
    (worker,) = (
        each
        for each in of_kind("production", "Deployment")
        if each["metadata"]["name"] == spec["scaleTargetRef"]["name"]
    )
    assert "replicas" not in worker["spec"]


def test_prometheus_names_the_jobs_as_the_rules_know_them() -> None:
    (monitor,) = of_kind("production", "PodMonitor")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] == "metrics"
    (relabeling,) = endpoint["relabelings"]
    assert relabeling["targetLabel"] == "job"
    components = {
        each["spec"]["template"]["metadata"]["labels"][COMPONENT]
        for each in of_kind("production", "Deployment")
    }
    named_so = {relabeling["replacement"].replace("$1", each) for each in components}
    asked = yaml.safe_load((DEPLOY / "compose" / "prometheus.yml").read_text("utf-8"))
    assert named_so == {each["job_name"] for each in asked["scrape_configs"]}
