"""river's own clusterers, side by side with ours: the policy may choose one, and the bench compares.

Enters: a sample of customers, as points of the space that clusters are measured in. Leaves:
centroids. Forbidden here: ids, labels: those come from `models/clusters.py` for all alike.

Each clusterer is a fresh one and sees each point once, in the order given. Those that keep
micro-clusters (CluStream, DenStream, DBSTREAM) are read there, and a weighted k-means makes of them
as many as are wanted, as in the papers; the macro step that river builds in is a single pass of its
KMeans, or finds as many clusters as there are dense regions, which may be one.

Dimensions are named 0, 1, …: river's KMeans goes through a set of names, and the order of strings
in a set changes from process to process, that of small integers does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from river import base, cluster

from models.kmeans import Floats, weighted_kmeans

Point = Mapping[int, float]
Kept = Iterator[tuple[Point, float]]  # centres and their weights


class Algorithm(NamedTuple):
    """One of river's clusterers.

    Attributes:
        build: clusters wanted, seed → a fresh one.
        kept: what it keeps once it has learned.
    """

    build: Callable[[int, int], base.Clusterer]
    kept: Callable[[Any], Kept]


def fitted_centroids(algorithm: str, points: Floats, k: int, seed: int) -> Floats:
    """The centroids that an algorithm finds.

    Args:
        algorithm: a key of `ALGORITHMS`.
        points: customers × dimensions, scaled to a mean of 0 and a standard deviation of 1; at
            least one. A CluStream takes up to a millisecond for each, the others less than a fifth.
        k: clusters wanted.
        seed: the same seed and the same points give the same centroids.

    Returns:
        At most k rows; fewer if the algorithm keeps fewer.
    """
    chosen = ALGORITHMS[algorithm]
    clusterer = chosen.build(k, seed)
    for point in points.tolist():
        clusterer.learn_one(dict(enumerate(point)))
    kept = list(chosen.kept(clusterer)) or [(dict(enumerate(points.mean(axis=0).tolist())), 1.0)]
    dimensions = range(points.shape[1])
    centres = np.array([[centre[each] for each in dimensions] for centre, _ in kept])
    return weighted_kmeans(centres, np.array([weight for _, weight in kept]), k, seed)


def _kmeans(k: int, seed: int) -> base.Clusterer:
    # A halflife of .5 would leave each centre halfway to the newest of its points.
    return cluster.KMeans(n_clusters=k, halflife=0.02, sigma=1.0, seed=seed)


def _streamkmeans(k: int, seed: int) -> base.Clusterer:
    return cluster.STREAMKMeans(  # type: ignore[no-untyped-call]
        chunk_size=100, n_clusters=k, halflife=0.1, sigma=1.0, seed=seed
    )


def _clustream(k: int, seed: int) -> base.Clusterer:
    # The sample has no time in it: nothing is too old. Its macro step is not read: never run it.
    return cluster.CluStream(
        n_macro_clusters=k, max_micro_clusters=50, time_window=2**40, time_gap=2**40, seed=seed
    )


def _denstream(k: int, seed: int) -> base.Clusterer:  # noqa: ARG001 - neither k nor chance in it
    return cluster.DenStream(
        decaying_factor=0.001, beta=0.5, mu=2.5, epsilon=1.0, n_samples_init=100, stream_speed=100
    )


def _dbstream(k: int, seed: int) -> base.Clusterer:  # noqa: ARG001 - neither k nor chance in it
    return cluster.DBSTREAM(
        clustering_threshold=1.0, fading_factor=0.0001, cleanup_interval=1000, minimum_weight=1.0
    )


def _centres(clusterer: cluster.KMeans | cluster.STREAMKMeans) -> Kept:
    # A centre that no point ever came near has no coordinates yet.
    return ((centre, 1.0) for centre in clusterer.centers.values() if centre)


def _clustream_kept(clusterer: cluster.CluStream) -> Kept:
    return ((each.center, each.weight) for each in clusterer.micro_clusters.values())


def _denstream_kept(clusterer: cluster.DenStream) -> Kept:
    """Dense micro-clusters; the others before there are any."""
    found = clusterer.p_micro_clusters or clusterer.o_micro_clusters
    return ((each.center, float(each.N)) for each in found.values())


def _dbstream_kept(clusterer: cluster.DBSTREAM) -> Kept:
    return ((each.center, each.weight) for each in clusterer.micro_clusters.values())


ALGORITHMS: Mapping[str, Algorithm] = MappingProxyType(
    {
        "kmeans": Algorithm(_kmeans, _centres),
        "streamkmeans": Algorithm(_streamkmeans, _centres),
        "clustream": Algorithm(_clustream, _clustream_kept),
        "denstream": Algorithm(_denstream, _denstream_kept),
        "dbstream": Algorithm(_dbstream, _dbstream_kept),
    }
)
