"""What the counts of a group say: which pairs of categories go together, and more than elsewhere.

Of a group with n shopping days, a pair bought together on d of them, its categories on d₁ and d₂:

    support      d / n                     the share of shopping days
    confidence   d / d₁                    of the days with the first, those with the second as well
    lift         d · n / (d₁ · d₂)         against two categories that have nothing to do with each other
    elsewhere    support / support in the whole base

(Agrawal, Imieliński & Swami 1993; lift: Brin, Motwani, Ullman & Tsur 1997.) Support, confidence and lift are of
the group's own days, so a pair that is usual everywhere is found by its support, one that sets the group
apart by `elsewhere`. Lifts of rare pairs are large by chance, and one big household is no habit of a group:
pairs of few days, or of few customers, are left out of rankings that are not by days.

Enters: affinities. Leaves: pairs, best first, and whether they are certainly the best. Forbidden here: names.
"""

from __future__ import annotations

from math import ceil
from typing import Literal, NamedTuple

import numpy as np

from models.affinity import BUCKETS, Affinity, Integers

By = Literal["days", "lift", "elsewhere"]
MIN_SUPPORT = 0.01  # of shopping days; what is rarer is no habit of a group
MIN_DAYS = 20  # fewer say nothing whatever their share: chance alone moves them by a fifth
MIN_CUSTOMERS = 5  # fewer are not a group


class Pair(NamedTuple):
    """Two categories.

    Attributes:
        one: label key, of the category that is bought more often.
        other: label key.
        days: shopping days of the group on which both were bought.
        customers: of the group who bought both on one day.
        support: 0 to 1.
        confidence: of the days with `one`, the share with `other`.
        confidence_back: of the days with `other`, the share with `one`.
        lift: 1: they have nothing to do with each other.
        elsewhere: 1: as usual as in the whole base.
    """

    one: bytes
    other: bytes
    days: int
    customers: int
    support: float
    confidence: float
    confidence_back: float
    lift: float
    elsewhere: float


class Ranked(NamedTuple):
    """The best pairs of a group.

    Attributes:
        pairs: best first; those that are equally good by days, then by key.
        shopping_days: of the group.
        left_out_at_most: no pair with a category that is not counted by name has more days.
        certain: whether no such pair could stand above the last of these.
    """

    pairs: tuple[Pair, ...]
    shopping_days: int
    left_out_at_most: int
    certain: bool


class _Counts:
    """The categories of a group that are counted by name, as numbers.

    Attributes:
        days: of each two, in the group.
        buyers: likewise.
        usual: days of each two, in the base.
        one, other: places of the pairs that were bought together at all.
    """

    def __init__(self, group: Affinity, base: Affinity) -> None:
        if base.catalogue is not group.catalogue:
            raise ValueError("a group and the base must count by one catalogue")
        self.group, self.base = group, base
        self.keys = list(group.catalogue.places)
        self.days = group.days()[BUCKETS:, BUCKETS:]
        self.buyers = group.buyers()[BUCKETS:, BUCKETS:]
        self.usual = base.days()[BUCKETS:, BUCKETS:]
        alone = self.days.diagonal()
        one, other = np.nonzero(np.triu(self.days, 1))
        swapped = alone[one] < alone[other]
        self.one, self.other = np.where(swapped, other, one), np.where(swapped, one, other)

    def pair(self, one: int, other: int) -> Pair:
        """Of two places."""
        days, total = int(self.days[one, other]), self.group.shopping_days
        first, second = int(self.days[one, one]), int(self.days[other, other])
        usual = int(self.usual[one, other]) / self.base.shopping_days
        return Pair(
            self.keys[one],
            self.keys[other],
            days,
            int(self.buyers[one, other]),
            days / total,
            days / first,
            days / second,
            days * total / (first * second),
            days / total / usual,
        )


def pairs(
    group: Affinity, base: Affinity, n: int, by: By = "days", min_support: float = MIN_SUPPORT
) -> Ranked:
    """The n best pairs of a group; fewer if there are not so many.

    Args:
        group: whose.
        base: everybody, the group included.
        n: how many.
        by: what makes a pair good.
        min_support: of pairs that are ranked by anything but days.

    Raises:
        ValueError: the two count by different catalogues.
    """
    counts = _Counts(group, base)
    least = 1 if by == "days" else max(MIN_DAYS, ceil(min_support * group.shopping_days))
    days, buyers = (each[counts.one, counts.other] for each in (counts.days, counts.buyers))
    enough = np.flatnonzero((days >= least) & (buyers >= (1 if by == "days" else MIN_CUSTOMERS)))
    one, other = counts.one[enough], counts.other[enough]
    found = (counts.pair(*each) for each in _best(counts, one, other, by, n))
    best = tuple(sorted(found, key=lambda each: (-_value(each, by), -each.days, each[:2])))[:n]
    at_most = group.left_out_at_most
    reached = best[-1].days if best and len(best) == n and by == "days" else least - 1
    return Ranked(best, group.shopping_days, at_most, certain=not n or at_most <= reached)


def _value(pair: Pair, by: By) -> float:
    return float(getattr(pair, by))


def _best(counts: _Counts, one: Integers, other: Integers, by: By, n: int) -> list[tuple[int, int]]:
    """The places of all pairs that are as good as the n-th, or better."""
    if not n or not len(one):
        return []
    days, alone = counts.days[one, other].astype(float), counts.days.diagonal()
    if by == "lift":
        value = days / (alone[one] * alone[other])
    else:
        value = days / counts.usual[one, other] if by == "elsewhere" else days
    last = np.sort(value)[-min(n, len(value))]
    good = np.flatnonzero(value >= last * (1 - 1e-9))  # rounding must not part those that are equal
    return list(zip(one[good].tolist(), other[good].tolist(), strict=True))
