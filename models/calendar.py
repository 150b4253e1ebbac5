"""Customer-days: the shop's days, in the shop's time zone.

A silence is counted in customer-days, so that a purchase at 23:59 and one at 00:01 are a day
apart wherever the servers stand, and a deadline falls on a midnight of the shop.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_HOUR_S, _DAY_S = 3_600, 86_400
_SECOND = timedelta(seconds=1)
_EPOCH_DAY = date(1970, 1, 1).toordinal()


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
    at_s = at_ms // 1000
    ahead_s = _ahead_s(at_s // _HOUR_S, zone)
    if ahead_s is None:
        return datetime.fromtimestamp(at_s, zone).toordinal()
    return _EPOCH_DAY + (at_s + ahead_s) // _DAY_S


@lru_cache(maxsize=16_384)
def _ahead_s(hour: int, zone: ZoneInfo) -> int | None:
    """What a zone's clocks are ahead of UTC all through an hour of Unix time; None if they change.

    No zone has changed its clocks twice within an hour.
    """
    begin, end = (
        datetime.fromtimestamp(at_s, zone).utcoffset()
        for at_s in (hour * _HOUR_S, (hour + 1) * _HOUR_S - 1)
    )
    return None if begin is None or begin != end else begin // _SECOND


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
