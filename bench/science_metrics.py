"""Metrics: how well scores rank, whether probabilities hold, and how far chance may have helped.

Arrays in, numbers out. A label is True for a customer who did not come back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Judged(NamedTuple):
    """Scores of the customers at one cut-off.

    Attributes:
        rows: who they are: one number a person, the same at every cut-off.
        scores: higher means more likely lost.
        lost: what came of it.
    """

    rows: Integers
    scores: Floats
    lost: Flags


def auc(scores: Floats, lost: Flags, weights: Floats | None = None) -> float:
    """Probability that a lost customer's score is above another's; a tie counts half.

    Args:
        scores: one a customer.
        lost: the labels.
        weights: how often each customer counts; None: once.

    Returns:
        In [0, 1]; NaN while one class is missing.
    """
    return _auc_of_ranks(
        *_ranks(scores), lost, np.ones(len(scores)) if weights is None else weights
    )


def _ranks(scores: Floats) -> tuple[Integers, int]:
    distinct, ranks = np.unique(scores, return_inverse=True)
    return ranks, len(distinct)


def _auc_of_ranks(ranks: Integers, distinct: int, lost: Flags, weights: Floats) -> float:
    positive = np.bincount(ranks, weights * lost, distinct)
    negative = np.bincount(ranks, weights * ~lost, distinct)
    pairs = positive.sum() * negative.sum()
    won = float((positive * (np.cumsum(negative) - negative / 2)).sum())
    return won / float(pairs) if pairs else float("nan")


def calibration_error(risks: Floats, lost: Flags, bins: int = 10) -> float:
    """Expected calibration error: |mean risk − share lost| in bins of equal width, weighted."""
    place = np.minimum((risks * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(place, risks, bins) - np.bincount(place, lost, bins)
    return float(np.abs(gaps).sum() / len(risks))


def mean_auc(cutoffs: Sequence[Judged]) -> float:
    """The mean over cut-offs."""
    return float(np.mean([auc(each.scores, each.lost) for each in cutoffs]))


def mean_calibration_error(cutoffs: Sequence[Judged]) -> float:
    """The mean over cut-offs; scores must be probabilities."""
    return float(np.mean([calibration_error(each.scores, each.lost) for each in cutoffs]))


def interval(cutoffs: Sequence[Judged], samples: int, seed: int) -> tuple[float, float]:
    """95 % interval of `mean_auc` by the bootstrap over customers.

    A customer is drawn with their rows at all cut-offs, because neighbouring cut-offs share them.
    """
    generator = np.random.default_rng(seed)
    people = 1 + max(int(each.rows.max()) for each in cutoffs)
    ranked = [(each, *_ranks(each.scores)) for each in cutoffs]
    found = []
    for _ in range(samples):
        drawn = np.bincount(generator.integers(0, people, people), minlength=people)
        aucs = [
            _auc_of_ranks(ranks, distinct, each.lost, drawn[each.rows].astype(np.float64))
            for each, ranks, distinct in ranked
        ]
        found.append(float(np.mean(aucs)))
    low, high = np.nanquantile(found, (0.025, 0.975))
    return float(low), float(high)


def mean_absolute_error(forecast: Floats, actual: Floats) -> float:
    """In the unit of both."""
    return float(np.abs(forecast - actual).mean())


def correlation(forecast: Floats, actual: Floats) -> float:
    """Pearson's; NaN where either does not vary."""
    if not (np.std(forecast) and np.std(actual)):
        return float("nan")
    return float(np.corrcoef(forecast, actual)[0, 1])


def adjusted_rand_index(one: Integers, other: Integers) -> float:
    """How alike two partitions are: 1 the same, 0 by chance (Hubert & Arabie 1985, eq. 5)."""
    _, rows = np.unique(one, return_inverse=True)
    _, columns = np.unique(other, return_inverse=True)
    table = np.bincount(rows * (columns.max() + 1) + columns)
    together = _pairs(table)
    by_one, by_other = _pairs(np.bincount(rows)), _pairs(np.bincount(columns))
    chance = by_one * by_other / _pairs(np.array([len(one)]))
    most = (by_one + by_other) / 2
    return 1.0 if most == chance else (together - chance) / (most - chance)


def _pairs(counts: Integers) -> float:
    return float((counts * (counts - 1) / 2).sum())


def labels_cost(points: Floats, labels: Integers) -> float:
    """Mean squared distance to the mean of those with the same label."""
    _, place = np.unique(labels, return_inverse=True)
    counts = np.bincount(place)
    means = np.column_stack([np.bincount(place, column) / counts for column in points.T])
    return float(((points - means[place]) ** 2).sum(axis=1).mean())


def centroids_cost(points: Floats, centroids: Floats, places: Integers) -> float:
    """Mean squared distance to the centroid that each point was given."""
    return float(((points - centroids[places]) ** 2).sum(axis=1).mean())


def mean_of(values: Iterable[float]) -> float:
    """Of those that are numbers; NaN if none is."""
    numbers = [each for each in values if not np.isnan(each)]
    return float(np.mean(numbers)) if numbers else float("nan")
