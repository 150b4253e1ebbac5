"""Intervals of fits: cases with a known answer, and what must hold for any."""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np
import pytest

from models.bgnbd import BgNbd, expected_purchases
from models.purchase_counts import purchase_moments
from models.uncertainty import (
    Scatter,
    figure_interval,
    forecast_interval,
    parameter_interval,
    scatter_of,
)

GAPS = np.array([3.0, 5.0, 1.0, 7.0, 4.0, 2.0, 8.0, 2.0])  # exponential: the mean gap is 4


def exponential(logs: np.ndarray) -> float:
    """Log-likelihood of the gaps at a rate; its information about the log of the rate is n."""
    rate = exp(logs[0])
    return float((log(rate) - rate * GAPS).sum())


def fitted_rate() -> Scatter:
    found = scatter_of(exponential, [1 / 4])
    assert found is not None
    return found


def test_the_log_of_an_exponential_rate_scatters_by_one_over_the_root_of_the_count() -> None:
    found = fitted_rate()
    assert found.covariance[0, 0] == pytest.approx(1 / 8, rel=1e-5)
    low, high = parameter_interval(found, 0)
    assert low == pytest.approx(0.25 * exp(-1.959964 / sqrt(8)), rel=1e-5)
    assert high == pytest.approx(0.25 * exp(1.959964 / sqrt(8)), rel=1e-5)


def test_a_power_of_a_parameter_scatters_as_often_as_its_exponent() -> None:
    low, high = figure_interval(fitted_rate(), lambda logs: exp(-2 * logs[0]))
    rate_low, rate_high = parameter_interval(fitted_rate(), 0)
    assert (low, high) == pytest.approx((rate_high**-2, rate_low**-2), rel=1e-5)


def test_a_forecast_scatters_by_its_own_chance_and_by_that_of_the_fit() -> None:
    # In 100 days 25 are expected: Poisson, variance 25; the fit adds 25² / 8.
    low, high = forecast_interval(fitted_rate(), lambda logs: 100 * exp(logs[0]), 25.0)
    assert (low + high) / 2 == pytest.approx(25)
    assert (high - low) / 2 == pytest.approx(1.959964 * sqrt(25 + 25**2 / 8), rel=1e-5)


def test_parameters_that_hang_together_are_told_apart() -> None:
    covariance = np.array([[0.04, 0.03], [0.03, 0.04]])
    both = Scatter(np.log([2.0, 3.0]), covariance)
    low, high = figure_interval(both, lambda logs: exp(logs[0] - logs[1]))
    assert log(high / low) / 2 == pytest.approx(1.959964 * sqrt(0.04 + 0.04 - 2 * 0.03), rel=1e-5)


def test_where_the_likelihood_is_flat_there_is_no_interval() -> None:
    assert scatter_of(lambda logs: -((logs[0] - 1) ** 2), [exp(1), 1.0]) is None
    assert scatter_of(lambda logs: float(logs[0] ** 2), [1.0]) is None


@pytest.mark.parametrize(
    "model", [BgNbd(0.243, 30.9, 0.793, 2.426), BgNbd(2.0, 40.0, 1.5, 3.0), BgNbd(0.8, 8, 0.1, 9)]
)
def test_the_mean_of_the_counts_is_the_closed_form(model: BgNbd) -> None:
    x, tx, t = np.array([0, 2, 7, 60]), np.array([0, 213.0, 206, 270]), np.array([272.0] * 4)
    mean, variance = purchase_moments(model, x, tx, t, 90.0)
    assert mean == pytest.approx(expected_purchases(model, x, tx, t, 90.0), rel=1e-9)
    assert (variance > 0).all()


def test_the_spread_of_the_counts_is_that_of_simulated_customers() -> None:
    model, x, t, horizon = BgNbd(1.2, 40.0, 0.9, 5.0), 3, 200.0, 120.0
    chance = np.random.default_rng(5)
    rate = chance.gamma(model.r + x, 1 / (model.alpha + t), 200_000)
    stays = chance.geometric(chance.beta(model.a, model.b + x, 200_000))
    bought = np.minimum(stays, chance.poisson(rate * horizon))
    gone_for_sure_not = 200.0  # bought just now: alive with a probability near 1
    mean, variance = purchase_moments(model, [x], [gone_for_sure_not], [t], horizon)
    alive = 1 / (1 + model.a / (model.b + x - 1))
    assert mean[0] == pytest.approx(alive * bought.mean(), rel=0.01)
    second = alive * (bought**2).mean()
    assert variance[0] == pytest.approx(second - (alive * bought.mean()) ** 2, rel=0.02)
