"""Value tiers: customers cut by what they are worth, at shares of all of them or at fixed amounts.

    what a customer is worth ──► a slot of the sketch: so many customers are worth about so much
                             │        └──► at an epoch's end: the edges of each per cent, a `Spread`
                             └──► cuts of a scheme, on read ──► a tier, and when time may change it

What is counted does not depend on the shares of a scheme, only on its measure and window: a change
of shares needs no new learning, and schemes with the same measure share what was learned.

Enters: a customer as rules see them, schemes, spreads. Leaves: slots, spreads, tiers. Forbidden
here: the population around them, the clock.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from math import ceil
from types import MappingProxyType
from typing import NamedTuple

from models.churn import EASE
from models.gauge import Gauge
from models.policy_segments import ValueScheme
from models.rolling import UNTIL
from models.rule_tree import Condition, Fact, Op, Place
from models.sight import READ, Sight
from models.sketch import BIN_STARTS, bin_of, last_of_bin

VALUE = "value."  # before a scheme's name it is the kind of its tiers
LIFETIME_VALUE = "lifetime_value"
MOST_SLOTS = 16  # that a customer counts in: more than there are measures and windows
_PREFIX = "v"
_LARGEST = 2**62  # as customers' sums are
_WHOLE = 10_000
# In 1/10,000 of customers, not above an edge: half per cents, finer among those who are worth most.
GRID = (*range(50, 9_900, 50), *range(9_900, 9_990, 10), *range(9_990, _WHOLE + 1))
_NOWHERE = Place(0, 0)


class Spread(NamedTuple):
    """How one measure is spread over the customers who were measured.

    Attributes:
        measure: names it, with its window: eight hex digits.
        customers: how many were measured.
        edges: for each place of `GRID` the largest value of the lower part, minor units.
    """

    measure: str
    customers: int
    edges: tuple[int, ...]


class Placed(NamedTuple):
    """A customer's tier in a scheme.

    Attributes:
        tier: its name.
        until_day: the next day on which time alone may change it, ordinal; None: never.
    """

    tier: str
    until_day: int | None = None


def _named(measure: str, window_days: int) -> str:
    return hashlib.blake2b(f"{measure}:{window_days}".encode(), digest_size=4).hexdigest()


MEASURES: Mapping[tuple[str, int], str] = MappingProxyType(
    {
        (measure, days): _named(measure, days)
        for measure, windows in (
            ("spend", (0, 30, 90, 365)),
            ("margin", (0, 30, 90, 365)),
            (LIFETIME_VALUE, (0,)),
        )
        for days in windows
    }
)


def measure_of(scheme: ValueScheme) -> str:
    """Names what a scheme measures, and over which window."""
    return MEASURES[scheme.measure, scheme.window_days]


def by_share(schemes: Iterable[ValueScheme]) -> dict[str, ValueScheme]:
    """Measure → one of the schemes that cut it by shares."""
    return {measure_of(each): each for each in schemes if each.by_share}


def worth_minor(scheme: ValueScheme, sight: Sight, lifetime_minor: float | None) -> int | None:
    """What a customer is worth by a scheme; None: nobody can tell yet.

    Args:
        scheme: says by which measure.
        sight: the customer.
        lifetime_minor: their lifetime value; None: not known.
    """
    if scheme.measure != LIFETIME_VALUE:
        found = READ[scheme.measure](sight, Fact(scheme.measure, scheme.window_days))
        assert isinstance(found, int)
        return found
    return None if lifetime_minor is None else int(min(lifetime_minor, _LARGEST))


def slots_of(
    schemes: Mapping[str, ValueScheme], sight: Sight, lifetime_minor: float | None
) -> tuple[str, ...]:
    """The slots of the sketch that a customer counts in: one for each measure of `by_share`."""
    found = (
        (measure, worth_minor(each, sight, lifetime_minor)) for measure, each in schemes.items()
    )
    return tuple(slot_of(measure, worth) for measure, worth in found if worth is not None)


def slot_of(measure: str, worth: int) -> str:
    """The slot of those who are worth about so much; less than nothing counts as nothing.

    >>> slot_of("0a1b2c3d", 123), slot_of("0a1b2c3d", -5)
    ('v0a1b2c3d:111', 'v0a1b2c3d:0')
    """
    return f"{_PREFIX}{measure}:{bin_of(min(max(0, worth), _LARGEST))}"


def check_slots(slots: Sequence[str]) -> None:
    """Raise ValueError unless these are slots of ours, each of another measure."""
    if len(slots) > MOST_SLOTS or len({_of_slot(each)[0] for each in slots}) != len(slots):
        raise ValueError(f"a customer counts in {len(slots)} slots of value")


def _of_slot(slot: str) -> tuple[str, int]:
    """Measure and bin."""
    measure, place = slot[1:9], int(slot[10:14])
    if slot != f"{_PREFIX}{int(measure, 16):08x}:{place}" or not 0 <= place < len(BIN_STARTS) - 1:
        raise ValueError(f"no slot of value: {slot:.32}")
    return measure, place


def spreads_of(counts: Mapping[str, int]) -> tuple[Spread, ...]:
    """The spreads of all measures that a sketch has counted customers by.

    Args:
        counts: slot → customers; other slots are passed over.

    Raises:
        ValueError: nobody's sketch: it counts less than nobody.
    """
    known = frozenset(MEASURES.values())
    found: dict[str, list[tuple[int, int]]] = {}
    for slot, customers in counts.items():
        if slot.startswith(_PREFIX) and slot[1:9] in known:
            measure, place = _of_slot(slot)
            found.setdefault(measure, []).append((place, customers))
    return tuple(_spread(measure, sorted(found[measure])) for measure in sorted(found))


def _spread(measure: str, ascending: Sequence[tuple[int, int]]) -> Spread:
    if any(customers < 0 for _, customers in ascending):
        raise ValueError("a sketch counts less than nobody")
    customers = sum(each for _, each in ascending)
    edges: list[int] = []
    below = 0
    for place, count in ascending:
        below += count
        while len(edges) < len(GRID) and below * _WHOLE >= GRID[len(edges)] * customers:
            edges.append(last_of_bin(place))
    return Spread(measure, customers, tuple(edges))


def cuts_of(scheme: ValueScheme, spreads: Iterable[Spread], scale: int) -> tuple[int, ...] | None:
    """From how much on one is in each tier but the last, minor units; None: not known yet.

    Args:
        scheme: whose tiers.
        spreads: what was learned of all customers.
        scale: minor units in a major one.
    """
    if not scheme.by_share:
        return _fixed(tuple(each.from_ for each in scheme.tiers if each.from_ is not None), scale)
    measure = measure_of(scheme)
    spread = next((each for each in spreads if each.measure == measure), None)
    if spread is None:
        return None
    places = _places(tuple(each.share for each in scheme.tiers if each.share is not None))
    return tuple(spread.edges[place] + 1 for place in places)


@lru_cache(maxsize=256)
def _fixed(amounts: tuple[float, ...], scale: int) -> tuple[int, ...]:
    return tuple(ceil(Fraction(str(each)) * scale) for each in amounts)


@lru_cache(maxsize=256)
def _places(shares: tuple[float, ...]) -> tuple[int, ...]:
    """Where in the grid each tier begins; between two places, so that fewer are in it.

    >>> [GRID[place] for place in _places((0.2, 0.3))]
    [8000, 5000]
    """
    above = (sum(shares[: number + 1]) for number in range(len(shares)))
    return tuple(bisect_left(GRID, round(_WHOLE * (1 - share), 6)) for share in above)


def placed(
    scheme: ValueScheme, worth: int, cuts: Sequence[int], current: str | None, sight: Sight
) -> Placed:
    """The tier of a customer, and until when time leaves them in it.

    With inertia where tiers are shares: who is in one leaves it only clearly below.

    Args:
        scheme: whose tiers.
        worth: what the customer is worth by it, minor units.
        cuts: from `cuts_of`.
        current: the tier that they are in; None: in none.
        sight: the customer.
    """
    names = scheme.names
    held = names.index(current) if scheme.by_share and current in names else None
    place = _place(worth, cuts if held is None else _eased(cuts, held))
    if not scheme.window_days:
        return Placed(names[place])
    gauge = _gauge(_eased(cuts, place) if scheme.by_share else tuple(cuts))
    fact = Fact(scheme.measure, scheme.window_days)
    return Placed(names[place], UNTIL[scheme.measure](sight, fact, worth, gauge))


def _place(worth: int, cuts: Sequence[int]) -> int:
    return next((number for number, cut in enumerate(cuts) if worth >= cut), len(cuts))


def _eased(cuts: Sequence[int], held: int) -> tuple[int, ...]:
    """The cuts for whoever is in the tier `held`: lower, but for those above it."""
    return (*cuts[:held], *(ceil(EASE * cut) for cut in cuts[held:]))


@lru_cache(maxsize=1_024)
def _gauge(cuts: tuple[int, ...]) -> Gauge:
    of = Fact("")
    return Gauge((Condition(of, Op.GE, cut, _NOWHERE), 1 << n) for n, cut in enumerate(cuts))
