"""How spend is spread within segments, in bounded memory: bins of amounts, at most 2 % wide.

    member ──► segment · bin of their spend within a year ──► customers, minor units

Money is added up exactly; only where within a bin a customer lies is forgotten. So a share of the top fifth is
exact but for the one bin that the cut goes through, of which a part in proportion is taken. Who was given back more
than they spent counts as having spent nothing.

Enters: members. Leaves: shares. Forbidden here: customer ids, verdicts, the clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from models.sketch import bin_of

TOP = Fraction(1, 5)  # Pareto's


class Concentration:
    """See the module; changed in place.

    Attributes:
        customers: segment → bin → members.
        spent_minor: segment → bin → what they spent within a year.
    """

    def __init__(self) -> None:
        self.customers: dict[str, Counter[int]] = {}
        self.spent_minor: dict[str, Counter[int]] = {}

    def add(self, segments: Iterable[str], spent_minor: int) -> None:
        """Count a customer, who must not come twice.

        Args:
            segments: that they are in, each once.
            spent_minor: within a year, reporting currency.
        """
        spent_minor = max(0, spent_minor)
        place = bin_of(spent_minor)
        for segment in segments:
            self.customers.setdefault(segment, Counter())[place] += 1
            self.spent_minor.setdefault(segment, Counter())[place] += spent_minor

    def top_share(self, segment: str) -> float | None:
        """Which share of a segment's spend its `TOP` of members makes who spend most; None if nothing was spent."""
        customers = self.customers.get(segment, Counter())
        bins = self.spent_minor.get(segment, Counter())
        whole = bins.total()
        if not whole:
            return None
        wanted, spent = TOP * customers.total(), Fraction()
        for place in sorted(bins, reverse=True):
            taken = min(wanted, Fraction(customers[place]))
            if taken > 0:
                spent += bins[place] * taken / customers[place]
            wanted -= taken
        return float(spent / whole)

    def plain(self) -> list[Any]:
        """As lists of plain values, for `concentration_of`."""
        return [
            [segment, place, count, self.spent_minor[segment][place]]
            for segment, bins in sorted(self.customers.items())
            for place, count in sorted(bins.items())
        ]


def concentration_of(plain: list[Any]) -> Concentration:
    """The reverse of `Concentration.plain`."""
    found = Concentration()
    for segment, place, customers, spent_minor in plain:
        found.customers.setdefault(segment, Counter())[place] = customers
        found.spent_minor.setdefault(segment, Counter())[place] = spent_minor
    return found
