"""Micro-clusters: about a hundred small groups of alike customers of one partition, added up exactly.

Enters: what a customer is like, as a vector of whole numbers (thousandths), and later the same
vector again to take it out. Leaves: the slot that it is in, and the groups' sums, from which the
clusters are made (`models/clusters.py`). Forbidden here: customer ids, the policy, the clock.

    entry     whole numbers
    k<slot>   customers, holders of this very slot, sum of each dimension
    a<slot>   the slot that it was merged into, holders of this very slot
    q         the next slot, customers, sum of each dimension, sum of squares of each dimension

A customer's state keeps vector and slot. When two groups become one, the customers of the one that
went keep their slot: it is an alias of the other for as long as somebody holds it. All sums are
integers, so taking out is exact, and a partition read back from its entries goes on to the bit.

Cluster features that add up are those of Zhang, Ramakrishnan & Livny (1996), BIRCH; opening and
merging groups under a fixed number of them follows Aggarwal et al. (2003), CluStream. There is no
fading: who changes is taken out and put back in.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgpack
import numpy as np
import numpy.typing as npt
from river import base, stats

UNITS = 1_000  # vectors count thousandths
# Of a vector's numbers. The sums of squares then fit 63 bits up to 2**29 customers a partition.
LARGEST = 2**17
_TOTALS = "q"
Vector = tuple[int, ...]
Floats = npt.NDArray[np.float64]


class Spread(NamedTuple):
    """How customers are spread, exactly.

    Attributes:
        customers: how many.
        sums: of each dimension.
        squares: the sum of the squares of each dimension.
    """

    customers: int
    sums: Vector
    squares: Vector

    def squared_deviations(self) -> tuple[int, ...]:
        """n·Σx² − (Σx)² of each dimension: n² times the variance."""
        pairs = zip(self.sums, self.squares, strict=True)
        return tuple(self.customers * square - total * total for total, square in pairs)


def merged_spread(spreads: Iterable[Spread]) -> Spread:
    """The spread of all these customers together; at least one spread."""
    customers, sums, squares = zip(*spreads, strict=True)
    return Spread(
        sum(customers),
        tuple(map(sum, zip(*sums, strict=True))),
        tuple(map(sum, zip(*squares, strict=True))),
    )


class MicroClusters(base.Clusterer):
    """One partition's micro-clusters; changed in place.

    Distances are Euclidean, each dimension divided by its standard deviation over all customers
    inside; a dimension in which they do not differ is left out. Of several nearest, the oldest.

    >>> groups = MicroClusters()
    >>> [groups.learn(vector) for vector in [(0, 0), (10, 10), (10, 10), (1, 1)]]
    [1, 2, 2, 1]
    >>> groups.unlearn((0, 0), 1)
    >>> groups.entries
    {'k1': (1, 1, 1, 1), 'k2': (2, 2, 20, 20), 'q': (3, 3, 21, 21, 201, 201)}

    Args:
        capacity: micro-clusters at most, 2 or more.
        open_beyond: a customer this far from the nearest opens a new one while there is room;
            standard deviations.
        merge_beyond: a customer this far opens a new one even if there is no room: the lightest
            is merged into its nearest neighbour.

    Attributes:
        touched: names of the entries changed since the last `take_changes`.
    """

    def __init__(
        self, capacity: int = 128, open_beyond: float = 1.0, merge_beyond: float = 2.0
    ) -> None:
        if capacity < 2:
            raise ValueError(f"{capacity} micro-clusters: expected 2 or more")
        self.capacity = capacity
        self.open_beyond = open_beyond
        self.merge_beyond = merge_beyond
        self.touched: set[str] = set()
        self._live: dict[int, list[int]] = {}  # slot → customers, holders, sums
        self._aliases: dict[int, list[int]] = {}  # slot → slot, holders
        self._totals: list[int] = []  # next slot, customers, sums, squares
        self._slots: list[int] = []  # of the columns of `_means`, ascending
        self._means: Floats = np.empty((0, 0))  # dimension × micro-cluster
        self._weights: Floats | None = None  # 1 ÷ variance; None: not known since a change
        self._names: tuple[base.typing.FeatureName, ...] = ()
        self._learned: dict[Vector, list[int]] = {}  # by `learn_one`

    def learn(self, vector: Vector) -> int:
        """Put a customer in.

        Returns:
            The slot, by which `unlearn` takes the customer out again.

        Raises:
            ValueError: not as many dimensions as before, or a number beyond ±`LARGEST`.
        """
        self._count(vector, 1)
        if not self._slots:
            return self._open(vector)
        squares = self._squared_distances(vector)
        column = int(squares.argmin())
        square = squares[column]
        if square > self.open_beyond**2 and len(self._slots) < self.capacity:
            return self._open(vector)
        if square > self.merge_beyond**2:
            return self._make_room_and_open(vector)
        self._live[self._slots[column]][1] += 1
        self._add(column, 1, vector)
        return self._slots[column]

    def unlearn(self, vector: Vector, slot: int) -> None:
        """Take out a customer who was put in with this vector and got this slot.

        Raises:
            ValueError: nobody holds this slot.
        """
        alias = self._aliases.get(slot)
        holders = alias or self._live.get(slot) or [0, 0]
        if not holders[1]:
            raise ValueError(f"nobody is in slot {slot}")
        self._count(vector, -1)
        holders[1] -= 1
        if alias is not None:
            self.touched.add(f"a{slot}")
            if not holders[1]:
                del self._aliases[slot]
        column = bisect_left(self._slots, alias[0] if alias else slot)
        self._add(column, -1, [-value for value in vector])

    def nearest(self, vector: Vector) -> int | None:
        """The slot whose micro-cluster's mean is nearest; None if there is none."""
        if not self._slots:
            return None
        return self._slots[int(self._squared_distances(vector).argmin())]

    def learn_one(self, x: dict[base.typing.FeatureName, float]) -> None:
        """Put in a customer given by names, as river does; the first one says which names.

        The slot is remembered for `unlearn_one`, here and not among the entries.
        """
        self._names = self._names or tuple(x)
        vector = self._vector(x)
        self._learned.setdefault(vector, []).append(self.learn(vector))

    def unlearn_one(self, x: dict[base.typing.FeatureName, float]) -> None:
        """Take out what `learn_one` put in, from where it was put; the newest of equal ones first.

        Raises:
            ValueError: `learn_one` put nothing in that is equal.
        """
        vector = self._vector(x)
        slots = self._learned.get(vector)
        if not slots:
            raise ValueError(f"{x} was not learned by this object")
        self.unlearn(vector, slots.pop())
        if not slots:
            del self._learned[vector]

    def predict_one(self, x: dict[base.typing.FeatureName, float]) -> int:
        """The slot of the nearest micro-cluster; 0, which is nobody's, if there is none."""
        return self.nearest(self._vector(x)) or 0

    @property
    def spread(self) -> list[stats.Var]:
        """Mean and variance (of a population: ddof 0) of each dimension, in thousandths."""
        total = self.total
        n = total.customers
        pairs = zip(total.sums, total.squared_deviations(), strict=True)
        return [
            stats.Var._from_state(n, each / n, square / n**2, ddof=0) for each, square in pairs if n
        ]

    @property
    def total(self) -> Spread:
        """All customers inside."""
        middle = len(self._totals) // 2 + 1
        customers = self._totals[1] if self._totals else 0
        return Spread(customers, tuple(self._totals[2:middle]), tuple(self._totals[middle:]))

    @property
    def groups(self) -> list[tuple[int, Vector]]:
        """Customers and sums of each micro-cluster; those of partitions are simply put together."""
        return [(row[0], tuple(row[2:])) for row in map(self._live.__getitem__, self._slots)]

    @property
    def entries(self) -> dict[str, tuple[int, ...]]:
        """All there is to store, by name."""
        live = {f"k{slot}": tuple(row) for slot, row in self._live.items()}
        aliases = {f"a{slot}": tuple(row) for slot, row in self._aliases.items()}
        return {**live, **aliases, **({_TOTALS: tuple(self._totals)} if self._totals else {})}

    def packed(self, name: str) -> bytes | None:
        """One entry, encoded; None: there is none of this name."""
        row = self._entry(name)
        return msgpack.packb(row) if row else None

    def take_changes(self) -> dict[str, bytes | None]:
        """The touched entries, encoded, once; None: the entry is gone."""
        changes = {name: self.packed(name) for name in sorted(self.touched)}
        self.touched.clear()
        return changes

    def _entry(self, name: str) -> list[int] | None:
        if name == _TOTALS:
            return self._totals
        rows = self._live if name.startswith("k") else self._aliases
        return rows.get(int(name[1:]))

    def _restore(self, rows: Mapping[str, list[int]]) -> None:
        self._totals = rows.get(_TOTALS, [])
        self._live = {int(name[1:]): row for name, row in rows.items() if name.startswith("k")}
        self._aliases = {int(name[1:]): row for name, row in rows.items() if name.startswith("a")}
        self._slots = sorted(self._live)
        self._means = np.empty((max(0, len(self._totals) // 2 - 1), len(self._slots)))
        for column in range(len(self._slots)):
            self._place(column)

    def _vector(self, x: dict[base.typing.FeatureName, float]) -> Vector:
        return tuple([round(UNITS * x[name]) for name in self._names or x])

    def _count(self, vector: Vector, sign: int) -> None:
        size = len(vector)
        totals = self._totals or [1] + [0] * (2 * size + 1)
        if len(totals) != 2 * size + 2 or max(vector) > LARGEST or min(vector) < -LARGEST:
            raise ValueError(f"{vector}: expected {len(totals) // 2 - 1} numbers up to ±{LARGEST}")
        if not self._totals:
            self._totals, self._means = totals, np.empty((size, 0))
        totals[1] += sign
        for place, value in enumerate(vector, start=2):
            more = sign * value
            totals[place] += more
            totals[place + size] += more * value
        self.touched.add(_TOTALS)
        self._weights = None

    def _squared_distances(self, vector: Sequence[int] | Floats) -> Floats:
        """To each micro-cluster's mean, one operation an element: the same bits on every path."""
        if self._weights is None:
            n, dimensions = self._totals[1], len(self._means)
            pairs = zip(self._totals[2:], self._totals[2 + dimensions :], strict=False)
            squares = [n * square - total * total for total, square in pairs]
            weights = [n * n / each if each else 0.0 for each in squares]
            self._weights = np.array(weights)[:, np.newaxis]
        off = self._means - np.array(vector, np.float64)[:, np.newaxis]
        off *= off
        off *= self._weights
        squared: Floats = np.add.reduce(off, axis=0)
        return squared

    def _open(self, vector: Vector) -> int:
        slot = self._totals[0]
        self._totals[0] += 1
        self._live[slot] = [0, 1, *([0] * len(vector))]
        self._slots.append(slot)
        self._means = np.concatenate((self._means, np.empty((len(vector), 1))), axis=1)
        self._add(len(self._slots) - 1, 1, vector)
        return slot

    def _add(self, column: int, customers: int, amounts: Sequence[int]) -> None:
        """Change a micro-cluster's customers and sums; it disappears with the last customer."""
        slot = self._slots[column]
        row = self._live[slot]
        row[0] += customers
        for place, amount in enumerate(amounts, start=2):
            row[place] += amount
        self.touched.add(f"k{slot}")
        if row[0]:
            self._place(column)
        else:
            self._remove(column)

    def _place(self, column: int) -> None:
        customers, _, *sums = self._live[self._slots[column]]
        self._means[:, column] = [each / customers for each in sums]

    def _remove(self, column: int) -> None:
        del self._live[self._slots.pop(column)]
        self._means = np.delete(self._means, column, axis=1)

    def _make_room_and_open(self, vector: Vector) -> int:
        while len(self._slots) >= self.capacity:
            columns = range(len(self._slots))
            self._merge(min(columns, key=lambda column: self._live[self._slots[column]][0]))
        return self._open(vector)

    def _merge(self, column: int) -> None:
        """Make a micro-cluster part of its nearest neighbour."""
        squares = self._squared_distances(self._means[:, column])
        squares[column] = np.inf
        into = int(squares.argmin())
        slot, target = self._slots[column], self._slots[into]
        customers, holders, *sums = self._live[slot]
        self._add(into, customers, sums)
        self._remove(column)
        self._redirect(slot, target, holders)

    def _redirect(self, slot: int, target: int, holders: int) -> None:
        """Aliases stay one step deep."""
        followers = [alias for alias, row in self._aliases.items() if row[0] == slot]
        for alias in followers:
            self._aliases[alias][0] = target
        if holders:
            self._aliases[slot] = [target, holders]
        self.touched.update([f"k{slot}", *(f"a{alias}" for alias in (*followers, slot))])


def from_entries(
    entries: Mapping[str, bytes],
    capacity: int = 128,
    open_beyond: float = 1.0,
    merge_beyond: float = 2.0,
) -> MicroClusters:
    """The micro-clusters that these encoded entries are of."""
    found = MicroClusters(capacity, open_beyond, merge_beyond)
    found._restore({name: msgpack.unpackb(row) for name, row in entries.items()})
    return found


def check_entries(entries: Mapping[str, tuple[int, ...]], dimensions: int) -> None:
    """Whether entries from elsewhere can be those of micro-clusters.

    Raises:
        ValueError, TypeError: they contradict themselves.
    """
    if not entries:
        return
    live = {name: row for name, row in entries.items() if name.startswith("k")}
    totals = entries[_TOTALS]
    for row in entries.values():
        if any(type(value) is not int for value in row):
            raise TypeError(f"a micro-cluster is {row}")
    if len(totals) != 2 + 2 * dimensions or any(
        len(row) != 2 + dimensions for row in live.values()
    ):
        raise ValueError(f"micro-clusters have other than {dimensions} dimensions")
    sums = [sum(column) for column in zip(*live.values(), strict=True)] or [0] * (2 + dimensions)
    if (
        any(row[0] < 1 for row in live.values())
        or (sums[0], *sums[2:]) != totals[1 : 2 + dimensions]
    ):
        raise ValueError("micro-clusters do not add up")
    spread = Spread(totals[1], totals[2 : 2 + dimensions], totals[2 + dimensions :])
    if min(spread.squared_deviations()) < 0:
        raise ValueError("the squares of micro-clusters are less than those of their means")
    targets = {f"k{row[0]}" for name, row in entries.items() if name.startswith("a")}
    if not targets <= live.keys():
        raise ValueError(f"micro-clusters are merged into {targets - live.keys()}, which are gone")
