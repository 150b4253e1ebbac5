"""Clusters: ids that last, labels that hold still, costs that are exact."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from models.clusters import (
    Cluster,
    Clustering,
    Group,
    Space,
    cluster_of,
    clustered,
    distance_squared,
    space_of,
)
from models.kmeans import Floats
from models.microclusters import MicroClusters, Spread, Vector, merged_spread

HEAPS = ((0, 0), (8_000, 0), (0, 8_000), (8_000, 8_000))
TWO = Clustering(
    clusters=(Cluster(3, 50, (0, 0)), Cluster(7, 50, (1_000, 500))),
    scales=(100, 0),
    next_id=8,
    born=(),
    died=(),
    cost_millionths=0,
    silhouette_millionths=0,
)


def heaps(*centres: Vector, each: int = 60, seed: int = 1) -> list[Vector]:
    """As many customers around each centre, 300 thousandths wide."""
    generator = np.random.default_rng(seed)
    rows = generator.permutation(np.repeat(np.array(centres), each, axis=0))
    rows = rows + generator.normal(0, 300, rows.shape).round().astype(int)
    return [tuple(row) for row in rows.tolist()]


def learned(vectors: Sequence[Vector]) -> tuple[list[Group], Spread]:
    groups = MicroClusters(open_beyond=0.2)
    for vector in vectors:
        groups.learn(vector)
    return groups.groups, groups.total


def found(
    vectors: Sequence[Vector],
    k: int = 4,
    previous: Clustering | None = None,
    seed: int = 1,
    centroids: Floats | None = None,
) -> Clustering:
    clustering = clustered(*learned(vectors), previous, seed, k, centroids)
    assert clustering is not None
    return clustering


def at(clustering: Clustering, *places: Vector) -> list[int]:
    return [cluster_of(clustering, place, None) for place in places]


def test_heaps_are_found_with_their_centres_and_their_customers() -> None:
    clustering = found(heaps(*HEAPS))
    assert [each.id for each in clustering.clusters] == [1, 2, 3, 4]
    assert [each.customers for each in clustering.clusters] == [60] * 4
    centroids = {each.id: each.centroid for each in clustering.clusters}
    places = [centroids[own] for own in at(clustering, *HEAPS)]
    assert np.array(places) == pytest.approx(np.array(HEAPS), abs=150)
    assert (clustering.born, clustering.died, clustering.next_id) == ((1, 2, 3, 4), (), 5)
    assert clustering.silhouette_millionths > 700_000


def test_scales_are_the_standard_deviations() -> None:
    vectors = heaps(*HEAPS)
    assert found(vectors).scales == tuple(np.std(vectors, axis=0).round().astype(int).tolist())


@pytest.mark.parametrize("partitions", [1, 4])
def test_cost_is_the_customers_mean_squared_distance_though_only_sums_are_known(
    partitions: int,
) -> None:
    vectors = heaps(*HEAPS)
    parts = [learned(vectors[part::partitions]) for part in range(partitions)]
    spread = merged_spread([total for _, total in parts])
    groups = [group for some, _ in parts for group in some]
    clustering = clustered(groups, spread, None, 1, 4)
    assert clustering is not None
    centres = {each.id: each.centroid for each in clustering.clusters}
    off = np.array(vectors) - [centres[cluster_of(clustering, each, None)] for each in vectors]
    squares = ((off / clustering.scales) ** 2).sum(axis=1)
    assert [distance_squared(clustering, each) for each in vectors] == pytest.approx(squares)
    assert clustering.cost_millionths == pytest.approx(1e6 * squares.mean(), rel=1e-3)


def test_too_few_customers_have_no_clusters_yet() -> None:
    vectors = heaps(*HEAPS, each=10)
    assert clustered(*learned(vectors), None, 1, 4) is not None
    assert clustered(*learned(vectors[:-1]), None, 1, 4) is None
    assert clustered(*learned(vectors[:29]), None, 1, "auto") is None


@pytest.mark.parametrize("k", [4, "auto"])
def test_customers_too_much_alike_have_no_clusters(k: int) -> None:
    assert clustered(*learned([(1, 1), (2, 2)] * 50), None, 1, k) is None
    assert clustered(*learned([(1, 1)] * 100), None, 1, k) is None
    assert clustered([], Spread(0, (), ()), None, 1, k) is None


def test_the_same_seed_gives_the_same_clusters() -> None:
    vectors = heaps((0, 0), (500, 0), (0, 500))
    assert found(vectors, seed=5) == found(vectors, seed=5)


def test_clusters_keep_their_ids_while_all_customers_drift() -> None:
    clustering = found(heaps(*HEAPS))
    begin = at(clustering, *HEAPS)
    for step in range(1, 30):
        moved = [tuple(value + 400 * step for value in centre) for centre in HEAPS]
        clustering = found(heaps(*moved, seed=step), previous=clustering, seed=step)
        assert (clustering.born, clustering.died) == ((), ())
        assert at(clustering, *moved) == begin


def test_ids_do_not_hang_on_the_order_in_which_clusters_are_found() -> None:
    vectors = heaps(*HEAPS)
    before = found(vectors)
    for seed in range(10):
        again = found(vectors, previous=before._replace(clusters=before.clusters[:3]), seed=seed)
        known = [centre for centre, own in zip(HEAPS, at(before, *HEAPS), strict=True) if own < 4]
        assert at(again, *known) == at(before, *known)
        assert (again.born, again.died, again.next_id) == ((5,), (), 6)


def test_a_heap_elsewhere_is_another_cluster_and_the_one_that_is_gone_has_died() -> None:
    before = found(heaps(*HEAPS))
    gone = cluster_of(before, HEAPS[3], None)
    elsewhere = (*HEAPS[:3], (-8_000, -8_000))
    after = found(heaps(*elsewhere), previous=before)
    assert at(after, *HEAPS[:3]) == at(before, *HEAPS[:3])
    assert (after.born, after.died, after.next_id) == ((5,), (gone,), 6)
    assert cluster_of(after, elsewhere[3], current=gone) == 5


def test_one_that_leaps_does_not_push_the_others_onto_their_neighbours_ids() -> None:
    row = tuple((4_000 * each,) for each in range(5))
    before = found(heaps(*row), k=5)
    leapt = ((-4_000,), *row[:4])
    after = found(heaps(*leapt), k=5, previous=before)
    assert at(after, *row[:4]) == at(before, *row[:4])
    assert (len(after.born), len(after.died)) == (1, 1)


def test_other_clusters_that_are_hardly_better_do_not_take_over() -> None:
    ring = [(round(4_000 * np.cos(each)), round(4_000 * np.sin(each))) for each in range(600)]
    before = found(ring, k=3, seed=1)
    assert any(found(ring, k=3, seed=seed).clusters != before.clusters for seed in range(2, 12))
    for seed in range(2, 12):
        assert found(ring, k=3, seed=seed, previous=before) == before._replace(born=())


def test_another_k_keeps_the_ids_of_what_is_still_there() -> None:
    vectors = heaps(*HEAPS)
    four = found(vectors)
    three = found(vectors, k=3, previous=four)
    assert len(three.clusters) == 3
    assert three.next_id == 5 + len(three.born)
    kept = {each.id for each in three.clusters} & {each.id for each in four.clusters}
    assert len(kept) >= 2
    assert set(three.died) == {1, 2, 3, 4} - kept


@pytest.mark.parametrize("centres", [HEAPS[:3], HEAPS, (*HEAPS, (16_000, 0), (16_000, 8_000))])
def test_auto_finds_how_many_heaps_there_are(centres: Sequence[Vector]) -> None:
    clustering = clustered(*learned(heaps(*centres)), None, 1, "auto")
    assert clustering is not None
    assert len(clustering.clusters) == len(centres)


def test_auto_never_wants_more_clusters_than_there_are_customers_for() -> None:
    centres = [(9_000 * (each % 3), 9_000 * (each // 3)) for each in range(8)]
    clustering = clustered(*learned(heaps(*centres, each=5)), None, 1, "auto")
    assert clustering is not None
    assert len(clustering.clusters) == 4


@pytest.mark.parametrize(("before", "expected"), [(3, 3), (4, 4), (5, 5), (7, 4)])
def test_auto_stays_with_the_number_before_unless_another_is_clearly_better(
    before: int, expected: int
) -> None:
    generator = np.random.default_rng(3)
    shapeless = [tuple(row) for row in generator.integers(0, 9_000, (900, 2)).tolist()]
    after = clustered(*learned(shapeless), found(shapeless, k=before), 2, "auto")
    assert after is not None
    assert len(after.clusters) == expected


def test_auto_goes_on_from_a_number_that_is_no_choice() -> None:
    vectors = heaps(*HEAPS)
    after = clustered(*learned(vectors), found(vectors, k=2), 2, "auto")
    assert after is not None
    assert len(after.clusters) == 4


def test_centroids_of_another_algorithm_get_ids_in_the_same_way() -> None:
    vectors = heaps(*HEAPS)
    before = found(vectors)
    space = space_of(learned(vectors)[1])
    theirs = space.inside(np.array([HEAPS[2], HEAPS[0], (90_000, 0), HEAPS[1], HEAPS[3]]))
    after = found(vectors, previous=before, centroids=theirs)
    assert at(after, *HEAPS) == at(before, *HEAPS)
    assert (after.born, after.died) == ((), ())
    centroids = sorted(each.centroid for each in after.clusters)
    assert np.array(centroids) == pytest.approx(np.array(sorted(HEAPS)), abs=1)


def test_a_dimension_in_which_nobody_differs_is_not_used() -> None:
    flat = [(one, two, 7) for one, two in heaps(*HEAPS)]
    clustering = found(flat)
    assert clustering.scales[2] == 0
    assert {each.centroid[2] for each in clustering.clusters} == {7}
    near, far = (*HEAPS[1], 7), (*HEAPS[1], -90_000)
    assert at(clustering, near) == at(clustering, far)
    assert distance_squared(clustering, near) == distance_squared(clustering, far) < 0.1


def test_a_space_is_left_as_it_was_entered() -> None:
    space = Space(origin=(100, -5), scales=(20, 0))
    rows = space.inside(np.array([[140.0, -5.0], [90.0, 8.0]]))
    assert rows.tolist() == [[2.0, 0.0], [-0.5, 0.0]]
    assert space.outside(rows) == [(140, -5), (90, -5)]


def test_mean_and_standard_deviation_are_rounded_to_whole_thousandths() -> None:
    vectors = [(0, -1), (1, -2), (1, -4), (5, -4)]
    sums, squares = (7, -11), (27, 37)
    assert tuple(map(sum, zip(*vectors, strict=True))) == sums
    assert space_of(Spread(4, sums, squares)) == Space(origin=(2, -3), scales=(2, 1))


@pytest.mark.parametrize(
    ("value", "current", "expected"),
    [
        (499, None, 3),
        (500, None, 3),
        (501, None, 7),
        (501, 3, 3),
        (527, 3, 3),
        (528, 3, 7),
        (472, 7, 3),
        (473, 7, 7),
        (501, 5, 7),
        (0, 3, 3),
        (1_000, 7, 7),
    ],
)
def test_a_customer_leaves_only_for_a_cluster_that_is_clearly_nearer(
    value: int, current: int | None, expected: int
) -> None:
    assert cluster_of(TWO, (value, 99), current) == expected


def test_a_vector_of_another_number_of_dimensions_has_no_cluster() -> None:
    with pytest.raises(ValueError, match="zip"):
        cluster_of(TWO, (1, 2, 3), None)
