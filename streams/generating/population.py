"""What a population is drawn from: segments, seasons, promotions, mess.

Enters: numbers that somebody chose, or that were fitted to a file. Leaves: a `Population`, which
with the number of a customer says all about them. Forbidden here: drawing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from typing import NamedTuple

from models.bgnbd import BgNbd
from models.gamma_gamma import GammaGamma

Value = str | int | float | bool
LONGEST_DAYS = 36_600  # a century
_LAST = date(9_800, 1, 1)


class BadPopulation(ValueError):
    """Numbers that no population can have; the message names them."""


def customer_id_of(number: int) -> str:
    """The id of a customer, however many there are."""
    return f"c{number:07d}"


def rfc_3339(moment: datetime) -> str:
    """A moment in UTC, to the second.

    >>> rfc_3339(datetime(2024, 5, 1, 9, 30, tzinfo=UTC))
    '2024-05-01T09:30:00Z'
    """
    return moment.isoformat()[:19] + "Z"


class Choice(NamedTuple):
    """One of several values, each with its weight.

    Attributes:
        values: what can be drawn, at least one.
        upto: cumulative weights, the last one their sum.
    """

    values: tuple[Value, ...]
    upto: tuple[float, ...]

    def at(self, chance: float) -> Value:
        """The value at a point of [0, 1).

        >>> [one_of({"web": 3, "shop": 1}).at(each) for each in (0.0, 0.74, 0.76)]
        ['web', 'web', 'shop']
        """
        return self.values[min(bisect_right(self.upto, chance * self.upto[-1]), self._last)]

    @property
    def _last(self) -> int:
        return len(self.values) - 1


def one_of(weights: Mapping[str, float] | Sequence[tuple[Value, float]]) -> Choice:
    """A choice by weights, which need not add up to 1."""
    pairs = list(weights.items()) if isinstance(weights, Mapping) else list(weights)
    return Choice(tuple(value for value, _ in pairs), tuple(accumulate(w for _, w in pairs)))


@dataclass(frozen=True, slots=True)
class Segment:
    """Customers who are alike.

    Attributes:
        name: as the truth says it.
        share: of all customers, as a weight.
        purchases: how often they buy and when they leave (BG/NBD), days.
        spend: what a purchase costs (Gamma-Gamma), minor units.
        gap_shape: of the Gamma distribution of gaps; 1: at random, as BG/NBD assumes; larger: regular.
        swayed: how much of a promotion's effect they show; 0: none, 1: all.
        lines: of a basket on average, at least 1.
        goods: categories of what they buy; None: baskets have no items.
        labels: fields of a purchase, such as `channel`; "" leaves it out.
        profile: attributes, told when they join; empty: no profile.
        profiled: share of customers who have a profile.
    """

    name: str
    share: float
    purchases: BgNbd
    spend: GammaGamma
    gap_shape: float = 1.0
    swayed: float = 1.0
    lines: float = 1.0
    goods: Choice | None = None
    labels: tuple[tuple[str, Choice], ...] = ()
    profile: tuple[tuple[str, Choice], ...] = ()
    profiled: float = 1.0


class Seasons(NamedTuple):
    """How much more than on average is bought.

    Attributes:
        months: from January on.
        weekdays: from Monday on; their mean is 1.
        hours: of the day, UTC; their mean is 1.
    """

    months: tuple[float, ...] = (1.0,) * 12
    weekdays: tuple[float, ...] = (1.0,) * 7
    hours: tuple[float, ...] = (1.0,) * 24


def around_one(weights: Sequence[float]) -> tuple[float, ...]:
    """Weights brought to a mean of 1, with six digits.

    >>> around_one([1, 2, 3])
    (0.5, 1.0, 1.5)
    """
    mean = sum(weights) / len(weights)
    return tuple(round(each / mean, 6) for each in weights)


class Promotion(NamedTuple):
    """Days of each year on which more is bought.

    Attributes:
        name: as the truth says it.
        first: month and day.
        last: month and day, counted in, not before `first`.
        factor: how much more, by those who are swayed all the way.
        discount: share of the list price.
    """

    name: str
    first: tuple[int, int]
    last: tuple[int, int]
    factor: float
    discount: float

    def holds(self, day: date) -> bool:
        """Whether a day is one of them."""
        return self.first <= (day.month, day.day) <= self.last


class Mess(NamedTuple):
    """What goes wrong, as shares of purchases (late and duplicates: of purchases and refunds)."""

    refunds: float = 0.0
    late: float = 0.0
    duplicates: float = 0.0


class Joins(NamedTuple):
    """When customers first buy: at random within stretches of equal length from the first day on.

    Attributes:
        days: of all stretches together.
        weights: one for each stretch.
    """

    days: float
    weights: tuple[float, ...] = (1.0,)


_ALWAYS, _NONE = Seasons(), Mess()


@dataclass(frozen=True, slots=True)
class Population:
    """All that customers are drawn from.

    Attributes:
        seed: any whole number from 0 on.
        customers: how many; customer k is the same whatever it is.
        start: first day, UTC.
        days: how many; a longer span only adds to what a customer does.
        segments: at least one.
        joins: when they come.
        seasons: known factors of the rate.
        promotions: likewise.
        mess: refunds, late events, duplicates.
        hot: how many customers, the first ones, buy `hot_a_day` times a day and never leave.
        hot_a_day: on average.
        currency: ISO 4217, of all amounts.
    """

    seed: int
    customers: int
    start: date
    days: int
    segments: tuple[Segment, ...]
    joins: Joins
    seasons: Seasons = _ALWAYS
    promotions: tuple[Promotion, ...] = ()
    mess: Mess = _NONE
    hot: int = 0
    hot_a_day: float = 20.0
    currency: str = "USD"

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise BadPopulation(problem)

    @property
    def attributes(self) -> dict[str, type]:
        """All that profiles may have, by name, with the type of their values; text if several."""
        found: dict[str, set[type]] = {}
        for name, choice in (each for segment in self.segments for each in segment.profile):
            found.setdefault(name, set()).update(type(value) for value in choice.values)
        return {name: kinds.pop() if len(kinds) == 1 else str for name, kinds in found.items()}

    @property
    def midnight(self) -> datetime:
        """The beginning of the span, UTC."""
        return datetime.combine(self.start, time(), UTC)

    @property
    def end(self) -> date:
        """The first day after the last."""
        return self.start + timedelta(days=self.days)

    def _problems(self) -> list[str]:
        found = [
            f"{name} is {share:g}, expected a share from 0 to 1"
            for name, share in self.mess._asdict().items()
            if not 0 <= share <= 1
        ]
        if not 1 <= self.days <= LONGEST_DAYS:
            found.append(f"days is {self.days}, expected 1 to {LONGEST_DAYS:,}")
        elif not date(1970, 1, 2) <= self.start <= _LAST:
            found.append(f"start is {self.start}, expected a day from 1970-01-02 to {_LAST}")
        if self.seed < 0 or self.customers < 1 or not 0 <= self.hot <= self.customers:
            found.append(
                "expected a seed from 0 on, a customer, and no more hot ones than customers"
            )
        if not 0 < self.hot_a_day <= 10_000:
            found.append(f"hot customers buy {self.hot_a_day:g} times a day, expected up to 10,000")
        return found
