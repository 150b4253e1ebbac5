"""Weighted k-means: what weights mean, how good the result is, and the same bits every time."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from models.kmeans import (
    Floats,
    cost,
    lloyd,
    nearest,
    silhouette,
    squared_distances,
    weighted_kmeans,
)

CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [9.0, 0.0], [9.0, 1.0], [0.0, 90.0]])
ALIKE = np.ones(len(CORNERS))


def crowd(seed: int, count: int, dimensions: int = 2) -> tuple[Floats, Floats]:
    """Points without any structure, and whole weights from 1 to 5."""
    generator = np.random.default_rng(seed)
    weights = generator.integers(1, 6, count).astype(np.float64)
    return generator.normal(size=(count, dimensions)), weights


def cheapest(points: Floats, weights: Floats, k: int) -> float:
    """The least cost of all ways to part a few points."""
    costs = []
    for labels in product(range(k), repeat=len(points)):
        parts = [np.array(labels) == part for part in set(labels)]
        means = [np.average(points[part], axis=0, weights=weights[part]) for part in parts]
        costs.append(cost(points, weights, np.array(means)))
    return min(costs)


def test_distances_are_squared_and_of_every_pair() -> None:
    points, centroids = np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 0.0], [0.0, 4.0]])
    assert squared_distances(points, centroids).tolist() == [[0, 16], [25, 9]]
    assert nearest(points, centroids).tolist() == [0, 1]


def test_the_first_of_two_equally_near_centroids_is_the_nearest() -> None:
    assert nearest(np.array([[0.0]]), np.array([[1.0], [-1.0]])).tolist() == [0]


def test_three_heaps_are_found_and_each_centroid_is_the_mean_of_its_heap() -> None:
    found = weighted_kmeans(CORNERS, ALIKE, 3, seed=1)
    assert sorted(found.tolist()) == [[0.0, 0.5], [0.0, 90.0], [9.0, 0.5]]
    assert cost(CORNERS, ALIKE, found) == pytest.approx(0.2)


def test_a_weight_counts_like_so_many_equal_points() -> None:
    points, weights = crowd(3, 40)
    one_by_one = np.repeat(points, weights.astype(int), axis=0)
    alike = np.ones(len(one_by_one))
    begin = points[:4].copy()
    heavy, many = lloyd(points, weights, begin), lloyd(one_by_one, alike, begin)
    assert heavy == pytest.approx(many)
    assert cost(points, weights, heavy) == pytest.approx(cost(one_by_one, alike, many))
    widths = silhouette(points, weights, heavy), silhouette(one_by_one, alike, heavy)
    assert widths[0] == pytest.approx(widths[1])


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("k", [2, 3])
def test_no_way_to_part_a_few_points_is_cheaper(seed: int, k: int) -> None:
    points, weights = crowd(seed, 7)
    found = weighted_kmeans(points, weights, k, seed)
    assert cost(points, weights, found) == pytest.approx(cheapest(points, weights, k))


@pytest.mark.parametrize("seed", range(8))
def test_rounds_never_make_it_worse_and_end_where_another_changes_nothing(seed: int) -> None:
    points, weights = crowd(seed, 60, dimensions=3)
    settled = lloyd(points, weights, points[:5])
    assert cost(points, weights, settled) < cost(points, weights, points[:5])
    assert lloyd(points, weights, settled).tolist() == settled.tolist()


def test_the_centroids_one_begins_with_are_left_as_they_are() -> None:
    begin = CORNERS[:2].copy()
    lloyd(CORNERS, ALIKE, begin)
    assert begin.tolist() == CORNERS[:2].tolist()


def test_a_centroid_near_nothing_moves_to_the_point_that_costs_most() -> None:
    begin = np.array([[0.0, 0.0], [9.0, 0.0], [5_000.0, 5_000.0]])
    assert [0.0, 90.0] in lloyd(CORNERS, ALIKE, begin).tolist()


def test_a_centroid_too_many_stays_where_it_is() -> None:
    begin = np.array([[0.0], [7.0], [5.0]])
    assert lloyd(np.array([[0.0], [7.0]]), np.ones(2), begin).tolist() == begin.tolist()


def test_fewer_different_points_than_wanted_give_as_many_centroids_as_there_are() -> None:
    points = np.array([[1.0, 2.0], [1.0, 2.0], [3.0, 4.0]])
    assert sorted(weighted_kmeans(points, np.ones(3), 5, seed=0).tolist()) == [[1, 2], [3, 4]]
    assert weighted_kmeans(points[:1], np.ones(1), 3, seed=0).tolist() == [[1, 2]]


def test_the_same_seed_gives_the_same_bits_and_runs_only_ever_help() -> None:
    points, weights = crowd(5, 300, dimensions=6)
    one, two = (weighted_kmeans(points, weights, 5, seed=7) for _ in range(2))
    assert one.tobytes() == two.tobytes()
    single = weighted_kmeans(points, weights, 5, seed=7, n_init=1)
    assert cost(points, weights, one) <= cost(points, weights, single)


def test_the_silhouette_is_that_of_the_formula() -> None:
    points, centroids = np.array([[0.0], [1.0], [10.0]]), np.array([[0.0], [10.0]])
    assert silhouette(points, np.array([1.0, 2.0, 1.0]), centroids) == pytest.approx(
        (1 + 2 * (9 - 1) / 9 + 1) / 4
    )


def test_scatter_around_the_points_is_part_of_both_distances() -> None:
    points, centroids = np.array([[0.0], [1.0]]), np.array([[0.0], [4.0]])
    alike = np.ones(2)
    widths = [(5 - 3) / 5, (18**0.5 - 10**0.5) / 18**0.5]
    assert silhouette(points, alike, centroids, scatter=9.0) == pytest.approx(np.mean(widths))


def test_the_silhouette_of_one_cluster_or_of_equal_centroids_is_nothing() -> None:
    assert silhouette(CORNERS, ALIKE, CORNERS[:1]) == 0
    assert silhouette(CORNERS[:1], ALIKE[:1], CORNERS[[0, 0]]) == 0
