"""A portrait: what a group of customers adds up to at a moment, in whole numbers.

    members ──► customers · sums of each number · labels bought · words of profiles

Sums are exact, so the order of members does not matter. Memory is bounded: labels and words beyond what a
`Vocabulary` holds are not told apart.

Enters: members. Leaves: sums, and from them means, spreads and shares. Forbidden here: customer ids, words for
people, the clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.daybook import code_of
from models.member import NUMBERS, PLACE, Bought, Member

MAX_LABELS = 2_048
MAX_VALUES = 50  # of one attribute; one with more does not say what somebody is like
MAX_ATTRIBUTES = 64
Integers = npt.NDArray[np.int64]
Plain = list[Any]


class Sums(NamedTuple):
    """What one number adds up to, in its quanta.

    Attributes:
        known: customers of whom it is known.
        total: sum.
        squares: sum of squares.
    """

    known: int = 0
    total: int = 0
    squares: int = 0

    @property
    def mean(self) -> float | None:
        """In quanta; None of nobody."""
        return self.total / self.known if self.known else None

    @property
    def deviation(self) -> float | None:
        """The standard deviation over these customers, in quanta; None of nobody."""
        if not self.known:
            return None
        return sqrt(max(0, self.known * self.squares - self.total**2)) / self.known


class LabelSums(NamedTuple):
    """What a label adds up to within a year.

    Attributes:
        customers: who bought it.
        days: shopping days of customers on which it was bought.
        spent_minor: on it, reporting currency.
    """

    customers: int
    days: int
    spent_minor: int


class Vocabulary:
    """The labels and the words that the portraits of one survey can tell apart, first come.

    Attributes:
        labels: label key → place.
        labels_left_out: how often a label had no place any more.
        values: attribute → the values met; None: more than `MAX_VALUES`, so none of them is told, or kept.
    """

    def __init__(self) -> None:
        self.labels: dict[bytes, int] = {}
        self.labels_left_out = 0
        self.values: dict[str, set[str] | None] = {}

    def places(self, bought: Sequence[Bought]) -> tuple[Integers, Integers]:
        """Where labels stand, and what is to be added there: customers, days, money."""
        found: list[int] = []
        rows: list[tuple[int, int, int]] = []
        for key, days, spent_minor in bought:
            place = self.labels.get(key)
            if place is None:
                if len(self.labels) >= MAX_LABELS:
                    self.labels_left_out += 1
                    continue
                place = self.labels[key] = len(self.labels)
            found.append(place)
            rows.append((1, days, spent_minor))
        return np.array(found, np.int64), np.array(rows, np.int64).reshape(-1, 3)

    def words(self, words: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Those that are counted one by one."""
        return [(name, value) for name, value in words if self._takes(name, value)]

    def _takes(self, name: str, value: str) -> bool:
        if name not in self.values and len(self.values) >= MAX_ATTRIBUTES:
            return False
        values = self.values.setdefault(name, set())
        if values is None:
            return False
        values.add(value)
        if len(values) > MAX_VALUES:
            self.values[name] = None
        return self.values[name] is not None

    def plain(self) -> Plain:
        """As lists of plain values, for `vocabulary_of`."""
        told = self.values.items()
        values = [[name, None if values is None else sorted(values)] for name, values in told]
        return [list(self.labels), self.labels_left_out, values]

    def tells_apart(self, attribute: str) -> bool:
        """Whether an attribute has so few values that each is counted."""
        return self.values.get(attribute) is not None


def vocabulary_of(plain: Plain) -> Vocabulary:
    """The vocabulary that `Vocabulary.plain` told."""
    labels, left_out, values = plain
    found = Vocabulary()
    found.labels = {key: place for place, key in enumerate(labels)}
    found.labels_left_out = left_out
    found.values = {name: None if some is None else set(some) for name, some in values}
    return found


class Seen(NamedTuple):
    """A member, as all portraits of a survey add them."""

    numbers: tuple[int | None, ...]
    places: Integers
    rows: Integers
    words: list[tuple[str, str]]


def seen(member: Member, vocabulary: Vocabulary) -> Seen:
    """A member, ready to be added to portraits with this vocabulary."""
    places, rows = vocabulary.places(member.bought)
    return Seen(member.numbers, places, rows, vocabulary.words(member.words))


class Portrait:
    """What a group of customers adds up to; changed in place.

    Args:
        vocabulary: shared by all portraits that are compared.

    Attributes:
        customers: how many.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self.customers = 0
        self._known = [0] * len(NUMBERS)
        self._totals = [0] * len(NUMBERS)
        self._squares = [0] * len(NUMBERS)
        self._labels = np.zeros((MAX_LABELS, 3), np.int64)
        self._words: Counter[tuple[str, str]] = Counter()

    def add(self, each: Seen) -> None:
        """Count a customer."""
        self.customers += 1
        for place, number in enumerate(each.numbers):
            if number is not None:
                self._known[place] += 1
                self._totals[place] += number
                self._squares[place] += number * number
        if len(each.places):
            self._labels[each.places] += each.rows
        self._words.update(each.words)

    def plain(self) -> Plain:
        """As lists of plain values, for `portrait_of`; squares as text, for they grow beyond 64 bits."""
        bought = np.flatnonzero(self._labels[:, 0])
        tells = self._vocabulary.tells_apart
        words = [[*word, count] for word, count in sorted(self._words.items()) if tells(word[0])]
        squares = [str(each) for each in self._squares]
        totals = [str(each) for each in self._totals]
        labels = [bought.tolist(), self._labels[bought].ravel().tolist()]
        return [self.customers, self._known, totals, squares, labels, words]

    def sums(self, name: str) -> Sums:
        """Of one of `models.member.NUMBERS`, in its quanta."""
        place = PLACE[name]
        return Sums(self._known[place], self._totals[place], self._squares[place])

    def mean(self, name: str) -> float | None:
        """The mean of a number in its unit (money: minor units); None if it is known of nobody."""
        mean = self.sums(name).mean
        return None if mean is None else mean / NUMBERS[PLACE[name]].quanta

    def labels(self, dimension: str) -> dict[bytes, LabelSums]:
        """Those of a dimension that anybody bought within a year, the largest in money first."""
        code = code_of(dimension)
        found = {
            key: LabelSums(*map(int, self._labels[place]))
            for key, place in self._vocabulary.labels.items()
            if key[0] == code and self._labels[place, 0] > 0
        }
        return dict(sorted(found.items(), key=lambda each: (-each[1].spent_minor, each[0])))

    def words(self, attribute: str) -> dict[str, int]:
        """Value → customers, the most frequent first; empty of an attribute with too many values."""
        if not self._vocabulary.tells_apart(attribute):
            return {}
        found = {value: count for (name, value), count in self._words.items() if name == attribute}
        return dict(sorted(found.items(), key=lambda each: (-each[1], each[0])))

    @property
    def attributes(self) -> list[str]:
        """Those with few enough values, by name."""
        return sorted(
            each for each in self._vocabulary.values if self._vocabulary.tells_apart(each)
        )


def portrait_of(plain: Plain, vocabulary: Vocabulary) -> Portrait:
    """The portrait that `Portrait.plain` told, with the same vocabulary."""
    customers, known, totals, squares, (places, rows), words = plain
    found = Portrait(vocabulary)
    found.customers, found._known = customers, list(known)
    found._totals, found._squares = list(map(int, totals)), list(map(int, squares))
    found._labels[places] = np.array(rows, np.int64).reshape(-1, 3)
    found._words = Counter({(name, value): count for name, value, count in words})
    return found


def standard_score(group: Portrait, base: Portrait, name: str) -> float | None:
    """How many standard deviations of the base the group's mean lies from the base's; None: nobody can tell."""
    mine, its = group.sums(name), base.sums(name)
    if mine.mean is None or its.mean is None or not its.deviation:
        return None
    return (mine.mean - its.mean) / its.deviation


def share_of_total(group: Portrait, base: Portrait, name: str) -> float | None:
    """The group's part of what the base adds up to; None of nothing."""
    whole = base.sums(name).total
    return group.sums(name).total / whole if whole > 0 else None
