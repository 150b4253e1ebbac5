"""A population like a file: how often its customers buy, what they pay, when, and what.

The purchase process is fitted with the product's own estimators. What is taken over of anything else
are shares: no id, and no word that fewer than five customers or purchases have.

Enters: records, in any order. Leaves: a `Fit`, and from it a `Population`. Forbidden here: drawing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import orjson

from models.bgnbd import BgNbd, expected_purchases
from streams.generating.choosing import Asked
from streams.generating.observing import DAY_S, SHORTEST_GAP_S, Figures, Gaps, Observed
from streams.generating.population import (
    Choice,
    Joins,
    Mess,
    Population,
    Seasons,
    Segment,
    around_one,
    one_of,
)
from streams.generating.timing import ShopClock
from streams.sources import SourceError, SourceRecord

RARE = 5  # what fewer have is not taken over: it might be somebody
MOST_VALUES = 100
SHAPES = (0.25, 20.0)
STRETCH_DAYS = 7  # within which customers join evenly
_LABELS = ("channel", "store", "brand", "payment_method")
_WHOLE_MONTH_DAYS = 28
_ENOUGH_REPEATS = 50.0  # expected in a month, to say anything of it
_MONTH_FACTORS = (0.2, 5.0)


class Fit(NamedTuple):
    """What was found in a file.

    Attributes:
        figures: that a generated population is held against.
        segment: its customers, as one segment.
        seasons: of the year (against what the model expects), of the week and of the day.
        joins: when first purchases were.
        refunds: share of purchases.
        start: first day, UTC.
        days: until the end of the last one.
        currency: the commonest.
        shortest_gap_s: half a day where only days are known.
    """

    figures: Figures
    segment: Segment
    seasons: Seasons
    joins: Joins
    refunds: float
    start: date
    days: int
    currency: str
    shortest_gap_s: int


def like(fit: Fit, asked: Asked) -> Population:
    """A population like the file, but for what was asked for otherwise.

    Raises:
        BadPopulation: numbers that no population can have.
    """
    days = fit.days if asked.days is None else asked.days
    stretch_days = fit.joins.days / len(fit.joins.weights)
    weights = fit.joins.weights[: max(1, round(days / stretch_days))]
    joins = Joins(stretch_days * len(weights), weights)
    return Population(
        seed=asked.seed,
        customers=fit.figures.customers if asked.customers is None else asked.customers,
        start=asked.start or fit.start,
        days=days,
        segments=(fit.segment,),
        joins=Joins(asked.join_days) if asked.join_days else joins,
        seasons=fit.seasons if asked.seasons else Seasons(),
        mess=Mess(
            fit.refunds if asked.refunds is None else asked.refunds, asked.late, asked.duplicates
        ),
        hot=asked.hot,
        currency=fit.currency,
    )


def fitted_to(records: Iterable[SourceRecord], name: str) -> Fit:
    """What the customers of a file are like; ids and purchases are kept in memory.

    Args:
        records: of the file.
        name: of the file, for what is said.

    Raises:
        SourceError: too little to fit anything to.
    """
    read = Reading()
    for record in records:
        read.add(record)
    if not read.purchases:
        raise SourceError(f"{name}: found no purchase, expected some to be like")
    return _fit(read, name)


class Reading:
    """Purchases by customer, and counts of the rest; an event that is there twice counts once.

    Attributes:
        purchases: of each customer seconds since 1970 and minor units, as they came.
    """

    def __init__(self) -> None:
        self.purchases: dict[str, list[tuple[int, int]]] = {}
        self._ids: set[str] = set()
        self.refunds = self.lines = self.baskets = self.count = 0
        self.profiled: set[str] = set()
        self.attributes: dict[str, Counter[Any]] = {}
        self.labels: dict[str, Counter[str]] = {name: Counter() for name in _LABELS}
        self.categories: Counter[str] = Counter()
        self.currencies: Counter[str] = Counter()

    def add(self, record: SourceRecord) -> None:
        """One record more."""
        body = orjson.loads(record.value)
        event_id = body.get("event_id")
        if event_id in self._ids:
            return
        if event_id is not None:
            self._ids.add(event_id)
        if record.kind == "refund":
            self.refunds += 1
        elif record.kind == "profile":
            self._profile(record.customer_id, body)
        elif record.kind == "purchase":
            self._purchase(record, body)

    def _profile(self, customer_id: str, body: dict[str, Any]) -> None:
        self.profiled.add(customer_id)
        for name, value in body.get("attributes", {}).items():
            if value is not None:
                self.attributes.setdefault(name, Counter())[value] += 1

    def _purchase(self, record: SourceRecord, body: dict[str, Any]) -> None:
        paid = (record.occurred_at_ms // 1000, max(0, body["amount_minor"]))
        self.purchases.setdefault(record.customer_id, []).append(paid)
        self.count += 1
        self.currencies[body["currency"]] += 1
        for name, found in self.labels.items():
            found[body.get(name, "")] += 1
        items = body.get("items", ())
        self.baskets += bool(items)
        self.lines += len(items)
        self.categories.update(item["category"] for item in items if item.get("category"))


def _fit(read: Reading, name: str) -> Fit:
    histories = [sorted(each) for each in read.purchases.values()]
    moments = np.array([second for each in histories for second, _ in each])
    start_s = int(moments.min()) // DAY_S * DAY_S
    start = datetime.fromtimestamp(start_s, UTC).date()
    days = int(moments.max() - start_s) // DAY_S + 1
    only_days = len(np.unique(moments % DAY_S)) == 1
    shortest_gap_s = DAY_S // 2 if only_days else SHORTEST_GAP_S
    observed = Observed(start_s + days * DAY_S, shortest_gap_s)
    for history in histories:
        seconds, amounts = zip(*history, strict=True)
        observed.add(seconds, amounts)
    figures = observed.figures()
    if figures.purchasing is None or figures.spend is None:
        raise SourceError(
            f"{name}: too little to be like: expected two customers who paid, and one who came back"
        )
    joined = (np.array([history[0][0] for history in histories]) - start_s) // DAY_S
    seasons = _seasons(moments, joined, start, days, figures.purchasing)
    joins = _joins(joined, days)
    segment = Segment("like", 1.0, figures.purchasing, figures.spend)
    bare = Population(0, 1, start, days, (segment,), joins, seasons)
    shape = _gap_shape(bare, start_s, histories, shortest_gap_s)
    return Fit(
        figures,
        _dressed(replace(segment, gap_shape=shape), read),
        seasons,
        joins,
        read.refunds / read.count,
        start,
        days,
        read.currencies.most_common(1)[0][0],
        shortest_gap_s,
    )


def _gap_shape(
    bare: Population, start_s: int, histories: list[list[tuple[int, int]]], shortest_gap_s: int
) -> float:
    """Of gaps by the shop's clock: what the seasons bring about is no irregularity of customers."""
    clock, gaps = ShopClock(bare, 1.0), Gaps(shortest_gap_s / 3600)
    for history in histories:
        gaps.add([clock.shop_hours_at((second - start_s) / DAY_S) for second, _ in history])
    low, high = SHAPES
    return min(high, max(low, gaps.shape() or 1.0))


def _dressed(segment: Segment, read: Reading) -> Segment:
    """With what they buy and what is known of them."""
    attributes = ((each, _common(counts)) for each, counts in read.attributes.items())
    labels = ((each, _common(counts, "")) for each, counts in read.labels.items())
    return replace(
        segment,
        lines=max(1.0, read.lines / read.baskets) if read.baskets else 1.0,
        goods=_common(read.categories),
        labels=tuple((each, choice) for each, choice in labels if choice is not None),
        profile=tuple((each, choice) for each, choice in attributes if choice is not None),
        profiled=min(1.0, len(read.profiled) / len(read.purchases)),
    )


def _common(counts: Counter[Any], missing: str | None = None) -> Choice | None:
    """The commonest values; None if there are none. `missing`: what stands for all others."""
    common = [
        (value, float(count))
        for value, count in counts.most_common(MOST_VALUES)
        if count >= RARE and value != missing
    ]
    if not common:
        return None
    common.sort(key=lambda each: (-each[1], str(each[0])))
    rest = sum(counts.values()) - sum(count for _, count in common)
    return one_of([*common, (missing, float(rest))] if missing is not None and rest else common)


def _joins(joined: Any, days: int) -> Joins:
    stretches = -(-days // STRETCH_DAYS)
    counts = np.bincount((joined * stretches // days).astype(int), minlength=stretches)
    return Joins(float(days), tuple(counts.astype(float).tolist()))


def _seasons(moments: Any, joined: Any, start: date, days: int, model: BgNbd) -> Seasons:
    weekdays = np.bincount((moments // DAY_S + 3) % 7, minlength=7)  # 1970 began on a Thursday
    hours = np.bincount(moments % DAY_S // 3600, minlength=24)
    on_day = np.bincount(moments // DAY_S - int(moments.min()) // DAY_S, minlength=days)
    joining = np.bincount(joined, minlength=days)
    months = _months(on_day - joining, joining, start, model)
    return Seasons(months, around_one(weekdays.tolist()), around_one(hours.tolist()))


def _months(repeats: Any, joining: Any, start: date, model: BgNbd) -> tuple[float, ...]:
    """Repeats of each month over those that the model expects of who had joined by then."""
    days = len(repeats)
    by_age = np.diff(expected_purchases(model, 0, 0, 0, np.arange(days + 1)))
    expected = np.convolve(joining, by_age)[:days]
    month = np.array([(start + timedelta(days=each)).month for each in range(days)])
    return tuple(_month(repeats[month == each], expected[month == each]) for each in range(1, 13))


def _month(found: Any, expected: Any) -> float:
    if len(found) < _WHOLE_MONTH_DAYS or expected.sum() < _ENOUGH_REPEATS:
        return 1.0
    low, high = _MONTH_FACTORS
    return round(min(high, max(low, float(found.sum() / expected.sum()))), 4)
