"""Features: finite whatever the row, the same for learner and lookup, and each says what it says."""

from __future__ import annotations

from math import isfinite, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.churn_features import FEATURES, LONGEST_SURVIVAL, features
from models.sample import SampledCustomer, before

DAY = 738_886  # 2024-01-01
GAP_DAYS = 7.0
WEEKLY_DAYS = tuple(DAY + 7 * week for week in range(9))
WEEKLY = SampledCustomer(DAY, 9, 18_000, 7_000, 14_000, 700, WEEKLY_DAYS)
ONCE = SampledCustomer(DAY, 1, 2_000, 1_000, 2_000, 700, (DAY,))


def named(customer: SampledCustomer, at_day: int) -> dict[str, float]:
    return dict(zip(FEATURES, features(customer, at_day, GAP_DAYS), strict=True))


@st.composite
def rows(draw: st.DrawFn) -> SampledCustomer:
    """Any row that a sample may hold, also one whose newest days were taken out again."""
    days = tuple(sorted(draw(st.sets(st.integers(DAY, DAY + 4_000), min_size=1, max_size=9))))
    return SampledCustomer(
        first_day=days[0] - draw(st.integers(0, 4_000)),
        purchase_days=len(days) + draw(st.integers(0, 4_000)),
        spend_minor=draw(st.integers(0, 10**13)),
        decayed_milli=draw(st.integers(0, 10**7)),
        decayed_spend_minor=draw(st.integers(0, 10**13)),
        cadence_centidays=draw(st.integers(0, 400_000)),
        recent_days=days,
    )


@given(rows(), st.integers(-10, 5_000), st.floats(0.1, 1_000))
def test_every_row_has_twelve_finite_features(
    row: SampledCustomer, later_days: int, gap_days: float
) -> None:
    found = features(row, row.last_day + later_days, gap_days)
    assert len(found) == len(FEATURES) == 12
    assert all(type(each) is float and isfinite(each) for each in found)


@given(rows(), st.integers(1, 2_000))
def test_silence_makes_nobody_look_busier(row: SampledCustomer, days: int) -> None:
    earlier, later = named(row, row.last_day + days), named(row, row.last_day + days + 30)
    for name in ("silence_for_rhythm", "silence_of_regulars", "newest_gaps", "tenure"):
        assert later[name] >= earlier[name]
    for name in ("just_bought", "visits_lately", "visits_this_week"):
        assert later[name] < earlier[name]
    for name in ("cadence", "mean_spend", "total_spend", "rate_before", "unevenness"):
        assert later[name] == earlier[name]


def test_on_the_day_of_a_purchase_features_are_those_of_the_midnight_after() -> None:
    assert features(WEEKLY, WEEKLY.last_day, GAP_DAYS) == features(
        WEEKLY, WEEKLY.last_day + 1, GAP_DAYS
    )


def test_names_are_as_many_as_numbers_and_differ() -> None:
    assert len(set(FEATURES)) == len(features(ONCE, DAY + 1, GAP_DAYS))


def test_a_customer_at_their_own_rhythm_has_newest_gaps_equal_to_cadence() -> None:
    at_rhythm = named(WEEKLY, WEEKLY.last_day)  # a day of silence beside three gaps of a week
    assert at_rhythm["newest_gaps"] == pytest.approx(log((2 * 7 + 21 + 1) / 5 / 7))
    assert named(ONCE, DAY + 1)["newest_gaps"] == pytest.approx(log((2 * 7 + 1) / 2 / 7))


def test_the_survival_term_is_minus_the_log_of_a_pareto_tail() -> None:
    seen = named(WEEKLY, WEEKLY.last_day + 14)
    tail = (1 + 14 / (2 * GAP_DAYS + 56)) ** -(2 + 8)
    assert seen["silence_for_rhythm"] == pytest.approx(-log(tail))


def test_the_survival_term_ends_where_nobody_is_more_silent() -> None:
    assert named(WEEKLY, WEEKLY.last_day + 4_000)["silence_for_rhythm"] == LONGEST_SURVIVAL


def test_recent_visits_count_half_after_a_fortnight_and_after_a_week() -> None:
    seen = named(ONCE, DAY + 14)
    assert seen["visits_lately"] == pytest.approx(1 / 2)
    assert seen["visits_this_week"] == pytest.approx(1 / 4)


def test_the_same_silence_says_more_of_a_frequent_customer() -> None:
    frequent = WEEKLY._replace(first_day=WEEKLY.last_day - 56)
    rare = ONCE._replace(recent_days=(frequent.last_day,), first_day=frequent.last_day)
    at_day = frequent.last_day + 28
    assert named(frequent, at_day)["silence_for_rhythm"] > named(rare, at_day)["silence_for_rhythm"]


def test_even_gaps_are_less_uneven_than_uneven_ones() -> None:
    uneven = tuple(DAY + day for day in (0, 1, 2, 20, 21, 40, 41, 55, 56))
    at_day = WEEKLY.last_day + 1
    even_one, uneven_one = named(WEEKLY, at_day), named(WEEKLY._replace(recent_days=uneven), at_day)
    assert even_one["unevenness"] < uneven_one["unevenness"]


def test_mean_and_total_spend_differ_by_purchase_days() -> None:
    once, weekly = named(ONCE, DAY + 1), named(WEEKLY, WEEKLY.last_day + 1)
    assert once["mean_spend"] == once["total_spend"] == weekly["mean_spend"]
    assert weekly["total_spend"] == pytest.approx(log(181))


def test_a_row_put_back_in_time_has_the_features_it_had_then() -> None:
    """What the learner puts back in time looks like what a lookup had seen, within rounding."""
    then = before(WEEKLY, WEEKLY_DAYS[-1])
    assert then is not None
    direct = WEEKLY._replace(
        purchase_days=8,
        spend_minor=16_000,
        decayed_milli=then.decayed_milli,
        decayed_spend_minor=then.decayed_spend_minor,
        recent_days=WEEKLY_DAYS[:-1],
    )
    at_day = WEEKLY_DAYS[-1]
    assert features(then, at_day, GAP_DAYS) == features(direct, at_day, GAP_DAYS)
