"""What is usual: rates, years and lifecycle of a sample; bands and tiers of the asked-for shares."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.bgnbd import BgNbd
from models.calendar import start_of_day_ms
from models.churn import RiskModels
from models.gamma_gamma import GammaGamma
from models.ledger import Ledger
from models.lifecycle import State
from models.outlook import stake_of, tier_of
from models.policy import policy_from_preset
from models.sample import SampledCustomer, sampled
from models.usual import bands_and_tiers, daily_rate, lifecycle_at, remaining_years
from models.value import MAX_YEARS, ValueModel

GROCERY = policy_from_preset("grocery")
RULES = GROCERY.lifecycle  # a cadence of 7 days: dormant after 28, churned after 70
DAY = 738_886  # 2024-01-01
VALUE = ValueModel(BgNbd(0.8, 12.0, 0.7, 4.0), GammaGamma(6.25, 3.74, 1_544.0), 0.05)


def customer(*days: int, spend_minor: int = 1_000, cadence_days: float = 7.0) -> SampledCustomer:
    weights = sum(2 ** ((day - days[-1]) / 56) for day in days)
    return SampledCustomer(
        *(DAY + days[0], len(days), spend_minor, round(1_000 * weights), spend_minor),
        round(100 * cadence_days),
        tuple(DAY + day for day in days[-9:]),
    )


def crowd(size: int = 500, seed: int = 2) -> list[SampledCustomer]:
    """Rhythms, spend and silences of all kinds."""
    draw, found = np.random.default_rng(seed), []
    for _ in range(size):
        gap = float(np.exp(draw.normal(2.0, 0.6)))
        began = draw.integers(0, 195)
        days = sorted(set(draw.integers(began, 200, 1 + draw.poisson(200 / gap / 2)).tolist()))
        spend = int(len(days) * np.exp(draw.normal(8.0, 0.7)))
        found.append(customer(*days, spend_minor=spend, cadence_days=gap))
    return found


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from((1, 3, 7, 20)), min_size=1, max_size=8),
    st.integers(1, 200),
    st.floats(2.0, 40.0),
)
def test_the_state_is_that_of_the_lifecycle_at_the_days_beginning(
    gaps: list[int], silence: int, prior_days: float
) -> None:
    """But for whoever was won back within the first weeks, and is active, not new."""
    days = [DAY + day for day in accumulate(gaps)]
    ledger, won_back = Ledger(), False
    for day in days:
        at_ms = start_of_day_ms(day, GROCERY.timezone)
        ledger, _ = ledger.advance(at_ms, GROCERY)
        ledger, moved = ledger.buy(at_ms, 100, 1, round(prior_days, 2), GROCERY)
        won_back = won_back or any(each.is_win_back for each in moved)
    row, at_day = sampled(ledger, days[0]), days[-1] + silence
    ledger, _ = ledger.advance(start_of_day_ms(at_day, GROCERY.timezone), GROCERY)
    found = lifecycle_at(row, at_day, RULES)
    if not (found is State.NEW and won_back):
        assert found is ledger.standing.lifecycle or _on_a_limit(row, at_day)


def _on_a_limit(row: SampledCustomer, at_day: int) -> bool:
    """A cadence is kept in hundredths: where a limit is a whole number, a day either way."""
    later, sooner = (row._replace(cadence_centidays=row.cadence_centidays + off) for off in (1, -1))
    return len({lifecycle_at(each, at_day, RULES) for each in (later, sooner)}) > 1


@pytest.mark.parametrize(
    ("at_day", "state"),
    [
        (0, State.NEW),
        (28, State.NEW),
        (29, State.DORMANT),
        (70, State.DORMANT),
        (71, State.CHURNED),
        (900, State.CHURNED),
    ],
)
def test_states_of_who_bought_once(at_day: int, state: State) -> None:
    assert lifecycle_at(customer(0), DAY + at_day, RULES) is state


def test_who_goes_on_buying_is_active_after_four_weeks() -> None:
    assert lifecycle_at(customer(0, 20), DAY + 28, RULES) is State.NEW
    assert lifecycle_at(customer(0, 20), DAY + 29, RULES) is State.ACTIVE


def test_the_daily_rate_is_that_of_buyers_at_a_steady_rate() -> None:
    draw = np.random.default_rng(4)
    buyers = [
        customer(0, *(1 + np.flatnonzero(draw.random(250) < 0.08)).tolist()) for _ in range(300)
    ]
    assert daily_rate(buyers, DAY + 251) == pytest.approx(0.08, rel=0.06)


def test_the_daily_rate_is_the_latest_not_that_of_old() -> None:
    slowing = [customer(*range(0, 200, 5), *range(200, 401, 20))] * 3
    assert daily_rate(slowing, DAY + 401) < 0.09


def test_nobody_and_nobody_back_make_no_rate() -> None:
    assert daily_rate([], DAY) == 0.0
    assert daily_rate([customer(0), customer(3)], DAY + 9) == 0.0
    assert daily_rate([customer(0)], DAY) == 0.0


def test_remaining_years_are_exposure_over_losses() -> None:
    stays, lost = customer(0, 100, 190), customer(0, 50)
    assert remaining_years([stays, lost], DAY + 200, RULES) == pytest.approx(
        (200 + 50 + 7) / 1.5 / 365
    )


def test_nobody_lost_is_no_proof_and_nobody_at_all_is_no_division_by_nothing() -> None:
    assert remaining_years([customer(0, 90)], DAY + 100, RULES) == pytest.approx(100 / 0.5 / 365)
    assert remaining_years([], DAY, RULES) == pytest.approx(1 / 0.5 / 365)
    assert remaining_years([customer(0, 9_000)], DAY + 9_001, RULES) == MAX_YEARS


@pytest.mark.parametrize("mean_days", [100.0, 300.0])
def test_remaining_years_are_those_of_exponential_lifetimes(mean_days: float) -> None:
    """Weekly buyers, watched for 600 days; who has been silent for less than 70 still counts."""
    draw, shop = np.random.default_rng(6), []
    for _ in range(800):
        began = int(draw.integers(0, 500))
        until = min(600, began + draw.exponential(mean_days))
        shop.append(customer(*range(began, max(began + 1, int(until)), 7)))
    told_days = 365 * remaining_years(shop, DAY + 600, RULES)
    assert told_days == pytest.approx(mean_days, rel=0.25)


def test_tiers_have_the_asked_for_shares_of_the_sample() -> None:
    shop, at_day = crowd(), DAY + 203
    _, tiers = bands_and_tiers(shop, at_day, GROCERY, 6.3, RiskModels(), VALUE)
    value, counts = VALUE._replace(tiers=tiers), dict.fromkeys(("low", "medium", "high"), 0)
    for each in shop:
        stake = stake_of(each, at_day, GROCERY, 6.3, RiskModels(), value)
        assert stake is not None
        counts[tier_of(stake, value, None)] += 1
    assert counts["high"] == pytest.approx(50, abs=2)
    assert counts["medium"] == pytest.approx(200, abs=2)


@pytest.mark.parametrize(("high", "medium"), [(0.3, 0.3), (0.01, 0.9), (0.002, 0.001)])
def test_other_shares_make_other_tiers(high: float, medium: float) -> None:
    policy = policy_from_preset("grocery", outlook={"high_share": high, "medium_share": medium})
    shop, at_day = crowd(), DAY + 203
    _, (medium_from, high_from) = bands_and_tiers(shop, at_day, policy, 6.3, RiskModels(), VALUE)
    worth = [
        stake.lifetime_value_minor
        for each in shop
        if (stake := stake_of(each, at_day, policy, 6.3, RiskModels(), VALUE))
    ]
    assert sum(each >= high_from for each in worth) == pytest.approx(max(1, 500 * high), abs=2)
    both = 500 * (high + medium)
    assert sum(each >= medium_from for each in worth) == pytest.approx(max(1, both), abs=2)


def test_each_state_that_somebody_is_in_has_a_band_of_its_mean_risk_and_highest_stakes() -> None:
    shop, at_day = crowd(), DAY + 203
    bands, _ = bands_and_tiers(shop, at_day, GROCERY, 6.3, RiskModels(), VALUE)
    assert [each.lifecycle for each in bands] == ["new", "active", "dormant", "churned"]
    assert sum(each.customers for each in bands) == len(shop)
    for band in bands:
        stakes = [
            stake
            for each in shop
            if lifecycle_at(each, at_day, RULES) == band.lifecycle
            and (stake := stake_of(each, at_day, GROCERY, 6.3, RiskModels(), VALUE))
        ]
        assert band.customers == len(stakes)
        assert band.base_rate == pytest.approx(sum(e.own_risk for e in stakes) / len(stakes))
        most = sum(each.at_stake_minor >= band.high_from_minor for each in stakes)
        assert most == pytest.approx(max(1, 0.1 * len(stakes)), abs=1.5)


def test_where_no_model_can_tell_there_is_no_band_and_everybody_of_worth_is_high() -> None:
    assert bands_and_tiers(crowd(20), DAY + 203, GROCERY, 6.3, RiskModels(), ValueModel()) == (
        (),
        (1, 1),
    )
    assert bands_and_tiers([], DAY, GROCERY, 6.3, RiskModels(), VALUE) == ((), (1, 1))
