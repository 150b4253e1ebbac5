"""A gauge: all conditions on one fact, answered at once.

Conditions with numbers cut the line into places: below the first number, on it, between it and the
next, and so on. One bisection finds the place of a value, and the place knows which conditions hold
there, as bits of one whole number. Texts and flags are looked up. Nothing that is not known satisfies
a condition; a value of another type than a condition's is merely not equal to it.

Enters: conditions and their bits. Leaves: bits of a value, and how far a value may go until they change.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from fractions import Fraction
from math import ceil, floor, inf
from operator import eq, ge, gt, le, lt
from typing import Any, NamedTuple

from models.rule_tree import Condition, Op

_COMPARED = {Op.LT: lt, Op.LE: le, Op.EQ: eq, Op.GE: ge, Op.GT: gt}
_LOOKED_UP = frozenset({Op.EQ, Op.IN})
_READ = frozenset({Op.LT, Op.LE, Op.GE, Op.GT, Op.HAS})
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
Known = bool | int | float | str


class Gauge:
    """Tells of a value which conditions it satisfies.

    Args:
        conditions: on one fact, each with its bit.
        scale: numbers in the conditions count so many times: minor units in a major one.
    """

    def __init__(self, conditions: Iterable[tuple[Condition, int]], scale: int = 1) -> None:
        self._tests = [_Test(each.op, _scaled(each.value, scale), bit) for each, bit in conditions]
        self.numbers = sorted({n for test in self._tests for n in _numbers(test.wanted)})
        places = range(2 * len(self.numbers) + 1)
        self._by_place = self._all_places()
        self._above = [self._other(each, range(each + 1, len(places))) for each in places]
        self._below = [self._other(each, range(each - 1, -1, -1)) for each in places]
        self._by_flag = self._of_flag(False), self._of_flag(True)  # noqa: FBT003
        self._known = sum(test.bit for test in self._tests if test.op is Op.KNOWN)
        self._read = [test for test in self._tests if test.op in _READ and test.texts]
        self._by_text: dict[str, int] = {}
        for test in self._tests:
            for text in set(_texts(test.wanted)) if test.op in _LOOKED_UP else ():
                self._by_text[text] = self._by_text.get(text, self._known) | test.bit

    def bits(self, value: Known | None) -> int:
        """The bits of the conditions that hold of a value; None: it is not known."""
        if value is None:
            return 0
        if isinstance(value, str):
            found = self._by_text.get(value, self._known)
            return found | self._of_text(value) if self._read else found
        if isinstance(value, bool):
            return self._by_flag[value]
        numbers = self.numbers
        return self._by_place[bisect_left(numbers, value) + bisect_right(numbers, value)]

    def _all_places(self) -> list[int]:
        """Of numbers by their place: below the first one, on it, between it and the next."""
        place_of = {number: 2 * i + 1 for i, number in enumerate(self.numbers)}
        found = [0] * (2 * len(self.numbers) + 1)
        for test in self._tests:
            for place in test.places({place_of[n] for n in _numbers(test.wanted)}, len(found)):
                found[place] |= test.bit
        return found

    def _of_text(self, text: str) -> int:
        return sum(test.bit for test in self._read if test.holds_of_text(text))

    def _of_flag(self, flag: bool) -> int:
        return sum(test.bit for test in self._tests if test.holds_of_flag(flag))

    def next_above(self, value: int) -> int | None:
        """The least whole number above one, for which other conditions hold."""
        numbers = self.numbers
        return self._above[bisect_left(numbers, value) + bisect_right(numbers, value)]

    def next_below(self, value: int) -> int | None:
        """The greatest whole number below one, for which other conditions hold."""
        numbers = self.numbers
        return self._below[bisect_left(numbers, value) + bisect_right(numbers, value)]

    def _other(self, place: int, towards: range) -> int | None:
        """A whole number at the nearest place that way at which other conditions hold."""
        for other in towards:
            if self._by_place[other] != self._by_place[place]:
                whole = self._whole_at(other, upwards=other > place)
                if whole is not None:
                    return whole
        return None

    def _whole_at(self, place: int, *, upwards: bool) -> int | None:
        """The first whole number at a place that one comes to; None if there is none."""
        numbers = self.numbers
        if place % 2:
            number = numbers[place // 2]
            return int(number) if number == int(number) else None
        lower = numbers[place // 2 - 1] if place else -inf
        upper = numbers[place // 2] if place // 2 < len(numbers) else inf
        whole = floor(lower) + 1 if upwards else ceil(upper) - 1
        return whole if lower < whole < upper else None


class _Test(NamedTuple):
    """One condition: how a value is compared with what is wanted."""

    op: Op
    wanted: Any
    bit: int

    @property
    def texts(self) -> bool:
        return any(True for _ in _texts(self.wanted))

    def places(self, own: set[int], count: int) -> Iterable[int]:
        """Where it holds, of so many places of numbers; `own`: those of its numbers."""
        if self.op is Op.KNOWN:
            return range(count)
        if self.op in _LOOKED_UP:
            return own
        if self.op not in _COMPARED:
            return ()
        return (each for each in range(count) for its in own if _COMPARED[self.op](each, its))

    def holds_of_text(self, text: str) -> bool:
        """Of an order or a list: one of dates in figures, or of words between commas."""
        if self.op is Op.HAS:
            return self.wanted in {each.strip() for each in text.split(",")}
        dates = (each for each in _texts(self.wanted) if _DATE.match(each) and _DATE.match(text))
        return any(_COMPARED[self.op](text, each) for each in dates)

    def holds_of_flag(self, flag: bool) -> bool:
        if self.op in {Op.EQ, Op.IN}:
            return any(flag is each for each in _each(self.wanted))
        return self.op is Op.KNOWN


def _scaled(value: Any, scale: int) -> Any:
    if scale == 1 or isinstance(value, (bool, str)) or value is None:
        return value
    if isinstance(value, tuple):
        return tuple(_scaled(each, scale) for each in value)
    scaled = Fraction(str(value)) * scale
    return int(scaled) if scaled.denominator == 1 else float(scaled)


def _each(value: Any) -> Iterable[Any]:
    return value if isinstance(value, tuple) else (value,)


def _numbers(value: Any) -> Iterable[float]:
    return (n for n in _each(value) if isinstance(n, (int, float)) and not isinstance(n, bool))


def _texts(value: Any) -> Iterable[str]:
    return (text for text in _each(value) if isinstance(text, str))
