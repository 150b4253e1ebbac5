"""What is bought together: for a group of customers, exact counts of pairs of categories, in bounded memory.

A *shopping day* is a customer-day on which somebody bought anything; of each two categories is counted on how
many shopping days of the group both were bought, and by how many customers ever. One customer's days become a small matrix once,
`together`, which is then added to each group that they are in.

    days of each category ──► B (days × categories) ──► BᵀB ──► Together ──► Affinity of each group

At most `MAX_CATEGORIES` are counted by name, see `Catalogue`. The others share a few buckets, each counted as if
it were one category; so of every pair that is not counted there is a largest number that it can have,
and a list of the most frequent pairs can tell whether it is certainly the true one.

All is whole numbers: the order of customers does not matter. Memory: 8 bytes a
number, two numbers a pair, so `MAX_CELLS` × 16 = 0.6 MB a group at most, of which only the part in use is taken.

Enters: category days of customers. Leaves: counts, see `models/pairs.py` for what they say. Forbidden here:
customer ids, the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.daybook import LABEL_COLUMNS, code_of
from models.sight import PURCHASE_DAYS, Sight
from models.table import cells, first_after

MAX_CATEGORIES = 256
BUCKETS = 16  # for the categories that are not counted by name
MAX_CELLS = (MAX_CATEGORIES + BUCKETS) * (MAX_CATEGORIES + BUCKETS + 1) // 2
MAX_WAITING = 256  # categories that may be counted by name the next time
Integers = npt.NDArray[np.int64]
_NONE = np.zeros(0, np.int64)


class Catalogue:
    """The categories that are counted by name, and the place of each; shared by all groups of a survey.

    Those given first are in it, then whoever comes, until it is full. A category is counted from its first
    day on, or never. Of those that found no room the most bought are remembered (Space-Saving:
    Metwally, Agrawal & El Abbadi 2005), so that the next survey can begin with them.

    Args:
        first: label keys that have a place in any case, as far as there is room.
        most: how many there is room for.

    Attributes:
        places: label key → place; places below `BUCKETS` are those of buckets.
        waiting: label key → days, not less than the true number, of those that found no room.
    """

    def __init__(self, first: Iterable[bytes] = (), most: int = MAX_CATEGORIES) -> None:
        self._most = most
        self.places: dict[bytes, int] = {}
        self.waiting: dict[bytes, int] = {}
        for key in first:
            self.place_of(key)

    @property
    def size(self) -> int:
        """How many places there are."""
        return BUCKETS + len(self.places)

    def place_of(self, key: bytes) -> int:
        """Where a category is counted; one that is new has a place of its own as long as there is room."""
        place = self.places.get(key)
        if place is None and len(self.places) < self._most:
            place = self.places[key] = self.size
        return key[-1] % BUCKETS if place is None else place

    def wait(self, key: bytes, days: int) -> None:
        """Remember a category that has no place; each of its days comes here once."""
        if key in self.places:
            return
        before = 0
        if key not in self.waiting and len(self.waiting) >= MAX_WAITING:
            least = min(self.waiting, key=lambda each: (self.waiting[each], each))
            before = self.waiting.pop(least)
        self.waiting[key] = self.waiting.get(key, before) + days


class Together(NamedTuple):
    """What one customer bought together.

    Attributes:
        shopping_days: with any purchase.
        cells: places in the triangle of `Affinity`, each once.
        days: on so many both of that cell were bought; as long as `cells`.
    """

    shopping_days: int
    cells: Integers
    days: Integers


def category_days(sight: Sight, window_days: int) -> Mapping[bytes, tuple[int, ...]]:
    """Label key of a category → the customer-days, ordinal, on which it was bought.

    Args:
        sight: the customer on the day that the window ends with.
        window_days: its length, at most a year.
    """
    found: dict[bytes, tuple[int, ...]] = {}
    category = code_of("category")
    for key, table in sight.ledger.book.labels.items():
        if key[0] == category:
            numbers = cells(table)
            first = first_after(numbers, LABEL_COLUMNS, sight.day - window_days)
            days = tuple(numbers[LABEL_COLUMNS * first :: LABEL_COLUMNS])
            if days:
                found[key] = days
    return found


def bought_together(sight: Sight, window_days: int, catalogue: Catalogue) -> Together:
    """Of a customer's shopping days in a window; see `together`."""
    shopping_days = sight.sum(PURCHASE_DAYS, window_days)
    return together(category_days(sight, window_days), shopping_days, catalogue)


def ever_together(days: Mapping[bytes, Sequence[int]], catalogue: Catalogue) -> Together:
    """The same as if all days were one: which categories the customer buys at all.

    It adds nothing to what waits for a place: the days themselves have done that.
    """
    return _counted(dict.fromkeys(days, (0,)), int(bool(days)), catalogue)


def together(
    days: Mapping[bytes, Sequence[int]], shopping_days: int, catalogue: Catalogue
) -> Together:
    """Count, of each two places, the days on which something of both was bought.

    The cell of a place with itself is the days of that category; of a bucket with itself, the days with
    two or more of its categories. So no pair that a cell of a bucket stands for can have more days.

    Args:
        days: category → distinct days, any numbers that stand for them; at most 2^24 days in all.
        shopping_days: with or without a category.
        catalogue: of the survey; a category that is new to it may get a place, else it waits.
    """
    found = _counted(days, shopping_days, catalogue)
    for key, each in days.items():
        catalogue.wait(key, len(each))
    return found


def _counted(
    days: Mapping[bytes, Sequence[int]], shopping_days: int, catalogue: Catalogue
) -> Together:
    if not days:
        return Together(shopping_days, _NONE, _NONE)
    lengths = [len(each) for each in days.values()]
    named = [catalogue.place_of(key) for key in days]
    places, column = np.unique(named, return_inverse=True)
    dates = np.fromiter(chain.from_iterable(days.values()), np.int64, sum(lengths))
    rows, row = np.unique(dates, return_inverse=True)
    width = len(places)
    flat = row * width + np.repeat(column, lengths)
    bought = np.bincount(flat, minlength=len(rows) * width).reshape(len(rows), width)
    at_all = np.minimum(bought, 1).astype(np.float32)  # whole numbers up to 2^24 are exact
    both = at_all.T @ at_all
    buckets = int(np.searchsorted(places, BUCKETS))
    np.fill_diagonal(both[:buckets, :buckets], (bought[:, :buckets] >= 2).sum(axis=0))
    one, other = _upper(width)
    counts = both[one, other]
    some = np.flatnonzero(counts)
    cells_of = _cell(places[one[some]], places[other[some]])
    return Together(shopping_days, cells_of, counts[some].astype(np.int64))


@lru_cache(maxsize=128)  # most customers are alike in size; 0.6 MB each at most
def _upper(width: int) -> tuple[Integers, Integers]:
    one, other = np.triu_indices(width)
    return one, other


def _cell(one: Integers, other: Integers) -> Integers:
    """The place in the triangle of two places, the first not above the second."""
    return other * (other + 1) // 2 + one


class Affinity:
    """What a group of customers bought together; changed in place.

    Args:
        catalogue: of the survey; groups that are held against each other have the same.

    Attributes:
        customers: how many were added.
        shopping_days: of all of them.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.customers = self.shopping_days = 0
        self._days = self._buyers = _NONE

    def add(self, one: Together) -> None:
        """Count a customer."""
        self._grow()
        self.customers += 1
        self.shopping_days += one.shopping_days
        self._days[one.cells] += one.days
        self._buyers[one.cells] += 1

    @property
    def _used(self) -> int:
        size = self.catalogue.size
        return size * (size + 1) // 2

    def _grow(self) -> None:
        """Have a cell for every two places; as long as there is room, some in reserve."""
        if self._used > len(self._days):
            room = max(self._used, min(2 * len(self._days), MAX_CELLS))
            self._days, self._buyers = (_longer(each, room) for each in (self._days, self._buyers))

    def days(self) -> Integers:
        """Place × place → days on which both were bought; symmetric, places as in the catalogue."""
        self._grow()
        return self._square(self._days)

    def buyers(self) -> Integers:
        """Place × place → customers who bought both on one day; likewise."""
        self._grow()
        return self._square(self._buyers)

    def _square(self, triangle: Integers) -> Integers:
        size = self.catalogue.size
        one, other = _upper(size)
        square = np.zeros((size, size), np.int64)
        square[one, other] = square[other, one] = triangle[_cell(one, other)]
        return square

    @property
    def left_out_at_most(self) -> int:
        """No pair with a category that is not counted by name was bought on more days than this."""
        return int(self.days()[:BUCKETS].max(initial=0))

    @property
    def size_bytes(self) -> int:
        """What the counts take."""
        return self._days.nbytes + self._buyers.nbytes


def _longer(triangle: Integers, room: int) -> Integers:
    grown = np.zeros(room, np.int64)
    grown[: len(triangle)] = triangle
    return grown


def next_catalogue(base: Affinity, most: int = MAX_CATEGORIES) -> Catalogue:
    """For the next survey: the most bought categories of this one come first.

    Args:
        base: of everybody.
        most: as of `Catalogue`.
    """
    days = dict(base.catalogue.waiting)
    diagonal = base.days().diagonal()
    days.update({key: int(diagonal[place]) for key, place in base.catalogue.places.items()})
    ranked = sorted((key for key in days if days[key]), key=lambda key: (-days[key], key))
    return Catalogue(ranked[:most], most)
