"""Who stayed and who responded, in pandas: the independent side of evaluations.

Nothing of models/ or streams/ is used here. A segment is a table, customers down and days across, in the morning
and in the evening of each day (`tests/golden/panel.py`).
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import pandas as pd

from tests.golden.panel import EVENING, MORNING, Panel
from tests.golden.thirty_rules import RULES

CHURNED_DAYS = 84
DAYS = 30
YEAR_DAYS = 365


class Stayed(NamedTuple):
    """Members thirty days ago, and those of them who are members still."""

    members_then: int
    stayed: int


class Responded(NamedTuple):
    """Entries, those that a purchase followed, and how many would have by everybody's rate."""

    entries: int
    answered: int
    expected: Fraction


class Memberships:
    """Everybody's segments up to the first moment of a day.

    Args:
        customers: all there are.
        day: number of the day.
        rules: names of those of `tests/golden/thirty_rules.py` that are asked for.
    """

    def __init__(self, customers: list[int], day: int, rules: list[str]) -> None:
        self.day = day
        days = list(range(day + 1))
        mornings, evenings = (Panel(customers, days, each) for each in (MORNING, EVENING))
        self.mornings = segments(mornings, rules)
        self.evenings = segments(evenings, rules)
        self.known = evenings.known_days.notna()
        bought = evenings.bought_on[days].notna().astype(int)
        sums = bought.cumsum(axis=1)
        self.follows = (
            sums.shift(-DAYS, axis=1) - sums
        ) > 0  # in the days after, as far as they go

    def stayed(self, segment: str) -> Stayed:
        """Of members at the first moment of the day thirty days ago."""
        then, today = (self.mornings[segment][each] for each in (self.day - DAYS, self.day))
        return Stayed(int(then.sum()), int((then & today).sum()))

    def entries(self, segment: str) -> pd.DataFrame:
        """Who was not in it as the day before ended and is as the day ends, on days that count."""
        evenings = self.evenings[segment]
        entered = evenings & ~evenings.shift(1, axis=1, fill_value=False)
        return entered.loc[:, max(0, self.day - YEAR_DAYS) : self.day - DAYS - 1]

    def responded(self, entered: pd.DataFrame) -> Responded:
        """What followed entries, customers down and days across."""
        follows, known = (each[entered.columns] for each in (self.follows, self.known))
        expected = Fraction()
        for day, entries in entered.sum().items():
            if entries:
                bought = int((follows[day] & known[day]).sum())
                expected += Fraction(int(entries) * bought, int(known[day].sum()))
        return Responded(int(entered.sum().sum()), int((entered & follows).sum().sum()), expected)


def segments(p: Panel, rules: list[str]) -> dict[str, pd.DataFrame]:
    """Segment → who is in it: lifecycle states, flags and rules."""
    known, bought = p.known_days.notna(), p.first_day.notna()
    churned = p.silence > CHURNED_DAYS
    found = {
        "lifecycle/prospect": known & ~bought,
        "lifecycle/new": p.is_new & bought,
        "lifecycle/active": bought & ~p.is_new & ~p.is_silent,
        "lifecycle/dormant": p.is_silent & ~churned,
        "lifecycle/churned": churned,
        "flag/overdue": p.is_overdue,
        "flag/won_back": p.is_won_back & bought,
    }
    return {**found, **{f"rule/{name}": RULES[name](p) & known for name in rules}}
