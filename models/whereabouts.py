"""Where a customer has been: the segment of each kind that they were in at an earlier moment.

    changes, as they were told:   a→b (10th)   b→c (20th)   c→b (15th, late)        now: b
    their moments:                    10th         20th          20th
    asked for the 17th: b            asked for the 20th: b            asked for the 5th: a

A change that is put right later was told all the same, and people were listed accordingly. So changes count in
the order in which they were told: the moment of one is its own, or that of the newest told before it if that is
later. What was told until a late event or a return came stands as it was told; what it corrects counts from
there on. Where everything comes in order, as in a history, this is where the customer was.

A history keeps a customer's newest effects only. Before the oldest of them nothing is known; what dropped out is
taken not to be newer than that one. Between two changes that do not meet, as where two ids became one
person, nothing is known either.

Enters: changes, the segments of now. Leaves: a `Track` of each kind. Forbidden here: purchases, the clock.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from models.member import Member

NOWHERE = ""  # in no segment of the kind
UNKNOWN = "?"
NEVER_MS = 2**63  # later than any moment


class Entry(NamedTuple):
    """Who was not in a segment as the day before ended, and is as this day ends.

    Attributes:
        segment: entered.
        day: customer-day, ordinal.
    """

    segment: str
    day: int


class Track:
    """One kind of segments of one customer.

    Args:
        current: the segment of now, or `NOWHERE`.
        since_ms: from when on all changes are kept, event time; None: all are.

    Attributes:
        current: the same.
        since_ms: the same.
        moments_ms: of the changes, ascending, event time.
        befores: the segment until each change.
        afters: the segment from then on.
    """

    __slots__ = ("afters", "befores", "current", "moments_ms", "since_ms")

    def __init__(self, current: str, since_ms: int | None) -> None:
        self.current, self.since_ms = current, since_ms
        self.moments_ms: list[int] = []
        self.befores: list[str] = []
        self.afters: list[str] = []

    def at(self, moment_ms: int) -> str:
        """The segment after all that happened up to and including a moment; `UNKNOWN` if it isn't kept."""
        told = bisect_right(self.moments_ms, moment_ms)
        if told:
            return self.afters[told - 1] if self._meets(told) else UNKNOWN
        if self.since_ms is not None and moment_ms < self.since_ms:
            return UNKNOWN
        if self.befores:
            return self.befores[0]
        return NOWHERE if self.since_ms is None else self.current

    def _meets(self, place: int) -> bool:
        """Whether a change begins where the one before it ended."""
        return place == len(self.befores) or self.befores[place] == self.afters[place - 1]

    def entries(self, day_of: Callable[[int], int]) -> Iterator[Entry]:
        """The days that ended in another segment than the day before, as far as that is known.

        Args:
            day_of: event time → customer-day, ordinal.
        """
        days = [day_of(each) for each in self.moments_ms]
        first = 0
        while first < len(days):
            day = days[first]
            behind = bisect_right(days, day)
            begins_known = self.since_ms is None or day_of(self.since_ms) < day
            if (first == 0 and begins_known) or (first and self._meets(first)):
                after = self.afters[behind - 1]
                if after not in {NOWHERE, self.befores[first]}:
                    yield Entry(after, day)
            first = behind


def tracks_of(member: Member) -> Mapping[str, Track]:
    """Kind → where a customer has been; of kinds that they are in, or that a change is kept of."""
    since_ms = kept_since_ms(member)
    found = {kind: Track(segment, since_ms) for kind, segment in member.segments.items()}
    moment_ms = 0
    for change in member.changes:
        moment_ms = max(moment_ms, change.at_ms)
        track = found.get(change.kind)
        if track is None:
            track = found[change.kind] = Track(NOWHERE, since_ms)
        track.moments_ms.append(moment_ms)
        track.befores.append(change.before or NOWHERE)
        track.afters.append(change.after or NOWHERE)
    return found


def kept_since_ms(member: Member) -> int | None:
    """From when on all changes of a customer are kept, event time; None: from their beginning."""
    if not member.changes:  # even who has only been heard of has one
        return NEVER_MS
    return None if member.changes_begin else member.changes[0].at_ms
