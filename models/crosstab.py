"""What a survey counts of two things at once: who is in two segments, and what people of a kind spent.

    members ──► segment × segment → customers · attribute's value → purchases and spend within a year

Enters: members, each once. Leaves: whole numbers. Forbidden here: customer ids, the clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any

MAX_PAIRS = 100_000  # distinct ones; those met later are left out, and named

Word = tuple[str, str]  # an attribute and its value
Pair = tuple[str, str]  # two segments, in the order of the alphabet


class Crosstab:
    """See the module; changed in place.

    Attributes:
        pairs: two segments → customers who are in both.
        purchases: word → purchases within a year of those it is said of.
        spent_minor: word → what they spent within a year, less what was given back.
        pairs_left_out: how often a pair had no place any more.
    """

    def __init__(self) -> None:
        self.pairs: Counter[Pair] = Counter()
        self.purchases: Counter[Word] = Counter()
        self.spent_minor: Counter[Word] = Counter()
        self.pairs_left_out = 0

    def add(
        self,
        segments: Mapping[str, str],
        words: Sequence[Word],
        purchases: int,
        spent_minor: int,
    ) -> None:
        """Count a customer.

        Args:
            segments: kind → segment.
            words: that the portraits of the survey count one by one.
            purchases: within a year.
            spent_minor: within a year, reporting currency.
        """
        for word in words:
            self.purchases[word] += purchases
            self.spent_minor[word] += spent_minor
        pairs = combinations(sorted({*segments.values()}), 2)
        if len(self.pairs) < MAX_PAIRS:
            self.pairs.update(pairs)
        else:
            self._add_known(pairs)

    def _add_known(self, pairs: combinations[Pair]) -> None:
        for pair in pairs:
            if pair in self.pairs:
                self.pairs[pair] += 1
            else:
                self.pairs_left_out += 1

    def both(self, one: str, other: str) -> int:
        """Customers who are in two segments, which are not the same."""
        return self.pairs[min(one, other), max(one, other)]

    def plain(self, tells_apart: Callable[[str], bool]) -> list[Any]:
        """As lists of plain values, for `crosstab_of`; words only of attributes that are told apart."""
        pairs = [[*each, count] for each, count in sorted(self.pairs.items())]
        words = [
            [*each, self.purchases[each], self.spent_minor[each]]
            for each in sorted(self.purchases)
            if tells_apart(each[0])
        ]
        return [pairs, words, self.pairs_left_out]


def crosstab_of(plain: list[Any]) -> Crosstab:
    """The reverse of `Crosstab.plain`."""
    found = Crosstab()
    pairs, words, found.pairs_left_out = plain
    found.pairs.update({(one, other): count for one, other, count in pairs})
    for attribute, value, purchases, spent_minor in words:
        found.purchases[attribute, value] = purchases
        found.spent_minor[attribute, value] = spent_minor
    return found
