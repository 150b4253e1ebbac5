"""The clusters' tables: the product at several numbers of partitions, batch, and river's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bench import science_goals as goals
from bench.science_clusters import (
    Batch,
    Labelled,
    Standing,
    batches_of,
    bootstrapped,
    matched_batches,
    ours,
    standing,
    subset,
)
from bench.science_purchases import Purchases
from bench.science_river import ALGORITHMS, labelled
from bench.science_tables import Cell, Table
from bench.science_watched import Watched, Week

Row = dict[str, Cell]
Tell = Callable[[str], None]
Looks = Sequence[tuple[int, Watched]]


def cluster_tables(
    dataset: str, purchases: Purchases, looks: Looks, seed: int, tell: Tell
) -> Iterator[Table]:
    """All customers; and, where changes were noted, some of them with river's clusterers."""
    if not looks:
        yield Table(f"Clusters: {dataset}", [], ("no replay had a population with clusters",))
        return
    yield _everyone(dataset, purchases, looks, seed, tell)
    partitions, seen = looks[0]
    if seen.changes:
        yield _beside_river(dataset, purchases, partitions, seen, seed, tell)


def _everyone(dataset: str, purchases: Purchases, looks: Looks, seed: int, tell: Tell) -> Table:
    rows: list[Row] = []
    weeks: list[Week] = []
    batches: list[Batch] = []
    for partitions, seen in looks:
        if not _same(weeks, seen.weeks):
            weeks, batches = seen.weeks, batches_of(seen.weeks, goals.CLUSTERS, seed, tell)
        found = _our_labels(seen.weeks, batches)
        row = _row(
            f"product, {partitions} partitions", standing(seen.weeks, batches, found, purchases)
        )
        rows.append({**row, **_goals(dataset)})
    rows.append(
        _row(
            "batch k-means, ids matched",
            standing(weeks, batches, matched_batches(batches), purchases),
        )
    )
    tell("batch k-means of bootstrap samples")
    ceiling = standing(weeks, batches, bootstrapped(weeks, batches, seed), purchases)
    rows.append({**_row("batch, of a bootstrap sample", ceiling), "flips a week": None})
    return Table(_title(dataset, weeks), rows, _notes(weeks))


def _same(one: Sequence[Week], other: Sequence[Week]) -> bool:
    """Whether the vectors are alike, so that batch need not be fitted again."""
    return len(one) == len(other) and all(
        a.vectors.tobytes() == b.vectors.tobytes() for a, b in zip(one, other, strict=True)
    )


def _our_labels(weeks: Sequence[Week], batches: Sequence[Batch]) -> list[Labelled]:
    return [ours(week, batch) for week, batch in zip(weeks, batches, strict=True)]


def _beside_river(
    dataset: str, purchases: Purchases, partitions: int, seen: Watched, seed: int, tell: Tell
) -> Table:
    chosen = sorted({change.row for change in seen.changes})
    weeks = [subset(week, chosen) for week in seen.weeks]
    batches = batches_of(weeks, goals.CLUSTERS, seed, tell)
    mine = standing(weeks, batches, _our_labels(weeks, batches), purchases)
    rows = [_row(f"product, {partitions} partitions, all customers learned", mine)]
    for name in ALGORITHMS:
        tell(f"{name}, {len(seen.changes):,} changes")
        found, cost_us = labelled(name, seen.changes, weeks, goals.CLUSTERS, seed)
        row = _row(name, standing(weeks, batches, found, purchases))
        rows.append({**row, "µs to learn one": round(cost_us, 1)})
    notes = (
        f"judged on {len(chosen):,} customers, which are all that river's learned: one learn_one "
        f"a change, {len(seen.changes):,} in all; defaults but for k and seed",
    )
    return Table(_title(dataset, weeks) + ", beside river", rows, notes)


def _title(dataset: str, weeks: Sequence[Week]) -> str:
    days = f"{len(weeks)} weeks from day {weeks[0].day}"
    return f"Clusters, k = {goals.CLUSTERS}: {dataset}, {days}"


def _notes(weeks: Sequence[Week]) -> tuple[str, ...]:
    kept = int((weeks[-1].vectors.std(axis=0) > 0).sum())
    return (f"{len(weeks[-1].rows):,} customers in the end, {kept} dimensions that vary",)


def _row(name: str, found: Standing) -> Row:
    return {
        "clusters": name,
        "cost ÷ batch": found.cost_ratio,
        "labels' cost ÷ batch": found.labels_cost_ratio,
        "ARI": found.ari,
        "flips a week": found.flips,
        "labels": round(found.labels, 1),
    }


def _goals(dataset: str) -> Row:
    return {
        "cost goal": str(goals.COST_RATIO),
        "ARI goal": goals.ARI.get(dataset),
        "flips goal": str(goals.FLIPS),
    }
