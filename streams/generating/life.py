"""One customer's life: who they are, when they buy, what they spend, when they leave.

The purchase process is BG/NBD (Fader, Hardie & Lee 2005): the rate of a customer is Gamma(r, alpha)
over customers; after each repeat they leave with a probability of their own, Beta(a, b). Gaps are
Gamma(k, k·rate): exponential at k = 1, as the model has it, and more regular above. Amounts are
Gamma-Gamma (Fader & Hardie 2013). The first purchase comes when they join and drives nobody away.

Enters: a population, the number of a customer. Leaves: a `Life`, the same whatever else is drawn.
Forbidden here: events, files, any source of chance but the customer's own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.bgnbd import BgNbd
from streams.generating.population import Population, Segment, customer_id_of, one_of
from streams.generating.timing import DAY_HOURS, ShopClock

_LIFE, _GOODS, _MESS = range(3)  # what a customer's sources of chance are for
_SMALLEST = 1e-12  # of a rate or a scale: gamma variates of a small shape may be 0
_LARGEST_MINOR = 10**12
_DIGITS = 6  # parameters are rounded before they are used, so that the truth says them exactly


class Life(NamedTuple):
    """One customer, and the truth about them.

    Attributes:
        number: from 0 on.
        segment: which they were drawn from.
        hot: whether they buy more than anybody would.
        rate_a_day: purchases a shop day while they stay.
        leaves_with: the probability of leaving after a repeat.
        mean_spend_minor: what a purchase costs on average.
        seconds: of the purchases, from the start of the span; ascending.
        amounts_minor: of the purchases.
        left: whether the last purchase was the last for good; False: still there at the end.
    """

    number: int
    segment: Segment
    hot: bool
    rate_a_day: float
    leaves_with: float
    mean_spend_minor: float
    seconds: list[int]
    amounts_minor: list[int]
    left: bool

    @property
    def customer_id(self) -> str:
        """Their id in events."""
        return customer_id_of(self.number)


class Chances(NamedTuple):
    """A customer's three sources of chance; what is drawn from one moves nothing in another."""

    life: np.random.Generator
    goods: np.random.Generator
    mess: np.random.Generator


def chances_of(number: int, seed: int) -> Chances:
    """Those of a customer: children of the seed by number, so nobody depends on anybody."""
    return Chances(*(_source(seed, number, purpose) for purpose in (_LIFE, _GOODS, _MESS)))


def _source(seed: int, number: int, purpose: int) -> np.random.Generator:
    return np.random.Generator(
        np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(number, purpose)))
    )


class Lives:
    """Tells lives.

    Args:
        population: that customers are drawn from.
    """

    def __init__(self, population: Population) -> None:
        self._population = population
        segments = population.segments
        self._which = one_of([(each, segment.share) for each, segment in enumerate(segments)])
        weights = population.joins.weights
        self._stretch = one_of(list(enumerate(weights)))
        self._stretch_days = population.joins.days / len(weights)
        swayed = {each.swayed for each in segments}
        self._clocks = {each: ShopClock(population, each) for each in swayed}

    def of(self, number: int, chance: np.random.Generator) -> Life:
        """The life of a customer, from their source of chance."""
        population = self._population
        segment = population.segments[int(self._which.at(chance.random()))]
        rate, leaves_with = _drawn_process(segment.purchases, chance)
        scale = significant(
            segment.spend.v / max(_SMALLEST, chance.standard_gamma(segment.spend.q))
        )
        clock = self._clocks[segment.swayed]
        joins = self._joins(clock, chance.random(), chance.random())
        hot = number < population.hot
        if hot:
            rate, leaves_with, joins = population.hot_a_day, 0.0, 0.0
        process = _Process(rate / DAY_HOURS, leaves_with, segment.gap_shape, segment.spend.p, scale)
        seconds, amounts, left = _bought(process, joins, clock, chance)
        mean_spend = significant(segment.spend.p * scale)
        return Life(number, segment, hot, rate, leaves_with, mean_spend, seconds, amounts, left)

    def _joins(self, clock: ShopClock, which: float, where: float) -> float:
        stretch = int(self._stretch.at(which))
        begins, ends = (
            clock.shop_hours_at(each * self._stretch_days) for each in (stretch, stretch + 1)
        )
        return begins + (ends - begins) * where


class _Process(NamedTuple):
    """What one customer's purchases are drawn from; `rate` is an hour's."""

    rate: float
    leaves_with: float
    gap_shape: float
    amount_shape: float
    amount_scale: float


def significant(value: float) -> float:
    """A number rounded to six significant digits.

    >>> significant(0.012345678)
    0.0123457
    """
    return float(f"{value:.{_DIGITS}g}")


def _drawn_process(model: BgNbd, chance: np.random.Generator) -> tuple[float, float]:
    rate = max(_SMALLEST, chance.standard_gamma(model.r) / model.alpha)
    return significant(rate), significant(chance.beta(model.a, model.b))


def _bought(
    process: _Process, joins: float, clock: ShopClock, chance: np.random.Generator
) -> tuple[list[int], list[int], bool]:
    """Seconds, amounts, and whether they left; draws in the order in which it happens."""
    seconds: list[int] = []
    amounts: list[int] = []
    at, mean_gap = joins, 1 / (process.gap_shape * process.rate)
    while at < clock.end:
        seconds.append(clock.second_of(at))
        drawn = process.amount_scale * chance.standard_gamma(process.amount_shape)
        amounts.append(min(_LARGEST_MINOR, max(1, round(drawn))))
        if len(seconds) > 1 and chance.random() < process.leaves_with:
            return seconds, amounts, True
        at += mean_gap * chance.standard_gamma(process.gap_shape)
    return seconds, amounts, False
