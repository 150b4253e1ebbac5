"""Which part of a log is meant: from an offset or a moment on, up to another.

An offset holds in every partition. A moment is an append time: the log's own order, so what it leaves
is always one piece.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta, tzinfo
from itertools import dropwhile, takewhile
from typing import NamedTuple, TypeVar

from models.events import LogRecord
from streams.log import Extent, Record

_EVERYTHING = 2**63
R = TypeVar("R", LogRecord, Record)


class BadPlace(ValueError):
    """Neither an offset nor a moment."""


class Place(NamedTuple):
    """An offset, or a moment in epoch milliseconds; the other one is None."""

    offset: int | None
    at_ms: int | None

    def __str__(self) -> str:
        return f"offset {self.offset}" if self.at_ms is None else f"{self.at_ms} ms"


def parse_place(text: str, zone: tzinfo = UTC) -> Place:
    """An offset, a date (its first midnight in a zone) or a moment with its zone.

    >>> parse_place("1200"), parse_place("2024-03-01")
    (Place(offset=1200, at_ms=None), Place(offset=None, at_ms=1709251200000))

    Raises:
        BadPlace: says what is understood.
    """
    if text.isascii() and text.isdigit():
        return Place(int(text), None)
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None and len(text) <= len("2024-03-01"):
            moment = moment.replace(tzinfo=zone)
        if moment.tzinfo is not None:
            return Place(None, round(moment.timestamp() * 1000))
    except (ValueError, OverflowError):
        pass  # the same answer
    raise BadPlace(
        f"{text!r} is not a place in a log; write an offset such as 1200, a date such as 2024-03-01, "
        "or a moment with its zone such as 2024-03-01T09:30:00Z"
    )


def parse_moment(text: str, zone: tzinfo) -> int:
    """A moment with its zone, or a date, which means the last millisecond of that day; epoch ms.

    >>> from datetime import UTC
    >>> parse_moment("2024-02-29", UTC), parse_moment("2024-03-01T00:00:00Z", UTC)
    (1709251199999, 1709251200000)

    Raises:
        BadPlace: says what is understood.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return round(moment.timestamp() * 1000)
        if len(text) <= len("2024-03-01"):
            after = datetime.combine(moment.date() + timedelta(days=1), time(), zone)
            return round(after.timestamp() * 1000) - 1
    except (ValueError, OverflowError):
        pass  # the same answer
    raise BadPlace(
        f"{text!r} is not a moment; write a date such as 2024-03-01, or a moment with its zone such as "
        "2024-03-01T09:30:00Z"
    )


class Span(NamedTuple):
    """What lies in [since, until); None: from the beginning, or to the end."""

    since: Place | None = None
    until: Place | None = None

    @property
    def by_time(self) -> bool:
        """Whether a moment bounds it."""
        return any(each is not None and each.at_ms is not None for each in self)

    def of_offsets(self, extents: Mapping[int, Extent]) -> dict[int, Extent]:
        """What of these extents lies in it, as far as offsets tell."""
        first, last = _offset(self.since, 0), _offset(self.until, _EVERYTHING)
        found = {}
        for partition, (start, end) in extents.items():
            begin = min(end, max(start, first))
            found[partition] = Extent(begin, max(begin, min(end, last)))
        return found

    def of(self, records: Iterable[R]) -> Iterator[R]:
        """What of these records of a partition lies in it."""
        first, last = _offset(self.since, 0), _offset(self.until, _EVERYTHING)
        begin_ms, end_ms = _at_ms(self.since, 0), _at_ms(self.until, _EVERYTHING)
        begun = dropwhile(lambda each: each.offset < first or each.timestamp_ms < begin_ms, records)
        return takewhile(lambda each: each.offset < last and each.timestamp_ms < end_ms, begun)


def _offset(place: Place | None, otherwise: int) -> int:
    return otherwise if place is None or place.offset is None else place.offset


def _at_ms(place: Place | None, otherwise: int) -> int:
    return otherwise if place is None or place.at_ms is None else place.at_ms


def span_of(since: str, until: str, zone: tzinfo = UTC) -> Span:
    """From the options `--from` and `--to`; empty ones are not given.

    Args:
        since: an offset, a date or a moment.
        until: likewise.
        zone: that dates are in.

    Raises:
        BadPlace: names the option.
    """
    found = []
    for option, text in (("--from", since), ("--to", until)):
        try:
            found.append(parse_place(text, zone) if text else None)
        except BadPlace as error:
            raise BadPlace(f"{option}: {error}") from None
    span = Span(*found)
    if _offset(span.until, _EVERYTHING) <= _offset(span.since, -1) or (
        _at_ms(span.until, _EVERYTHING) <= _at_ms(span.since, -1)
    ):
        raise BadPlace(f"--to {until} is not behind --from {since}: nothing lies between them")
    return span
