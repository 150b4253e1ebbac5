"""Cohort retention: of those who first bought in a month, how many bought in each later one.

    first purchase ──► month of the cohort ──► customers · month → customers who bought in it

Months are calendar months of the shop's time zone, counted from the year 0. A daybook has the days of a
year, so the months that begin no longer ago than that are exact, and older ones are not told. A day on which
money was given back and nothing was bought is no purchase.

Enters: members, each once. Leaves: whole numbers. Forbidden here: customer ids, the clock.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from functools import lru_cache
from typing import Any

from models.daybook import LONGEST_WINDOW_DAYS
from models.sight import Sight, purchase_days

_MONTHS = 12


def month_of(day: int) -> int:
    """The month of a customer-day, ordinal: months since the year 0.

    >>> month_of(date(2018, 1, 31).toordinal()) - month_of(date(2017, 12, 1).toordinal())
    1
    """
    there = date.fromordinal(day)
    return there.year * _MONTHS + there.month - 1


def month_name(month: int) -> str:
    """As people write it.

    >>> month_name(month_of(date(2018, 1, 31).toordinal()))
    '2018-01'
    """
    return f"{month // _MONTHS:04}-{month % _MONTHS + 1:02}"


def first_day(month: int) -> int:
    """The ordinal of a month's first day."""
    return date(month // _MONTHS, month % _MONTHS + 1, 1).toordinal()


@lru_cache(maxsize=64)
def exact_months(day: int) -> tuple[int, ...]:
    """The months of which every day is known, oldest first; the last one is running.

    Args:
        day: the one shown, ordinal.

    >>> list(map(month_name, exact_months(date(2018, 3, 5).toordinal())))[::11]
    ['2017-04', '2018-03']
    """
    running = month_of(day)
    known = max(1, day - LONGEST_WINDOW_DAYS)
    return tuple(
        each
        for each in range(max(month_of(known), running - _MONTHS), running + 1)
        if first_day(each) >= known
    )


class Retention:
    """See the module; changed in place.

    Attributes:
        cohorts: month of the first purchase → customers.
        bought: that month, a month → those of them who bought in it; exact months only.
    """

    def __init__(self) -> None:
        self.cohorts: Counter[int] = Counter()
        self.bought: Counter[tuple[int, int]] = Counter()

    def add(self, sight: Sight) -> None:
        """Count a customer, who must not come twice."""
        first_ms = sight.ledger.first_purchase_ms
        if first_ms is None:
            return
        cohort = month_of(sight.day_of(first_ms))
        self.cohorts[cohort] += 1
        for month in bought_in(sight):
            self.bought[cohort, month] += 1

    def plain(self) -> list[Any]:
        """As lists of plain values, for `retention_of`."""
        bought = [[*each, count] for each, count in sorted(self.bought.items())]
        return [sorted(self.cohorts.items()), bought]


def retention_of(plain: list[Any]) -> Retention:
    """The reverse of `Retention.plain`."""
    found = Retention()
    cohorts, bought = plain
    found.cohorts.update(dict(cohorts))
    found.bought.update({(cohort, month): count for cohort, month, count in bought})
    return found


def bought_in(sight: Sight) -> list[int]:
    """The exact months in which a customer bought anything, ascending."""
    months = set(map(month_of, purchase_days(sight)))
    return [each for each in exact_months(sight.day) if each in months]
