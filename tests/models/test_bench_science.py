"""The evaluation's own arithmetic: metrics, labels, alerts and the reference BG/NBD."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench import science_bgnbd as bgnbd
from bench.science_clusters import Batch, matched_batches, standing
from bench.science_lead import (
    NEVER,
    Horizons,
    Spells,
    compared,
    first_reach,
    fixed_reach,
    lost_spells,
    spells_of,
    verdicts,
)
from bench.science_metrics import (
    Judged,
    adjusted_rand_index,
    auc,
    calibration_error,
    centroids_cost,
    correlation,
    interval,
    labels_cost,
    mean_absolute_error,
    mean_auc,
    mean_of,
)
from bench.science_purchases import features, known_at, later_days, later_spend, purchases_from
from bench.science_river import Spread
from bench.science_synthetic import made, oracle
from bench.science_tables import Table, as_json, rendered
from bench.science_watched import Week

# a buys on days 0, 10 and 30; b on day 5; c on days 28 and 29.
SHOP = purchases_from(
    {
        ("a", 100): 500,
        ("a", 110): 700,
        ("a", 130): 900,
        ("b", 105): 300,
        ("c", 128): 100,
        ("c", 129): 200,
    }
)
WEEKS = bgnbd.Fit(0.243, 4.414, 0.793, 2.426)


def floats(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def flags(*values: int) -> np.ndarray:
    return np.array(values, dtype=bool)


def test_auc_counts_pairs_and_gives_half_for_a_tie() -> None:
    assert auc(floats(0.9, 0.5, 0.5, 0.1), flags(1, 1, 0, 0)) == 0.875
    assert auc(floats(1, 2, 3, 4), flags(1, 1, 0, 0)) == 0.0
    assert auc(floats(1, 1, 1), flags(1, 0, 0)) == 0.5
    assert math.isnan(auc(floats(1, 2), flags(1, 1)))


def test_a_weight_counts_like_a_customer_drawn_so_often() -> None:
    scores, lost = floats(0.1, 0.4, 0.35, 0.8), flags(0, 0, 1, 1)
    drawn = [0, 1, 1, 2, 3, 3, 3]
    weighted = auc(scores, lost, floats(1, 2, 1, 3))
    assert weighted == pytest.approx(auc(scores[drawn], lost[drawn]))


def test_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    generator = np.random.default_rng(3)
    scores, lost = generator.integers(0, 20, 200) / 20, generator.random(200) < 0.3
    pairs = [np.sign(a - b) / 2 + 0.5 for a in scores[lost] for b in scores[~lost]]
    assert auc(scores, lost) == pytest.approx(np.mean(pairs))


def test_calibration_error_weighs_the_bins_by_their_customers() -> None:
    risks = floats(0.15, 0.15, 0.15, 0.95)
    assert calibration_error(risks, flags(1, 0, 0, 1)) == pytest.approx(0.15)
    assert calibration_error(floats(1.0, 0.0), flags(1, 0)) == 0.0


def test_the_interval_draws_customers_not_rows() -> None:
    rows = np.arange(40)
    scores, lost = np.linspace(0, 1, 40), np.arange(40) % 3 > 0
    once = [Judged(rows, scores, lost)]
    assert interval(once, 50, seed=1) == interval(once * 5, 50, seed=1)
    low, high = interval(once, 200, seed=1)
    assert low < mean_auc(once) < high


def test_errors_and_means_pass_over_what_is_not_a_number() -> None:
    assert mean_absolute_error(floats(1, 2), floats(2, 4)) == 1.5
    assert correlation(floats(1, 2, 3), floats(2, 4, 6)) == pytest.approx(1)
    assert math.isnan(correlation(floats(1, 1), floats(2, 4)))
    assert mean_of([1.0, math.nan, 3.0]) == 2.0
    assert math.isnan(mean_of([]))


def test_only_what_was_bought_by_the_end_of_the_day_is_known() -> None:
    known = known_at(SHOP, 10)
    assert known.rows.tolist() == [0, 1]
    assert known.repeats.tolist() == [1, 0]
    assert known.span.tolist() == [10, 0]
    assert known.age.tolist() == [10, 5]
    assert known.silence.tolist() == [0, 5]
    assert known.spend_minor.tolist() == [1200, 300]
    assert known.cadence().tolist() == [10, 10]
    assert known_at(SHOP, 9).silence.tolist() == [9, 4]


def test_a_horizon_begins_after_the_cutoff_and_includes_its_last_day() -> None:
    known = known_at(SHOP, 10)
    assert later_days(SHOP, known, 19).tolist() == [0, 0]
    assert later_days(SHOP, known, 20).tolist() == [1, 0]
    assert later_days(SHOP, known, floats(19, 90)).tolist() == [0, 0]
    assert later_spend(SHOP, known, 20).tolist() == [900, 0]


def test_no_feature_knows_what_comes_later() -> None:
    shortened = purchases_from({("a", 100): 500, ("a", 110): 700, ("b", 105): 300})
    known = features(SHOP, known_at(SHOP, 10))
    np.testing.assert_array_equal(known, features(shortened, known_at(shortened, 10)))
    assert known.shape[0] == 2


def test_the_reference_reproduces_the_published_cases() -> None:
    history = floats(2, 0, 7), floats(30.43, 0, 29.43), floats(38.86, 38.86, 38.86)
    likelihood = bgnbd.log_likelihood(WEEKS, *history)
    np.testing.assert_allclose(likelihood, [-9.4586, -0.5547, -21.8633], atol=2e-3)
    alive = bgnbd.p_alive(WEEKS, *history)
    np.testing.assert_allclose(alive, [0.7266, 1, 0.6418], atol=2e-4)
    expected = bgnbd.expected(WEEKS, *history, 39.0)
    np.testing.assert_allclose(expected, [1.2260, 0.1951, 3.3371], atol=5e-4)
    none = bgnbd.p_none(WEEKS, *history, 39.0)
    np.testing.assert_allclose(none, [0.4454, 0.8554, 0.3644], atol=2e-4)


def test_the_reference_has_no_step_at_its_removable_singularity() -> None:
    history = floats(3), floats(20), floats(30)
    near, at, beyond = (
        bgnbd.expected(WEEKS._replace(a=a), *history, 10.0)[0] for a in (0.999, 1.0, 1.001)
    )
    assert near > at > beyond
    assert near - beyond < 0.01


def test_the_fit_finds_more_likely_parameters_than_those_that_made_the_customers() -> None:
    generator = np.random.default_rng(5)
    age = np.full(400, 200.0)
    x = generator.poisson(generator.gamma(2, 0.01, 400) * age).astype(np.float64)
    tx = np.where(x > 0, age * generator.random(400) ** (1 / np.maximum(x, 1)), 0)
    fit = bgnbd.fitted(x, tx, age)
    made_by = bgnbd.Fit(2.0, 100.0, 0.001, 1.0)
    found, true = (bgnbd.log_likelihood(each, x, tx, age).sum() for each in (fit, made_by))
    assert found > true
    assert fit.r / fit.alpha == pytest.approx(0.02, rel=0.2)


def test_a_spell_lasts_from_one_purchase_day_to_the_next() -> None:
    spells = spells_of(SHOP, 0, 29)
    assert spells.begins.tolist() == [0, 10, 5, 28, 29]
    assert spells.ends.tolist() == [10, 30, NEVER, 29, NEVER]
    assert spells.until.tolist() == [9, 29, 30, 28, 30]
    assert spells_of(SHOP, 6, 28).begins.tolist() == [10, 28]


def spells(*rows: tuple[int, int, int, int, int]) -> Spells:
    return Spells(*np.array(rows).T)


def test_an_alert_comes_once_the_score_is_reached_within_the_spell() -> None:
    both = spells((0, 0, 3, 2, NEVER), (0, 3, NEVER, 5, NEVER))
    scores = np.array([[0.1, 0.2, 0.6, 0.1, 0.4, 0.9]])
    assert first_reach(both, scores, 0, 0.5).tolist() == [2, 2]
    assert first_reach(both, scores, 0, 0.8).tolist() == [NEVER, 2]
    assert first_reach(both, np.full((1, 6), np.nan), 0, 0.1).tolist() == [NEVER, NEVER]
    assert fixed_reach(both, 2).tolist() == [2, 2]
    assert fixed_reach(both, 3).tolist() == [NEVER, NEVER]


def test_an_alert_is_right_if_nothing_follows_within_the_own_horizon() -> None:
    some = spells((0, 0, 9, 8, NEVER), (1, 0, 6, 5, NEVER), (2, 8, NEVER, 10, NEVER))
    silence = np.array([3, 3, 1])
    judged, right = verdicts(some, silence, floats(5, 5, 5))
    assert judged.tolist() == [True, True, False]  # the data end before the third is resolved
    assert right.tolist() == [True, False, False]


def test_with_known_deaths_an_alert_is_right_if_it_comes_after_them() -> None:
    some = spells((0, 0, NEVER, 20, 5), (1, 0, NEVER, 20, 9), (2, 0, 12, 11, NEVER))
    judged, right = verdicts(some, np.array([5, 5, NEVER]), None)
    assert judged.tolist() == [True, True, False]
    assert right.tolist() == [True, False, False]
    assert lost_spells(some, None).tolist() == [True, True, False]


def test_a_spell_is_lost_when_it_outlasts_the_horizon_it_began_with() -> None:
    some = spells((0, 0, 9, 8, NEVER), (1, 0, 6, 5, NEVER))
    horizons = Horizons(np.array([[6.0, 30.0], [6.0, 1.0]]), 0)
    assert lost_spells(some, horizons).tolist() == [True, False]


def test_rules_are_compared_at_the_same_precision() -> None:
    # 60 regular customers come back after 8 days, 60 die at once and are silent; scores know it.
    rows = np.arange(120)
    dead = rows >= 60
    ends, until = np.where(dead, NEVER, 8), np.where(dead, 30, 7)
    some = Spells(rows, np.zeros(120, int), ends, until, np.where(dead, 0, NEVER))
    scores = np.tile(np.linspace(0.0, 0.3, 31), (120, 1))
    scores[dead, 2:] = 0.9
    lead = compared(some, scores, 0, 0.9, None)
    assert (lead.lost, lead.fixed_days, lead.our_days) == (60, 8.0, 2.0)
    assert (lead.fixed.precision, lead.ours.precision) == (1.0, 1.0)
    assert (lead.fixed.right_days, lead.ours.right_days) == (8.0, 2.0)
    assert (lead.fixed_reached, lead.our_reached, lead.our_days_both) == (1.0, 1.0, 2.0)


def test_made_up_customers_are_the_same_for_the_same_seed() -> None:
    customers = made(20, seed=4)
    assert customers.visits_days == made(20, seed=4).visits_days
    assert all(
        visits[-1] <= death
        for visits, death in zip(customers.visits_days, customers.deaths, strict=True)
    )


def test_who_knows_all_but_the_death_grows_sure_of_it_with_silence() -> None:
    customers = made(3, seed=4)
    visits = [np.array([400]), np.array([400, 500]), np.array([400])]
    dead = oracle(customers, 400, visits)
    assert dead.shape == (3, 330)
    assert dead[1, 100] == dead[1, 0] < 0.01
    assert (np.diff(dead[0]) >= 0).all()
    assert dead[0, 0] < dead[0, 10] <= 1


def test_costs_are_mean_squared_distances() -> None:
    points = np.array([[0.0, 0.0], [0.0, 2.0], [4.0, 0.0]])
    assert labels_cost(points, np.array([7, 7, 9])) == pytest.approx(2 / 3)
    centroids = np.array([[0.0, 0.0], [4.0, 0.0]])
    assert centroids_cost(points, centroids, np.array([0, 0, 1])) == pytest.approx(4 / 3)


def test_partitions_are_compared_beyond_chance() -> None:
    one = np.array([0, 0, 1, 1])
    assert adjusted_rand_index(one, np.array([5, 5, 3, 3])) == 1.0
    assert adjusted_rand_index(one, np.array([0, 0, 1, 2])) == pytest.approx(4 / 7)
    assert adjusted_rand_index(one, np.array([0, 1, 0, 1])) == pytest.approx(-0.5)


def two_weeks() -> tuple[list[Week], list[Batch]]:
    """Customers 0 to 3, the same two groups in both weeks, named the other way round."""
    vectors = np.array([[0], [10], [100], [110]])
    spread = vectors.std(axis=0)
    weeks, batches = [], []
    for day, names in ((6, [0, 0, 1, 1]), (13, [1, 1, 0, 0])):
        labels = np.array(names)
        points = vectors / spread
        centroids = np.array([points[labels == name].mean(axis=0) for name in (0, 1)])
        cost = labels_cost(points, labels)
        weeks.append(Week(day, np.arange(4), vectors, labels, {}))
        batches.append(Batch(points, spread, np.array([True]), centroids, labels, cost))
    return weeks, batches


def test_batch_labels_keep_their_names_from_week_to_week() -> None:
    weeks, batches = two_weeks()
    found = matched_batches(batches)
    assert found[0].labels.tolist() == found[1].labels.tolist() == [0, 0, 1, 1]
    judged = standing(weeks, batches, found, SHOP)
    assert (judged.flips, judged.ari, judged.labels) == (0.0, 1.0, 2.0)
    assert judged.cost_ratio == pytest.approx(1)


def test_a_flip_is_counted_only_of_customers_who_bought_nothing_that_week() -> None:
    weeks, batches = two_weeks()
    shop = purchases_from({("a", 0): 1, ("b", 0): 1, ("c", 0): 1, ("d", 0): 1, ("a", 10): 1})
    found = matched_batches(batches)
    swapped = found[1]._replace(labels=np.array([1, 0, 1, 0]))
    assert standing(weeks, batches, [found[0], swapped], shop).flips == pytest.approx(1 / 3)


def test_the_spread_is_exact_when_a_vector_changes() -> None:
    spread = Spread()
    for row, vector in ((1, (5, 1)), (2, (9, 1)), (1, (1, 1))):
        spread.put(row, vector)
    scale = spread.scale()
    assert scale == ([5.0, 1.0], [4.0, 0.0])
    assert scale.standardised((9, 1)) == {0: 1.0, 1: 0.0}
    assert scale.divided({0: 1.0, 1: 0.0}).tolist() == [2.25]


def test_a_table_shows_what_is_missing_as_missing() -> None:
    table = Table("t", [{"who": "we", "AUC": 0.5}, {"who": "they", "n": 1200}], ("a note",))
    assert rendered(table).splitlines() == [
        "t",
        "  who   AUC     n",
        "  we    0.5000  –",
        "  they  –       1,200",
        "  a note",
    ]
    assert "NaN" not in as_json({}, [Table("t", [{"AUC": math.nan}])])
