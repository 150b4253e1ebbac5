"""What every clusterer promises: ours and river's five, through the same interface."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from river import base

from models.clusters import Clustering, clustered, space_of
from models.kmeans import Floats, cost
from models.microclusters import MicroClusters
from models.river_clusterers import ALGORITHMS, fitted_centroids

K = 3
NAMES = range(2)
HEAPS = ((-1.2, -0.9), (1.3, -0.8), (0.1, 1.4))
CLUSTERERS: dict[str, Callable[[], base.Clusterer]] = {
    "ours": MicroClusters,
    **{name: lambda each=each: each.build(K, 1) for name, each in ALGORITHMS.items()},  # type: ignore[misc]
}


def customers(count: int = 400, seed: int = 1) -> Floats:
    """Three heaps, shuffled; about a mean of 0 and a standard deviation of 1."""
    generator = np.random.default_rng(seed)
    return np.array(HEAPS)[generator.integers(0, 3, count)] + generator.normal(0, 0.2, (count, 2))


def named(point: list[float]) -> dict[base.typing.FeatureName, float]:
    return dict(zip(NAMES, point, strict=True))


def taught(name: str, points: Floats) -> base.Clusterer:
    clusterer = CLUSTERERS[name]()
    for point in points.tolist():
        clusterer.learn_one(named(point))
    return clusterer


def with_ids(centroids: Floats | None, previous: Clustering | None = None) -> Clustering:
    """The clusters of the same customers, by these centroids or by our own."""
    ours = taught("ours", customers())
    assert isinstance(ours, MicroClusters)
    clustering = clustered(ours.groups, ours.total, previous, 1, K, centroids)
    assert clustering is not None
    return clustering


@pytest.mark.parametrize("name", CLUSTERERS)
def test_what_has_learned_predicts_a_whole_number_alike_each_time(name: str) -> None:
    one, two = taught(name, customers()), taught(name, customers())
    for point in customers(60, seed=2).tolist():
        predicted = one.predict_one(named(point))
        assert isinstance(predicted, int)
        assert predicted == two.predict_one(named(point))


@pytest.mark.parametrize("name", ALGORITHMS)
def test_centroids_are_finite_as_many_as_wanted_at_most_and_the_same_each_time(name: str) -> None:
    found = fitted_centroids(name, customers(), K, seed=1)
    assert 1 <= len(found) <= K
    assert np.isfinite(found).all()
    assert found.tobytes() == fitted_centroids(name, customers(), K, seed=1).tobytes()


@pytest.mark.parametrize("name", ["clustream", "denstream", "dbstream"])
def test_whoever_keeps_micro_clusters_finds_three_heaps(name: str) -> None:
    points = customers()
    found = fitted_centroids(name, points, K, seed=1)
    alike = np.ones(len(points))
    assert cost(points, alike, found) < 1.5 * cost(points, alike, np.array(HEAPS))


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_few_customers_give_centroids_too(name: str, count: int) -> None:
    found = fitted_centroids(name, customers(count), K, seed=1)
    assert 1 <= len(found) <= K
    assert np.isfinite(found).all()


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_dimension_in_which_nobody_differs_is_no_trouble(name: str) -> None:
    flat = customers() * np.array([1.0, 0.0])
    assert np.isfinite(fitted_centroids(name, flat, K, seed=1)).all()


@pytest.mark.parametrize("name", ALGORITHMS)
def test_clusters_of_every_algorithm_keep_their_ids(name: str) -> None:
    ours = taught("ours", customers())
    assert isinstance(ours, MicroClusters)
    points = space_of(ours.total).inside(1_000 * customers())
    theirs = fitted_centroids(name, points, K, seed=1)
    before = with_ids(theirs)
    assert [each.id for each in before.clusters] == list(range(1, len(before.clusters) + 1))
    again = with_ids(theirs, before)
    assert (again.clusters, again.born, again.died) == (before.clusters, (), ())


def test_the_order_of_names_in_a_set_changes_nothing() -> None:
    source = (
        "import numpy as np; from models.river_clusterers import *\n"
        "points = np.random.default_rng(1).normal(size=(150, 6))\n"
        "print([fitted_centroids(each, points, 3, 1).tobytes().hex() for each in ALGORITHMS])"
    )
    points = np.random.default_rng(1).normal(size=(150, 6))
    here = [fitted_centroids(each, points, 3, 1).tobytes().hex() for each in ALGORITHMS]
    assert _printed(source, hash_seed="1").strip() == str(here)


def _printed(source: str, hash_seed: str) -> str:
    environment = {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)}
    command = [sys.executable, "-c", source]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_ours_predicts_without_a_trace() -> None:
    ours = taught("ours", customers())
    assert isinstance(ours, MicroClusters)
    before, touched = ours.entries, set(ours.touched)
    for point in customers(60, seed=2).tolist():
        ours.predict_one(named(point))
    assert (ours.entries, ours.touched) == (before, touched)
    assert MicroClusters().predict_one({0: 1.0}) == 0


def test_ours_takes_out_exactly_what_it_put_in() -> None:
    points = customers()
    ours, fewer = taught("ours", points), taught("ours", points[:100])
    assert isinstance(ours, MicroClusters)
    assert isinstance(fewer, MicroClusters)
    for point in points[:99:-1].tolist():
        ours.unlearn_one(named(point))
    assert ours.total == fewer.total
    for point in points[:100].tolist():
        ours.unlearn_one(named(point))
    assert set(ours.entries) == {"q"}
    assert set(ours.entries["q"][1:]) == {0}


def test_ours_cannot_take_out_what_it_never_put_in_or_has_taken_out() -> None:
    ours = MicroClusters()
    ours.learn_one({"a": 1.0})
    ours.unlearn_one({"a": 1.0})
    for value in (1.0, 2.0):
        with pytest.raises(ValueError, match="was not learned"):
            ours.unlearn_one({"a": value})


def test_ours_goes_by_the_names_of_the_first_whatever_their_order_later() -> None:
    ours = MicroClusters()
    ours.learn_one({"a": 1.0, "b": 2.0})
    ours.learn_one({"b": 9.0, "a": 8.0})
    assert ours.total.sums == (9_000, 11_000)
    assert ours.predict_one({"b": 9.0, "a": 8.0}) == 2
    with pytest.raises(KeyError):
        ours.learn_one({"a": 1.0})


def test_ours_is_cloned_with_its_parameters_and_empty() -> None:
    clone = MicroClusters(capacity=7, open_beyond=0.5, merge_beyond=3.0).clone()
    assert (clone.capacity, clone.open_beyond, clone.merge_beyond) == (7, 0.5, 3.0)
    assert clone.entries == {}
