"""Takes the figures that the pictures of the documentation are drawn from.

    python tools/picture_figures.py        folds a year of Complete Journey: some minutes

Writes docs/pictures/figures.json; `tools/pictures.py` draws from it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

from models.census import Counted, cluster_map, counted
from models.policy import Policy, policy_from_preset
from models.population import Population
from streams.datasets import DATASETS
from streams.loop import Loop
from streams.show_outlook import cluster_says
from streams.surveyed_events import fold_events

FIGURES = Path(__file__).resolve().parent.parent / "docs" / "pictures" / "figures.json"
DATASET, PRESET = "complete-journey", "grocery"
BIN_DAYS = 3
LAST_BIN_DAYS = 120
POINTS = 250


def silences(census: list[Counted], day: int) -> list[int]:
    """Customers by days of silence, in bins of three days; the last one holds all the rest."""
    bins = Counter(
        min(max(0, day - each.last_day), LAST_BIN_DAYS) // BIN_DAYS for each, _ in census
    )
    return [bins[place] for place in range(LAST_BIN_DAYS // BIN_DAYS + 1)]


def figures(census: list[Counted], population: Population) -> dict[str, Any]:
    """All that is drawn."""
    clustering = population.clusters
    if clustering is None:
        raise SystemExit(f"{DATASET} has too few customers for clusters")
    seen = cluster_map(census, clustering)
    today = 1 + max(each.last_day for each, _ in census)
    own = [each for each in population.measured.risks if each.own and each.source == "model"]
    return {
        "made_by": "python tools/picture_figures.py",
        "data": DATASET,
        "as_of": date.fromordinal(today).isoformat(),
        "customers": population.customers,
        "typical_gap_days": round(population.gap_days / population.closed_gaps, 2),
        "silence_edges": list(population.recency.quintiles),
        "silence_bins": silences(census, today),
        "points": [[each.x, each.y, each.cluster] for each in seen.points[:POINTS]],
        "clusters": [
            {
                "id": each.id,
                "customers": each.customers,
                "says": cluster_says(each, clustering).en,
                "at": list(seen.centroids[each.id]),
            }
            for each in clustering.clusters
        ],
        "risk": own[-1]._asdict() | {"bins": [list(each) for each in own[-1].bins]},
    }


async def folded(policy: Policy) -> tuple[list[Counted], Population]:
    """The year, in memory; the newest population, and whom it was learned of."""
    loop = Loop(policy, 1)
    await fold_events(loop, DATASETS[DATASET].read(), lambda count: print(f"\r{count:,}", end=""))
    return counted(await loop.sketches()), loop.populations[-1]


def main() -> int:
    """Write the figures."""
    census, population = asyncio.run(folded(policy_from_preset(PRESET)))
    FIGURES.parent.mkdir(exist_ok=True)
    text = json.dumps(figures(census, population), ensure_ascii=False, indent=1)
    FIGURES.write_text(text + "\n", "utf-8")
    print(f"\nwritten: {FIGURES.name}, {len(text):,} characters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
