"""Grafana's dashboards, written here and not clicked.

    python tools/dashboards.py             write deploy/grafana/dashboards/
    python tools/dashboards.py --check     exit 1 if one is out of date

The same bytes each time. What the metrics mean: docs/metrics.md; what to do about them:
deploy/runbook.md. That each is told by some process: tests/deploy/test_dashboards.py.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.dashboard_operations import OPERATIONS
from tools.dashboard_parts import Dashboard, Panel
from tools.dashboard_segments import SEGMENTS

FOLDER = Path(__file__).resolve().parent.parent / "deploy" / "grafana" / "dashboards"
DASHBOARDS = (OPERATIONS, SEGMENTS)
WIDTH, HEIGHT = 24, 8  # of Grafana's grid, and of a panel in it
SCHEMA_VERSION = 39  # of Grafana 10; later ones bring it up to theirs
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_COLOURS = ("green", "yellow", "red")
_VARIABLE = {
    "name": "datasource",
    "label": "Prometheus",
    "type": "datasource",
    "query": "prometheus",
    "current": {},
}


def rendered(dashboard: Dashboard) -> str:
    """A dashboard as Grafana reads it."""
    page = {
        "uid": f"segmenter-{dashboard.name}",
        "title": dashboard.title,
        "description": dashboard.says,
        "tags": ["segmenter"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,  # the same moment is shown in all panels
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "",
        "templating": {"list": [_VARIABLE]},
        "panels": list(_placed(dashboard)),
    }
    return json.dumps(page, indent=2, ensure_ascii=False) + "\n"


def _placed(dashboard: Dashboard) -> Iterator[dict[str, Any]]:
    """Rows and panels from above, each with its place and a number of its own."""
    number = y = 0
    for row in dashboard.rows:
        number += 1
        place = {"x": 0, "y": y, "w": WIDTH, "h": 1}
        yield {"id": number, "type": "row", "title": row.title, "gridPos": place, "panels": []}
        x, y = 0, y + 1
        for panel in row.panels:
            if x + panel.width > WIDTH:
                x, y = 0, y + HEIGHT
            number += 1
            yield _panel(panel, number, {"x": x, "y": y, "w": panel.width, "h": HEIGHT})
            x += panel.width
        y += HEIGHT


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.says,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": _field(panel), "overrides": []},
        "options": _options(panel.kind),
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": _SOURCE,
                "expr": expression,
                "legendFormat": legend,
                "instant": panel.kind != "timeseries",
                "range": panel.kind == "timeseries",
            }
            for place, (expression, legend) in enumerate(panel.queries)
        ],
    }


def _field(panel: Panel) -> dict[str, Any]:
    limits = zip(_COLOURS, (None, *panel.limits), strict=False)
    steps = [{"color": colour, "value": value} for colour, value in limits]
    field = {"unit": panel.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.kind == "timeseries":
        line = "line" if panel.limits else "off"
        field["custom"] = {"fillOpacity": 10, "thresholdsStyle": {"mode": line}}
    return field


def _options(kind: str) -> dict[str, Any]:
    if kind == "timeseries":
        legend = {"displayMode": "list", "placement": "bottom", "showLegend": True}
        return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
    reduced = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    more = {"colorMode": "value"} if kind == "stat" else {"displayMode": "basic"}
    return {"reduceOptions": reduced, "orientation": "auto", **more}


def main(arguments: list[str]) -> int:
    """Write or check; answers the exit code."""
    wanted = {FOLDER / f"{each.name}.json": rendered(each) for each in DASHBOARDS}
    stale = [
        path
        for path, text in wanted.items()
        if not path.exists() or path.read_text("utf-8") != text
    ]
    if stale and "--check" in arguments:
        print(f"out of date: {', '.join(path.name for path in stale)}; run: make dashboards")
        return 1
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], "utf-8")
    print(f"written: {', '.join(path.name for path in stale)}" if stale else "up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
