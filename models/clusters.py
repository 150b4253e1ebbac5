"""Clusters: a few groups of customers who buy alike, with numbers that last.

Enters: the micro-clusters of all partitions once an epoch, and the clusters before. Leaves: a
`Clustering`, which the population carries, and from it the cluster of one customer.
Forbidden here: how vectors are made, the clock.

Vectors and centroids are whole numbers, thousandths, not scaled: what they mean stays put while the
spread of customers changes. Distances divide each dimension by its standard deviation.

A cluster keeps its id while it is matched with one of the epoch before: pairs are chosen so that
their squared distances add up to least (Kuhn 1955, the Hungarian method), and all pairs are nearer
than `SAME_WITHIN`. An id is never given again. Labels hold still in three ways: the clusters
before are the start of the new ones and give way only to much better ones; ids follow clusters;
and a customer leaves a cluster only for one that is clearly nearer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import dist, inf, isqrt
from typing import Literal, NamedTuple

import numpy as np

from models.kmeans import (
    Floats,
    cost,
    lloyd,
    nearest,
    silhouette,
    squared_distances,
    weighted_kmeans,
)
from models.microclusters import Spread, Vector
from models.recalled import recalled

CUSTOMERS_A_CLUSTER = 10  # fewer than so many for each cluster wanted: there is none yet
K_CHOICES = range(3, 9)  # more than eight groups, and nobody remembers which is which
K_MARGIN = 0.02  # of silhouette, by which another number of clusters must be better
WARM_UNTIL = 0.98  # fresh clusters take over below this share of the old ones' cost
SAME_WITHIN = 0.5  # standard deviations a dimension, root mean square
LEAVE_BELOW = (
    0.8  # of the squared distance to the cluster that one is in; at .9 a quarter more of them flip
)
PLACES_KEPT = 16_384  # of customers that were looked for

Group = tuple[int, Vector]  # customers and the sums of their vectors


class Cluster(NamedTuple):
    """One cluster.

    Attributes:
        id: counts from 1, never given again.
        customers: those of the micro-clusters that are nearest to it.
        centroid: thousandths, not scaled.
    """

    id: int
    customers: int
    centroid: Vector


class Clustering(NamedTuple):
    """The clusters of one epoch.

    Attributes:
        clusters: ascending by id.
        scales: the standard deviation of each dimension, thousandths; 0: not used.
        next_id: of the next cluster that is born.
        born: ids that the clustering before did not have.
        died: ids that only the clustering before had.
        cost_millionths: mean squared distance, scaled, of a customer to the centroid nearest to
            their micro-cluster; exact, the scatter inside micro-clusters is in it.
        silhouette_millionths: how far apart the clusters are, 0 to 1: `models.kmeans.silhouette`.
    """

    clusters: tuple[Cluster, ...]
    scales: Vector
    next_id: int
    born: tuple[int, ...]
    died: tuple[int, ...]
    cost_millionths: int
    silhouette_millionths: int


class Space(NamedTuple):
    """Where distances are measured: 0 is the mean of all customers, 1 a standard deviation.

    Attributes:
        origin: the mean, thousandths.
        scales: the standard deviation, thousandths; a dimension of scale 0 is 0 for everybody.
    """

    origin: Vector
    scales: Vector

    def inside(self, vectors: Floats) -> Floats:
        """Rows of thousandths → rows of standard deviations from the mean."""
        scales = np.array(self.scales, np.float64)
        used = np.where(scales > 0, scales, 1.0)
        return np.where(scales > 0, (vectors - np.array(self.origin)) / used, 0.0)

    def outside(self, rows: Floats) -> list[Vector]:
        """The reverse, rounded."""
        vectors = np.rint(rows * np.array(self.scales, np.float64)) + np.array(self.origin)
        return [tuple(map(int, row)) for row in vectors]


def space_of(spread: Spread) -> Space:
    """The space of so many customers, at least one; whole numbers, so that it can be stored."""
    n = spread.customers
    return Space(
        tuple((2 * each + n) // (2 * n) for each in spread.sums),
        tuple((isqrt(4 * square) + n) // (2 * n) for square in spread.squared_deviations()),
    )


def clustered(
    groups: Sequence[Group],
    spread: Spread,
    previous: Clustering | None,
    seed: int,
    k: int | Literal["auto"],
    centroids: Floats | None = None,
) -> Clustering | None:
    """The clusters of an epoch.

    Args:
        groups: the micro-clusters of all partitions.
        spread: of the same customers.
        previous: the clusters of the epoch before.
        seed: the same seed, the same clusters.
        k: clusters wanted; "auto": the number, from `K_CHOICES`, with the best silhouette, but
            the number before unless another is better by `K_MARGIN`.
        centroids: of another algorithm, in `space_of(spread)`; then `k` only says how many
            customers are needed. Clusters without customers are left out.

    Returns:
        None while there are fewer than 10 customers for each cluster, or fewer different
        micro-clusters than clusters. Whoever calls then keeps what was before.
    """
    if spread.customers < CUSTOMERS_A_CLUSTER * (K_CHOICES[0] if k == "auto" else k):
        return None
    space = space_of(spread)
    weights = np.array([customers for customers, _ in groups], np.float64)
    means = np.array([[each / n for each in sums] for n, sums in groups])
    points = space.inside(means)
    scatter = _scatter(groups, spread, space)
    if centroids is None:
        before = None if previous is None else space.inside(_centroids(previous))
        centroids = _chosen(points, weights, scatter, before, seed, k)
    if centroids is None:
        return None
    used = np.unique(nearest(points, centroids))
    return _named(points, weights, scatter, space, centroids[used], previous)


def cluster_of(clustering: Clustering, vector: Vector, current: int | None) -> int:
    """The cluster of a customer: the nearest, unless the one they are in is nearly as near.

    Args:
        clustering: at least one cluster.
        vector: of as many dimensions.
        current: the cluster they are in; None, or one that is no more: they are in none.
    """
    return _map_of(clustering).cluster_of(vector, current)


def distance_squared(clustering: Clustering, vector: Vector) -> float:
    """How far a customer is from the nearest centroid, scaled; its mean is the clustering's cost."""
    return min(off for _, off in _map_of(clustering).distances(vector)) ** 2


class _Map:
    """The centroids, scaled, and who was found where: between two purchases nobody moves."""

    def __init__(self, clustering: Clustering) -> None:
        # What to divide by; it makes nothing of an unused dimension.
        self._scales = [float(scale) if scale else inf for scale in clustering.scales]
        self._centres = [(each.id, self._scaled(each.centroid)) for each in clustering.clusters]
        self._found: dict[tuple[Vector, int | None], int] = {}

    def _scaled(self, vector: Vector) -> list[float]:
        return [value / scale for value, scale in zip(vector, self._scales, strict=True)]

    def distances(self, vector: Vector) -> Iterator[tuple[int, float]]:
        place = self._scaled(vector)
        return ((cluster_id, dist(place, centre)) for cluster_id, centre in self._centres)

    def cluster_of(self, vector: Vector, current: int | None) -> int:
        found = self._found.get((vector, current))
        if found is None:
            if len(self._found) >= PLACES_KEPT:
                self._found.clear()
            found = self._found[vector, current] = self._nearest(vector, current)
        return found

    def _nearest(self, vector: Vector, current: int | None) -> int:
        best, least, mine = 0, inf, inf
        for cluster_id, off in self.distances(vector):
            if off < least:
                best, least = cluster_id, off
            if cluster_id == current:
                mine = off
        if current is None or mine == inf or least * least < LEAVE_BELOW * mine * mine:
            return best
        return current


_map_of = recalled(_Map)


def _chosen(
    points: Floats,
    weights: Floats,
    scatter: float,
    before: Floats | None,
    seed: int,
    k: int | Literal["auto"],
) -> Floats | None:
    """Centroids as many as wanted, or as many as fit best; None: there are not so many points."""
    distinct = len(np.unique(points, axis=0))
    if k != "auto":
        return None if distinct < k else _fitted(points, weights, before, seed, k)
    most = min(distinct, int(weights.sum()) // CUSTOMERS_A_CLUSTER)
    choices = [count for count in K_CHOICES if count <= most]
    fits = {count: _fitted(points, weights, before, seed, count) for count in choices}
    widths = {count: silhouette(points, weights, fit, scatter) for count, fit in fits.items()}
    if not fits:
        return None
    best = max(widths, key=widths.__getitem__)
    now = 0 if before is None else len(before)
    return fits[now if now in fits and widths[best] < widths[now] + K_MARGIN else best]


def _fitted(points: Floats, weights: Floats, before: Floats | None, seed: int, k: int) -> Floats:
    """Fresh centroids, or those before, moved on, while they are nearly as good."""
    fresh = weighted_kmeans(points, weights, k, seed)
    if before is None or len(before) != k:
        return fresh
    warm = lloyd(points, weights, before)
    gained = cost(points, weights, fresh) < WARM_UNTIL * cost(points, weights, warm)
    return fresh if gained else warm


def _named(
    points: Floats,
    weights: Floats,
    scatter: float,
    space: Space,
    centroids: Floats,
    previous: Clustering | None,
) -> Clustering:
    ids, next_id = _ids(centroids, space, previous)
    labels = nearest(points, centroids)
    customers = np.bincount(labels, weights, minlength=len(ids))
    rows = zip(ids, map(int, customers), space.outside(centroids), strict=True)
    known = set() if previous is None else {each.id for each in previous.clusters}
    return Clustering(
        clusters=tuple(sorted(Cluster(*row) for row in rows)),
        scales=space.scales,
        next_id=next_id,
        born=tuple(sorted(set(ids) - known)),
        died=tuple(sorted(known - set(ids))),
        cost_millionths=round(1e6 * (cost(points, weights, centroids) + scatter)),
        silhouette_millionths=round(1e6 * silhouette(points, weights, centroids, scatter)),
    )


def _ids(centroids: Floats, space: Space, previous: Clustering | None) -> tuple[list[int], int]:
    """An id for each centroid, that of the cluster before if it is the same; and the next id."""
    matched: dict[int, int] = {}
    next_id = 1
    if previous is not None:
        matched = dict(_pairs(centroids, space, previous))
        next_id = previous.next_id
    unmatched = [row for row in range(len(centroids)) if row not in matched]
    matched.update(zip(unmatched, range(next_id, next_id + len(unmatched)), strict=True))
    return [matched[row] for row in range(len(centroids))], next_id + len(unmatched)


def _pairs(centroids: Floats, space: Space, previous: Clustering) -> Iterator[tuple[int, int]]:
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - slow to import; lookups don't

    squares = squared_distances(centroids, space.inside(_centroids(previous)))
    limit = SAME_WITHIN**2 * sum(scale > 0 for scale in space.scales)
    # Uncapped, one cluster that leaps would push all between onto their neighbours' ids.
    capped = np.minimum(squares, limit)
    for row, column in zip(*linear_sum_assignment(capped), strict=True):
        if squares[row, column] < limit:
            yield int(row), previous.clusters[column].id


def _centroids(clustering: Clustering) -> Floats:
    return np.array([cluster.centroid for cluster in clustering.clusters], np.float64)


def _scatter(groups: Sequence[Group], spread: Spread, space: Space) -> float:
    """What customers differ inside their micro-clusters: mean squared distance, scaled.

    Per dimension Σx² less n·mean² of each micro-cluster: the sums of squares of all customers
    suffice, no micro-cluster needs its own.
    """
    between = [sum(sums[each] ** 2 / n for n, sums in groups) for each in range(len(spread.sums))]
    rows = zip(spread.squares, between, space.scales, strict=True)
    inner = sum((square - means) / scale**2 for square, means, scale in rows if scale)
    return inner / spread.customers
