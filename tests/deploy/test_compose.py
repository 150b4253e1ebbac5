"""The compose file: every container confined, probed and pinned; no secret; settings that exist."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from streams.patience import STOP_WITHIN_S
from streams.settings import Settings
from tests.real_parts import PROMTOOL, RealParts
from tests.support.composed import COMPOSE, ROOT, Started, composed, is_ours, seconds, services
from tests.support.promtool import promtool

SERVICES = services()
OURS = {name: each for name, each in SERVICES.items() if is_ours(each["image"])}
JOBS = {"topics", "keys"}
SETTINGS = {f"SEGMENTER_{name.upper()}" for name in Settings.model_fields}
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
# A tag that names one release; nothing that moves, such as latest, 7 or 7.4.
PINNED = re.compile(r"[\w./-]+:v?\d+\.\d+\.\d+(-[\w.-]+)?(@sha256:[0-9a-f]{64})?")
services_of_all = pytest.mark.parametrize("name", SERVICES)


def is_secret(value: str) -> bool:
    """Whether a value looks like a credential rather than a word, an address or a switch."""
    return bool(re.search(r"sk_|whsec_|://[^/@\s]*:[^/@\s]+@|[0-9a-f]{32}", value))


def test_everything_that_is_asked_for_is_there() -> None:
    assert {"kafka", "redis", "prometheus", "grafana"} == SERVICES.keys() - OURS.keys()
    commands = {" ".join(each["command"][:2]) for each in OURS.values()}
    roles = {"worker", "relay", "api", "delivery", "surveyor", "normaliser"}
    assert commands == {"topics create", "keys create", *(f"run {each}" for each in roles)}
    assert SERVICES["worker"]["deploy"]["replicas"] == 2
    assert SERVICES["normaliser"]["profiles"] == ["sources"]


@services_of_all
def test_a_container_is_confined(name: str) -> None:
    each = SERVICES[name]
    assert each["read_only"] is True
    assert each["cap_drop"] == ["ALL"]
    assert each["security_opt"] == ["no-new-privileges:true"]
    assert not each["user"].startswith(("0", "root"))
    assert any(mount.startswith("/tmp") for mount in each["tmpfs"])
    assert not {"privileged", "cap_add", "devices", "network_mode", "pid"} & each.keys()


@services_of_all
def test_a_container_has_a_health_check_and_limits(name: str) -> None:
    each = SERVICES[name]
    assert each["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
    assert ("disable" in each["healthcheck"]) == (name in JOBS)
    if name not in JOBS:
        assert each["healthcheck"].keys() >= {"test", "interval", "timeout", "retries"}


@services_of_all
def test_an_image_is_pinned_and_a_port_is_of_the_loopback_interface(name: str) -> None:
    each = SERVICES[name]
    assert PINNED.fullmatch(each["image"])
    assert all(port.startswith("127.0.0.1:") for port in each.get("ports", ()))


@pytest.mark.parametrize("image", ["redis", "redis:latest", "redis:7.4", "redis:alpine"])
def test_a_tag_that_moves_is_not_pinned(image: str) -> None:
    assert not PINNED.fullmatch(image)


def test_the_images_that_ours_is_made_of_are_pinned() -> None:
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(stages) == 3
    assert [each for each in stages if not PINNED.fullmatch(each)] == []


@services_of_all
def test_no_secret_stands_in_the_file(name: str) -> None:
    told = SERVICES[name].get("environment", {})
    assert {key: value for key, value in told.items() if is_secret(value)} == {}


def test_a_secret_is_told_from_an_address() -> None:
    assert is_secret("redis://:hunter2@redis:6379/0")
    assert is_secret("whsec_YW4gZXhhbXBsZSBvZiB0aGUgZG9jdW1lbnRz")
    assert not is_secret("redis://redis:6379/0")
    assert not is_secret("INTERNAL://kafka:19092,HOST://localhost:9092")


@pytest.mark.parametrize("each", composed(), ids=lambda each: each.name)
def test_every_setting_exists_and_none_is_refused(each: Started) -> None:
    assert each.environment.keys() <= SETTINGS
    values = {
        key.removeprefix("SEGMENTER_").lower(): value for key, value in each.environment.items()
    }
    assert Settings.model_validate(values).metrics_port == 9101


@pytest.mark.parametrize("name", OURS)
def test_a_process_of_ours_has_longer_than_it_takes_to_stop(name: str) -> None:
    assert seconds(OURS[name]["stop_grace_period"]) > STOP_WITHIN_S


def test_the_user_of_the_file_is_the_one_of_the_image() -> None:
    assert {each["user"] for each in OURS.values()} == {"10001:10001"}
    assert "USER 10001:10001" in DOCKERFILE


def test_volumes_and_files_that_are_mounted_are_there() -> None:
    declared = yaml.safe_load(COMPOSE.read_text("utf-8"))["volumes"].keys()
    mounts = [each for one in SERVICES.values() for each in one.get("volumes", ())]
    sources = {each.partition(":")[0] for each in mounts}
    named = {each for each in sources if not each.startswith("./")}
    assert named == declared
    assert [each for each in sources - named if not (ROOT / each).exists()] == []
    assert all(each.endswith(":ro") for each in mounts if each.startswith("./"))


def test_prometheus_asks_every_process_that_runs_and_has_the_rules(
    real_parts: RealParts, tmp_path: Path
) -> None:
    """`promtool` reads the file where the container has it: beside the rules."""
    real_parts.need(PROMTOOL.name)
    for path in ("deploy/compose/prometheus.yml", "deploy/prometheus/segmenter.rules.yml"):
        shutil.copy(ROOT / path, tmp_path)
    checked = promtool("check", "config", tmp_path / "prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    config = yaml.safe_load((tmp_path / "prometheus.yml").read_text("utf-8"))
    asked = {
        (each["job_name"], name, where["port"])
        for each in config["scrape_configs"]
        for where in each["dns_sd_configs"]
        for name in where["names"]
    }
    running = OURS.keys() - JOBS
    assert asked == {(f"segmenter-{name}", name, 9101) for name in running}


def test_grafana_finds_its_source_and_the_dashboards_where_they_are_mounted() -> None:
    folder = ROOT / "deploy" / "compose" / "grafana" / "provisioning"
    (source,) = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text())[
        "datasources"
    ]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((folder / "dashboards" / "segmenter.yml").read_text())["providers"]
    where = f"./deploy/grafana/dashboards:{provider['options']['path']}:ro"
    assert where in SERVICES["grafana"]["volumes"]
    assert list((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
