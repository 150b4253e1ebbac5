"""Facts of every customer on every day, in pandas: the independent side of the rules.

A fact is a table, customers down and days across; what is not known is NaN, which no comparison holds
of. What was bought adds up along the days, and a window is what has added up by now, less what had
added up before it. A table is read at one of two moments of its days:

    MORNING   nothing of the day is bought yet    a window of w days has w - 1 days of purchases
    EVENING   all of the day is bought            a window of w days has w days of purchases

Between an evening and the next morning nothing happens but midnight.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd

from tests.golden.raw_journey import DAYS, lines, raw

MORNING, EVENING = 1, 0  # how many days ago the newest purchase is, at least
TYPICAL_GAP_DAYS, GAPS_OF_IT = 6.3, 2.0  # of a grocer; counts as two gaps of the customer's own
OVERDUE_DAYS, DORMANT_DAYS, NEW_DAYS = 14, 28, 28


class Panel:
    """Facts of some customers on some days.

    Args:
        customers: rows of every table.
        days: columns.
        moment: of those days, MORNING or EVENING.
    """

    def __init__(self, customers: list[int], days: list[int], moment: int) -> None:
        self.customers, self.days, self.moment = customers, days, moment
        self.lines = lines()[lines()["household"].isin(customers)]
        self.day = pd.DataFrame([range(DAYS)] * len(customers), customers)
        self._sums: dict[tuple[str, ...], pd.DataFrame] = {}

    # where windows come from

    def at(self, evenings: pd.DataFrame) -> pd.DataFrame:
        """A table of what was known in the evenings, at the moment of the days that are asked for."""
        return evenings.shift(self.moment, axis=1)[self.days]

    def daily(self, measure: str, bought: pd.DataFrame) -> pd.DataFrame:
        """What lines add up to on each day: a column of theirs, "baskets" or "days"."""
        if measure == "baskets":
            bought = bought.drop_duplicates("basket")
        if measure == "days":
            bought = bought.drop_duplicates(["household", "day"])
        counted = bought.groupby(["household", "day"])
        found = counted.size() if measure in {"baskets", "days"} else counted[measure].sum()
        table = found.unstack("day", fill_value=0)
        return table.reindex(index=self.customers, columns=range(DAYS), fill_value=0)

    def total(self, measure: str, window: int = 0, **label: str) -> pd.DataFrame:
        """What lines add up to in a window of so many days, 0: ever; all, or those of a label."""
        key = (measure, *label, *label.values())
        if key not in self._sums:
            self._sums[key] = self.daily(measure, self.of(**label)).cumsum(axis=1)
        sums = self._sums[key]
        now = self.at(sums).fillna(0)
        return now - sums.shift(window, axis=1, fill_value=0)[self.days] if window else now

    def of(self, **label: str) -> pd.DataFrame:
        """The lines of a label, such as store="367"."""
        found = self.lines
        for kind, name in label.items():
            found = found[found[kind] == name]
        return found

    # what customers buy

    def order_value(self, window: int = 0) -> pd.DataFrame:
        return ratio(self.total("spend", window), self.total("baskets", window))

    def items_per_purchase(self, window: int = 0) -> pd.DataFrame:
        return ratio(self.total("items", window), self.total("baskets", window))

    def discount_share(self, window: int = 0) -> pd.DataFrame:
        discount = self.total("discount", window)
        return ratio(discount, self.total("spend", window) + discount)

    def growth(self, window: int) -> pd.DataFrame:
        now = self.total("spend", window)
        return ratio(now, self.total("spend", 2 * window) - now) - 1

    def share_of(self, measure: str, window: int = 0, **label: str) -> pd.DataFrame:
        return ratio(self.total(measure, window, **label), self.total("spend", window))

    def brand_loyalty(self, window: int = 0) -> pd.DataFrame:
        national = self.total("by_piece", window, brand="National")
        private = self.total("by_piece", window, brand="Private")
        return ratio(np.maximum(national, private), national + private)

    def distinct(self, kind: str, window: int = 0) -> pd.DataFrame:
        """How many labels were bought in a window: one counts from a day on which it is bought until it
        is bought the next time, which counts instead, or until that day leaves the window.
        """
        bought = self.lines[["household", kind, "day"]].dropna().drop_duplicates()
        bought = bought.sort_values(["household", kind, "day"])
        again = bought.groupby(["household", kind])["day"].shift(-1).fillna(DAYS).astype(int)
        until = np.minimum(again + self.moment, bought["day"] + (window or 2 * DAYS))
        rows = pd.Index(self.customers).get_indexer(bought["household"])
        more = np.zeros((len(self.customers), 3 * DAYS), dtype=int)
        np.add.at(more, (rows, bought["day"] + self.moment), 1)
        np.add.at(more, (rows, np.maximum(until, bought["day"] + self.moment)), -1)
        return pd.DataFrame(more.cumsum(axis=1), self.customers)[self.days]

    # time

    @cached_property
    def bought_on(self) -> pd.DataFrame:
        """Each day with a purchase."""
        return self.day.where(self.daily("days", self.lines) > 0)

    @cached_property
    def first_day(self) -> pd.DataFrame:
        return self.at(self.bought_on.cummin(axis=1).ffill(axis=1))

    @cached_property
    def last_day(self) -> pd.DataFrame:
        return self.at(self.bought_on.ffill(axis=1))

    @cached_property
    def last_gap(self) -> pd.DataFrame:
        """Days between the last two with a purchase."""
        before = self.bought_on.ffill(axis=1).shift(1, axis=1)
        return self.at((self.bought_on - before).where(self.bought_on.notna()).ffill(axis=1))

    @property
    def silence(self) -> pd.DataFrame:
        return self.day[self.days] - self.last_day

    @property
    def tenure(self) -> pd.DataFrame:
        return self.day[self.days] - self.first_day

    def silence_of(self, **label: str) -> pd.DataFrame:
        bought = self.day.where(self.daily("days", self.of(**label)) > 0)
        return self.day[self.days] - self.at(bought.ffill(axis=1))

    @property
    def silence_cycles(self) -> pd.DataFrame:
        """Silence in gaps of the customer's own, shrunk to the typical one."""
        span, gaps = self.last_day - self.first_day, self.total("days") - 1
        return self.silence / ((GAPS_OF_IT * TYPICAL_GAP_DAYS + span) / (GAPS_OF_IT + gaps))

    @property
    def repurchase_rate(self) -> pd.DataFrame:
        days = self.total("days")
        return ratio(days - 1, days)

    # the lifecycle, with the same limits for everybody

    @property
    def is_silent(self) -> pd.DataFrame:
        """Dormant or churned."""
        return self.silence > DORMANT_DAYS

    @property
    def is_overdue(self) -> pd.DataFrame:
        return (self.silence > OVERDUE_DAYS) & ~self.is_silent

    @property
    def is_won_back(self) -> pd.DataFrame:
        return (self.last_gap > DORMANT_DAYS) & ~self.is_silent

    @property
    def is_new(self) -> pd.DataFrame:
        return (self.tenure <= NEW_DAYS) & ~self.is_silent

    # who they are

    def told(self, attribute: str) -> pd.DataFrame:
        """What the profile says, the same on all days."""
        found = raw("demographics").set_index("household_id")[attribute].reindex(self.customers)
        return pd.DataFrame(dict.fromkeys(self.days, found))

    @property
    def known_days(self) -> pd.DataFrame:
        """Since the profile on day 0, else since the first purchase; NaN: not heard of yet."""
        described = self.day[self.days].where(self.told("age").notna(), np.nan)
        return described.fillna(self.tenure)


def ratio(part: pd.DataFrame, whole: pd.DataFrame) -> pd.DataFrame:
    """NaN of nothing."""
    return part / whole.where(whole > 0)
