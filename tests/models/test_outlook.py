"""The outlook, and the groups it puts customers into, by what a simulated shop has taught.

Everything is measured against the population that the shop of `tests/support/shop.py` teaches in half a year.
"""

from __future__ import annotations

from functools import cache
from math import ceil
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.alerts import changes_in
from models.calendar import day_of
from models.churn import RiskModels, band_of
from models.effects import EffectType
from models.ledger import Ledger
from models.membership import CLUSTER, REVIEW_CYCLES, RISK, TIER
from models.outlook import Outlook, customer_of, outlook, own_horizon_days, stake_of, tier_of
from models.policy import policy_from_preset
from models.population import Distribution, Population, prior_gap_days
from models.sample import SampledCustomer
from models.step import populate
from models.usual import lifecycle_at
from models.value import ValueModel, lifetime_value_minor
from tests.support.shop import epochs, half_a_year
from tests.support.story import (
    CUSTOMER,
    GROCERY,
    Told,
    midnight,
    noon,
    profile,
    purchase,
    refund,
    tell,
    tick,
)

DAY_0 = 738_886  # 2024-01-01
SHOP = Population(  # can tell nobody's future
    version=1,
    as_of_day=DAY_0,
    customers=100,
    since_day=DAY_0 - 90,
    closed_gaps=0,
    gap_days=0,
    recency=Distribution(33.4, (20, 60), (15, 30, 80), (10, 25, 50, 90)),
    frequency=Distribution(3.5, (2, 4), (1, 3, 5), (1, 2, 4, 8)),
    monetary=Distribution(
        9_000.0, (3_000, 8_000), (2_500, 5_000, 9_500), (2_000, 4_000, 6_000, 9_999)
    ),
)
WEEKLY = tuple(purchase(f"p{week}", noon(7 * week), 3_000) for week in range(12))  # last on day 77
EXPECTED = {
    EffectType.CLUSTER_CHANGED: CLUSTER,
    EffectType.VALUE_TIER_CHANGED: TIER,
    EffectType.RISK_CHANGED: RISK,
}


@cache
def learned() -> Population:
    """What the shop has taught; the churn model speaks for both horizons."""
    _, lesson = half_a_year()[-1]
    risk = lesson.risk._replace(common_source="model", own_source="model")
    return SHOP._replace(version=20, **{**lesson._asdict(), "risk": risk})


@cache
def by_bgnbd_alone() -> Population:
    population = learned()
    return population._replace(version=21, risk=RiskModels(bands=population.risk.bands))


def seen(ledger: Ledger, day: int, population: Population | None = None) -> Outlook:
    found = outlook(ledger, DAY_0 + day, GROCERY, population or learned())
    assert found is not None
    return found


def weekly() -> Ledger:
    return tell(*WEEKLY).customer.current


def test_a_prospect_has_no_outlook() -> None:
    for story in ([profile("x", noon(0))], [refund("r", noon(0), order="o")]):
        ledger = tell(*story).customer.current
        assert customer_of(ledger, GROCERY) is None
        assert outlook(ledger, DAY_0 + 5, GROCERY, learned()) is None


def test_who_has_returned_everything_is_a_prospect_again() -> None:
    story = purchase("p", noon(0), order="o"), refund("r", noon(2), order="o")
    assert outlook(tell(*story).customer.current, DAY_0 + 5, GROCERY, learned()) is None


def test_before_a_population_that_can_tell_nobody_has_an_outlook() -> None:
    assert outlook(weekly(), DAY_0 + 80, GROCERY, None) is None
    assert outlook(weekly(), DAY_0 + 80, GROCERY, SHOP) is None


@pytest.mark.parametrize(
    ("cadence_centidays", "days"), [(100, 14), (350, 14), (500, 20), (1_312, 52), (9_999, 56)]
)
def test_an_own_horizon_is_four_cycles_within_bounds(cadence_centidays: int, days: int) -> None:
    one = SampledCustomer(DAY_0, 1, 0, 1_000, 0, cadence_centidays, (DAY_0,))
    assert own_horizon_days(one, GROCERY.outlook.own_horizon) == days


@pytest.mark.parametrize("population", [learned, by_bgnbd_alone], ids=["model", "bgnbd"])
def test_risk_rises_with_silence_and_falls_right_after_a_purchase(population: Any) -> None:
    ledger, taught = weekly(), population()
    silent = [seen(ledger, day, taught) for day in (78, 85, 92, 106, 134)]
    for risks in ([each.risk for each in silent], [each.own_risk for each in silent]):
        assert risks == sorted(risks)
        assert risks[-1] > risks[0] + 0.3
        assert all(0 < each < 1 for each in risks)
    before = seen(ledger, 106, taught)
    back = tell(*WEEKLY, purchase("back", noon(106), 3_000)).customer.current
    after = seen(back, 106, taught)
    assert after.risk < before.risk - 0.1
    assert after.own_risk < before.own_risk
    assert after.expected_purchases > before.expected_purchases


def test_a_source_that_has_lost_its_level_does_not_speak() -> None:
    ledger, model, bgnbd = weekly(), seen(weekly(), 90), seen(weekly(), 90, by_bgnbd_alone())
    assert (model.source, model.own_source) == ("model", "model")
    assert (bgnbd.source, bgnbd.own_source) == ("bgnbd", "bgnbd")
    assert model.risk != bgnbd.risk
    mixed_risk = learned().risk._replace(common_source="bgnbd")
    mixed = seen(ledger, 90, learned()._replace(risk=mixed_risk))
    assert (mixed.risk, mixed.own_risk) == (bgnbd.risk, model.own_risk)


def test_the_parts_of_an_outlook_agree() -> None:
    found, value = seen(weekly(), 90), learned().value
    stays = 1 - found.own_risk
    worth = lifetime_value_minor(found.stake.usual_year_minor, stays, value)
    assert found.stake.lifetime_value_minor == worth
    assert found.stake.at_stake_minor == found.stake.usual_year_minor * found.own_risk
    assert found.discounted_value_minor < worth
    assert found.expected_purchases in {found.bgnbd_purchases, found.decayed_purchases}
    assert found.forecaster == value.forecaster
    assert (found.at_day, found.horizon_days) == (DAY_0 + 90, 28)
    assert found.own_horizon_days == 28  # four cycles of a week, near enough
    assert found.next_expected_day == DAY_0 + 77 + 7
    assert found.growth == "steady"
    assert found.expected_spend_minor == pytest.approx(3_000 * found.expected_purchases, rel=0.2)


def test_asked_about_the_past_it_tells_of_the_last_purchase() -> None:
    assert seen(weekly(), 3) == seen(weekly(), 77)


def test_a_long_silence_leaves_little_to_expect() -> None:
    soon, late = seen(weekly(), 80), seen(weekly(), 400)
    assert late.risk > 0.9
    assert late.expected_purchases < soon.expected_purchases / 5
    assert late.stake.lifetime_value_minor < soon.stake.lifetime_value_minor / 2


VALUE = ValueModel(tiers=(1_000, 10_000))


@pytest.mark.parametrize(
    ("worth", "current", "tier"),
    [
        (999, None, "low"),
        (1_000, None, "medium"),
        (9_999, None, "medium"),
        (10_000, None, "high"),
        (8_001, "high", "high"),
        (7_999, "high", "medium"),
        (9_500, "medium", "medium"),  # high is not eased for who is not in it
        (801, "medium", "medium"),
        (801, "high", "medium"),
        (799, "high", "low"),
        (950, "low", "low"),
    ],
)
def test_tiers_are_left_only_clearly_below(worth: float, current: str | None, tier: str) -> None:
    stake = seen(weekly(), 80).stake._replace(lifetime_value_minor=worth)
    assert tier_of(stake, VALUE, current) == tier
    assert tier_of(stake, VALUE, tier) == tier


def of_kind(told: Told, effect_type: EffectType) -> list[tuple[object, object, str, int]]:
    """Each change: from, to, why and when (event time)."""
    return [
        (each.before, each.after, each.cause.why.value, each.cause.at_ms)
        for each in told.effects
        if each.type == effect_type
    ]


def test_a_purchase_puts_a_customer_into_cluster_tier_and_band() -> None:
    told = tell(WEEKLY[0], population=learned())
    assert set(told.customer.groups) == {"quintile", CLUSTER, TIER, RISK}
    for effect_type, kind in EXPECTED.items():
        group = told.customer.groups[kind]
        assert of_kind(told, effect_type) == [(None, group, "purchase", noon(0))]
    assert [each.scheme for each in told.effects if each.type in EXPECTED] == ["", "", ""]
    assert [each.sequence for each in told.effects] == [1, 2, 3, 4, 5]
    assert len(set(told.ids)) == 5


def test_a_first_population_that_can_tell_tells_of_everybody() -> None:
    state = tell(*WEEKLY, population=SHOP).customer
    assert set(state.groups) == {"quintile"}
    after, effects = populate(CUSTOMER, state, noon(80), GROCERY, learned())
    assert {each.type for each in changes_in(effects)} == set(EXPECTED)
    assert {each.cause.why.value for each in changes_in(effects)} == {"population_updated"}
    assert after.current == state.current


def test_a_population_that_can_tell_no_more_leaves_nobody_in_a_tier() -> None:
    state = tell(*WEEKLY, population=learned()).customer
    after, effects = populate(CUSTOMER, state, noon(80), GROCERY, SHOP)
    assert set(after.groups) == {"quintile"}
    assert {each.after for each in changes_in(effects) if each.type in EXPECTED} == {None}


def test_a_full_return_of_everything_leaves_every_group() -> None:
    told = tell(
        purchase("p", noon(0), order="o"), refund("r", noon(2), order="o"), population=learned()
    )
    assert told.customer.groups == {}
    assert told.customer.next_deadline_ms is None
    for effect_type in EXPECTED:
        assert of_kind(told, effect_type)[-1][1:] == (None, "refund", noon(2))


def test_silence_makes_a_customer_one_at_risk_and_of_less_worth() -> None:
    told = tell(*WEEKLY, tick(noon(500)), population=learned())
    tiers = [after for _, after, why, _ in of_kind(told, EffectType.VALUE_TIER_CHANGED)]
    assert tiers[-1] == "low"
    risks = [after for _, after, _, _ in of_kind(told, EffectType.RISK_CHANGED)]
    assert {"elevated", "high"} & set(risks)
    assert len(set(told.ids)) == len(told.ids)


def review_days(ledger: Ledger) -> set[int]:
    """Customer-days at whose beginning a silence is looked at, since day 0."""
    last_day = ledger.recent_days[-1]
    return {last_day + ceil(each * ledger.cadence_days) - DAY_0 for each in REVIEW_CYCLES}


def read_again(told: Told, day: int, population: Population) -> dict[str, str]:
    """What a look-up at the beginning of a day says, given the groups until then."""
    ledger, groups = told.customer.current, told.customer.groups
    found = seen(ledger, day, population)
    usual = population.risk.band(ledger.standing.lifecycle.value)
    assert usual is not None
    stake = found.stake
    return {
        TIER: tier_of(stake, population.value, groups.get(TIER)),
        RISK: band_of(stake.own_risk, stake.at_stake_minor, usual, groups.get(RISK)),
    }


@pytest.mark.parametrize("population", [learned, by_bgnbd_alone], ids=["model", "bgnbd"])
def test_at_each_review_the_group_kept_is_what_a_look_up_then_says(population: Any) -> None:
    taught = population()
    told = tell(*WEEKLY, population=taught)
    reviews, reviewed = review_days(told.customer.current), set()
    for day in range(78, 78 + 150):
        due_ms, groups = told.customer.regroup_ms, dict(told.customer.groups)
        lifecycle = told.customer.standing.lifecycle
        told = tell(tick(midnight(day)), state=told.state, population=taught)
        assert {TIER: told.customer.groups[TIER], RISK: told.customer.groups[RISK]} == (
            read_again(told, day, taught)
            if due_ms == midnight(day) or told.customer.standing.lifecycle != lifecycle
            else {TIER: groups[TIER], RISK: groups[RISK]}
        )
        if due_ms == midnight(day):
            reviewed.add(day)
    assert reviews <= reviewed


def test_nothing_is_reviewed_where_nobody_can_tell() -> None:
    unpublished = policy_from_preset("grocery", rfm={"published": []})
    blind = tell(*WEEKLY, policy=unpublished, population=SHOP)
    assert blind.customer.regroup_ms is None
    seeing = tell(*WEEKLY, policy=unpublished, population=learned())
    first = min(review_days(seeing.customer.current))
    assert seeing.customer.regroup_ms == midnight(first)
    late = tell(tick(noon(77 + 200)), state=seeing.state, policy=unpublished, population=learned())
    assert late.customer.regroup_ms is None  # after twelve cycles silence tells nothing new


def test_when_a_lifecycle_state_begins_the_band_is_that_of_the_state() -> None:
    told = tell(*WEEKLY, population=learned())
    due_ms = told.customer.current.due_ms
    while told.customer.standing.lifecycle.value != "dormant":
        due_ms = told.customer.current.due_ms
        assert due_ms is not None
        told = tell(tick(due_ms), state=told.state, population=learned())
    assert due_ms is not None
    day = day_of(due_ms, GROCERY.timezone) - DAY_0
    assert told.customer.groups[RISK] == read_again(told, day, learned())[RISK]


def test_who_comes_into_a_state_with_a_band_from_one_without_is_put_into_it() -> None:
    """Nobody of the sample was new: of a new customer nobody can say what is usual."""
    risk = learned().risk
    banded = tuple(each for each in risk.bands if each.lifecycle != "new")
    few = learned()._replace(risk=risk._replace(bands=banded))
    told = tell(*WEEKLY[:2], population=few)
    assert told.customer.standing.lifecycle.value == "new"
    assert set(told.customer.groups) == {"quintile", CLUSTER, TIER}
    left_ms = told.customer.current.due_ms
    while told.customer.standing.lifecycle.value == "new":
        left_ms = told.customer.current.due_ms
        assert left_ms is not None
        told = tell(tick(left_ms), state=told.state, population=few)
    assert [each[3] for each in of_kind(told, EffectType.RISK_CHANGED)] == [left_ms]


def test_two_states_on_one_midnight_make_one_band_and_no_id_twice() -> None:
    limits = {"min_days": 28, "max_days": 28}
    at_once = policy_from_preset("grocery", lifecycle={"dormant": limits, "churned": limits})
    told = tell(*WEEKLY, tick(noon(300)), policy=at_once, population=learned())
    assert told.customer.standing.lifecycle.value == "churned"
    assert len(set(told.ids)) == len(told.ids)


stories = st.lists(
    st.tuples(st.sampled_from((0, 1, 3, 7, 20, 60)), st.sampled_from((0, 500, 3_000, 200_000))),
    min_size=1,
    max_size=8,
)


@settings(max_examples=100, deadline=None)
@given(stories, st.integers(0, 200), st.lists(st.integers(0, 2), max_size=4))
def test_to_populate_twice_is_to_populate_once(
    story: list[tuple[int, int]], silence: int, earlier: list[int]
) -> None:
    """Whoever the customer is, and whichever populations came before."""
    known = [learned(), by_bgnbd_alone(), SHOP]
    day, events = 0, []
    for number, (pause, amount_minor) in enumerate(story):
        day += pause
        events.append(purchase(f"p{number}", noon(day), amount_minor))
    at_ms = noon(day + silence)
    state = tell(*events, tick(at_ms), population=known[silence % 3]).customer
    for each in earlier:
        state, _ = populate(CUSTOMER, state, at_ms, GROCERY, known[each])
    for population in known:
        once, _ = populate(CUSTOMER, state, at_ms, GROCERY, population)
        assert populate(CUSTOMER, once, at_ms, GROCERY, population) == (once, ())
        expected = {CLUSTER, TIER, RISK} if population is not SHOP else set()
        assert set(once.groups) == {"quintile", *expected}


def test_the_sample_and_a_look_up_see_the_same_risk() -> None:
    """What was learned of the ones holds for the other: rows and ledgers give one stake."""
    ledger, population = weekly(), learned()
    row = customer_of(ledger, GROCERY)
    assert row is not None
    prior_days = prior_gap_days(GROCERY.lifecycle, population)
    for day in (78, 90, 130):
        at_day = DAY_0 + day
        stake = stake_of(row, at_day, GROCERY, prior_days, population.risk, population.value)
        assert stake == seen(ledger, day).stake
    told = tell(*WEEKLY, tick(noon(130)))
    assert lifecycle_at(row, DAY_0 + 130, GROCERY.lifecycle) is told.customer.standing.lifecycle


def test_tiers_and_bands_of_the_sample_have_the_asked_for_shares() -> None:
    epoch, population = epochs()[-1], learned()
    worth = []
    for row in epoch.sample_then().values():
        stake = stake_of(
            *(row, epoch.as_of_day, GROCERY, epoch.prior_days),
            half_a_year()[-1].lesson.risk,
            population.value,
        )
        assert stake is not None
        worth.append(tier_of(stake, population.value, None))
    assert worth.count("high") == pytest.approx(0.1 * len(worth), abs=2)
    assert worth.count("medium") == pytest.approx(0.4 * len(worth), abs=2)
