"""BG/NBD: the published case to the digit, simulated customers, and what must hold for anybody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import betaln

from models.bgnbd import (
    BgNbd,
    expected_purchases,
    expected_purchases_of,
    fitted,
    log_likelihood,
    p_alive,
    p_alive_of,
    p_no_purchase,
    p_no_purchase_of,
)

Floats = npt.NDArray[np.float64]

PUBLISHED = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)  # weeks
CALIBRATION_ENDS = date(1997, 9, 30).toordinal()
HOLDOUT_DAYS = 273  # the data set's other 39 weeks


class Histories(NamedTuple):
    """One of each for a customer; `later` is what they bought afterwards."""

    x: Floats
    tx: Floats
    t: Floats
    later: Floats


def history(days: Sequence[int]) -> tuple[int, float, float, int]:
    """In weeks, from the distinct days with a purchase."""
    known = [day for day in sorted(days) if day <= CALIBRATION_ENDS]
    later = sum(CALIBRATION_ENDS < day <= CALIBRATION_ENDS + HOLDOUT_DAYS for day in days)
    first = known[0]
    return len(known) - 1, (known[-1] - first) / 7, (CALIBRATION_ENDS - first) / 7, later


@pytest.fixture(scope="module")
def cdnow() -> Histories:
    """The sample of 2,357 customers that the paper uses: customer, day, discs, dollars."""
    package = find_spec("lifetimes")
    assert package is not None
    assert package.origin is not None
    path = Path(package.origin).parent / "datasets" / "CDNOW_sample.txt"
    days: dict[str, set[int]] = defaultdict(set)
    for line in path.read_text().splitlines():
        _, customer, day, *_ = line.split()
        days[customer].add(date.fromisoformat(day).toordinal())
    columns = zip(*(history(list(each)) for each in days.values()), strict=True)
    return Histories(*(np.array(column, float) for column in columns))


def simulated(model: BgNbd, customers: int, horizon: float, seed: int) -> Histories:
    """Customers who do what the model says: after a repeat they may leave for good."""
    chance = np.random.default_rng(seed)
    rate = chance.gamma(model.r, 1 / model.alpha, customers)
    leaving = chance.beta(model.a, model.b, customers)
    t = chance.uniform(100, 400, customers)
    x, tx, later, now = np.zeros((4, customers))
    here = np.ones(customers, bool)
    while here.any():
        now = now + chance.exponential(1 / rate)
        here &= now <= t + horizon
        seen = here & (now <= t)
        x, tx, later = x + seen, np.where(seen, now, tx), later + (here & ~seen)
        here &= chance.random(customers) >= leaving
    return Histories(x, tx, t, later)


def integral(model: BgNbd, x: float, t: float, horizon: float) -> float:
    """E[purchases | alive], by adding up over the probability p of leaving; a > 1 only."""
    r, alpha, a, b = model

    def density_times_purchases(p: float) -> float:
        log_density = (a - 1) * np.log(p) + (b + x - 1) * np.log1p(-p) - betaln(a, b + x)
        silence = (1 + p * horizon / (alpha + t)) ** -(r + x)
        return float(np.exp(log_density) * (1 - silence) / p)

    return float(quad(density_times_purchases, 0, 1, epsabs=0, epsrel=1e-10, limit=200)[0])


def fit(x: npt.ArrayLike, tx: npt.ArrayLike, t: npt.ArrayLike, **options: Any) -> BgNbd:
    """Of customers who can be fitted."""
    model = fitted(x, tx, t, **options)
    assert model is not None
    return model


parameters = st.floats(-8, 8).map(np.exp).map(float)
models = st.builds(BgNbd, parameters, parameters, parameters, parameters)
near_one = st.floats(-1e-9, 1e-9).map(lambda off: 1 + off)
usual = st.builds(
    BgNbd,
    st.floats(0.05, 5),
    st.floats(1, 300),
    st.one_of(st.floats(0.01, 5), near_one, st.just(1.0)),
    st.floats(0.05, 50),
)
horizons = st.floats(1, 730)


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, float, float]:
    x, t = draw(st.one_of(st.integers(0, 5), st.integers(0, 2_000))), draw(st.floats(1, 1_500))
    return x, (draw(st.floats(0, 1)) * t if x else 0.0), t


def test_the_fit_to_cdnow_is_the_published_one(cdnow: Histories) -> None:
    model = fit(cdnow.x, cdnow.tx, cdnow.t)
    assert tuple(round(value, 3) for value in model) == (0.243, 4.414, 0.793, 2.426)
    assert round(float(log_likelihood(model, *cdnow[:3]).sum()), 1) == -9582.4


def test_the_forecast_for_cdnow_correlates_with_what_they_bought_as_published(
    cdnow: Histories,
) -> None:
    model = fit(cdnow.x, cdnow.tx, cdnow.t)
    expected = expected_purchases(model, *cdnow[:3], HOLDOUT_DAYS / 7)
    assert len(cdnow.x) == 2_357
    assert round(float(np.corrcoef(expected, cdnow.later)[0, 1]), 3) == 0.626


@pytest.mark.parametrize(
    ("x", "tx", "likelihood", "alive", "purchases", "none"),
    [
        (2, 30.43, -9.4586, 0.7266, 1.2260, 0.4454),
        (0, 0.0, -0.5547, 1.0, 0.1951, 0.8554),
        (7, 29.43, -21.8633, 0.6418, 3.3371, 0.3644),
    ],
)
def test_three_customers_of_cdnow(
    x: int, tx: float, likelihood: float, alive: float, purchases: float, none: float
) -> None:
    assert round(float(log_likelihood(PUBLISHED, x, tx, 38.86)), 4) == likelihood
    assert round(p_alive_of(PUBLISHED, x, tx, 38.86), 4) == alive
    assert round(expected_purchases_of(PUBLISHED, x, tx, 38.86, 39), 4) == purchases
    assert round(p_no_purchase_of(PUBLISHED, x, tx, 38.86, 39), 4) == none


def test_floats_and_arrays_have_the_same_answers(cdnow: Histories) -> None:
    x, tx, t, _ = (column[:200] for column in cdnow)
    customers = list(zip(x.tolist(), tx.tolist(), t.tolist(), strict=True))
    alive = [p_alive_of(PUBLISHED, *each) for each in customers]
    none = [p_no_purchase_of(PUBLISHED, *each, 12.0) for each in customers]
    purchases = [expected_purchases_of(PUBLISHED, *each, 12.0) for each in customers]
    assert p_alive(PUBLISHED, x, tx, t).tolist() == alive
    assert p_no_purchase(PUBLISHED, x, tx, t, 12.0).tolist() == none
    assert expected_purchases(PUBLISHED, x, tx, t, 12.0).tolist() == purchases


def test_arrays_broadcast_and_may_be_empty() -> None:
    assert p_no_purchase(PUBLISHED, [[1], [2]], 3.0, 9.0, [1.0, 2.0, 4.0]).shape == (2, 3)
    assert expected_purchases(PUBLISHED, [], [], [], 4.0).shape == (0,)
    assert log_likelihood(PUBLISHED, [0, 1], 0.0, 9.0).shape == (2,)


@pytest.mark.parametrize("model", [BgNbd(0.5, 60.0, 0.6, 4.0), BgNbd(1.2, 40.0, 1.0, 6.0)])
def test_true_parameters_forecast_simulated_customers(model: BgNbd) -> None:
    x, tx, t, later = simulated(model, 20_000, 90, seed=7)
    purchases = expected_purchases(model, x, tx, t, 90)
    often = x >= 3
    assert purchases.sum() == pytest.approx(later.sum(), rel=0.03)
    assert purchases[often].sum() == pytest.approx(later[often].sum(), rel=0.03)
    assert p_no_purchase(model, x, tx, t, 90).mean() == pytest.approx((later == 0).mean(), rel=0.01)


def test_the_parameters_of_simulated_customers_are_found_again() -> None:
    true = BgNbd(0.8, 50.0, 0.7, 3.0)
    x, tx, t, _ = simulated(true, 20_000, 0, seed=11)
    model = fit(x, tx, t)
    assert model.r == pytest.approx(true.r, rel=0.06)
    assert model.alpha == pytest.approx(true.alpha, rel=0.06)
    assert model.a / (model.a + model.b) == pytest.approx(0.7 / 3.7, rel=0.06)


def test_the_unit_of_time_does_not_matter(cdnow: Histories) -> None:
    x, tx, t, _ = cdnow
    weeks, days = fit(x, tx, t), fit(x, tx * 7, t * 7)
    r, alpha, a, b = days
    assert (r, alpha / 7, a, b) == pytest.approx(tuple(weeks), rel=1e-6)
    assert p_no_purchase_of(days, 2, 70, 210, 28) == pytest.approx(
        p_no_purchase_of(weeks, 2, 10, 30, 4), rel=1e-6
    )


def test_a_weight_says_how_many_customers_one_stands_for(cdnow: Histories) -> None:
    x, tx, t = (column[:400] for column in cdnow[:3])
    times = np.arange(400) % 3
    several = fit(np.repeat(x, times), np.repeat(tx, times), np.repeat(t, times))
    assert tuple(fit(x, tx, t, weights=times)) == pytest.approx(tuple(several), rel=1e-5)


def test_the_same_customers_give_the_same_bits(cdnow: Histories) -> None:
    assert fit(*cdnow[:3]) == fit(cdnow.x.copy(), cdnow.tx.copy(), cdnow.t.copy())


@pytest.mark.parametrize(
    "start", [PUBLISHED, BgNbd(5, 500, 5, 5), BgNbd(1e-9, 1e9, 1e9, 1e-9)], ids=str
)
def test_it_does_not_matter_where_the_fit_begins(cdnow: Histories, start: BgNbd) -> None:
    usual = fit(*cdnow[:3])
    assert tuple(fit(*cdnow[:3], start=start)) == pytest.approx(tuple(usual), rel=1e-4)


def test_a_fit_that_begins_where_the_last_one_ended_stays_there(cdnow: Histories) -> None:
    last = fit(*cdnow[:3])
    assert tuple(fit(*cdnow[:3], start=last)) == pytest.approx(tuple(last), rel=1e-12)


@pytest.mark.parametrize(
    ("x", "tx", "t", "weights"),
    [
        ([], [], [], None),
        ([3], [9], [10], None),
        ([0, 0, 0], [0, 0, 0], [5, 6, 7], None),
        ([1, 0, 0], [3, 0, 0], [5, 6, 7], [0, 1, 1]),
        ([1, 2, 3], [3, 4, 5], [6, 6, 6], [1, 0, 0]),
        ([1, 1], [0, 0], [0, 0], None),
        ([1, 2], [3, 4], [6, float("nan")], None),
        ([1, 2], [3, 4], [6, float("inf")], None),
        ([1, -1], [3, 4], [6, 6], None),
        ([1, 2], [3, 7], [6, 6], None),
        ([1, 2], [3, 4], [6, 6], [1, -1]),
        ([1, 2], [3, 4], [6, 6], [1, float("inf")]),
    ],
)
def test_what_cannot_be_fitted_has_no_parameters(
    x: list[float], tx: list[float], t: list[float], weights: list[float] | None
) -> None:
    assert fitted(x, tx, t, weights) is None


@pytest.mark.parametrize(
    ("x", "tx", "t"),
    [
        ([1, 0], [1, 0], [2, 2]),
        ([5, 5, 5], [10, 10, 10], [11, 11, 11]),
        ([1, 1], [0, 0], [5, 5]),
        ([300, 300], [300, 300], [300, 300]),
    ],
)
def test_even_two_customers_who_are_alike_have_finite_forecasts(
    x: list[float], tx: list[float], t: list[float]
) -> None:
    model = fit(x, tx, t)
    assert np.isfinite(expected_purchases(model, x, tx, t, [[1.0], [30.0], [1e4]])).all()


@given(models, histories())
def test_alive_is_a_probability_and_certain_without_a_repeat(
    model: BgNbd, history: tuple[int, float, float]
) -> None:
    x, _, t = history
    assert 0 <= p_alive_of(model, *history) <= 1
    assert p_alive_of(model, 0, 0.0, t) == 1
    assert p_alive_of(model, x, 0.0, t) <= p_alive_of(model, x, t, t)


@given(models, histories(), horizons, horizons)
def test_silence_is_a_probability_and_less_likely_the_longer_it_lasts(
    model: BgNbd, history: tuple[int, float, float], one: float, other: float
) -> None:
    short, long = sorted((one, other))
    assert (
        0
        <= p_no_purchase_of(model, *history, long)
        <= p_no_purchase_of(model, *history, short)
        <= 1
    )
    assert p_no_purchase_of(model, *history, 0.0) == 1


@given(usual, histories(), horizons, horizons)
def test_expected_purchases_grow_with_the_horizon(
    model: BgNbd, history: tuple[int, float, float], one: float, other: float
) -> None:
    short, long = (expected_purchases_of(model, *history, days) for days in sorted((one, other)))
    assert 0 <= short <= long * (1 + 1e-6) + 1e-8  # of purchases; the series is summed to that
    assert expected_purchases_of(model, *history, 0.0) == 0


@given(models, histories(), horizons)
def test_expected_purchases_lie_between_at_least_one_and_those_of_who_never_leaves(
    model: BgNbd, history: tuple[int, float, float], days: float
) -> None:
    purchases = expected_purchases_of(model, *history, days)
    x, _, t = history
    never_leaves = p_alive_of(model, *history) * (model.r + x) / (model.alpha + t) * days
    at_least_one = 1 - p_no_purchase_of(model, *history, days)
    assert isfinite(purchases)
    assert at_least_one * (1 - 1e-6) - 1e-7 <= purchases <= never_leaves * (1 + 1e-6) + 1e-7


@pytest.mark.parametrize("a", [1 + 1e-12, 1 + 1e-9, 1 + 2e-5, 1.3, 4.0, 40.0])
@pytest.mark.parametrize("x", [0, 1, 8, 90])
def test_expected_purchases_are_what_adding_up_over_all_customers_gives(a: float, x: int) -> None:
    model = BgNbd(0.4, 12.0, a, 2.5)
    closed = expected_purchases_of(model, x, 90.0 if x else 0.0, 100.0, 60.0)
    alive = p_alive_of(model, x, 90.0 if x else 0.0, 100.0)
    assert closed == pytest.approx(alive * integral(model, x, 100.0, 60.0), rel=1e-7)


@pytest.mark.parametrize("b", [0.3, 0.3 + 1e-12, 0.3 - 1e-12, 0.3 + 1e-7])
def test_expected_purchases_have_no_gap_where_a_and_b_make_one(b: float) -> None:
    there = expected_purchases_of(BgNbd(0.4, 12.0, 0.7, b), 0, 0.0, 100.0, 60.0)
    beside = expected_purchases_of(BgNbd(0.4, 12.0, 0.7, 0.3 + 1e-5), 0, 0.0, 100.0, 60.0)
    assert there == pytest.approx(beside, rel=1e-5)


def test_where_the_series_leaves_the_range_of_floats_customers_count_as_alike() -> None:
    purchases = [
        expected_purchases_of(BgNbd(2_000.0, 1.0, a, 2_000.0), 0, 0.0, 1.0, 40.0)
        for a in (150.0, 200.0, 250.0, 1_000.0, 2_000.0)
    ]
    assert purchases == pytest.approx([2_150 / 150, 11.0, 9.0, 3.0, 2.0], rel=0.01)


def test_who_bought_every_day_for_years_has_an_expectation() -> None:
    regular = expected_purchases_of(PUBLISHED, 20_000, 20_000.0, 20_000.0, 30.0)
    assert 29 < regular < 30.1
    assert p_no_purchase_of(PUBLISHED, 20_000, 20_000.0, 20_000.0, 30.0) < 1e-4
    assert p_alive_of(PUBLISHED, 20_000, 20_000.0, 25_000.0) < 1e-100
