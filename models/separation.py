"""How far a segment lies from everybody else, number by number.

    d = (mean of the members − mean of all others) / standard deviation within both, pooled

References:
    Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, 2nd ed., eq. 2.5.1; 0.2 is a small
    effect, 0.5 a medium and 0.8 a large one.
    Hedges and Olkin (1985), Statistical Methods for Meta-Analysis, ch. 5, for the variance of d.
    Bonferroni's inequality: the largest of several effects is large by chance, so its interval is widened.

Spend and days are skewed: an interval is an approximation, whatever the confidence.

Enters: portraits. Leaves: effects. Forbidden here: verdicts.
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

from models.intervals import CONFIDENCE, Interval
from models.member import COMPARED
from models.portrait import Portrait, Sums


class Effect(NamedTuple):
    """One number of a segment against all others.

    Attributes:
        number: of `models.member.COMPARED`, by name.
        d: standard deviations; positive if members have more.
        members: of whom it is known.
        others: likewise.
    """

    number: str
    d: float
    members: int
    others: int

    def interval(self, of: int) -> Interval:
        """Of d, as the largest of so many effects."""
        variance = (self.members + self.others) / (self.members * self.others)
        variance += self.d**2 / (2 * (self.members + self.others))
        reach = NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / (2 * of)) * sqrt(variance)
        return Interval(self.d - reach, self.d + reach)


class Separation(NamedTuple):
    """How far a segment lies from everybody else.

    Attributes:
        largest: the effect that is.
        interval: of its size, as the largest of all; never below 0.
        mean: of the sizes of all effects.
        effects: the largest first.
    """

    largest: Effect
    interval: Interval
    mean: float
    effects: tuple[Effect, ...]


def separation(group: Portrait, base: Portrait) -> Separation | None:
    """A segment against everybody else; None if no number is known of two on both sides, and differs."""
    found = (_effect(each.name, group.sums(each.name), base.sums(each.name)) for each in COMPARED)
    effects = sorted((each for each in found if each), key=lambda each: -abs(each.d))
    if not effects:
        return None
    largest = effects[0]
    low, high = largest._replace(d=abs(largest.d)).interval(len(effects))
    mean = sum(abs(each.d) for each in effects) / len(effects)
    return Separation(largest, Interval(max(0.0, low), high), mean, tuple(effects))


def _effect(number: str, mine: Sums, all_: Sums) -> Effect | None:
    others = Sums(*(whole - part for whole, part in zip(all_, mine, strict=True)))
    if min(mine.known, others.known) < 2:
        return None
    within = (_scatter(mine) + _scatter(others)) / (mine.known + others.known - 2)
    if within <= 0:
        return None
    means = mine.total / mine.known, others.total / others.known
    return Effect(number, (means[0] - means[1]) / sqrt(within), mine.known, others.known)


def _scatter(sums: Sums) -> float:
    """The sum of squared distances from the mean; exact until the last step."""
    return (sums.known * sums.squares - sums.total**2) / sums.known
