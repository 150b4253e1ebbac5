"""What customers do after they have entered a segment: how many buy within thirty days.

    entered on a day ── the 30 customer-days after it ── a purchase day among them?
                        on the same days: of everybody who was known by then, how many bought in the 30 after?

An entry is a day that ends in the segment where the day before did not; what comes and goes within a day is none.
The day of entry itself is left out, for a purchase is often what brought the customer in. Entries count whose
thirty days are over, from a year ago on: on days `FIRST_DAYS_AGO` to `LAST_DAYS_AGO`, and only as far back as
the customer's changes are kept. A population's first groups, and a new rule's first members, are entries, too.

The rate to compare with is that of the whole base on the days of the entries: for each entry, the share of all who
were known by the end of its day and bought within the thirty days after it. So a season, or a campaign to
everybody, does not look like the doing of a segment. It says nothing of causes: who is put into a segment
because they buy much will go on to buy much.

Enters: members, each once. Leaves: counts, in whole numbers by day. Forbidden here: customer ids, verdicts, the clock.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

from models.member import Member
from models.sight import Sight, purchase_days
from models.whereabouts import NEVER_MS, Track, kept_since_ms

RESPONSE_DAYS = 30
FIRST_DAYS_AGO = 365  # purchase days are kept for a year
LAST_DAYS_AGO = RESPONSE_DAYS + 1  # the newest day whose thirty are over: the day shown is not


class Response(NamedTuple):
    """Who bought after entering a segment.

    Attributes:
        entries: by customer and day.
        answered: entries after which the customer bought within `RESPONSE_DAYS`.
        expected: how many would have, at the rate of everybody on the same days.
        untold: customers, in whatever segment, whose changes are not kept for all of the time.
    """

    entries: int
    answered: int
    expected: Fraction
    untold: int


class Responding:
    """See the module; changed in place.

    Attributes:
        entries: segment → customer-day, ordinal → customers who entered on it.
        answered: segment → entries that a purchase followed.
        untold: see `Response`.
    """

    def __init__(self) -> None:
        self.entries: dict[str, Counter[int]] = {}
        self.answered: Counter[str] = Counter()
        self.untold = 0
        self._known: Counter[int] = Counter()  # customer-day → how many more than on the day before
        self._bought: Counter[int] = (
            Counter()
        )  # likewise, of those who buy within the days after it

    def add(self, member: Member, tracks: Mapping[str, Track]) -> None:
        """Count a customer, who must not come twice.

        Args:
            member: who.
            tracks: where they have been, as `models.whereabouts.tracks_of` has it.
        """
        sight = member.sight
        begin, end = sight.day - FIRST_DAYS_AGO, sight.day - LAST_DAYS_AGO + 1
        bought = list(purchase_days(sight))
        known_day = sight.day_of(sight.state.known_since_ms)
        self._count_base(max(begin, known_day), end, bought)
        since_ms = kept_since_ms(member)
        self.untold += since_ms is not None and _reaches(sight, since_ms) >= begin
        for track in tracks.values():
            for segment, day in track.entries(sight.day_of):
                if begin <= day < end:
                    self.entries.setdefault(segment, Counter())[day] += 1
                    self.answered[segment] += follows(bought, day)

    def _count_base(self, begin: int, end: int, bought: list[int]) -> None:
        if begin >= end:
            return
        self._known[begin] += 1
        self._known[end] -= 1
        for before, day in pairwise([0, *bought]):  # days that a purchase follows, each once
            first, behind = max(before, day - RESPONSE_DAYS, begin), min(day, end)
            if first < behind:
                self._bought[first] += 1
                self._bought[behind] -= 1

    def _counters(self) -> tuple[Counter[Any], ...]:
        return self.answered, self._known, self._bought

    def base(self) -> dict[int, tuple[int, int]]:
        """Customer-day → who was known by its end, and who of them bought within the days after it."""
        found, known, bought = {}, 0, 0
        days = sorted({*self._known, *self._bought})
        for day, following in pairwise([*days, *days[-1:]]):
            known, bought = known + self._known[day], bought + self._bought[day]
            found.update(dict.fromkeys(range(day, following), (known, bought)))
        return found

    def responses(self) -> dict[str, Response]:
        """Of each segment that anybody entered; by name."""
        base = self.base()
        return {
            segment: Response(
                entries.total(), self.answered[segment], _expected(entries, base), self.untold
            )
            for segment, entries in sorted(self.entries.items())
        }

    def plain(self) -> list[Any]:
        """As lists of plain values, for `responding_of`."""
        named = sorted(self.entries.items())
        entries = [[name, day, n] for name, of in named for day, n in sorted(of.items())]
        counters = [[list(each) for each in sorted(of.items())] for of in self._counters()]
        return [entries, *counters, self.untold]


def responding_of(plain: list[Any]) -> Responding:
    """The reverse of `Responding.plain`."""
    found = Responding()
    entries, *counters, found.untold = plain
    for segment, day, count in entries:
        found.entries.setdefault(segment, Counter())[day] = count
    for counter, of in zip(found._counters(), counters, strict=True):
        counter.update(dict(of))
    return found


def _expected(entries: Mapping[int, int], base: Mapping[int, tuple[int, int]]) -> Fraction:
    shares = ((count, *base.get(day, (0, 0))) for day, count in entries.items())
    return sum((Fraction(n * bought, known) for n, known, bought in shares if known), Fraction())


def _reaches(sight: Sight, since_ms: int) -> int:
    """The first customer-day of which entries may be missing; of nobody's changes, the day shown."""
    return sight.day if since_ms == NEVER_MS else sight.day_of(since_ms)


def follows(days: list[int], entered: int) -> bool:
    """Whether one of the days, ascending, lies within `RESPONSE_DAYS` after the day of an entry."""
    return bisect_right(days, entered + RESPONSE_DAYS) > bisect_left(days, entered + 1)
