"""The macro step: clusters of all customers, from the micro-clusters of all partitions.

Enters: micro-clusters, the sample, the clusters before. Leaves: clusters, and how far customers
are from them. Forbidden here: customer ids, the clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from models.clusters import Clustering, Group, clustered, distance_squared, space_of
from models.drift import VALUES_KEPT
from models.microclusters import Spread
from models.policy import Clusters
from models.river_clusterers import fitted_centroids
from models.sample import SampledCustomer

K_OF_RIVER = 5  # river's clusterers don't choose a number


class Groups(NamedTuple):
    """The micro-clusters of all partitions, and how their customers are spread."""

    groups: Sequence[Group]
    spread: Spread | None


class Macro(NamedTuple):
    """The clusters; and of some customers the squared distance to the nearest one, scaled."""

    clusters: Clustering | None
    costs: list[float]


def macro_step(
    previous: Clustering | None,
    found: Groups,
    sample: Mapping[int, SampledCustomer],
    seed: int,
    rules: Clusters,
) -> Macro:
    """The clusters of an epoch; those before where there are too few customers for new ones."""
    carried = previous and previous._replace(born=(), died=())
    if found.spread is None or not found.groups:
        return Macro(carried, [])
    vectors = [sample[hashed].behaviour for hashed in sorted(sample) if sample[hashed].behaviour]
    k = rules.k
    centroids = None
    if rules.algorithm != "micro" and vectors:
        k = K_OF_RIVER if k == "auto" else k
        points = space_of(found.spread).inside(np.array(vectors, np.float64))
        centroids = fitted_centroids(rules.algorithm, points, k, seed)
    clusters = clustered(found.groups, found.spread, previous, seed, k, centroids) or carried
    if clusters is None:
        return Macro(None, [])
    return Macro(clusters, [distance_squared(clusters, each) for each in vectors[:VALUES_KEPT]])
