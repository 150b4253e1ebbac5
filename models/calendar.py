"""Customer-days: the shop's days, in the shop's time zone.

A silence is counted in customer-days, so that a purchase at 23:59 and one at 00:01 are a day
apart wherever the servers stand, and a deadline falls on a midnight of the shop.
"""

from __future__ import annotations

from datetime import date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

_HOUR_S, _HOUR_MS = 3_600, 3_600_000


def day_of(at_ms: int, zone: ZoneInfo) -> int:
    """The customer-day of a moment.

    Args:
        at_ms: event time, epoch milliseconds.
        zone: the shop's time zone.

    Returns:
        The proleptic Gregorian ordinal of the date.

    >>> day_of(0, ZoneInfo("UTC")) - day_of(0, ZoneInfo("America/New_York"))
    1
    """
    day = _day_all_through(at_ms // _HOUR_MS, zone)
    return datetime.fromtimestamp(at_ms // 1000, zone).toordinal() if day is None else day


@lru_cache(maxsize=16_384)
def _day_all_through(hour: int, zone: ZoneInfo) -> int | None:
    """The customer-day all through an hour of Unix time; None if another one, or other clocks, begin.

    No zone has changed its clocks twice within an hour.
    """
    begin, end = (
        datetime.fromtimestamp(at_s, zone) for at_s in (hour * _HOUR_S, (hour + 1) * _HOUR_S - 1)
    )
    one = begin.toordinal() == end.toordinal() and begin.utcoffset() == end.utcoffset()
    return begin.toordinal() if one else None


def iso_date(day: int | None) -> str | None:
    """A customer-day as people write it; None of none.

    >>> iso_date(1), iso_date(None)
    ('0001-01-01', None)
    """
    return None if day is None else date.fromordinal(day).isoformat()


@lru_cache(maxsize=16_384)
def start_of_day_ms(day: int, zone: ZoneInfo) -> int:
    """The first moment of a customer-day, epoch milliseconds."""
    midnight = datetime.combine(date.fromordinal(day), time.min, zone)
    return round(midnight.timestamp() * 1000)
