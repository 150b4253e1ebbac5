"""Moments as people write them in tests, and as they are shown there.

Enters: dates and times as text or objects. Leaves: epoch milliseconds, and text. Forbidden here: the
clock.
"""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

Moment = str | date | datetime
_NOON = time(12)


class NotAMoment(ValueError):
    """What was given as a time is none; the message says what to write."""


def moment_ms(given: Moment, zone: ZoneInfo) -> int:
    """A moment, epoch milliseconds.

    A date alone means noon of that day; a time without a zone is the shop's.

    Args:
        given: a date, or a date and a time, as text in ISO 8601 or as an object.
        zone: of the shop.

    >>> moment_ms("1970-01-02", ZoneInfo("UTC")), moment_ms("1970-01-01 00:00:01", ZoneInfo("UTC"))
    (129600000, 1000)

    Raises:
        NotAMoment: anything else.
    """
    moment: object = _read(given) if isinstance(given, str) else given
    if not isinstance(moment, date):
        raise _fault(given)
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, _NOON)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return round(moment.timestamp() * 1000)


def _read(text: str) -> date:
    try:
        return date.fromisoformat(text) if len(text) <= 10 else datetime.fromisoformat(text)
    except ValueError:
        raise _fault(text) from None


def _fault(given: object) -> NotAMoment:
    return NotAMoment(
        f'{given!r:.80} is no moment; write "2024-03-01" (noon of that day), "2024-03-01 14:30" '
        '(in the time zone of the shop), "2024-03-01T14:30:00Z", a date or a datetime'
    )


def when_text(at: datetime) -> str:
    """A moment for people, to the minute: the date alone is its first moment.

    >>> when_text(datetime(2024, 3, 1)), when_text(datetime(2024, 3, 1, 14, 30, 9))
    ('2024-03-01', '2024-03-01 14:30')
    """
    if at.time() == time.min:
        return at.date().isoformat()
    return f"{at:%Y-%m-%d %H:%M}"


def published_at(text: str, zone: ZoneInfo) -> datetime:
    """The moment of an event's header `ce_time`, in the shop's time zone."""
    return datetime.fromisoformat(text).astimezone(zone)
