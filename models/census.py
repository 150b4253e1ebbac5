"""A census: what the samples of all partitions say about the whole base at a moment.

Each partition's sketch keeps a sample of its customers (`models/sketch.py`), all of them while they are few.
A sampled customer stands for as many as their partition's threshold let through.

Enters: sampled customers with their weights, the population, a day. Leaves: an RFM heatmap, a map of
the clusters, cohorts. Forbidden here: customer ids, the store, the clock.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

import numpy as np

from models.behaviour import BEHAVIOUR, QUANTA
from models.clusters import Clustering, cluster_of
from models.kmeans import Floats
from models.population import Population
from models.rfm import SCHEMES, Rfm, scored
from models.sample import SampledCustomer
from models.sketch import Sketch

POINTS_SHOWN = 600
SAID_OF_AN_AXIS = 3  # features


class Counted(NamedTuple):
    """A sampled customer.

    Attributes:
        customer: as the sketch keeps them.
        weight: so many customers they stand for.
    """

    customer: SampledCustomer
    weight: int


class RfmCell(NamedTuple):
    """The customers with one pair of scores.

    Attributes:
        recency: score.
        frequency: score.
        customers: about how many.
        mean_spend_minor: of one, net, reporting currency.
        groups: group → customers.
    """

    recency: int
    frequency: int
    customers: int
    mean_spend_minor: int
    groups: dict[str, int]


class Axis(NamedTuple):
    """A direction in which customers differ.

    Attributes:
        share: of all variance.
        says: (feature, weight), the largest weights first.
    """

    share: float
    says: list[tuple[str, float]]


class Point(NamedTuple):
    """A customer on the map."""

    x: float
    y: float
    cluster: int


class ClusterMap(NamedTuple):
    """Where clusters and customers lie, in two dimensions.

    Attributes:
        axes: x and y.
        centroids: cluster id → place.
        points: some customers.
    """

    axes: list[Axis]
    centroids: dict[int, tuple[float, float]]
    points: list[Point]


class Cohort(NamedTuple):
    """Those who first bought in one month.

    Attributes:
        month: (year, month).
        customers: about how many.
        retained: share who still bought so many months later, or after that; 1.0 first.
    """

    month: tuple[int, int]
    customers: int
    retained: list[float]


def counted(sketches: Iterable[Sketch]) -> list[Counted]:
    """The samples of all partitions; in an order that does not depend on who came first."""
    found: list[tuple[int, Counted]] = []
    for sketch in sketches:
        weight = 1 << sketch.counts.get("level", 0)
        found += [(hashed, Counted(row, weight)) for hashed, row in sketch.sample.items()]
    return [each for _, each in sorted(found, key=lambda pair: pair[0])]


def rfm_heatmap(
    census: Sequence[Counted], scheme: str, day: int, population: Population
) -> list[RfmCell]:
    """Customers by recency and frequency score, every pair of scores once.

    Args:
        census: who is counted.
        scheme: of `models.rfm.SCHEMES`.
        day: the customer-day up to which silence counts, ordinal.
        population: whose edges are used.
    """
    sizes: Counter[tuple[int, int]] = Counter()
    spend: Counter[tuple[int, int]] = Counter()
    groups: defaultdict[tuple[int, int], Counter[str]] = defaultdict(Counter)
    for customer, weight in census:
        silence = max(0, day - customer.last_day)
        score = scored(
            scheme, Rfm(silence, customer.purchase_days, customer.spend_minor), population
        )
        cell = score.recency, score.frequency
        sizes[cell] += weight
        spend[cell] += weight * customer.spend_minor
        groups[cell][score.group] += weight
    scores = score_range(scheme)
    return [
        RfmCell(
            recency,
            frequency,
            sizes[recency, frequency],
            round(spend[recency, frequency] / max(1, sizes[recency, frequency])),
            dict(sorted(groups[recency, frequency].items())),
        )
        for recency in scores
        for frequency in scores
    ]


def score_range(scheme: str) -> range:
    """The scores that a scheme gives, the worst first."""
    return range(SCHEMES[scheme].lowest, SCHEMES[scheme].highest + 1)


def cluster_map(census: Sequence[Counted], clustering: Clustering) -> ClusterMap:
    """Principal components of behaviour, scaled as clusters scale it (Pearson 1901).

    The sign of an axis is chosen so that its largest weight is positive.
    """
    rows = [each for each in census if len(each.customer.behaviour) == len(clustering.scales)]
    scales = np.array([scale or 1 for scale in clustering.scales], np.float64)
    used = np.array(clustering.scales) > 0
    vectors = np.array([each.customer.behaviour for each in rows], np.float64)
    vectors = vectors.reshape(len(rows), len(scales)) / scales * used
    weights = np.array([each.weight for each in rows], np.float64)
    centroids = np.array([each.centroid for each in clustering.clusters], np.float64)
    centroids = centroids / scales * used
    if not rows:
        vectors = centroids
        weights = np.array([max(1, each.customers) for each in clustering.clusters], np.float64)
    mean = np.average(vectors, axis=0, weights=weights)
    axes, directions = _directions(vectors - mean, weights)
    places = (centroids - mean) @ directions
    dots = (vectors - mean)[:POINTS_SHOWN] @ directions if rows else np.zeros((0, 2))
    points = [
        Point(
            round(float(x), 3),
            round(float(y), 3),
            cluster_of(clustering, each.customer.behaviour, None),
        )
        for (x, y), each in zip(dots, rows, strict=False)
    ]
    centres = {
        each.id: (round(float(x), 3), round(float(y), 3))
        for each, (x, y) in zip(clustering.clusters, places, strict=True)
    }
    return ClusterMap(axes, centres, points)


def _directions(vectors: Floats, weights: Floats) -> tuple[list[Axis], Floats]:
    """The two directions of the largest variance, and their matrix: features × 2."""
    covariance = (vectors * weights[:, None]).T @ vectors / weights.sum()
    values, columns = np.linalg.eigh(covariance)
    order = np.argsort(values)[::-1][:2]
    chosen = columns[:, order]
    signs = np.sign(chosen[np.abs(chosen).argmax(axis=0), range(chosen.shape[1])])
    chosen = chosen * np.where(signs == 0, 1.0, signs)
    total = float(values.clip(0).sum()) or 1.0
    axes = [
        Axis(round(max(0.0, float(values[place])) / total, 4), _said_of(chosen[:, column]))
        for column, place in enumerate(order)
    ]
    return axes, chosen


def _said_of(direction: Floats) -> list[tuple[str, float]]:
    weights = [
        (name, round(float(each), 3)) for name, each in zip(BEHAVIOUR, direction, strict=True)
    ]
    return sorted(weights, key=lambda pair: -abs(pair[1]))[:SAID_OF_AN_AXIS]


def in_units(centroid: Sequence[int]) -> dict[str, float]:
    """A centroid by feature, logarithms and shares; see `models/behaviour.py`."""
    return {name: each / QUANTA for name, each in zip(BEHAVIOUR, centroid, strict=True)}


def cohorts(census: Sequence[Counted], today: int, months: int) -> list[Cohort]:
    """Unbounded retention: a customer counts in month k if they bought in it or in any later one.

    Args:
        census: who is counted.
        today: customer-day, ordinal; its month is the last one.
        months: so many cohorts, the newest last.
    """
    this = _month(today)
    sizes: Counter[int] = Counter()
    stayed: defaultdict[int, Counter[int]] = defaultdict(Counter)
    for customer, weight in census:
        first, last = _month(customer.first_day), min(this, _month(customer.last_day))
        if this - months < first <= this:
            sizes[first] += weight
            stayed[first][last - first] += weight
    return [
        Cohort(divmod_month(first), sizes[first], _retained(stayed[first], this - first))
        for first in sorted(sizes)
    ]


def _retained(stayed: Counter[int], months: int) -> list[float]:
    total = stayed.total()
    shares, left = [], total
    for month in range(months + 1):
        shares.append(round(left / total, 4))
        left -= stayed[month]
    return shares


def _month(day: int) -> int:
    on = date.fromordinal(day)
    return 12 * on.year + on.month - 1


def divmod_month(number: int) -> tuple[int, int]:
    """Months since year 0 as (year, month).

    >>> divmod_month(12 * 2026 + 2)
    (2026, 3)
    """
    year, month = divmod(number, 12)
    return year, month + 1
