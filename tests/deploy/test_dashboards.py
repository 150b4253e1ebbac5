"""The dashboards: as generated, of metrics that are told, in expressions that Prometheus parses."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.test_rules import RECORDED
from tests.real_parts import PROMTOOL, RealParts
from tests.support.promtool import promtool
from tests.support.told_metrics import faults
from tools.dashboards import DASHBOARDS, FOLDER, HEIGHT, WIDTH, main, rendered

#: Grafana's names of units, as far as they are used here; a misspelt one is shown as it stands.
UNITS = {"short", "s", "d", "cps", "reqps", "bytes", "percentunit"}
PANELS = [(board.name, panel) for board in DASHBOARDS for row in board.rows for panel in row.panels]
EXPRESSIONS = [expression for _, panel in PANELS for expression, _ in panel.queries]


def drawn(name: str) -> list[dict[str, Any]]:
    """The panels of a dashboard as Grafana gets them."""
    found: list[dict[str, Any]] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))["panels"]
    return found


def test_the_dashboards_are_as_they_are_generated(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().out
    written = {path.name for path in FOLDER.glob("*.json")}
    assert written == {f"{board.name}.json" for board in DASHBOARDS}


def test_a_dashboard_that_was_edited_by_hand_is_told_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tools.dashboards.FOLDER", tmp_path)
    assert main([]) == 0
    (tmp_path / "segments.json").write_text("{}", "utf-8")
    assert main(["--check"]) == 1
    assert "out of date: segments.json; run: make dashboards" in capsys.readouterr().out
    assert (main([]), main(["--check"])) == (0, 0)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_each_expression_names_what_some_process_tells(expression: str) -> None:
    assert faults(expression, RECORDED) == []


def test_prometheus_parses_each_expression(real_parts: RealParts, tmp_path: Path) -> None:
    real_parts.need(PROMTOOL.name)
    numbered = enumerate(dict.fromkeys(EXPRESSIONS))
    rules = [{"record": f"panel:{number}", "expr": each} for number, each in numbered]
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), "utf-8")
    ran = promtool("check", "rules", path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    path.write_text(path.read_text("utf-8").replace("segmenter_live)", "segmenter_live"), "utf-8")
    assert promtool("check", "rules", path).returncode == 1


@pytest.mark.parametrize(("name", "panel"), PANELS, ids=lambda each: getattr(each, "title", each))
def test_each_panel_has_a_title_a_sentence_a_known_unit_and_legends(name: str, panel: Any) -> None:
    assert panel.title[0].isupper(), name
    assert panel.says.endswith((".", "?"))
    assert panel.unit in UNITS
    assert all(legend for _, legend in panel.queries)
    assert list(panel.limits) == sorted(panel.limits)


@pytest.mark.parametrize("board", DASHBOARDS, ids=lambda board: board.name)
def test_no_panel_lies_on_another_or_beside_the_page(board: Any) -> None:
    panels = drawn(board.name)
    assert [each["id"] for each in panels] == list(range(1, len(panels) + 1))
    places = [each["gridPos"] for each in panels]
    assert all(each["x"] + each["w"] <= WIDTH for each in places)
    for one, next_one in pairwise(places):
        beside = next_one["y"] == one["y"] and next_one["x"] == one["x"] + one["w"]
        assert beside or next_one["y"] == one["y"] + one["h"]
        assert one["h"] in {1, HEIGHT}


def test_a_dashboard_asks_the_prometheus_that_is_chosen_and_none_by_name() -> None:
    for board in DASHBOARDS:
        page = json.loads(rendered(board))
        sources = {each["datasource"]["uid"] for each in page["panels"] if "datasource" in each}
        assert sources == {"${datasource}"}
        assert [each["name"] for each in page["templating"]["list"]] == ["datasource"]
