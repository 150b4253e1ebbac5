"""Value: forecasts, spend, lifetime value and growth, each against another way to work it out."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from models.bgnbd import BgNbd, expected_purchases_of, p_alive_of, p_no_purchase_of
from models.calendar import start_of_day_ms
from models.gamma_gamma import GammaGamma
from models.ledger import Ledger
from models.policy import policy_from_preset
from models.sample import SampledCustomer, sampled
from models.value import (
    PRIOR_REPEATS,
    History,
    ValueModel,
    by_bgnbd,
    by_decayed_rate,
    decayed_repeats,
    discounted_value_minor,
    exposure_days,
    growth_of,
    history_of,
    lifetime_value_minor,
    no_purchase,
    spend_a_day_minor,
    usual_year_minor,
)

DAY = 738_886  # 2024-01-01
PURCHASES = BgNbd(r=0.8, alpha=12.0, a=0.7, b=4.0)  # days
SPEND = GammaGamma(p=6.25, q=3.74, v=1_544.0)  # cents
SHOP = ValueModel(PURCHASES, SPEND, daily_rate=0.05, remaining_years=2.5, tiers=(1, 2))


def customer(
    *days: int, amounts: int | tuple[int, ...] = 1_000, cadence_days: float = 7.0
) -> SampledCustomer:
    """Who bought on these days since `DAY`; what is decayed is told by the definition."""
    spent = (amounts,) * len(days) if isinstance(amounts, int) else amounts
    weights = [2 ** ((day - days[-1]) / 56) for day in days]
    return SampledCustomer(
        DAY + days[0],
        len(days),
        sum(spent),
        round(1_000 * sum(weights)),
        round(sum(weight * amount for weight, amount in zip(weights, spent, strict=True))),
        round(100 * cadence_days),
        tuple(DAY + day for day in days[-9:]),
    )


WEEKLY = customer(*range(0, 71, 7))
ONCE = customer(0)


def test_a_history_counts_repeats_and_days_since_the_first() -> None:
    assert history_of(WEEKLY, DAY + 80) == History(repeats=10, last_repeat=70, tenure=80)
    assert history_of(ONCE, DAY) == History(0, 0, 0)


def test_asked_before_the_last_purchase_it_is_told_as_of_that_day() -> None:
    assert history_of(WEEKLY, DAY + 60).tenure == 70


def test_bgnbd_is_asked_in_days() -> None:
    history = (10, 70, 80)
    assert no_purchase(WEEKLY, DAY + 80, 28, PURCHASES) == p_no_purchase_of(PURCHASES, *history, 28)
    expected = expected_purchases_of(PURCHASES, *history, 28)
    assert by_bgnbd(WEEKLY, DAY + 80, 28, SHOP) == expected


@given(st.integers(0, 2_000))
def test_exposure_is_the_integral_of_the_weights(days: int) -> None:
    integral, _ = quad(lambda t: 2 ** (-t / 56), 0, days, limit=200)
    assert exposure_days(days) == pytest.approx(integral, rel=1e-6, abs=1e-9)


@given(
    st.lists(st.integers(0, 400), min_size=1, max_size=9, unique=True).map(sorted),
    st.integers(0, 200),
)
def test_decayed_repeats_are_all_but_the_first_weighted_as_of_today(
    days: list[int], silence: int
) -> None:
    at_day = days[-1] + silence
    expected = sum(2 ** ((day - at_day) / 56) for day in days[1:])
    assert decayed_repeats(customer(*days), DAY + at_day) == pytest.approx(expected, abs=6e-4)


def test_the_decayed_rate_is_a_posterior_mean_times_those_alive_times_the_bias() -> None:
    at_day, exposed = DAY + 80, exposure_days(80)
    rate = (PRIOR_REPEATS + decayed_repeats(WEEKLY, at_day)) / (PRIOR_REPEATS / 0.05 + exposed)
    alive = p_alive_of(PURCHASES, 10, 70, 80)
    told = by_decayed_rate(WEEKLY, at_day, 28, SHOP)
    assert told == pytest.approx(28 * rate * alive)
    assert by_decayed_rate(WEEKLY, at_day, 28, SHOP._replace(bias=1.5)) == pytest.approx(1.5 * told)


def test_of_a_new_customer_the_decayed_rate_is_the_populations() -> None:
    assert by_decayed_rate(ONCE, DAY, 28, SHOP) == pytest.approx(28 * 0.05)


def test_who_bought_often_lately_is_expected_more_often_than_who_did_long_ago() -> None:
    early = customer(0, 7, 14, 21, 28, 35, 120)
    late = customer(0, 85, 92, 99, 106, 113, 120)
    assert by_decayed_rate(late, DAY + 127, 28, SHOP) > by_decayed_rate(early, DAY + 127, 28, SHOP)


@pytest.mark.parametrize("forecast", [by_bgnbd, by_decayed_rate])
def test_without_a_model_nothing_is_forecast(forecast: object) -> None:
    assert callable(forecast)
    assert forecast(WEEKLY, DAY + 80, 28, ValueModel()) == 0.0
    nobody_came_back = by_decayed_rate(WEEKLY, DAY + 80, 28, SHOP._replace(daily_rate=0.0))
    assert nobody_came_back == 0.0


def test_spend_lies_between_the_customers_own_mean_and_everybodys() -> None:
    everybody = 6.25 * 1_544 / (3.74 - 1)
    rich, poor = customer(0, amounts=90_000), customer(0, amounts=100)
    often = customer(*range(0, 140, 7), amounts=90_000)
    assert everybody < spend_a_day_minor(rich, SHOP) < spend_a_day_minor(often, SHOP) < 90_000
    assert 100 < spend_a_day_minor(poor, SHOP) < everybody


@pytest.mark.parametrize("spend", [None, GammaGamma(0.1, 0.5, 1_000.0)])
def test_where_no_mean_is_known_it_is_the_customers_own(spend: GammaGamma | None) -> None:
    assert spend_a_day_minor(customer(0, 7), SHOP._replace(spend=spend)) == 1_000


def test_a_usual_year_is_bought_at_the_customers_own_rhythm() -> None:
    value = SHOP._replace(spend=None)
    assert usual_year_minor(customer(0, cadence_days=7.3), value) == pytest.approx(50_000)
    assert usual_year_minor(customer(0, cadence_days=0.2), value) == pytest.approx(365_000)


@given(st.floats(0, 1e9), st.floats(0, 1), st.floats(0.01, 5))
def test_lifetime_value_is_a_usual_year_over_an_exponential_lifetime(
    usual_year: float, stays: float, years: float
) -> None:
    integral, _ = quad(lambda t: exp(-t / years), 0, 40 * years)
    told = lifetime_value_minor(usual_year, stays, SHOP._replace(remaining_years=years))
    assert told == pytest.approx(usual_year * stays * integral, rel=1e-6)


@given(st.floats(0, 1e9), st.floats(0, 1), st.floats(0.01, 5), st.floats(0, 2))
def test_discounted_value_is_that_with_money_worth_less_each_year(
    usual_year: float, stays: float, years: float, rate: float
) -> None:
    integral, _ = quad(lambda t: exp(-t / years) * (1 + rate) ** -t, 0, 40 * years)
    value = SHOP._replace(remaining_years=years)
    told = discounted_value_minor(usual_year, stays, value, rate)
    assert told == pytest.approx(usual_year * stays * integral, rel=1e-6)
    assert told <= lifetime_value_minor(usual_year, stays, value) * (1 + 1e-12)


def test_without_discount_both_values_are_one() -> None:
    assert discounted_value_minor(1_000, 0.5, SHOP, 0.0) == lifetime_value_minor(1_000, 0.5, SHOP)


STEADY = tuple(range(0, 364, 7))


def test_in_the_first_eight_weeks_nobody_grows() -> None:
    assert growth_of(customer(0, 50), DAY + 55) is None
    assert growth_of(customer(0, 50), DAY + 56) is not None


def test_who_spent_nothing_does_not_grow() -> None:
    assert growth_of(customer(0, 80, amounts=0), DAY + 90) is None


def test_steady_customers_are_steady_and_silence_makes_them_fall() -> None:
    steady = customer(*STEADY)
    assert growth_of(steady, DAY + 360) == "steady"
    words = [growth_of(steady, DAY + 360 + silence) for silence in range(90)]
    assert words[-1] == "falling"
    steady_days = words.index("falling")
    assert words == ["steady"] * steady_days + ["falling"] * (90 - steady_days)


def test_larger_baskets_rise_and_smaller_ones_fall() -> None:
    half = len(STEADY) // 2
    sizes = (1_000,) * half + (3_000,) * (len(STEADY) - half)
    assert growth_of(customer(*STEADY, amounts=sizes), DAY + 360) == "rising"
    assert growth_of(customer(*STEADY, amounts=sizes[::-1]), DAY + 360) == "falling"


def test_shorter_gaps_rise_and_longer_ones_fall() -> None:
    speeding = (*range(0, 200, 28), *range(200, 364, 7))
    assert growth_of(customer(*speeding), DAY + 364) == "rising"
    slowing = (*range(0, 164, 7), *range(164, 364, 28))
    assert growth_of(customer(*slowing), DAY + 364) == "falling"


def test_over_a_crowd_the_decayed_rate_forecasts_what_comes() -> None:
    """Poisson buyers who never leave: the forecast is right on average."""
    draw = np.random.default_rng(11)
    stays = SHOP._replace(purchases=BgNbd(0.8, 12.0, 1e-3, 4.0), daily_rate=0.07)
    told = came = 0.0
    for rate in draw.gamma(2.0, 0.035, 400):
        bought = draw.random(328) < rate
        days = [0, *(1 + np.flatnonzero(bought[:299])).tolist()]
        told += by_decayed_rate(customer(*days), DAY + 300, 28, stays)
        came += bought[300:].sum()
    assert told == pytest.approx(came, rel=0.1)
    assert log(told) > 0


def test_who_returns_a_part_of_every_purchase_is_not_growing_for_that() -> None:
    ledger = Ledger()
    grocery = policy_from_preset("grocery")
    for month in range(12):
        at_ms = start_of_day_ms(738_886 + 30 * month, grocery.timezone)
        ledger, _ = ledger.advance(at_ms, grocery)
        ledger, _ = ledger.buy(at_ms, 1_000, month + 1, 30.0, grocery)
        ledger = ledger.give_back(300, DAY)
    assert growth_of(sampled(ledger, 738_886), 738_886 + 360) == "steady"
