"""What a dashboard is made of, before Grafana's words for it, and the queries that come again.

Forbidden here: Grafana's JSON, which is tools/dashboards.py's matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture.

    Attributes:
        title: what is seen.
        says: what it means, and when it looks bad.
        unit: Grafana's name of it.
        queries: (expression, legend).
        kind: Grafana's name of the picture.
        width: of 24.
        limits: where it becomes yellow and red; () for never.
    """

    title: str
    says: str
    unit: str
    queries: Sequence[tuple[str, str]]
    kind: str = "timeseries"
    width: int = 8
    limits: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """Panels that belong together, under a line."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page.

    Attributes:
        name: of the file; its uid begins with `segmenter-`.
        title: as it is listed.
        says: whom it is for.
        rows: from above.
    """

    name: str
    title: str
    says: str
    rows: Sequence[Row]


def quantiles(metric: str, by: str = "") -> list[tuple[str, str]]:
    """Median and 99 % of a histogram, perhaps by one of its labels."""
    labels, legend = ("le, " + by, " {{" + by + "}}") if by else ("le", "")
    rates = f"sum by ({labels}) (rate({metric}_bucket[5m]))"
    return [
        (f"histogram_quantile({q}, {rates})", f"{name}{legend}")
        for q, name in ((0.5, "half"), (0.99, "99 %"))
    ]


def rate(metric: str, by: str) -> list[tuple[str, str]]:
    """A counter's pace, by one of its labels."""
    return [(f"sum by ({by}) (rate({metric}[5m]))", "{{" + by + "}}")]


def age(metric: str) -> str:
    """Seconds since the oldest of these moments; 0 is none."""
    return f"time() - min({metric} > 0)"
