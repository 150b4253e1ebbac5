"""How much somebody resembles the best customers, by what their profile tells; naive Bayes.

Of each attribute and value, the share among the best customers is held against the share among all; both of
those of whom the attribute is known, the best's drawn towards all's as if `SMOOTHING` more of them were like
everybody. The log-ratios of what is known of somebody add up to their score,

    score = Σ over attributes of log( P(value | best) / P(value | everybody) )

(Maron 1961; Domingos & Pazzani 1997 on why it ranks well though attributes depend on each other). What is not
known says nothing. Only rankings follow from a score: as a probability it would be too sure of itself.

Enters: how many have which value, among the best and among all; later, one person's profile. Leaves: a score,
and what speaks for and against. Forbidden here: customer ids, purchases, the clock.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from math import log
from typing import NamedTuple

SMOOTHING = 10.0  # customers
MIN_CUSTOMERS = 20  # with a value, among all: fewer say nothing of it
MIN_BEST = 20  # fewer are no group to resemble
SAYS = 0.05  # a log-ratio below it is no reason

Counts = Mapping[str, Mapping[str, int]]  # attribute → value → customers
Weights = Mapping[str, Mapping[str, float]]


class Reason(NamedTuple):
    """A value that speaks for or against somebody.

    Attributes:
        attribute: of the profile.
        value: theirs.
        weight: log-ratio; above 0 it speaks for them.
    """

    attribute: str
    value: str
    weight: float


class Resemblance(NamedTuple):
    """How much somebody is like the best.

    Attributes:
        score: 0: like anybody; e to the power of it: so many times as usual among the best.
        reasons: the strongest first, for or against.
    """

    score: float
    reasons: tuple[Reason, ...]


def likeness(best: Counts, everybody: Counts) -> Weights:
    """What each value says.

    Args:
        best: of the best customers, who are among all.
        everybody: of all; attributes with so many values that they are not counted are left out of both,
            and those that do not tell who somebody is (`models/demographics.py`).

    Returns:
        Log-ratios, of values that enough people have.
    """
    found: dict[str, dict[str, float]] = {}
    for attribute, values in everybody.items():
        known, known_of_best = sum(values.values()), sum(best.get(attribute, {}).values())
        if known_of_best < MIN_BEST:
            continue
        mine = best.get(attribute, {})
        found[attribute] = {
            value: _log_ratio(mine.get(value, 0), known_of_best, customers / known)
            for value, customers in values.items()
            if customers >= MIN_CUSTOMERS
        }
    return found


def _log_ratio(customers: int, known: int, usual_share: float) -> float:
    share = (customers + SMOOTHING * usual_share) / (known + SMOOTHING)
    return log(share / usual_share)


def resemblance(weights: Weights, words: Iterable[tuple[str, str]]) -> Resemblance:
    """How much somebody is like the best.

    Args:
        weights: what each value says.
        words: attribute and value, each attribute once.
    """
    said = [
        Reason(name, value, weights[name][value])
        for name, value in words
        if value in weights.get(name, {})
    ]
    strongest = sorted(said, key=lambda each: (-abs(each.weight), each.attribute))
    reasons = tuple(each for each in strongest if abs(each.weight) >= SAYS)
    return Resemblance(sum(each.weight for each in said), reasons)


def percentile(score: float, ascending: Sequence[float]) -> float:
    """The share of all with a lower score, 0 to 100; of nobody it is 0.

    >>> percentile(2.0, [1.0, 2.0, 2.0, 3.0])
    25.0
    """
    return 100.0 * bisect_left(ascending, score) / len(ascending) if ascending else 0.0
