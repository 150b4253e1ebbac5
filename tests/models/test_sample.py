"""The sample: a row is what the ledger says, and told back to a day it is what the ledger said."""

from __future__ import annotations

from itertools import accumulate
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.calendar import start_of_day_ms
from models.ledger import Ledger
from models.policy import policy_from_preset
from models.sample import DAYS_SEEN, SampledCustomer, before, sampled

GROCERY = policy_from_preset("grocery")
DAY = 738_886  # 2024-01-01
HOUR_MS = 3_600_000


def ledger_of(purchases: list[tuple[int, int]], prior_days: float = 6.3) -> Ledger:
    """Purchases as (days since `DAY`, amount), ascending."""
    ledger = Ledger()
    for number, (day, amount_minor) in enumerate(purchases):
        at_ms = start_of_day_ms(DAY + day, GROCERY.timezone) + HOUR_MS
        ledger, _ = ledger.advance(at_ms, GROCERY)
        ledger, _ = ledger.buy(at_ms, amount_minor, number, prior_days, GROCERY)
    return ledger


def row_of(*days: int, amount_minor: int = 1_000) -> SampledCustomer:
    return sampled(ledger_of([(day, amount_minor) for day in days]), DAY + days[0])


# Ascending, several a day now and then, at most 170 days in all.
purchase_days = st.lists(st.integers(0, 17), min_size=1, max_size=10).map(
    lambda gaps: list(accumulate(gaps))
)
busy_days = st.lists(st.integers(0, 3), min_size=1, max_size=90).map(
    lambda gaps: list(accumulate(gaps))
)


def test_a_row_is_what_the_ledger_says() -> None:
    ledger = ledger_of([(0, 500), (0, 300), (56, 2_000)]).give_back(100, DAY + 56)
    assert sampled(ledger, DAY, (1, 2)) == SampledCustomer(
        first_day=DAY,
        purchase_days=2,
        spend_minor=2_700,
        decayed_milli=1_500,
        decayed_spend_minor=2_314,  # 2,400 × 2,700 ÷ 2,800
        cadence_centidays=2_287,  # (2 × 6.3 + 56) ÷ 3
        recent_days=(DAY, DAY + 56),
        behaviour=(1, 2),
    )


def test_more_given_back_than_spent_is_nothing_spent() -> None:
    assert sampled(ledger_of([(0, 500)]).give_back(900, DAY), DAY).spend_minor == 0


@given(busy_days)
def test_a_row_lists_the_newest_nine_days_and_counts_them_all(days: list[int]) -> None:
    row, distinct = row_of(*days), sorted(set(days))
    assert row.recent_days == tuple(DAY + day for day in distinct[-DAYS_SEEN:])
    assert (row.purchase_days, row.last_day) == (len(distinct), DAY + days[-1])


class Rounding(NamedTuple):
    """How far a row told back may be off: each day taken out rounds, and grows what was off."""

    decayed_milli: float = 0.5
    cadence_centidays: float = 0.5

    def without_last_day(self, gap_days: int, left: int) -> Rounding:
        return Rounding(
            self.decayed_milli * 2 ** (gap_days / 56) + 0.5,
            self.cadence_centidays * (2 + left) / (1 + left) + 0.5,
        )


@settings(max_examples=150, deadline=None)
@given(purchase_days, st.integers(0, 175))
def test_a_row_told_back_to_a_day_is_the_row_that_the_ledger_had(days: list[int], cut: int) -> None:
    distinct = sorted(set(days))
    earlier = [day for day in distinct if day < cut]
    row, then = row_of(*distinct), before(row_of(*distinct), DAY + cut)
    if then is None:
        assert len(distinct) - len(earlier) >= len(row.recent_days)
        return
    had, off = row_of(*earlier), Rounding()
    for left in range(len(distinct) - 1, len(earlier) - 1, -1):
        off = off.without_last_day(distinct[left] - distinct[left - 1], left)
    assert (then.first_day, then.purchase_days, then.spend_minor) == had[:3]
    assert then.recent_days == had.recent_days[-len(then.recent_days) :]
    assert then.decayed_milli == pytest.approx(had.decayed_milli, abs=off.decayed_milli + 0.5)
    assert then.decayed_spend_minor == pytest.approx(then.decayed_milli, abs=off.decayed_milli + 1)
    assert then.cadence_centidays == pytest.approx(
        had.cadence_centidays, abs=off.cadence_centidays + 0.5
    )


def test_whoever_comes_back_after_years_is_then_who_they_were() -> None:
    """Or what was known of them would tell that they are just back."""
    then, had = before(row_of(0, 7, 14, 15, 900), DAY + 900), row_of(0, 7, 14, 15)
    assert then is not None
    assert then.cadence_centidays == pytest.approx(had.cadence_centidays, abs=2)
    assert then.decayed_milli >= 1_000  # the last day counts in full, whatever was lost in rounding


@given(busy_days, st.integers(0, 300))
def test_who_bought_more_often_since_than_the_row_tells_is_left_out(
    days: list[int], cut: int
) -> None:
    row = row_of(*days)
    since = sum(day >= cut for day in set(days))
    then = before(row, DAY + cut)
    assert (then is None) == (since >= len(row.recent_days))
    assert then is None or then.purchase_days == row.purchase_days - since
    assert then is None or len(then.recent_days) == len(row.recent_days) - since


@given(busy_days, st.integers(1, 300), st.integers(0, 300))
def test_telling_back_in_two_steps_lists_the_same_days_as_in_one(
    days: list[int], late: int, earlier: int
) -> None:
    row = row_of(*days)
    at_once, halfway = before(row, DAY + min(late, earlier)), before(row, DAY + max(late, earlier))
    in_steps = None if halfway is None else before(halfway, DAY + min(late, earlier))
    assert (in_steps and (in_steps.purchase_days, in_steps.recent_days)) == (
        at_once and (at_once.purchase_days, at_once.recent_days)
    )


@pytest.mark.parametrize("later", [1, 2, 400])
def test_who_has_not_bought_since_stays_as_they_are(later: int) -> None:
    row = row_of(0, 3, 9)
    assert before(row, row.last_day + later) is row


def test_purchases_of_the_day_itself_are_left_out() -> None:
    then = before(row_of(0, 3, 9), DAY + 9)
    assert then is not None
    assert then.recent_days == (DAY, DAY + 3)


def test_what_was_spent_is_taken_out_at_the_mean_of_a_day() -> None:
    then = before(sampled(ledger_of([(0, 100), (3, 100), (9, 1_000)]), DAY), DAY + 9)
    assert then is not None
    assert then.spend_minor == 800


def test_a_gap_of_centuries_is_undone_to_something_finite() -> None:
    old = SampledCustomer(1, 3, 3_000, 1_000, 1_000, 24_628_000, (1, 8, DAY))
    then = before(old, DAY)
    assert then is not None
    assert (then.purchase_days, then.recent_days) == (2, (1, 8))
    assert 1_000 <= then.decayed_milli <= 2_000
    assert then.cadence_centidays >= 1
