"""Two policies over one history: how large segments were, who ended elsewhere.

Enters: sizes and places as both policies have them, day by day. Leaves: what differs. Forbidden here:
states, rules, words. `a` is the one policy, `b` the other; both have read the same events.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import nlargest
from typing import NamedTuple


class Window(NamedTuple):
    """Which customer-days are reported, ordinals, both counted in; None: no bound."""

    first_day: int | None = None
    last_day: int | None = None

    def has(self, day: int) -> bool:
        """Whether a day is one of them.

        >>> Window(3, None).has(2), Window(3, 5).has(5), Window().has(1)
        (False, True, True)
        """
        first, last = self.first_day, self.last_day
        return (first is None or day >= first) and (last is None or day <= last)


class SizeChange(NamedTuple):
    """One segment under both policies.

    Attributes:
        segment: its name, `kind/group`.
        a, b: customers at the end.
        day: on which the two differ most, the first such; ordinal.
        a_then, b_then: customers on that day.
    """

    segment: str
    a: int
    b: int
    day: int
    a_then: int
    b_then: int

    @property
    def differs(self) -> bool:
        """Whether it did on any day, or does at the end."""
        return (self.a, self.a_then) != (self.b, self.b_then)


class Sizes:
    """How many customers stood in each segment as each customer-day began, under each policy.

    Args:
        policies: how many there are.

    Attributes:
        days: those that were noted, ordinals, ascending.
    """

    def __init__(self, policies: int) -> None:
        self.days: list[int] = []
        self._policies = policies
        self._series: dict[str, tuple[array[int], ...]] = {}

    def note(self, day: int, sizes: Sequence[Mapping[str, int]]) -> None:
        """What stands as a day begins; a segment that is not named is empty."""
        for name in dict.fromkeys(name for each in sizes for name, size in each.items() if size):
            if name not in self._series:
                nobody = array("q", bytes(8 * len(self.days)))
                self._series[name] = tuple(nobody[:] for _ in range(self._policies))
        for name, series in self._series.items():
            for each, found in zip(series, sizes, strict=True):
                each.append(found.get(name, 0))
        self.days.append(day)

    @property
    def segments(self) -> list[str]:
        """Those that somebody was in on some day, in the order in which they were first seen."""
        return list(self._series)

    def of(self, segment: str, policy: int) -> Sequence[int]:
        """Customers of one segment under one policy, a number for each of `days`."""
        return self._series[segment][policy]

    def changes(self) -> Iterator[SizeChange]:
        """Each segment under the first two policies."""
        for name, (a, b, *_) in self._series.items():
            place = max(range(len(a)), key=lambda each: abs(a[each] - b[each]))
            yield SizeChange(name, a[-1], b[-1], self.days[place], a[place], b[place])


class Move(NamedTuple):
    """One kind of segment in which customers stand elsewhere; None: in none of it.

    Attributes:
        kind: such as `lifecycle`, `overdue`, `quintile`, `rule/NAME`.
        a, b: the segment under the one policy and under the other.
    """

    kind: str
    a: str | None
    b: str | None


class Place(NamedTuple):
    """A customer as an example: which, and by how much they matter (net spend, minor units)."""

    customer_id: str
    worth_minor: int


class Moves:
    """Who stands elsewhere under the other policy, counted; of each move the worthiest are kept.

    Attributes:
        customers: that were looked at.
        differing: of them, in any segment.
        counts: by move.
    """

    EXAMPLES = 3

    def __init__(self) -> None:
        self.customers, self.differing = 0, 0
        self.counts: Counter[Move] = Counter()
        self._examples: dict[Move, list[Place]] = {}

    def look(self, who: Place, a: Mapping[str, str], b: Mapping[str, str]) -> None:
        """Compare where one customer stands, by kind."""
        found = list(moves(a, b))
        self.customers += 1
        self.differing += bool(found)
        for each in found:
            self.counts[each] += 1
            known = [*self._examples.get(each, ()), who]
            self._examples[each] = nlargest(self.EXAMPLES, known, key=_worth)

    def examples(self, move: Move) -> list[Place]:
        """Some of those who made a move, the worthiest first."""
        return self._examples[move]


def _worth(who: Place) -> tuple[int, str]:
    return who.worth_minor, who.customer_id


def moves(a: Mapping[str, str], b: Mapping[str, str]) -> Iterator[Move]:
    """The kinds in which two sets of places differ.

    >>> [each] = moves({"lifecycle": "lifecycle/active"}, {"lifecycle": "lifecycle/dormant"})
    >>> each
    Move(kind='lifecycle', a='lifecycle/active', b='lifecycle/dormant')
    """
    for kind in dict.fromkeys((*a, *b)):
        if a.get(kind) != b.get(kind):
            yield Move(kind, a.get(kind), b.get(kind))


def by_size(found: Iterable[tuple[Move, int]]) -> list[tuple[Move, int]]:
    """The most frequent moves first; of equal ones by name."""
    return sorted(found, key=lambda each: (-each[1], each[0].kind, str(each[0])))
