"""How good alerts were, as sums that add up exactly.

An alert changes as it lives: raised, decided, resolved. What it adds to the ledger is a function of
its record alone, so a change of the record moves the ledger by what it adds now, less what it added
before. All sums are integers: whatever the order of the changes, they equal those counted from the
records as they are in the end.

    record before ──┐
                    ├─ moved ─► {rule, week, group: by how much} ─ added ─► ledger
    record after  ──┘

Enters: records of alerts. Leaves: sums, or their bytes, one entry a week. Forbidden here: shares,
means and other judgements (`models/alert_report.py`), the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import reduce
from operator import add, sub
from typing import Any, NamedTuple

import msgpack

from models.alert_record import CERTAIN_PPM, GROUPS, AlertOutcome, AlertRecord, Group, group
from models.scores import BINS

SCHEMA_VERSION = 1
_LARGEST = 2**63  # beyond it a sum is written as text: squares of spend don't fit into 64 bits


class CorruptWeek(ValueError):
    """The bytes are not a week of the ledger, or one of another schema."""


class Key(NamedTuple):
    """What is counted together.

    Attributes:
        rule: the name of the policy's rule.
        week: ISO week of the day on which the alerts were raised, as 2026-W05.
        group: who was told, who was held out, who would not have been told.
    """

    rule: str
    week: str
    group: Group


class BinSums(NamedTuple):
    """Resolved alerts of about the same probability.

    Attributes:
        alerts: how many.
        predicted_ppm: sum of their probabilities, millionths.
        lost: how many did not return.
    """

    alerts: int = 0
    predicted_ppm: int = 0
    lost: int = 0


_NO_BINS = (BinSums(),) * BINS


class Sums(NamedTuple):
    """Of alerts that are counted together. An alert is right if nobody returned.

    Attributes:
        raised: alerts.
        resolved: of them, with a known outcome.
        returned: of them, with a purchase within the horizon.
        spent_minor: over the resolved, within the horizon.
        spent_squared: sum of the squares of the same, for its variance.
        days_to_return: over the returned, from the alert to the purchase.
        silences: right alerts about somebody with a known last purchase.
        silence_days: over them, from the last purchase to the alert.
        leads: right alerts about somebody who would be called churned one day.
        lead_days: over them, from the alert to that day.
        bins: ten of equal width, of the resolved that have a probability.
    """

    raised: int = 0
    resolved: int = 0
    returned: int = 0
    spent_minor: int = 0
    spent_squared: int = 0
    days_to_return: int = 0
    silences: int = 0
    silence_days: int = 0
    leads: int = 0
    lead_days: int = 0
    bins: tuple[BinSums, ...] = _NO_BINS

    @property
    def right(self) -> int:
        """Resolved, and nobody returned."""
        return self.resolved - self.returned

    @property
    def predicted(self) -> int:
        """Resolved alerts that have a probability."""
        return sum(each.alerts for each in self.bins)

    @property
    def predicted_ppm(self) -> int:
        """Sum of their probabilities, millionths."""
        return sum(each.predicted_ppm for each in self.bins)

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        return _combined(add, self, other)

    def minus(self, other: Sums) -> Sums:
        """The one less the other."""
        return _combined(sub, self, other)


Ledger = Mapping[Key, Sums]
NOTHING = Sums()


def _combined(each: Callable[[int, int], int], one: Sums, other: Sums) -> Sums:
    bins = (
        BinSums._make(map(each, mine, its)) for mine, its in zip(one.bins, other.bins, strict=True)
    )
    return Sums._make((*map(each, one[:-1], other[:-1]), tuple(bins)))


def week_of(day: int) -> str:
    """The ISO week of a customer-day, an ordinal; as text, weeks sort by time.

    >>> week_of(date(2026, 2, 1).toordinal()), week_of(date(2027, 1, 1).toordinal())
    ('2026-W05', '2026-W53')
    """
    year, week, _ = date.fromordinal(day).isocalendar()
    return f"{year:04}-W{week:02}"


def contribution(record: AlertRecord) -> tuple[Key, Sums] | None:
    """What one alert adds, and where; None: it is not counted (yet).

    A retraction changes nothing: that somebody bought after all stands in the outcome.
    """
    its_group = group(record)
    if its_group is None:
        return None
    return Key(record.rule, week_of(record.day), its_group), _sums_of(record)


def _sums_of(record: AlertRecord) -> Sums:
    outcome = record.outcome
    if outcome is None:
        return Sums(raised=1)
    resolved = Sums(
        raised=1,
        resolved=1,
        spent_minor=outcome.spent_minor,
        spent_squared=outcome.spent_minor**2,
        bins=_bins_of(record.probability_ppm, outcome),
    )
    if outcome.returned_day is not None:
        return resolved._replace(returned=1, days_to_return=outcome.returned_day - record.day)
    silence, churned = record.silence_days, record.churned_day
    return resolved._replace(
        silences=int(silence is not None),
        silence_days=silence or 0,
        leads=int(churned is not None),
        lead_days=0 if churned is None else churned - record.day,
    )


def _bins_of(probability_ppm: int | None, outcome: AlertOutcome) -> tuple[BinSums, ...]:
    if probability_ppm is None:
        return _NO_BINS
    place = min(BINS - 1, probability_ppm * BINS // CERTAIN_PPM)
    mine = BinSums(1, probability_ppm, int(outcome.returned_day is None))
    return (*_NO_BINS[:place], mine, *_NO_BINS[place + 1 :])


def moved(before: AlertRecord | None, after: AlertRecord | None) -> dict[Key, Sums]:
    """By how much a change of one alert moves the ledger; nothing, if by nothing.

    Args:
        before: None: it was not there.
        after: None: it is erased.
    """
    now, then = (None if each is None else contribution(each) for each in (after, before))
    deltas: dict[Key, Sums] = {}
    if now is not None:
        deltas[now[0]] = now[1]
    if then is not None:
        deltas[then[0]] = deltas.get(then[0], NOTHING).minus(then[1])
    return {key: delta for key, delta in deltas.items() if delta != NOTHING}


def added(ledger: Ledger, deltas: Ledger) -> dict[Key, Sums]:
    """The ledger, moved; what comes to nothing leaves it."""
    sums = {**ledger, **{key: ledger.get(key, NOTHING).plus(deltas[key]) for key in deltas}}
    return {key: each for key, each in sums.items() if each != NOTHING}


def counted(records: Iterable[AlertRecord]) -> dict[Key, Sums]:
    """The ledger of these records, each of another alert."""
    ledger: dict[Key, Sums] = {}
    for key, sums in filter(None, map(contribution, records)):
        ledger[key] = ledger.get(key, NOTHING).plus(sums)
    return ledger


def together(sums: Iterable[Sums]) -> Sums:
    """All of them added up."""
    return reduce(Sums.plus, sums, NOTHING)


def encode_week(week: str, ledger: Ledger) -> bytes:
    """Pack what the ledger has of one week; deterministic. Totals, not what moves them."""
    rows = [
        (
            key.rule,
            key.group,
            *map(_written, sums[:-1]),
            [tuple(map(_written, b)) for b in sums.bins],
        )
        for key, sums in sorted(ledger.items())
        if key.week == week
    ]
    packed: bytes = msgpack.packb((SCHEMA_VERSION, week, rows))
    return packed


def decode_week(packed: bytes) -> dict[Key, Sums]:
    """The reverse; every number is checked.

    Raises:
        CorruptWeek: not the bytes of a week, or of another schema.
    """
    try:
        schema, week, rows = msgpack.unpackb(packed, use_list=False)
        if schema != SCHEMA_VERSION:
            raise CorruptWeek(f"a week has schema {schema!r:.20}, known is {SCHEMA_VERSION}")
        year, number = map(int, week.split("-W"))
        if week != week_of(date.fromisocalendar(year, number, 1).toordinal()):
            raise ValueError(f"a week is {week!r:.20}")
        return dict(_entry(week, *row) for row in rows)
    except CorruptWeek:
        raise
    except (
        *(ValueError, TypeError, AttributeError, LookupError, ArithmeticError),
        msgpack.UnpackException,
    ) as error:
        raise CorruptWeek(
            f"{len(packed)} bytes are not a week of alerts ({error!s:.200}); restore the store "
            "from a backup, or count the week anew from its alerts"
        ) from error


def _entry(week: str, rule: Any, its_group: Any, *fields: Any) -> tuple[Key, Sums]:
    if type(rule) is not str or its_group not in GROUPS:
        raise ValueError(f"alerts of {rule!r:.50}, {its_group!r:.50}")
    *numbers, bins = fields
    read_bins = tuple(BinSums._make(map(_read, each)) for each in bins)
    sums = Sums._make((*map(_read, numbers), read_bins))
    _check(sums)
    return Key(rule, week, its_group), sums


def _written(number: int) -> int | str:
    return number if -_LARGEST <= number < _LARGEST else str(number)


def _read(written: Any) -> int:
    number = int(written) if type(written) is str else written
    if type(number) is not int or _written(number) != written:
        raise TypeError(f"a sum is {written!r:.50}")
    return number


def _check(sums: Sums) -> None:
    """What shares and variances need."""
    resolved, bins = sums.resolved, sums.bins
    falling = [
        (sums.raised, resolved, sums.returned, 0),
        (sums.right, sums.silences, 0),
        (sums.right, sums.leads, 0),
        (resolved, sums.predicted, 0),
        (sums.spent_squared * resolved, sums.spent_minor**2),  # Cauchy & Schwarz
        *((each.alerts, each.lost, 0) for each in bins),
        *((each.alerts * CERTAIN_PPM, each.predicted_ppm, 0) for each in bins),
    ]
    if len(bins) != BINS or any(list(each) != sorted(each, reverse=True) for each in falling):
        raise ValueError("sums that nothing can add up to")
