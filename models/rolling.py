"""When time alone changes what a rule reads: the next customer-day on which other conditions hold.

Silence and tenure grow by a day each day, so their day follows from the next number that a condition
names. A window loses rows of the daybook as it rolls on; only rows can change it, so only the days on
which one leaves are looked at, and of a sum that can only fall the day is found by bisection.

A day that is answered may turn out to change nothing after all, never the other way round: between
now and that day nothing changes. What is known to change `before` a day anyway spares looking further.

Enters: a sight, the value of a fact and its gauge. Leaves: an ordinal, or None: never.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from datetime import date
from math import ceil
from types import MappingProxyType
from typing import TYPE_CHECKING

from models.daybook import COLUMNS, DIMENSIONS, LABEL_COLUMNS
from models.described import age_band, birth_year
from models.gauge import Gauge, Known
from models.rule_tree import Fact
from models.sight import (
    DISCOUNT,
    ITEMS,
    MARGIN,
    PURCHASE_DAYS,
    PURCHASES,
    READ,
    REFUNDED,
    SPENT,
    Sight,
    share_of,
)
from models.table import first_after

if TYPE_CHECKING:
    from models.policy_grid import Attachment

Until = Callable[..., int | None]  # sight, fact, its value, its gauge, before
_LAST_YEAR = 9_900
LAST_DAY = date(_LAST_YEAR, 1, 1).toordinal()  # no event is later, so neither is a clock
LOOKED_AHEAD = 8  # rows that leave a window; then it is looked at again


def grows(
    sight: Sight, _: Fact, value: Known | None, gauge: Gauge, _before: int = LAST_DAY
) -> int | None:
    """Of a number of days that grows by one each day."""
    if not isinstance(value, int):
        return None
    then = gauge.next_above(value)
    return None if then is None else sight.day + then - value


def shrinks(
    sight: Sight, _: Fact, value: Known | None, gauge: Gauge, _before: int = LAST_DAY
) -> int | None:
    """Of a number of days that shrinks by one each day."""
    if not isinstance(value, int):
        return None
    then = gauge.next_below(value)
    return None if then is None else sight.day + value - then


def cycles(
    sight: Sight, _: Fact, value: Known | None, gauge: Gauge, _before: int = LAST_DAY
) -> int | None:
    """Of a silence in multiples of the customer's own rhythm."""
    if not isinstance(value, float):
        return None
    days, cadence = sight.ledger.recent_days, sight.ledger.cadence_days
    place = bisect_left(gauge.numbers, value)
    for number in gauge.numbers[place:]:
        from_day = max(sight.day + 1, days[-1] + ceil(number * cadence) - 1)
        for day in range(from_day, from_day + 3):
            if gauge.bits((day - days[-1]) / cadence) != gauge.bits(value):
                return day
    return None


def next_year(
    sight: Sight, fact: Fact, value: Known | None, gauge: Gauge, _before: int = LAST_DAY
) -> int | None:
    """Of an age band that follows from the birth year."""
    born, now = birth_year(sight), gauge.bits(value)
    this_year = date.fromordinal(sight.day).year
    for edge in sight.policy.profiles.age_bands:
        if born is not None and this_year < born + edge < _LAST_YEAR:
            day = date(born + edge, 1, 1).toordinal()
            if gauge.bits(age_band(sight.on(day), fact)) != now:
                return day
    return None


def falls(column: int) -> Until:
    """Of a column of the daybook within a window: it falls whenever a row leaves."""

    def until(
        sight: Sight, fact: Fact, value: Known | None, gauge: Gauge, before: int = LAST_DAY
    ) -> int | None:
        if not fact.window_days or not isinstance(value, int) or value <= 0:
            return None
        first = sight.start(fact.window_days) // COLUMNS + 1
        return _falls(sight.numbers, sight.days, column, first, fact, value, gauge, before)

    return until


def _falls(
    numbers: memoryview,
    days: memoryview,
    column: int,
    first: int,
    fact: Fact,
    value: int,
    gauge: Gauge,
    before: int,
) -> int | None:
    """The day on which a sum that only falls reaches the next number below it, or passes it."""
    if days[first] + fact.window_days >= before:
        return None
    least = _first_below(gauge, value)
    if least is None:
        return None
    sums = numbers[column :: len(numbers) // len(days)]
    row = min(bisect_left(sums, sums[-1] - least, first), len(days) - 1)
    day: int = days[row]
    return day + fact.window_days


def _first_below(gauge: Gauge, value: int) -> int | None:
    """The largest smaller value at which other conditions hold, at least 0."""
    then = gauge.next_below(value)
    return None if then is None or then < 0 else then


def spend_falls(
    sight: Sight, fact: Fact, value: Known | None, gauge: Gauge, before: int = LAST_DAY
) -> int | None:
    """Of net spend: it only falls unless money was given back."""
    if fact.window_days and not sight.sum(REFUNDED, fact.window_days):
        return _SPENT_FALLS(sight, fact, value, gauge, before)
    return steps(sight, fact, value, gauge, before)


def steps(
    sight: Sight, fact: Fact, value: Known | None, gauge: Gauge, before: int = LAST_DAY
) -> int | None:
    """Of whatever only rows that leave its window can change."""
    window, read = fact.window_days, READ[fact.name]
    if not window:
        return None
    now, first, days = gauge.bits(value), sight.first_row(window), sight.days
    day = before
    for row in range(first, min(first + LOOKED_AHEAD, len(days))):
        day = days[row] + window
        if day >= before:
            return None
        if gauge.bits(read(sight.on(day), fact)) != now:
            return day
    return day if len(days) - first >= LOOKED_AHEAD else None


def growth_steps(
    sight: Sight, fact: Fact, value: Known | None, gauge: Gauge, before: int = LAST_DAY
) -> int | None:
    """Of growth: a row leaves the newer window, and later the one before that."""
    now, days, read = gauge.bits(value), sight.days, READ[fact.name]
    leave: set[int] = set()
    for window in (fact.window_days, 2 * fact.window_days):
        first = sight.first_row(window)
        leave.update(each + window for each in days[first : first + LOOKED_AHEAD])
    for day in sorted(leave)[:LOOKED_AHEAD]:
        if day >= before:
            return None
        if gauge.bits(read(sight.on(day), fact)) != now:
            return day
    return sorted(leave)[LOOKED_AHEAD - 1] if len(leave) >= LOOKED_AHEAD else None


Ratio = Callable[[memoryview, int, int], float | None]


def _average(numbers: memoryview, last: int, left: int) -> float | None:
    purchases = numbers[last + PURCHASES] - numbers[left + PURCHASES]
    spent = numbers[last + SPENT] - numbers[left + SPENT]
    refunded = numbers[last + REFUNDED] - numbers[left + REFUNDED]
    return (spent - refunded) / purchases if purchases else None


def _items_each(numbers: memoryview, last: int, left: int) -> float | None:
    purchases = numbers[last + PURCHASES] - numbers[left + PURCHASES]
    return share_of(numbers[last + ITEMS] - numbers[left + ITEMS], purchases)


def _discount(numbers: memoryview, last: int, left: int) -> float | None:
    discount = numbers[last + DISCOUNT] - numbers[left + DISCOUNT]
    return share_of(discount, numbers[last + SPENT] - numbers[left + SPENT] + discount)


def _returned(numbers: memoryview, last: int, left: int) -> float | None:
    spent = numbers[last + SPENT] - numbers[left + SPENT]
    return share_of(numbers[last + REFUNDED] - numbers[left + REFUNDED], spent)


def _earned(numbers: memoryview, last: int, left: int) -> float | None:
    earned: int = numbers[last + MARGIN] - numbers[left + MARGIN]
    return earned


def ratio_steps(ratio: Ratio) -> Until:
    """Of what the columns of the daybook within a window give: as `steps`, without a sight a day.

    `ratio`: of the numbers, where their newest row begins, and where the last one that has left.
    """

    def until(
        sight: Sight, fact: Fact, value: Known | None, gauge: Gauge, before: int = LAST_DAY
    ) -> int | None:
        window = fact.window_days
        if not window:
            return None
        numbers, days, now = sight.numbers, sight.days, gauge.bits(value)
        first, last = sight.start(window) // COLUMNS + 1, len(numbers) - COLUMNS
        day = before
        for row in range(first, min(first + LOOKED_AHEAD, len(days))):
            day = days[row] + window
            if day >= before:
                return None
            if gauge.bits(ratio(numbers, last, row * COLUMNS)) != now:
                return day
        return day if len(days) - first >= LOOKED_AHEAD else None

    return until


def label_falls(
    sight: Sight, fact: Fact, value: Known | None, gauge: Gauge, before: int = LAST_DAY
) -> int | None:
    """Of what was spent on a label within a window."""
    if not fact.window_days or not isinstance(value, int) or value <= 0:
        return None
    numbers = sight.label(fact)
    first = first_after(numbers, LABEL_COLUMNS, sight.day - fact.window_days)
    return _falls(numbers, numbers[::LABEL_COLUMNS], 1, first, fact, value, gauge, before)


def label_days_fall(
    sight: Sight, fact: Fact, value: Known | None, gauge: Gauge, _: int = LAST_DAY
) -> int | None:
    """Of the days on which a label was bought within a window: one row each."""
    least = _first_below(gauge, value) if isinstance(value, int) and fact.window_days else None
    if least is None or not isinstance(value, int):
        return None
    numbers = sight.label(fact)
    row = len(numbers) // LABEL_COLUMNS - least - 1
    day: int = numbers[row * LABEL_COLUMNS]
    return day + fact.window_days


def distinct_falls(dimension: str) -> Until:
    """Of the number of labels that were bought within a window: each leaves with its newest row."""

    def until(
        sight: Sight, fact: Fact, value: Known | None, gauge: Gauge, _: int = LAST_DAY
    ) -> int | None:
        least = _first_below(gauge, value) if isinstance(value, int) and fact.window_days else None
        if least is None or not isinstance(value, int):
            return None
        newest = sight.newest(dimension)
        return newest[len(newest) - least - 1] + fact.window_days

    return until


def points_until(
    sight: Sight,
    _: Fact,
    value: Known | None,
    _gauge: Gauge | None = None,
    before: int = LAST_DAY,
) -> int | None:
    """Of the points of attachment: any row of the score card gives others."""
    grid = sight.policy.grid
    if grid is None or value is None:
        return None
    return points_for_now(sight, grid.attachment, before)[1]


def points_for_now(
    sight: Sight, card: Attachment, before: int = LAST_DAY
) -> tuple[int, int | None]:
    """The points of somebody who has bought, and the day on which time alone next changes a row's."""
    points, until_day = 0, before
    for row in card.rows:
        value = READ[row.fact.name](sight, row.fact)
        points += row.points(value)
        then = UNTIL[row.fact.name](sight, row.fact, value, row.gauge, until_day)
        if then is not None and then < until_day:
            until_day = then
    return points, None if until_day >= before else until_day


_SPENT_FALLS = falls(SPENT)
_OF_LABELS: Mapping[str, Until] = {
    "spend": label_falls,
    "purchase_days": label_days_fall,
    "share": steps,
    "silence_days": grows,
}
# What leaves the older of two windows counts, too, and can make known what was not.
OF_TWO_WINDOWS = frozenset({"growth"})
# A fact that is not listed changes with an event, a deadline of another kind or a population only.
UNTIL: Mapping[str, Until] = MappingProxyType(
    {
        "spend": spend_falls,
        "purchases": falls(PURCHASES),
        "purchase_days": falls(PURCHASE_DAYS),
        "items": falls(ITEMS),
        "average_order_value": ratio_steps(_average),
        "margin": ratio_steps(_earned),
        "items_per_purchase": ratio_steps(_items_each),
        "discount_share": ratio_steps(_discount),
        "return_rate": ratio_steps(_returned),
        "categories": distinct_falls("category"),
        "brands": distinct_falls("brand"),
        "brand_loyalty": steps,
        "growth": growth_steps,
        "silence_days": grows,
        "tenure_days": grows,
        "known_days": grows,
        "silence_cycles": cycles,
        "attachment_points": points_until,
        "contact_days_ago": grows,
        "wallet_share": steps,
        "engagement_days_ago": grows,
        "engagement.days_ago": grows,
        "age_band": next_year,
        "days_since": grows,
        "days_until": shrinks,
        **{
            f"{dimension}.{member}": until
            for dimension in DIMENSIONS
            for member, until in _OF_LABELS.items()
        },
    }
)
