"""Raw purchase days of a data set: the only thing that the references may see.

Enters: the records of a data set. Leaves: `Purchases`, and from it what could be known of every
customer at the end of a day, and what came after. Days count from the data set's first, 0.
Nothing here uses the product's own arithmetic, so that a fault in it can't hide.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from streams.datasets import DATASETS
from streams.sources import SourceRecord, read_file

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
NAMES = {"cj": "complete-journey"}
WINDOWS_DAYS = (7, 14, 28, 56, 84)


class Purchases(NamedTuple):
    """Purchase days of all customers, one after another.

    Attributes:
        customers: ids, ascending.
        starts: place of each customer's first day in `days`, and the end.
        days: distinct purchase days of each customer, ascending.
        spend_minor: what was spent on each of them.
        first_day: ordinal of day 0.
        last_day: the last day with a purchase, counted from day 0.
    """

    customers: tuple[str, ...]
    starts: Integers
    days: Integers
    spend_minor: Integers
    first_day: int
    last_day: int

    def sums(self, values: npt.ArrayLike) -> Floats:
        """One sum a customer, of one value a purchase day."""
        total = np.concatenate(([0.0], np.cumsum(np.asarray(values, dtype=np.float64))))
        found: Floats = total[self.starts[1:]] - total[self.starts[:-1]]
        return found

    def days_of(self, place: int) -> Integers:
        """The purchase days of one customer."""
        return self.days[self.starts[place] : self.starts[place + 1]]


class Known(NamedTuple):
    """Everyone who had bought by the end of day `day`; one row each.

    Attributes:
        day: the cut-off.
        rows: places in `Purchases.customers`.
        repeats: purchase days less one, x.
        span: days from first to last purchase, tx.
        age: days from first purchase to the cut-off, T.
        spend_minor: all that was spent.
    """

    day: int
    rows: Integers
    repeats: Floats
    span: Floats
    age: Floats
    spend_minor: Floats

    @property
    def silence(self) -> Floats:
        """Days since the last purchase day."""
        return self.age - self.span

    def cadence(self) -> Floats:
        """A customer's mean gap; the mean of all gaps so far counts twice beside their own."""
        typical_days = self.span.sum() / max(1.0, float(self.repeats.sum()))
        cadence: Floats = (2 * typical_days + self.span) / (2 + self.repeats)
        return cadence


def records_of(dataset: str) -> Callable[[], Iterator[SourceRecord]]:
    """The reader of a data set by name, or of a file."""
    name = NAMES.get(dataset, dataset)
    return DATASETS[name].read if name in DATASETS else lambda: read_file(Path(dataset))


def purchases_of(records: Iterable[SourceRecord], zone: ZoneInfo) -> Purchases:
    """Gather purchases by customer and customer-day; other kinds of records are passed over."""
    spent: defaultdict[tuple[str, int], int] = defaultdict(int)
    for record in records:
        if record.kind == "purchase":
            day = ordinal_of(record.occurred_at_ms, zone)
            spent[record.customer_id, day] += json.loads(record.value)["amount_minor"]
    return purchases_from(spent)


def ordinal_of(at_ms: int, zone: ZoneInfo) -> int:
    """The date of a moment in a zone, as an ordinal."""
    return datetime.fromtimestamp(at_ms / 1000, zone).toordinal()


def purchases_from(spent_minor: dict[tuple[str, int], int]) -> Purchases:
    """Of {(customer, ordinal day): spend}, at least one."""
    ordered = sorted(spent_minor)
    customers = tuple(dict.fromkeys(customer for customer, _ in ordered))
    place = {customer: number for number, customer in enumerate(customers)}
    owners = np.array([place[customer] for customer, _ in ordered])
    days = np.array([day for _, day in ordered])
    starts = np.searchsorted(owners, np.arange(len(customers) + 1))
    spend = np.array([spent_minor[each] for each in ordered])
    first = int(days.min())
    return Purchases(customers, starts, days - first, spend, first, int(days.max()) - first)


def known_at(purchases: Purchases, day: int) -> Known:
    """What is known of all customers at the end of a day."""
    seen = purchases.days <= day
    counts = purchases.sums(seen)
    rows = np.flatnonzero(counts > 0)
    begin = purchases.starts[rows]
    first = purchases.days[begin]
    last = purchases.days[begin + counts[rows].astype(np.int64) - 1]
    return Known(
        day,
        rows,
        repeats=counts[rows] - 1,
        span=(last - first).astype(np.float64),
        age=(day - first).astype(np.float64),
        spend_minor=purchases.sums(purchases.spend_minor * seen)[rows],
    )


def later_days(purchases: Purchases, known: Known, horizon_days: npt.ArrayLike) -> Floats:
    """Purchase days in (cut-off, cut-off + horizon], the horizon one number or one a customer."""
    return purchases.sums(_later(purchases, known, horizon_days))[known.rows]


def later_spend(purchases: Purchases, known: Known, horizon_days: npt.ArrayLike) -> Floats:
    """Spend in (cut-off, cut-off + horizon], minor units."""
    later = _later(purchases, known, horizon_days)
    return purchases.sums(later * purchases.spend_minor)[known.rows]


def _later(purchases: Purchases, known: Known, horizon_days: npt.ArrayLike) -> Flags:
    horizons = np.zeros(len(purchases.customers))
    horizons[known.rows] = horizon_days
    until = known.day + np.repeat(horizons, np.diff(purchases.starts))
    later: Flags = (purchases.days > known.day) & (purchases.days <= until)
    return later


def features(purchases: Purchases, known: Known) -> Floats:
    """One row a customer, for a batch learner: what purchase days and spend tell, unscaled."""
    visits = known.repeats + 1
    gap = np.where(known.repeats > 0, known.span / np.maximum(known.repeats, 1), np.nan)
    columns = [
        *(known.silence, visits, known.age, gap, known.silence / (gap + 1)),
        *(visits / (known.age + 1), known.spend_minor / visits, known.silence / (known.age + 1)),
        *_last_gaps(purchases, known),
        *(_recent(purchases, known, window) for window in WINDOWS_DAYS),
    ]
    return np.column_stack(columns)


def _recent(purchases: Purchases, known: Known, window_days: int) -> Floats:
    within = (purchases.days <= known.day) & (purchases.days > known.day - window_days)
    return purchases.sums(within)[known.rows]


def _last_gaps(purchases: Purchases, known: Known) -> tuple[Floats, Floats, Floats]:
    """The last gap, the one before, and the longest so far; NaN where there is none."""
    newest = purchases.starts[known.rows] + known.repeats.astype(np.int64)
    gaps = np.diff(purchases.days, prepend=0).astype(np.float64)
    gaps[purchases.starts[:-1]] = np.nan
    last = np.where(known.repeats >= 1, gaps[newest], np.nan)
    before = np.where(known.repeats >= 2, gaps[newest - 1], np.nan)
    seen = np.where(purchases.days <= known.day, np.nan_to_num(gaps, nan=0.0), 0.0)
    longest = np.maximum.reduceat(seen, purchases.starts[:-1])[known.rows]
    return last, before, np.where(known.repeats >= 1, longest, np.nan)
