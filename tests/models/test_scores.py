"""Scores: areas, losses and calibration as scikit-learn and plain counting have them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

from models.scores import BINS, Bin, RiskScore, auc_of, risk_score

# Ten-thousandths, as predictions are kept; few values, so that ties are common.
RISKS = st.one_of(st.integers(1, 9_999), st.sampled_from((1_000, 3_000, 5_000, 9_999))).map(
    lambda drawn: drawn / 10_000
)
CROWDS = st.lists(st.tuples(RISKS, st.booleans()), min_size=1, max_size=60)
Crowd = list[tuple[float, bool]]


def score_of(crowd: Crowd) -> RiskScore:
    return risk_score(crowd, "model", own=False, version=3, resolved_day=738_886)


@settings(max_examples=60, deadline=None)
@given(CROWDS)
def test_the_area_under_the_curve_is_that_of_scikit_learn(crowd: Crowd) -> None:
    risks, lost = zip(*crowd, strict=True)
    if len(set(lost)) == 1:
        assert auc_of(crowd) is None
    else:
        assert auc_of(crowd) == pytest.approx(roc_auc_score(lost, risks), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(CROWDS)
def test_the_loss_is_that_of_scikit_learn(crowd: Crowd) -> None:
    risks, lost = zip(*crowd, strict=True)
    expected = log_loss(lost, risks, labels=[False, True])
    assert score_of(crowd).log_loss == pytest.approx(expected, rel=1e-9)


@given(CROWDS)
def test_calibration_is_the_mean_distance_of_what_was_told_from_what_came(crowd: Crowd) -> None:
    distance = 0.0
    for place in range(BINS):
        mine = [each for each in crowd if place <= 10 * each[0] < place + 1]
        distance += abs(sum(risk - lost for risk, lost in mine))
    score = score_of(crowd)
    assert score.ece == pytest.approx(distance / len(crowd), abs=1e-9)
    assert abs(score.gap) <= score.ece + 1e-9


@given(CROWDS)
def test_bins_hold_everybody_once_and_add_up_to_the_whole(crowd: Crowd) -> None:
    score = score_of(crowd)
    assert len(score.bins) == BINS
    assert sum(each.customers for each in score.bins) == score.customers == len(crowd)
    assert sum(each.customers * each.lost for each in score.bins) == pytest.approx(score.lost)
    predicted = sum(each.customers * each.predicted for each in score.bins)
    assert predicted / len(crowd) == pytest.approx(score.predicted)
    for place, each in enumerate(score.bins):
        assert not each.customers or place <= 10 * each.predicted + 1e-9 <= place + 1 + 2e-9


@given(CROWDS, st.randoms(use_true_random=False))
def test_the_order_of_customers_moves_the_area_not_at_all(crowd: Crowd, shuffle: object) -> None:
    mixed = list(crowd)
    shuffle.shuffle(mixed)  # type: ignore[attr-defined]
    assert auc_of(mixed) == auc_of(crowd)


@given(CROWDS)
def test_who_ranks_the_other_way_round_has_the_rest_of_the_area(crowd: Crowd) -> None:
    area, reverse = auc_of(crowd), auc_of([(1 - risk, lost) for risk, lost in crowd])
    assert (area is None) == (reverse is None)
    assert area is None or reverse == pytest.approx(1 - area, abs=1e-12)


@pytest.mark.parametrize(
    ("crowd", "area"),
    [
        ([(0.9, True), (0.1, False)], 1.0),
        ([(0.1, True), (0.9, False)], 0.0),
        ([(0.5, True), (0.5, False)], 0.5),
        ([(0.5, True), (0.5, False), (0.9, True), (0.1, False)], 0.875),
        ([(0.5, True), (0.9, True)], None),
        ([(0.5, False)], None),
        ([], None),
    ],
)
def test_areas_known_by_heart(crowd: Crowd, area: float | None) -> None:
    assert auc_of(crowd) == area


def test_a_certainty_that_fails_costs_much_but_not_everything() -> None:
    score = score_of([(1.0, False), (0.0, True), (1.0, True), (0.0, False)])
    assert score.log_loss == pytest.approx(0.5 * 13.8155, abs=1e-4)
    assert (score.auc, score.ece, score.gap) == (0.5, 0.5, 0.0)
    assert score.bins[0] == Bin(2, 0.0, 0.5)
    assert score.bins[-1] == Bin(2, 1.0, 0.5)


def test_a_gap_above_zero_is_too_pessimistic() -> None:
    assert score_of([(0.8, False), (0.6, True)]).gap == pytest.approx(0.2)
    assert score_of([(0.2, False), (0.4, True)]).gap == pytest.approx(-0.2)
