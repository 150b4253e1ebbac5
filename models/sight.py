"""A customer as rules see them, at the beginning of a customer-day.

    sight = Sight(state, day, policy)
    READ["spend"](sight, Fact("spend", 90))

What is not known is None. Money is in minor units of the reporting currency. A window of w days that
ends with `day` holds that day and the w - 1 before it.

Enters: a state, a day. Leaves: the value of any fact of `models/rule_names.py`. Forbidden here: what a
rule makes of it; the clock.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING

from models.attached import attachment_points, contact_days_ago, wallet_share
from models.calendar import day_of
from models.daybook import COLUMNS, DIMENSIONS, LABEL_COLUMNS, Totals, code_of, label_key
from models.described import (
    age_band,
    days_since,
    days_until,
    engagement_days_ago,
    profile,
    satisfaction,
)
from models.gauge import Known
from models.rule_tree import Fact
from models.table import EMPTY, cells, dropped_rows, first_after, last_row

if TYPE_CHECKING:
    from models.customer import CustomerState
    from models.policy import Policy

_PLACE = {name: place for place, name in enumerate(Totals._fields)}
SPENT, REFUNDED = _PLACE["spent_minor"], _PLACE["refunded_minor"]
PURCHASES, PURCHASE_DAYS = _PLACE["purchases"], _PLACE["purchase_days"]
ITEMS, DISCOUNT, MARGIN = _PLACE["items"], _PLACE["discount_minor"], _PLACE["margin_minor"]
_NEVER = 10**9
NO_NUMBERS = memoryview(b"").cast("i")


class Sight:
    """One customer on one day; what was asked for once is remembered.

    Args:
        state: told up to that day.
        day: ordinal.
        policy: for the time zone and the age bands.
    """

    __slots__ = (
        "_newest",
        "_starts",
        "_tables",
        "day",
        "days",
        "ledger",
        "numbers",
        "policy",
        "state",
    )

    def __init__(self, state: CustomerState, day: int, policy: Policy) -> None:
        self.state, self.day, self.policy = state, day, policy
        self.ledger = state.current
        rows = self.ledger.book.rows
        self.numbers = cells(rows) if rows else NO_NUMBERS
        self.days = self.numbers[::COLUMNS]
        self._starts: dict[int, int] = {}
        self._tables: dict[int, list[memoryview]] = {}
        self._newest: dict[str, list[int]] = {}

    def on(self, day: int) -> Sight:
        """The same customer on a later day, if nothing happens until then."""
        later = Sight.__new__(Sight)
        later.state, later.day, later.policy, later.ledger = (
            self.state,
            day,
            self.policy,
            self.ledger,
        )
        later.numbers, later.days, later._starts = self.numbers, self.days, {}
        later._tables, later._newest = self._tables, self._newest  # the same whatever the day
        return later

    def first_row(self, window_days: int) -> int:
        """The place of the first row of the daybook within a window."""
        return bisect_right(self.days, self.day - window_days)

    def start(self, window_days: int) -> int:
        """Where the row before a window begins among `numbers`; negative if there is none."""
        found = self._starts.get(window_days)
        if found is None:
            found = self._starts[window_days] = COLUMNS * (self.first_row(window_days) - 1)
        return found

    def leaves(self, window_days: int) -> int:
        """The day on which the next row leaves a window; far away, if there is none."""
        row = self.start(window_days) // COLUMNS + 1
        return int(self.days[row]) + window_days if row < len(self.days) else _NEVER

    def sum(self, column: int, window_days: int) -> int:
        """What a column of the daybook adds up to; 0 days: over all time."""
        numbers = self.numbers
        if not numbers:
            return 0
        total: int = numbers[column - COLUMNS]
        if window_days:
            start = self.start(window_days)
            if start >= 0:
                total -= numbers[start + column]
        return total

    def label(self, fact: Fact) -> memoryview:
        """The table of the label that a fact is about."""
        table = self.ledger.book.labels.get(key_of(fact))
        return cells(table) if table else NO_NUMBERS

    def tables(self, dimension: str) -> list[memoryview]:
        """Those of all labels of a dimension."""
        if not self._tables:
            for key, table in self.ledger.book.labels.items():
                self._tables.setdefault(key[0], []).append(cells(table))
        return self._tables.get(code_of(dimension), [])

    def newest(self, dimension: str) -> list[int]:
        """The days on which the labels of a dimension were last bought, ascending."""
        found = self._newest.get(dimension)
        if found is None:
            code, labels = code_of(dimension), self.ledger.book.labels
            of_it = [table for key, table in labels.items() if key[0] == code]
            found = sorted([last_row(table, LABEL_COLUMNS)[0] for table in of_it])
            self._newest[dimension] = found
        return found

    def read(self, fact: Fact) -> Known | None:
        """Any fact."""
        return READ[fact.name](self, fact)

    def day_of(self, at_ms: int) -> int:
        """The customer-day of a moment of event time."""
        return day_of(at_ms, self.policy.timezone)


def purchase_days(sight: Sight) -> Iterator[int]:
    """The customer-days of the last year with a purchase, ascending; not those of money given back alone."""
    before = 0
    for day, total in zip(sight.days, sight.numbers[PURCHASES::COLUMNS], strict=True):
        if total > before:
            yield day
        before = total


def label_sum(sight: Sight, numbers: memoryview, window_days: int) -> int:
    """Minor units spent on a label."""
    if not numbers:
        return 0
    total: int = numbers[-1]
    if window_days:
        row = first_after(numbers, LABEL_COLUMNS, sight.day - window_days)
        if row:
            total -= numbers[LABEL_COLUMNS * row - 1]
    return total


def share_of(part: int, whole: int) -> float | None:
    """A part of a whole; None: of nothing."""
    return part / whole if whole > 0 else None


def _spend(sight: Sight, fact: Fact) -> int:
    if not fact.window_days:
        return sight.ledger.net_spend_minor
    return sight.sum(SPENT, fact.window_days) - sight.sum(REFUNDED, fact.window_days)


def _purchases(sight: Sight, fact: Fact) -> int:
    return sight.sum(PURCHASES, fact.window_days) if fact.window_days else sight.ledger.purchases


def _purchase_days(sight: Sight, fact: Fact) -> int:
    if not fact.window_days:
        return sight.ledger.purchase_days
    return sight.sum(PURCHASE_DAYS, fact.window_days)


def _average_order_value(sight: Sight, fact: Fact) -> float | None:
    purchases = _purchases(sight, fact)
    return _spend(sight, fact) / purchases if purchases else None


def _margin(sight: Sight, fact: Fact) -> int:
    return sight.sum(MARGIN, fact.window_days)


def _items(sight: Sight, fact: Fact) -> int:
    return sight.sum(ITEMS, fact.window_days) if fact.window_days else sight.ledger.items


def _items_per_purchase(sight: Sight, fact: Fact) -> float | None:
    return share_of(_items(sight, fact), _purchases(sight, fact))


def _spent(sight: Sight, window_days: int) -> int:
    return sight.sum(SPENT, window_days) if window_days else sight.ledger.spent_minor


def _discount_share(sight: Sight, fact: Fact) -> float | None:
    days = fact.window_days
    discount = sight.sum(DISCOUNT, days) if days else sight.ledger.discount_minor
    return share_of(discount, _spent(sight, days) + discount)


def _return_rate(sight: Sight, fact: Fact) -> float | None:
    days = fact.window_days
    refunded = sight.sum(REFUNDED, days) if days else sight.ledger.refunded_minor
    return share_of(refunded, _spent(sight, days))


def _growth(sight: Sight, fact: Fact) -> float | None:
    days = fact.window_days
    now = _spend(sight, fact)
    both = _spend(sight, Fact(fact.name, 2 * days))
    return now / (both - now) - 1 if both > now else None


def _distinct(dimension: str) -> Callable[[Sight, Fact], int]:
    def read(sight: Sight, fact: Fact) -> int:
        newest = sight.newest(dimension)
        since = sight.day - fact.window_days if fact.window_days else 0
        return len(newest) - bisect_right(newest, since)

    return read


def _brand_loyalty(sight: Sight, fact: Fact) -> float | None:
    spent = [label_sum(sight, table, fact.window_days) for table in sight.tables("brand")]
    return share_of(max(spent, default=0), sum(spent))


def _silence_days(sight: Sight, _: Fact) -> int | None:
    days = sight.ledger.recent_days
    return max(0, sight.day - days[-1]) if days else None


def _tenure_days(sight: Sight, _: Fact) -> int | None:
    first_ms = sight.ledger.first_purchase_ms
    return None if first_ms is None else max(0, sight.day - sight.day_of(first_ms))


def _known_days(sight: Sight, _: Fact) -> int:
    return max(0, sight.day - sight.day_of(sight.state.known_since_ms))


def _cadence_days(sight: Sight, _: Fact) -> float | None:
    return sight.ledger.cadence_days if sight.ledger.recent_days else None


def _silence_cycles(sight: Sight, fact: Fact) -> float | None:
    silence_days = _silence_days(sight, fact)
    return None if silence_days is None else silence_days / sight.ledger.cadence_days


def _repurchase_rate(sight: Sight, _: Fact) -> float | None:
    days = sight.ledger.purchase_days
    return (days - 1) / days if days else None


def _first_purchase(sight: Sight, _: Fact) -> str | None:
    first_ms = sight.ledger.first_purchase_ms
    return None if first_ms is None else date.fromordinal(sight.day_of(first_ms)).isoformat()


def _last_purchase(sight: Sight, _: Fact) -> str | None:
    days = sight.ledger.recent_days
    return date.fromordinal(days[-1]).isoformat() if days else None


def _group(kind: str) -> Callable[[Sight, Fact], str | None]:
    return lambda sight, _: sight.state.groups.get(kind)


def _cluster(sight: Sight, _: Fact) -> int | None:
    found = sight.state.groups.get("cluster")
    return None if found is None else int(found)


def _label_spend(sight: Sight, fact: Fact) -> int:
    return label_sum(sight, sight.label(fact), fact.window_days)


def _label_days(sight: Sight, fact: Fact) -> int:
    table = sight.ledger.book.labels.get(key_of(fact), EMPTY)
    if not table:
        return 0
    numbers = cells(table)
    rows = len(numbers) // LABEL_COLUMNS
    if not fact.window_days:
        return rows + dropped_rows(table)
    return rows - first_after(numbers, LABEL_COLUMNS, sight.day - fact.window_days)


def _label_share(sight: Sight, fact: Fact) -> float | None:
    return share_of(_label_spend(sight, fact), _spent(sight, fact.window_days))


def _label_silence_days(sight: Sight, fact: Fact) -> int | None:
    numbers = sight.label(fact)
    return max(0, sight.day - numbers[-LABEL_COLUMNS]) if numbers else None


def key_of(fact: Fact) -> bytes:
    """Of a fact about a label: the label's key."""
    return label_key(fact.name.partition(".")[0], fact.of)


Reader = Callable[[Sight, Fact], Known | None]
_OF_LABELS: Mapping[str, Reader] = {
    "spend": _label_spend,
    "purchase_days": _label_days,
    "share": _label_share,
    "silence_days": _label_silence_days,
}
READ: Mapping[str, Reader] = MappingProxyType(
    {
        "spend": _spend,
        "purchases": _purchases,
        "purchase_days": _purchase_days,
        "average_order_value": _average_order_value,
        "margin": _margin,
        "items": _items,
        "items_per_purchase": _items_per_purchase,
        "discount_share": _discount_share,
        "return_rate": _return_rate,
        "categories": _distinct("category"),
        "brands": _distinct("brand"),
        "brand_loyalty": _brand_loyalty,
        "growth": _growth,
        "silence_days": _silence_days,
        "tenure_days": _tenure_days,
        "known_days": _known_days,
        "cadence_days": _cadence_days,
        "silence_cycles": _silence_cycles,
        "repurchase_rate": _repurchase_rate,
        "first_purchase": _first_purchase,
        "last_purchase": _last_purchase,
        "satisfaction": satisfaction,
        "engagement_days_ago": engagement_days_ago,
        "engagement.days_ago": engagement_days_ago,
        "age_band": age_band,
        "lifecycle": lambda sight, _: sight.ledger.standing.lifecycle.value,
        "overdue": lambda sight, _: sight.ledger.standing.overdue,
        "won_back": lambda sight, _: sight.ledger.standing.won_back,
        "cluster": _cluster,
        "tier": _group("tier"),
        "risk": _group("risk"),
        "attachment": _group("attachment"),
        "attachment_points": attachment_points,
        "contact_days_ago": contact_days_ago,
        "grid": _group("grid"),
        "stage": _group("stage"),
        "wallet_share": wallet_share,
        "rfm": lambda sight, fact: sight.state.groups.get(fact.of),
        "value": lambda sight, fact: sight.state.groups.get(f"value.{fact.of}"),
        "profile": profile,
        "days_since": days_since,
        "days_until": days_until,
        **{
            f"{dimension}.{member}": read
            for dimension in DIMENSIONS
            for member, read in _OF_LABELS.items()
        },
    }
)
# Facts that a purchase changes only if it is of that label.
OF_LABELS = frozenset(
    f"{dimension}.{member}"
    for dimension in DIMENSIONS
    for member in ("spend", "purchase_days", "silence_days")
)
