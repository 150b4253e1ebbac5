"""Weighted k-means on a few thousand points: k-means++, Lloyd's rounds, and how good the result is.

Enters: points (rows of an array, each dimension on the same footing) with weights above 0. Leaves:
centroids. Forbidden here: what a point stands for.

No products of matrices: BLAS adds up in an order of its own choosing, and the result is stored.
Every sum here is made element by element or by `bincount`, so the same input gives the same bits.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MAX_ROUNDS = 300  # of Lloyd's; a few thousand points settle in 10 to 40
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]


def squared_distances(points: Floats, centroids: Floats) -> Floats:
    """Points × centroids."""
    total = np.zeros((len(points), len(centroids)))
    for coordinate, centre in zip(points.T, centroids.T, strict=True):
        off = coordinate[:, np.newaxis] - centre
        off *= off
        total += off
    return total


def nearest(points: Floats, centroids: Floats) -> Integers:
    """The row of the nearest centroid, for each point; the first of equally near ones."""
    rows: Integers = squared_distances(points, centroids).argmin(axis=1)
    return rows


def cost(points: Floats, weights: Floats, centroids: Floats) -> float:
    """The mean squared distance to the nearest centroid, weighted."""
    squares = squared_distances(points, centroids).min(axis=1)
    return float((weights * squares).sum() / weights.sum())


def silhouette(points: Floats, weights: Floats, centroids: Floats, scatter: float = 0.0) -> float:
    """How well apart the clusters are, 0 to 1; 0 for a single one.

    The simplified silhouette (b − a) / b with a and b the distances to the nearest centroid and
    the one after it (Hruschka, Campello & de Castro 2004), mean over the points, weighted.

    Args:
        points: may stand for several customers each.
        weights: how many.
        centroids: any number.
        scatter: the mean squared distance of customers from the point that stands for them. It is
            part of a² and b²; without it, as many clusters as points would look best.
    """
    if len(centroids) < 2:
        return 0.0
    squares = np.partition(squared_distances(points, centroids), 1, axis=1) + scatter
    own, other = np.sqrt(squares[:, 0]), np.sqrt(squares[:, 1])
    width = np.divide(other - own, other, out=np.zeros_like(other), where=other > 0)
    return float((weights * width).sum() / weights.sum())


def lloyd(points: Floats, weights: Floats, centroids: Floats) -> Floats:
    """Centroids moved to the weighted means of what is nearest to them until nothing changes.

    A centroid that nothing is nearest to moves to the point that costs most (Lloyd 1982, with the
    usual remedy for empty clusters).
    """
    before: Integers | None = None
    for _ in range(MAX_ROUNDS):
        squares = squared_distances(points, centroids)
        labels = squares.argmin(axis=1)
        if before is not None and np.array_equal(labels, before):
            break
        centroids = _means(points, weights, labels, centroids)
        _refill(points, weights * squares.min(axis=1), labels, centroids)
        before = labels
    return centroids


def _means(points: Floats, weights: Floats, labels: Integers, centroids: Floats) -> Floats:
    count = len(centroids)
    mass = np.bincount(labels, weights, minlength=count)
    sums = [np.bincount(labels, weights * each, minlength=count) for each in points.T]
    return np.where(mass > 0, np.array(sums) / np.where(mass > 0, mass, 1.0), centroids.T).T


def _refill(points: Floats, costs: Floats, labels: Integers, centroids: Floats) -> None:
    empty = np.flatnonzero(np.bincount(labels, minlength=len(centroids)) == 0)
    if not len(empty):
        return
    dearest = np.argsort(-costs, kind="stable")
    for row, point in zip(empty, dearest, strict=False):
        if costs[point] > 0:
            centroids[row] = points[point]


def weighted_kmeans(points: Floats, weights: Floats, k: int, seed: int, n_init: int = 10) -> Floats:
    """The cheapest of several runs of k-means++ and Lloyd's rounds.

    Args:
        points: at least one.
        weights: above 0.
        k: centroids wanted.
        seed: the same seed gives the same centroids.
        n_init: runs.

    Returns:
        k centroids, fewer only if there are fewer distinct points.
    """
    generator = np.random.default_rng(seed)
    runs = (lloyd(points, weights, _seeds(points, weights, k, generator)) for _ in range(n_init))
    return min(runs, key=lambda centroids: cost(points, weights, centroids))


def _seeds(points: Floats, weights: Floats, k: int, generator: np.random.Generator) -> Floats:
    """k-means++ (Arthur & Vassilvitskii 2007): each next seed by its share of the cost so far."""
    chosen = [_drawn(weights, generator)]
    squares = squared_distances(points, points[chosen])[:, 0]
    while len(chosen) < k and squares.any():
        chosen.append(_drawn(weights * squares, generator))
        newest = squared_distances(points, points[chosen[-1:]])[:, 0]
        squares = np.minimum(squares, newest)
    return points[chosen]


def _drawn(shares: Floats, generator: np.random.Generator) -> int:
    """A row, drawn with a chance proportional to its share; never one whose share is 0."""
    ends = np.cumsum(shares)
    place = np.searchsorted(ends, generator.random() * ends[-1], side="right")
    return int(min(place, np.flatnonzero(shares)[-1]))
