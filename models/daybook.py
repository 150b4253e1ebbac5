"""The daybook: what one customer bought on which customer-day, so that windows can roll.

Each row holds the sums up to the end of its day. What lies within a window is then the newest row
less the last row before the window, found by bisection; and when something leaves the window is
the day of its row plus the window's length. `rows` counts everything; `labels` counts alike, for
each category, brand, channel, payment method and store, days and money.

    rows    ── day, purchase_days, purchases, spent, … ── ascending by day ──► newest
    labels  ── label ──► day, spent ── ascending by day ──► newest

A label's name is not kept: 48 bits of its hash stand for it. Rows older than a year are dropped some
at a time, all but the newest of them, so that sums over all time remain.

Enters: purchases in order of event time. Leaves: sums over windows. Forbidden here: the clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

import msgpack

from models.table import (
    EMPTY,
    added,
    bounded,
    dropped_rows,
    forgotten,
    from_rows,
    has_older,
    last_row,
    newest_rows,
    rows_in,
)

LONGEST_WINDOW_DAYS = 365
LABEL_KEY_BYTES = 7
MAX_LABELS = 256  # of one customer; the longest not bought are forgotten first
MAX_LABELS_AT_ONCE = 128  # of one purchase; those that were spent least on are left out
MAX_LABEL_BYTES = 65_536  # of one customer; likewise the longest not bought go first
_FORGET_EVERY_DAYS = 64
DIMENSIONS = ("category", "brand", "channel", "payment_method", "store")
_CODES = {name: bytes([place]) for place, name in enumerate(DIMENSIONS)}
_LARGEST = 2**62


class Totals(NamedTuple):
    """The columns of a row: sums up to the end of its customer-day.

    Attributes:
        day: ordinal.
        purchase_days: distinct ones.
        purchases: that were not undone.
        spent_minor: reporting currency.
        refunded_minor: given back; on the day of the purchase where that was remembered, else on its
            own.
        items: units.
        discount_minor: taken off.
        margin_minor: paid less costs, of purchases whose items all say what they cost.
    """

    day: int = 0
    purchase_days: int = 0
    purchases: int = 0
    spent_minor: int = 0
    refunded_minor: int = 0
    items: int = 0
    discount_minor: int = 0
    margin_minor: int = 0


NOTHING = Totals()
COLUMNS = len(Totals._fields)
PURCHASES = Totals._fields.index("purchases")
LABEL_COLUMNS = 2


class Bought(NamedTuple):
    """One purchase, as the daybook counts it.

    Attributes:
        day: customer-day, ordinal.
        spent_minor: reporting currency.
        items: units.
        discount_minor: taken off.
        margin_minor: as in `Totals`.
        labels: as `packed_labels` gives them.
    """

    day: int
    spent_minor: int
    items: int
    discount_minor: int
    margin_minor: int
    labels: bytes


class Daybook(NamedTuple):
    """See the module.

    Attributes:
        rows: a table of `Totals`.
        labels: label key → a table of (day, spent).
    """

    rows: bytes = EMPTY
    labels: Mapping[bytes, bytes] = MappingProxyType({})

    @property
    def totals(self) -> Totals:
        """Over all time."""
        return Totals(*last_row(self.rows, COLUMNS)) if self.rows else NOTHING

    def buy(self, bought: Bought) -> Daybook:
        """Count a purchase that is not older than any before."""
        sums = (
            *(int(not self._bought_on(bought.day)), 1, bought.spent_minor, 0),
            *(bought.items, bought.discount_minor, bought.margin_minor),
        )
        rows = added(self.rows, COLUMNS, bought.day, sums)
        if not bought.labels:
            return Daybook(rows, self.labels)
        labels = dict(self.labels)
        for key, spent_minor in unpacked_labels(bought.labels):
            table = labels.get(key, EMPTY)
            labels[key] = added(table, LABEL_COLUMNS, bought.day, (spent_minor,))
        return Daybook(rows, labels)

    def _bought_on(self, day: int) -> bool:
        """Whether the newest row is of that day and has a purchase: money given back has one, too."""
        if not self.rows:
            return False
        if last_row(self.rows, COLUMNS)[0] < day:
            return False
        last, before = newest_rows(self.rows, COLUMNS)
        return last[PURCHASES] > before[PURCHASES]

    def give_back(self, day: int, amount_minor: int) -> Daybook:
        """Count money given back on a day that is not older than any before."""
        rows = added(self.rows, COLUMNS, day, (0, 0, 0, amount_minor, 0, 0, 0))
        return self._replace(rows=rows)

    def without_the_old(self, now: Daybook | None = None) -> Daybook:
        """Drop rows that no window can reach any more; the same whatever was dropped before.

        `now`: a later daybook of the same customer: a label that was bought since is not old.
        """
        if not self.rows:
            return self
        reach = last_row(self.rows, COLUMNS)[0] - LONGEST_WINDOW_DAYS - 1
        before = reach - reach % _FORGET_EVERY_DAYS
        if not has_older(self.rows, COLUMNS, before) and not _too_many(self.labels):
            return self
        rows = forgotten(self.rows, COLUMNS, before)
        labels = {
            key: forgotten(table, LABEL_COLUMNS, before) for key, table in self.labels.items()
        }
        later = labels if now is None else now.labels
        return Daybook(rows, _newest_labels(labels, later) if _too_many(labels) else labels)


def _too_many(labels: Mapping[bytes, bytes]) -> bool:
    """Whether some must be forgotten."""
    return len(labels) > MAX_LABELS or sum(map(len, labels.values())) > MAX_LABEL_BYTES


def _newest_labels(
    labels: Mapping[bytes, bytes], later: Mapping[bytes, bytes]
) -> dict[bytes, bytes]:
    """As many as a customer may have, those bought last first."""

    def newest_day(key: bytes) -> int:
        return last_row(later.get(key, labels[key]), LABEL_COLUMNS)[0]

    by_age = sorted(labels, key=lambda key: (-newest_day(key), key))
    kept: dict[bytes, bytes] = {}
    size = 0
    for key in by_age[:MAX_LABELS]:
        size += len(labels[key])
        if size > MAX_LABEL_BYTES:
            break
        kept[key] = labels[key]
    return kept


def before_it_was_kept(totals: Totals) -> Daybook:
    """The daybook of someone whose days were not written down: all of it lies before any window."""
    return Daybook(added(EMPTY, COLUMNS, 1, totals[1:])) if any(totals[1:]) else Daybook()


def united_books(one: Daybook, other: Daybook) -> Daybook:
    """Of one person who was known by two ids: day by day the sum; a shared day counts once."""
    labels = {
        key: _united(one.labels.get(key, EMPTY), other.labels.get(key, EMPTY), LABEL_COLUMNS)
        for key in sorted(one.labels.keys() | other.labels.keys())
    }
    return Daybook(_united(one.rows, other.rows, COLUMNS), labels)


def _united(one: bytes, other: bytes, columns: int) -> bytes:
    """Two tables, day by day together."""
    if not one or not other:
        return one or other
    steps: dict[int, list[int]] = {}
    for table in (one, other):
        before: tuple[int, ...] = (0,) * columns
        for row in rows_in(table, columns):
            step = [now - then for now, then in zip(row[1:], before[1:], strict=True)]
            known = steps.get(row[0])
            steps[row[0]] = step if known is None else _same_day(known, step)
            before = row
    rows, sums = [], [0] * (columns - 1)
    for day in sorted(steps):
        sums = [bounded(a + b) for a, b in zip(sums, steps[day], strict=True)]
        rows.append((day, *sums))
    return from_rows(rows, dropped_rows(one) + dropped_rows(other))


def _same_day(one: list[int], other: list[int]) -> list[int]:
    """What both did on a day. It is one purchase day, unless a row stands for many older ones."""
    both = [a + b for a, b in zip(one, other, strict=True)]
    if len(both) > 1 and max(one[0], other[0]) <= 1:
        both[0] = max(one[0], other[0])
    return both


@lru_cache(maxsize=65_536)
def label_key(dimension: str, label: str) -> bytes:
    """What stands for a label: its dimension and 48 bits of its hash."""
    text = label.encode("utf-8", "surrogatepass")
    return _CODES[dimension] + hashlib.blake2b(text, digest_size=6).digest()


def is_key(key: bytes) -> bool:
    """Whether these bytes can stand for a label."""
    return len(key) == LABEL_KEY_BYTES and key[0] < len(DIMENSIONS)


def code_of(dimension: str) -> int:
    """The first byte of the keys of a dimension's labels."""
    return _CODES[dimension][0]


def packed_labels(spent: Mapping[bytes, int]) -> bytes:
    """Label key → minor units, of one purchase, as bytes; empty for none."""
    if not spent:
        return b""
    keys = sorted(spent)
    if len(keys) > MAX_LABELS_AT_ONCE:
        keys = sorted(sorted(keys, key=lambda key: (-spent[key], key))[:MAX_LABELS_AT_ONCE])
    flat = [part for key in keys for part in (key, min(spent[key], _LARGEST))]
    packed: bytes = msgpack.packb(flat)
    return packed


def unpacked_labels(packed: bytes) -> Iterable[tuple[bytes, int]]:
    """The reverse."""
    if not packed:
        return ()
    flat = msgpack.unpackb(packed)
    return zip(flat[::2], flat[1::2], strict=True)


def scaled_labels(packed: bytes, amount_minor: int, paid_minor: int) -> bytes:
    """The same in another currency: what was paid in minor units there, and here."""
    return packed_labels(
        {key: spent * amount_minor // paid_minor for key, spent in unpacked_labels(packed)}
        if paid_minor
        else {}
    )


def check_labels(packed: bytes) -> None:
    """Look at packed labels that came from elsewhere.

    Raises:
        ValueError, TypeError: they are none.
    """
    flat: object = msgpack.unpackb(packed) if packed else []
    if not isinstance(flat, list):
        raise TypeError("labels are no list")
    for key, spent_minor in zip(flat[::2], flat[1::2], strict=True):
        if not isinstance(key, bytes) or not is_key(key):
            raise ValueError("a label has no key of ours")
        if type(spent_minor) is not int or not 0 <= spent_minor <= _LARGEST:
            raise ValueError(f"{spent_minor} spent on a label")
