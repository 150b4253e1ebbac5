"""What shares and means of a sample say of the whole: intervals, 95 % unless asked otherwise.

An interval covers the truth in about 95 of 100 samples, if what is counted is independent. Several
alerts about one customer are not quite, so theirs are a little too narrow.

References:
    Wilson (1927), Probable inference, the law of succession, and statistical inference. JASA 22.
    Newcombe (1998), Interval estimation for the difference between independent proportions:
    comparison of eleven methods. Statistics in Medicine 17, method 10.
    Welch (1947), The generalization of Student's problem. Biometrika 34.

Enters: counts, and exact sums. Leaves: bounds. Forbidden here: alerts, verdicts.
"""

from __future__ import annotations

from math import hypot, sqrt
from statistics import NormalDist
from typing import NamedTuple

from scipy.special import stdtrit

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """Bounds, the lower one first."""

    low: float
    high: float

    def excludes(self, value: float) -> bool:
        """Whether a value lies outside."""
        return not self.low <= value <= self.high


class Share(NamedTuple):
    """How many of how many, at least 1, have a property."""

    hits: int
    of: int

    @property
    def value(self) -> float:
        """From 0 to 1."""
        return self.hits / self.of


class Moments(NamedTuple):
    """Exact sums over a sample, from which its mean and variance follow.

    Attributes:
        size: of the sample.
        total: sum.
        squares: sum of squares.
    """

    size: int
    total: int
    squares: int

    @property
    def mean(self) -> float:
        """Of at least one."""
        return self.total / self.size

    @property
    def variance(self) -> float:
        """Unbiased, of at least two; nothing is lost on the way, since the sums are integers."""
        return (self.size * self.squares - self.total**2) / (self.size * (self.size - 1))


def share_interval(share: Share, confidence: float = CONFIDENCE) -> Interval:
    """Of a share, by Wilson's score (1927), without correction for continuity.

    Raises:
        ValueError: not a share of at least one.

    >>> tuple(round(bound, 4) for bound in share_interval(Share(15, 148)))
    (0.0624, 0.1605)
    """
    hits, of = share
    if not 0 <= hits <= of or not of:
        raise ValueError(f"{hits} of {of} is no share")
    z = _two_sided(confidence)
    middle = (hits + z * z / 2) / (of + z * z)
    reach = z * sqrt(hits * (of - hits) / of + z * z / 4) / (of + z * z)
    return Interval(middle - reach if hits else 0.0, middle + reach if hits < of else 1.0)


def share_difference(one: Share, other: Share, confidence: float = CONFIDENCE) -> Interval:
    """Of one share less another, of independent samples, by Newcombe's hybrid score (method 10).

    Raises:
        ValueError: not two shares of at least one each.

    >>> tuple(round(bound, 4) for bound in share_difference(Share(56, 70), Share(48, 80)))
    (0.0524, 0.3339)
    """
    mine, its = share_interval(one, confidence), share_interval(other, confidence)
    difference = one.value - other.value
    below = hypot(one.value - mine.low, its.high - other.value)
    above = hypot(mine.high - one.value, other.value - its.low)
    return Interval(max(-1.0, difference - below), min(1.0, difference + above))


def mean_difference(
    one: Moments, other: Moments, confidence: float = CONFIDENCE
) -> Interval | None:
    """Of one mean less another, of independent samples with unequal variances, by Welch (1947).

    Spend is skewed: with few customers the interval is an approximation, whatever the confidence.

    Returns:
        None if nothing can be said: less than two in a sample, or no two values differ.
    """
    if min(one.size, other.size) < 2:
        return None
    mine, its = one.variance / one.size, other.variance / other.size
    if not mine + its > 0:
        return None
    freedom = (mine + its) ** 2 / (mine**2 / (one.size - 1) + its**2 / (other.size - 1))
    reach = float(stdtrit(freedom, (1 + confidence) / 2)) * sqrt(mine + its)
    difference = one.mean - other.mean
    return Interval(difference - reach, difference + reach)


def _two_sided(confidence: float) -> float:
    """Standard deviations that a normal variable stays within, with that probability."""
    return NormalDist().inv_cdf((1 + confidence) / 2)
