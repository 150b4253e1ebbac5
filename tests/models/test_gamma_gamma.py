"""Gamma-Gamma: the published case to the digit, simulated customers, and what must hold always."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from fractions import Fraction
from importlib.util import find_spec
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.gamma_gamma import (
    GammaGamma,
    expected_spend,
    expected_spend_of,
    fitted,
    log_likelihood,
)

PUBLISHED = GammaGamma(p=6.25, q=3.74, v=15.44)  # dollars


class Spending(NamedTuple):
    """One of each for a customer."""

    x: npt.NDArray[np.float64]
    mean_spend: npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def cdnow() -> Spending:
    """The sample of 2,357 customers: repeats until 30 September 1997 and their average.

    What one customer buys on one day is one purchase.
    """
    package = find_spec("lifetimes")
    assert package is not None
    assert package.origin is not None
    path = Path(package.origin).parent / "datasets" / "CDNOW_sample.txt"
    days: dict[str, dict[date, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    for line in path.read_text().splitlines():
        _, customer, day, _, dollars = line.split()
        days[customer][date.fromisoformat(day)] += Fraction(dollars)
    repeats = [
        [spent for day, spent in sorted(each.items())[1:] if day <= date(1997, 9, 30)]
        for each in days.values()
    ]
    means = [float(sum(each) / max(1, len(each))) for each in repeats]
    return Spending(np.array([len(each) for each in repeats], float), np.array(means))


def simulated(
    model: GammaGamma, customers: int, seed: int
) -> tuple[Spending, npt.NDArray[np.float64]]:
    """Customers who spend as the model says, and the mean of what each would spend for ever."""
    chance = np.random.default_rng(seed)
    rate = chance.gamma(model.q, 1 / model.v, customers)
    x = chance.integers(1, 9, customers).astype(float)
    return Spending(x, chance.gamma(model.p * x) / rate / x), model.p / rate


def fit(x: npt.ArrayLike, mean_spend: npt.ArrayLike, **options: Any) -> GammaGamma:
    """Of customers who can be fitted."""
    model = fitted(x, mean_spend, **options)
    assert model is not None
    return model


positive = st.floats(0.01, 1_000)
models = st.builds(GammaGamma, positive, st.floats(1.01, 1_000), positive)


def test_the_fit_to_cdnow_is_the_published_one(cdnow: Spending) -> None:
    model = fit(*cdnow)
    assert tuple(round(value, 2) for value in model) == (6.25, 3.74, 15.44)
    x, mean_spend = (column[cdnow.x > 0] for column in cdnow)
    assert len(x) == 946
    assert round(float(log_likelihood(model, x, mean_spend).sum()), 2) == -4055.92


def test_the_parameters_of_simulated_customers_are_found_again() -> None:
    true = GammaGamma(5.0, 4.0, 20.0)
    spending, _ = simulated(true, 20_000, seed=3)
    model = fit(*spending)
    assert tuple(model) == pytest.approx(tuple(true), rel=0.15)  # p and v hang together
    assert expected_spend_of(model, 0, 0.0) == pytest.approx(100 / 3, rel=0.01)


def test_the_expected_spend_is_what_simulated_customers_spend_later() -> None:
    model = GammaGamma(5.0, 4.0, 20.0)
    spending, true_mean = simulated(model, 30_000, seed=5)
    expected = expected_spend(model, *spending)
    for x in (1, 4, 8):
        alike = spending.x == x
        assert expected[alike].mean() == pytest.approx(true_mean[alike].mean(), rel=0.02)
    lavish = spending.mean_spend > 60
    assert expected[lavish].mean() == pytest.approx(true_mean[lavish].mean(), rel=0.02)
    assert spending.mean_spend[lavish].mean() > 1.1 * true_mean[lavish].mean()


def test_the_unit_of_money_does_not_matter(cdnow: Spending) -> None:
    dollars, cents = fit(*cdnow), fit(cdnow.x, cdnow.mean_spend * 100)
    p, q, v = cents
    assert (p, q, v / 100) == pytest.approx(tuple(dollars), rel=1e-5)
    assert expected_spend_of(cents, 3, 1_250.0) == pytest.approx(
        100 * expected_spend_of(dollars, 3, 12.5), rel=1e-6
    )


def test_a_weight_says_how_many_customers_one_stands_for(cdnow: Spending) -> None:
    times = np.arange(len(cdnow.x)) % 3
    several = fit(*(np.repeat(column, times) for column in cdnow))
    assert tuple(fit(*cdnow, weights=times)) == pytest.approx(tuple(several), rel=1e-5)


def test_the_same_customers_give_the_same_bits(cdnow: Spending) -> None:
    assert fit(*cdnow) == fit(*(column.copy() for column in cdnow))


@pytest.mark.parametrize(
    ("x", "mean_spend", "weights"),
    [
        ([], [], None),
        ([3], [9.0], None),
        ([3, 0, 2], [9.0, 8.0, 0.0], None),
        ([3, 2], [9.0, -1.0], None),
        ([3, 2], [9.0, 8.0], [1, 0]),
        ([3, 2], [9.0, inf], None),
        ([3, 2], [9.0, float("nan")], None),
        ([3, inf], [9.0, 8.0], None),
    ],
)
def test_what_cannot_be_fitted_has_no_parameters(
    x: list[float], mean_spend: list[float], weights: list[float] | None
) -> None:
    assert fitted(x, mean_spend, weights) is None


@pytest.mark.parametrize(
    ("x", "mean_spend"), [([1, 1], [5.0, 5.0]), ([3, 1], [5.0, 500.0]), ([9] * 3, [1.0, 9.0, 1e9])]
)
def test_even_odd_customers_have_finite_parameters(x: list[float], mean_spend: list[float]) -> None:
    model = fit(x, mean_spend)
    assert np.isfinite(model).all()
    assert min(model) > 0


def test_floats_and_arrays_have_the_same_answers(cdnow: Spending) -> None:
    customers = list(zip(cdnow.x.tolist(), cdnow.mean_spend.tolist(), strict=True))
    each = [expected_spend_of(PUBLISHED, *one) for one in customers]
    assert expected_spend(PUBLISHED, *cdnow).tolist() == each
    assert expected_spend(PUBLISHED, [], []).shape == (0,)


@given(models, st.integers(1, 500), positive)
def test_the_expected_spend_lies_between_ones_own_mean_and_everybodys(
    model: GammaGamma, x: int, mean_spend: float
) -> None:
    everybody = expected_spend_of(model, 0, 0.0)
    assert everybody == pytest.approx(model.p * model.v / (model.q - 1))
    low, high = sorted((everybody, mean_spend))
    assert low * (1 - 1e-9) <= expected_spend_of(model, x, mean_spend) <= high * (1 + 1e-9)


def test_with_more_purchases_ones_own_mean_counts_more() -> None:
    spend = expected_spend(PUBLISHED, [0, 1, 2, 10, 1_000], 100.0)
    assert (np.diff(spend) > 0).all()
    assert spend[-1] == pytest.approx(100, rel=0.01)


def test_spend_without_a_mean_is_infinite_until_there_are_enough_purchases() -> None:
    heavy = GammaGamma(p=0.4, q=0.3, v=10.0)
    assert expected_spend(heavy, [0, 1], 20.0).tolist() == [inf, inf]
    assert expected_spend(heavy, [2, 9], 20.0) == pytest.approx([200, 26.2069], rel=1e-5)
