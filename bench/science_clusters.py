"""Clusters beside batch k-means on the same vectors, week by week.

Vectors are divided by their exact standard deviation over the customers of that week; a dimension
that does not vary is left out.

    cost ÷ batch         mean squared distance to the centroid of the customer's own cluster, over
                         that of batch k-means (10 starts)
    labels' cost ÷ batch the same to the mean of those with the same label: what the labels are
                         worth, whatever the centroids
    ARI                  adjusted Rand index with batch (Hubert & Arabie 1985)
    flips                share of the customers without a purchase in the week whose label is
                         another than the week before
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from bench.science_metrics import (
    Flags,
    Floats,
    Integers,
    adjusted_rand_index,
    centroids_cost,
    labels_cost,
    mean_of,
)
from bench.science_purchases import Purchases
from bench.science_watched import Week

STARTS = 10


class Labelled(NamedTuple):
    """One week's labels, by anyone.

    Attributes:
        labels: one a customer.
        centroids: scaled, by label; None: the algorithm has none.
    """

    labels: Integers
    centroids: dict[int, Floats] | None


class Standing(NamedTuple):
    """Means over the weeks; NaN where it does not apply."""

    cost_ratio: float
    labels_cost_ratio: float
    ari: float
    flips: float
    labels: float
    weeks: int


class Batch(NamedTuple):
    """Batch k-means of one week.

    Attributes:
        points: the vectors, scaled.
        spread: the standard deviation of each dimension kept.
        kept: which dimensions vary.
        centroids: k × dimensions, scaled.
        labels: one a customer.
        cost: mean squared distance.
    """

    points: Floats
    spread: Floats
    kept: Flags
    centroids: Floats
    labels: Integers
    cost: float

    def scaled(self, vectors: Integers | Floats) -> Floats:
        """Other vectors in the same scale."""
        found: Floats = vectors[:, self.kept] / self.spread
        return found


def batch_of(week: Week, k: int, seed: int) -> Batch:
    """k-means on the vectors of a week."""
    spread = week.vectors.std(axis=0)
    kept = spread > 0
    points = week.vectors[:, kept] / spread[kept]
    found = _kmeans(points, k, seed)
    labels = found.labels_.astype(np.int64)
    cost = float(found.inertia_ / len(points))
    return Batch(points, spread[kept], kept, found.cluster_centers_, labels, cost)


def _kmeans(points: Floats, k: int, seed: int) -> Any:
    from sklearn.cluster import KMeans  # noqa: PLC0415 - takes seconds

    return KMeans(k, n_init=STARTS, random_state=seed).fit(points)


def ours(week: Week, batch: Batch) -> Labelled:
    """The product's labels and centroids."""
    centroids = np.array([*week.centroids.values()], dtype=np.float64)
    return Labelled(week.labels, dict(zip(week.centroids, batch.scaled(centroids), strict=True)))


def matched_batches(batches: Sequence[Batch]) -> list[Labelled]:
    """Batch k-means every week, its labels matched with the week before (Hungarian method)."""
    found: list[Labelled] = []
    names: Integers | None = None
    for place, batch in enumerate(batches):
        if names is None:
            names = np.arange(len(batch.centroids))
        else:
            before = batches[place - 1]
            unscaled = before.centroids * before.spread, batch.centroids * batch.spread
            _, old_of = linear_sum_assignment(_distances(unscaled[1], unscaled[0], batch.spread))
            names = names[old_of]
        centroids = dict(zip(names.tolist(), batch.centroids, strict=True))
        found.append(Labelled(names[batch.labels], centroids))
    return found


def _distances(points: Floats, others: Floats, spread: Floats) -> Floats:
    found: Floats = (((points[:, None] - others[None]) / spread) ** 2).sum(axis=2)
    return found


def bootstrapped(weeks: Sequence[Week], batches: Sequence[Batch], seed: int) -> list[Labelled]:
    """Batch k-means of customers drawn with replacement, applied to all: the ceiling of ARI."""
    generator = np.random.default_rng(seed)
    found = []
    for week, batch in zip(weeks, batches, strict=True):
        drawn = generator.integers(0, len(week.rows), len(week.rows))
        k = len(batch.centroids)
        again = _kmeans(batch.points[drawn], k, seed)
        labels = again.predict(batch.points).astype(np.int64)
        found.append(Labelled(labels, dict(enumerate(again.cluster_centers_))))
    return found


def standing(
    weeks: Sequence[Week],
    batches: Sequence[Batch],
    labelled: Sequence[Labelled],
    purchases: Purchases,
) -> Standing:
    """How one algorithm did; weeks in which it labels nobody are left out."""
    paired = list(zip(weeks, batches, labelled, strict=True))
    flips = [
        _flips(before, after, one.labels, other.labels, purchases)
        for (before, _, one), (after, _, other) in pairwise(paired)
    ]
    return Standing(
        mean_of(_cost_ratio(batch, each) for _, batch, each in paired),
        mean_of(labels_cost(b.points, each.labels) / b.cost for _, b, each in paired),
        mean_of(adjusted_rand_index(b.labels, each.labels) for _, b, each in paired),
        mean_of(flips),
        mean_of(len(np.unique(each.labels)) for _, _, each in paired),
        len(paired),
    )


def _cost_ratio(batch: Batch, labelled: Labelled) -> float:
    centroids = labelled.centroids
    if centroids is None or not set(labelled.labels.tolist()) <= set(centroids):
        return float("nan")
    order = {label: place for place, label in enumerate(centroids)}
    places = np.array([order[label] for label in labelled.labels.tolist()])
    return centroids_cost(batch.points, np.array([*centroids.values()]), places) / batch.cost


def _flips(
    before: Week, after: Week, one: Integers, other: Integers, purchases: Purchases
) -> float:
    """Of the customers who are in both weeks and bought nothing between them."""
    within = (purchases.days > before.day) & (purchases.days <= after.day)
    quiet = np.flatnonzero(purchases.sums(within) == 0)
    rows, at_one, at_other = np.intersect1d(before.rows, after.rows, return_indices=True)
    still = np.isin(rows, quiet)
    changed = one[at_one[still]] != other[at_other[still]]
    return float(changed.mean()) if still.any() else float("nan")


def subset(week: Week, rows: Sequence[int]) -> Week:
    """The same week with some of its customers only."""
    kept = np.isin(week.rows, rows)
    return week._replace(rows=week.rows[kept], vectors=week.vectors[kept], labels=week.labels[kept])


def batches_of(
    weeks: Sequence[Week], k: int, seed: int, tell: Callable[[str], None]
) -> list[Batch]:
    """Batch k-means of every week."""
    tell(f"batch k-means of {len(weeks)} weeks")
    return [batch_of(week, k, seed) for week in weeks]
