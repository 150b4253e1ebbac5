"""river's own clusterers on the same customers, as they come.

Each change of a customer's vector is one `learn_one`, in the order of time, standardised by the
exact mean and standard deviation over the customers at that moment: some of them begin near 0. Labels are those of `predict_one` for
every customer at once, asked of a copy, because some of them learn from being asked.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from river import cluster

from bench.science_clusters import Labelled
from bench.science_metrics import Floats
from bench.science_watched import Change, Week

Point = dict[int, float]


class Algorithm(NamedTuple):
    """One of river's.

    Attributes:
        build: from (k, seed), otherwise with the defaults.
        centres: where its k centres stand; None: its labels have none.
    """

    build: Callable[[int, int], Any]
    centres: Callable[[Any], dict[int, Point]] | None


ALGORITHMS = {
    "river KMeans": Algorithm(
        lambda k, seed: cluster.KMeans(n_clusters=k, seed=seed), lambda model: model.centers
    ),
    "river STREAMKMeans": Algorithm(
        lambda k, seed: cluster.STREAMKMeans(n_clusters=k, seed=seed),  # type: ignore[no-untyped-call]
        lambda model: model.centers,
    ),
    "river CluStream": Algorithm(
        lambda k, seed: cluster.CluStream(n_macro_clusters=k, seed=seed),
        lambda model: model.centers,
    ),
    "river DenStream": Algorithm(lambda _k, _seed: cluster.DenStream(), None),
    "river DBSTREAM": Algorithm(lambda _k, _seed: cluster.DBSTREAM(), None),
}


class Scale(NamedTuple):
    """Mean and standard deviation of each dimension."""

    means: list[float]
    deviations: list[float]

    def standardised(self, vector: Sequence[int]) -> Point:
        """A vector as river takes it; a dimension that does not vary is 0."""
        triples = enumerate(zip(vector, self.means, self.deviations, strict=True))
        return {
            axis: (value - mean) / deviation if deviation else 0.0
            for axis, (value, mean, deviation) in triples
        }

    def divided(self, centre: Point) -> Floats:
        """A centre as points are that were only divided, without the dimensions left out."""
        return np.array(
            [
                centre.get(axis, 0.0) + mean / deviation
                for axis, (mean, deviation) in enumerate(zip(*self, strict=True))
                if deviation
            ]
        )


class Spread:
    """Exact sums over the customers' current vectors."""

    def __init__(self) -> None:
        self.vectors: dict[int, tuple[int, ...]] = {}
        self.sums: list[int] = []
        self.squares: list[int] = []

    def put(self, row: int, vector: tuple[int, ...]) -> None:
        """Take a customer's old vector out and the new one in."""
        old = self.vectors.get(row, (0,) * len(vector))
        self.sums = self.sums or [0] * len(vector)
        self.squares = self.squares or [0] * len(vector)
        for place, (was, now) in enumerate(zip(old, vector, strict=True)):
            self.sums[place] += now - was
            self.squares[place] += now * now - was * was
        self.vectors[row] = vector

    def scale(self) -> Scale:
        """As it is now."""
        count = len(self.vectors)
        pairs = [*zip(self.sums, self.squares, strict=True)]
        return Scale(
            [total / count for total, _ in pairs],
            [math.sqrt(count * square - total * total) / count for total, square in pairs],
        )


def labelled(
    name: str, changes: Sequence[Change], weeks: Sequence[Week], k: int, seed: int
) -> tuple[list[Labelled], float]:
    """Learn all changes, look at each week; also microseconds a learned change."""
    algorithm = ALGORITHMS[name]
    model, spread = algorithm.build(k, seed), Spread()
    found, spent_s, place = [], 0.0, 0
    for week in weeks:
        until = place
        while until < len(changes) and changes[until].day <= week.day:
            until += 1
        points = [*_points(changes[place:until], spread)]
        began_s, place = time.process_time(), until
        for point in points:
            model.learn_one(point)
        spent_s += time.process_time() - began_s
        found.append(_asked(copy.deepcopy(model), algorithm, week, spread.scale()))
    return found, 1e6 * spent_s / max(1, place)


def _points(changes: Sequence[Change], spread: Spread) -> Iterator[Point]:
    """Each change in the scale of its moment; the first of all is 0."""
    for change in changes:
        spread.put(change.row, change.vector)
        yield spread.scale().standardised(change.vector)


def _asked(model: Any, algorithm: Algorithm, week: Week, scale: Scale) -> Labelled:
    points = map(scale.standardised, week.vectors.tolist())
    labels = np.array([int(model.predict_one(point)) for point in points])
    if algorithm.centres is None:
        return Labelled(labels, None)
    centres = algorithm.centres(model).items()
    return Labelled(labels, {int(label): scale.divided(centre) for label, centre in centres})
