"""Seasons and promotions as a change of time: the shop's clock runs faster when more is bought.

A purchase process in the shop's own hours, in which nothing is ever in season, becomes one in
calendar time that is `factor` times as fast where the factor is `factor` (Daley & Vere-Jones 2003,
An Introduction to the Theory of Point Processes, theorem 7.4.I). Without seasons both are the same.

Enters: a population, a segment. Leaves: shop hours to seconds of the calendar, and back. Forbidden
here: drawing.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import date, timedelta
from itertools import accumulate
from math import ceil

from streams.generating.population import Population, Promotion

HOUR_S = 3600
DAY_HOURS = 24


def day_factors(population: Population, swayed: float) -> list[float]:
    """How much more than on average is bought on each day that somebody may join, hours aside."""
    months, weekdays, _ = population.seasons
    days = (population.start + timedelta(days=each) for each in range(span_days(population)))
    return [
        months[day.month - 1]
        * weekdays[day.weekday()]
        * max(0.0, 1 + swayed * (_promoted(population.promotions, day) - 1))
        for day in days
    ]


def span_days(population: Population) -> int:
    """Days that have a factor: the span, and beyond it if customers join later.

    When a customer joins thus does not depend on where the span ends.
    """
    return max(population.days, ceil(population.joins.days))


def promotion_on(promotions: tuple[Promotion, ...], day: date) -> Promotion | None:
    """The first promotion that holds on a day."""
    return next((each for each in promotions if each.holds(day)), None)


def _promoted(promotions: tuple[Promotion, ...], day: date) -> float:
    found = promotion_on(promotions, day)
    return 1.0 if found is None else found.factor


class ShopClock:
    """Shop hours and calendar seconds of one span, for customers who are swayed alike.

    Args:
        population: with its seasons and promotions.
        swayed: how much of a promotion's effect the customers show.

    Attributes:
        end: shop hours until the end of the span.
    """

    def __init__(self, population: Population, swayed: float) -> None:
        hours = population.seasons.hours
        by_hour = (day * hour for day in day_factors(population, swayed) for hour in hours)
        self._upto = [0.0, *accumulate(by_hour)]
        self.end = self._upto[population.days * DAY_HOURS]

    def second_of(self, shop_hours: float) -> int:
        """Seconds from the start of the span, rounded down; `shop_hours` before the end."""
        hour = bisect_right(self._upto, shop_hours) - 1
        begins, ends = self._upto[hour], self._upto[hour + 1]
        within = (shop_hours - begins) / (ends - begins)
        return hour * HOUR_S + min(HOUR_S - 1, int(within * HOUR_S))

    def shop_hours_at(self, days: float) -> float:
        """Shop hours gone by after so many calendar days, as far as customers join."""
        hours = days * DAY_HOURS
        whole = min(int(hours), len(self._upto) - 2)
        begins, ends = self._upto[whole], self._upto[whole + 1]
        return begins + (ends - begins) * (hours - whole)
