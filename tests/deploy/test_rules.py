"""The alert rules: each fires and stays silent on promtool's own tests, and names what is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.real_parts import PROMTOOL, RealParts
from tests.support.promtool import promtool
from tests.support.told_metrics import DEPLOY, faults

PROMETHEUS = DEPLOY / "prometheus"
RULES = PROMETHEUS / "segmenter.rules.yml"
UNIT_TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
_OF_ALERT = re.compile(r'alertname=(~?)"([^"]+)"')


def rules() -> list[dict[str, Any]]:
    """All, in the order of the file."""
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = [each for each in rules() if "alert" in each]
RECORDED = {each["record"] for each in rules() if "record" in each}


@pytest.fixture
def checker(real_parts: RealParts) -> None:
    """Prometheus' own checker is there."""
    real_parts.need(PROMTOOL.name)


@pytest.mark.usefixtures("checker")
@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_promtool_finds_that_alerts_fire_and_stay_silent(path: Path) -> None:
    ran = promtool("test", "rules", path)
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout


@pytest.mark.usefixtures("checker")
def test_promtool_takes_the_rules_and_the_configuration() -> None:
    for what in (("rules", RULES), ("config", PROMETHEUS / "prometheus.yml")):
        ran = promtool("check", *what)
        assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.usefixtures("checker")
def test_promtool_sees_an_alert_that_does_not_fire(tmp_path: Path) -> None:
    blunt = RULES.read_text("utf-8").replace("max(segmenter_source_silent) == 1", "vector(0) == 1")
    (tmp_path / "segmenter.rules.yml").write_text(blunt, "utf-8")
    (tmp_path / "tests").mkdir()
    moved = tmp_path / "tests" / "time.yml"
    moved.write_text((PROMETHEUS / "tests" / "time.yml").read_text("utf-8"), "utf-8")
    ran = promtool("test", "rules", moved)
    assert ran.returncode == 1
    assert "SegmenterSourceSilent" in ran.stdout + ran.stderr


def looked_at() -> Iterator[tuple[str, bool]]:
    """The alerts that promtool's tests ask for, and whether one is expected to fire."""
    for path in UNIT_TESTS:
        for test in yaml.safe_load(path.read_text("utf-8"))["tests"]:
            for asked in test["promql_expr_test"]:
                for _, names in _OF_ALERT.findall(asked["expr"]):
                    yield from ((each, bool(asked.get("exp_samples"))) for each in names.split("|"))


def test_each_alert_is_seen_to_fire_and_to_stay_silent() -> None:
    seen = set(looked_at())
    names = {each["alert"] for each in ALERTS}
    assert len(names) == len(ALERTS) >= 30
    assert seen == {(name, fires) for name in names for fires in (True, False)}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_each_alert_waits_says_who_is_called_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert re.fullmatch(r"\d+[mh]", rule["for"])
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"deploy/runbook.md#{rule['alert'].lower()}"


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_each_rule_names_what_some_process_tells(rule: dict[str, Any]) -> None:
    assert faults(rule["expr"], RECORDED) == []


def test_each_recorded_sum_is_used_by_an_alert_or_a_dashboard() -> None:
    dashboards = [path.read_text("utf-8") for path in (DEPLOY / "grafana").rglob("*.json")]
    text = "\n".join([*dashboards, *(each["expr"] for each in rules())])
    assert [each for each in RECORDED if each not in text] == []


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("sum(rate(segmenter_folded_total[5m]))", []),
        ("segmenter_folded", ["segmenter_folded"]),
        ("histogram_quantile(0.9, segmenter_batch_seconds_bucket)", []),
        ('segmenter_lag_records{partitions="1"}', ["segmenter_lag_records{partitions}"]),
        ('up{job=~"segmenter-.+"} == 0', []),
        ('process_open_fds{job=~"segmenter-.+"} > 9', []),
        (
            'segmenter_folded_total{outcome=~"events|evnts"}',
            ['segmenter_folded_total{outcome="evnts"}'],
        ),
        ("segmenter:lag:sum > 1", ["segmenter:lag:sum"]),
        ('segmenter_api_requests_total{route="/v1/customers/{customer_id}"}', []),
    ],
)
def test_the_checker_tells_what_is_told_from_what_is_not(expression: str, wrong: list[str]) -> None:
    assert faults(expression, set()) == wrong
