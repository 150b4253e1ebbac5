"""Judging: scores for each model and horizon, running errors, and who forecasts better."""

from __future__ import annotations

from typing import Any

import pytest

from models.judging import (
    ERRORS_FORGETTING,
    FORGETTING,
    Errors,
    judged_forecasts,
    judged_risks,
    misses,
    renewed_errors,
)
from models.scores import ForecastScore
from models.snapshots import Label, Predicted, Snapshot

DAY = 738_886  # 2024-01-01
UNKNOWN = Predicted(None, None)


def label(
    lost: bool,
    common: Predicted = UNKNOWN,
    own: Predicted | None = None,
    version: int = 3,
    purchases: int = 0,
    forecasts: tuple[int, ...] = (),
) -> Label:
    """A label of the common horizon, or with `own` of the customer's."""
    snapshot = Snapshot(
        *(1, DAY, version, 28, 30, (), common, own or UNKNOWN, 1), forecasts=forecasts
    )
    return Label(snapshot, own is not None, lost, purchases)


def test_each_model_and_horizon_that_predicted_has_a_score() -> None:
    both, bgnbd_only = Predicted(8_000, 6_000), Predicted(None, 2_000)
    labels = [
        label(lost=True, common=both, version=2),
        label(lost=False, common=bgnbd_only),
        label(lost=True, own=Predicted(None, 9_000)),
    ]
    scores = list(judged_risks(labels, DAY + 28))
    assert [(each.source, each.own, each.customers, each.lost) for each in scores] == [
        ("model", False, 1, 1),
        ("bgnbd", False, 2, 1),
        ("bgnbd", True, 1, 1),
    ]
    assert [each.predicted for each in scores] == pytest.approx([0.8, 0.4, 0.9])
    assert {each.resolved_day for each in scores} == {DAY + 28}
    assert scores[1].version == 3
    assert scores[1].auc == 1.0


def test_a_horizon_is_judged_by_what_was_told_of_it() -> None:
    one = label(lost=True, common=Predicted(1_000, None), own=Predicted(7_000, None))
    (score,) = judged_risks([one], DAY)
    assert (score.own, score.predicted) == (True, 0.7)


def test_without_predictions_there_is_nothing_to_judge() -> None:
    assert list(judged_risks([label(lost=True), label(lost=False)], DAY)) == []
    assert list(judged_risks([], DAY)) == []
    assert list(judged_forecasts([label(lost=True)], DAY)) == []
    assert misses([label(lost=True), label(lost=False, own=Predicted(1, 1))]) == []


def test_misses_are_outcomes_less_the_models_risk_within_the_common_horizon() -> None:
    labels = [
        label(lost=True, common=Predicted(8_000, 1_000)),
        label(lost=False, common=Predicted(2_500, None)),
        label(lost=False, common=Predicted(None, 9_000)),
        label(lost=True, own=Predicted(4_000, None)),
    ]
    assert misses(labels) == pytest.approx([0.2, -0.25])


FORECAST = [
    label(lost=False, purchases=3, forecasts=(20_000, 35_000, 30_000)),
    label(lost=True, purchases=0, forecasts=(5_000, 10_000, 20_000), version=4),
    label(lost=True, own=Predicted(1, 1), purchases=9, forecasts=(90_000,) * 3),  # another horizon
]


def test_forecasts_are_judged_by_absolute_error_over_the_common_horizon() -> None:
    (score,) = judged_forecasts(FORECAST, DAY + 28)
    assert score == ForecastScore(
        version=4,
        resolved_day=DAY + 28,
        customers=2,
        actual=3,
        bgnbd=2.5,
        decayed=4.5,
        bgnbd_error=1.5,
        decayed_error=1.5,
    )


def test_running_errors_forget_by_epochs() -> None:
    once = renewed_errors(Errors(), FORECAST)
    assert once == Errors(actual=3, unbiased=5.0, bgnbd=1.5, decayed=1.5)
    twice = renewed_errors(once, FORECAST)
    shares = FORGETTING, FORGETTING, ERRORS_FORGETTING, ERRORS_FORGETTING
    grown = [each * (1 + share) for each, share in zip(once, shares, strict=True)]
    assert twice == pytest.approx(tuple(grown))
    assert renewed_errors(twice, [label(lost=True)]) is twice


def test_the_forecaster_is_the_one_with_the_smaller_error_and_bgnbd_until_one_is_known() -> None:
    assert Errors().forecaster == "bgnbd"
    assert Errors(bgnbd=2.0, decayed=2.0).forecaster == "bgnbd"
    assert Errors(bgnbd=2.0, decayed=1.97).forecaster == "bgnbd"  # not clearly better
    assert Errors(bgnbd=2.0, decayed=1.95).forecaster == "decayed"
    assert Errors(bgnbd=1.9, decayed=2.0).forecaster == "bgnbd"


@pytest.mark.parametrize(
    ("errors", "bias"),
    [
        ({}, 1.0),
        ({"actual": 9.9, "unbiased": 5.0}, 1.0),  # too few to believe
        ({"actual": 10.0, "unbiased": 5.0}, 2.0),
        ({"actual": 10.0, "unbiased": 40.0}, 0.25),
        ({"actual": 50.0, "unbiased": 0.0}, 1.0),
    ],
)
def test_the_bias_is_what_came_over_what_was_forecast_once_enough_came(
    errors: dict[str, Any], bias: float
) -> None:
    assert Errors(**errors).bias == bias
