"""A customer as they stood: the same as if time had stopped there."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from models.calendar import day_of
from models.customer import CustomerState
from models.events import Read
from models.ledger import Ledger
from models.past import NotKept, as_it_stood, bought, kept_since_ms, risk_by_week
from models.policy import Policy, policy_from_preset
from models.step import populate
from tests.streams.drawn import populations
from tests.support.histories import crowded_histories, long_histories, policies, thoroughly
from tests.support.story import (
    CUSTOMER,
    DAY_MS,
    GROCERY,
    midnight,
    noon,
    profile,
    purchase,
    refund,
    tell,
    tick,
)

SHORT = policy_from_preset("grocery", time={"remembered_days": 20, "remembered_events": 6})
POPULATION = populations(5)


def now_of(events: list[Read], policy: Policy = GROCERY, later_ms: int = 40 * DAY_MS) -> Told:
    """A customer some time after all of it."""
    until_ms = max(each.at_ms for each in events) + later_ms
    return Told(tell(*events, tick(until_ms), policy=policy).customer, until_ms)


class Told:
    def __init__(self, state: CustomerState, until_ms: int) -> None:
        self.state, self.until_ms = state, until_ms


def then(state: CustomerState, at_ms: int, policy: Policy = GROCERY) -> CustomerState:
    return as_it_stood(state, at_ms, policy, None)


def stopped(events: list[Read], at_ms: int, policy: Policy) -> Ledger:
    """The ledger of somebody of whom nothing happened after a moment."""
    seen = [each for each in events if each.at_ms <= at_ms]
    return as_kept(tell(*seen, tick(at_ms), policy=policy).customer.current)


def as_kept(ledger: Ledger) -> Ledger:
    """Without the days that no window reaches any more: how many are left depends on the newest."""
    return ledger._replace(book=ledger.book.without_the_old())


moments = st.integers(0, 10**6)


def drawn_moment(told: Told, place: int) -> int:
    """Between the beginning of what is kept and now; often just at or beside an event."""
    since_ms = kept_since_ms(told.state)
    near = [each.at_ms + off for each in told.state.remembered for off in (-1, 0, 1)]
    spread = since_ms + place * (told.until_ms - since_ms) // 10**6
    kinds = [since_ms, spread, *near]
    at_ms = kinds[place % len(kinds)]
    assume(since_ms <= at_ms <= told.until_ms)
    return at_ms


@thoroughly
@given(events=crowded_histories(), policy=policies, place=moments)
def test_the_past_is_what_it_would_be_if_time_had_stopped_whatever_the_order_of_arrival(
    events: list[Read], policy: Policy, place: int
) -> None:
    told = now_of(events, policy)
    at_ms = drawn_moment(told, place)
    assert as_kept(then(told.state, at_ms, policy).current) == stopped(events, at_ms, policy)


@thoroughly
@given(events=long_histories(), short=st.booleans(), place=moments)
def test_the_past_is_right_as_far_back_as_it_is_said_to_be_kept(
    events: list[Read], short: bool, place: int
) -> None:
    policy = SHORT if short else GROCERY
    told = now_of(events, policy)
    at_ms = drawn_moment(told, place)
    assert as_kept(then(told.state, at_ms, policy).current) == stopped(events, at_ms, policy)


@settings(deadline=None)
@given(events=crowded_histories(at_most=10))
def test_at_the_moment_itself_nothing_is_different(events: list[Read]) -> None:
    told = now_of(events)
    again = then(told.state, told.until_ms)
    assert again.current == told.state.current
    assert (again.remembered, again.attributes) == (told.state.remembered, told.state.attributes)


@settings(deadline=None)
@given(events=long_histories(at_most=10))
def test_groups_are_those_that_this_population_would_have_put_them_into_that_day(
    events: list[Read],
) -> None:
    told = now_of(events)
    at_ms = max(kept_since_ms(told.state), told.until_ms - 30 * DAY_MS)
    seen = as_it_stood(told.state, at_ms, GROCERY, POPULATION)
    bare = then(told.state, at_ms)
    assert seen.groups == populate(CUSTOMER, bare, at_ms, GROCERY, POPULATION)[0].groups


def test_before_what_is_remembered_the_past_is_not_kept_and_that_moment_is_told() -> None:
    state = tell(purchase("e1", noon(0)), tick(noon(9))).customer
    assert kept_since_ms(state) == noon(0)
    with pytest.raises(NotKept) as raised:
        then(state, noon(0) - 1)
    assert raised.value.since_ms == noon(0)
    assert then(state, noon(0)).current.purchases == 1


def test_what_has_been_settled_is_the_past_that_is_not_kept() -> None:
    state = tell(*(purchase(f"e{day}", noon(day)) for day in (0, 15, 30)), policy=SHORT).customer
    assert kept_since_ms(state) == noon(0) + 1
    assert then(state, noon(0) + 1, SHORT).current.purchases == 1
    with pytest.raises(NotKept):
        then(state, noon(0), SHORT)


def test_a_return_that_was_settled_with_its_purchase_is_known_from_its_own_day_on() -> None:
    events = [
        purchase("e1", noon(0), order="o1"),
        purchase("e2", noon(5)),
        refund("r1", noon(15), order="o1"),
        purchase("e3", noon(21)),
    ]
    state = tell(*events, policy=SHORT).customer
    assert state.settled_through_ms == noon(0)
    assert kept_since_ms(state) == noon(15)
    assert then(state, noon(15), SHORT).current == stopped(events, noon(15), SHORT)


def test_what_came_later_is_not_told() -> None:
    events = [
        purchase("e1", noon(0), order="o1"),
        profile("p1", noon(1), tier="silver"),
        purchase("e2", noon(3)),
        refund("r1", noon(4), order="o1"),
        profile("p2", noon(5), region="north"),
    ]
    state = tell(*events, tick(noon(30))).customer
    seen = then(state, noon(3))
    assert (seen.current.purchases, seen.current.net_spend_minor) == (2, 2_000)
    assert list(seen.attributes) == ["tier"]
    assert (seen.groups, seen.contribution) == ({}, None)
    assert then(state, noon(4)).current.net_spend_minor == 1_000


def test_a_name_belongs_to_somebody_only_since_the_merge() -> None:
    state = tell(purchase("e1", noon(0)), tick(noon(9))).customer._replace(
        names={"c1": noon(2), "card": noon(5)}
    )
    assert list(then(state, noon(4)).names) == ["c1"]
    assert list(then(state, noon(5)).names) == ["c1", "card"]


def test_purchases_are_told_with_what_was_given_back() -> None:
    events = [
        purchase("e1", noon(0), 500, order="o1"),
        purchase("e2", noon(1), 700),
        refund("r1", noon(2), 200, order="o1"),
        refund("r2", noon(3), 50, order="of nobody"),
    ]
    told = bought(tell(*events).customer, GROCERY)
    assert [(each.is_purchase, each.spent_minor, each.refunded_minor) for each in told] == [
        (True, 500, 200),
        (True, 700, 0),
        (False, 0, 0),
        (False, 0, 50),
    ]


def test_the_risk_of_each_week_is_that_of_the_customer_as_they_stood_at_its_beginning() -> None:
    events = [purchase(f"e{day}", noon(day)) for day in (0, 4, 9, 30)]
    state = tell(*events, tick(noon(35))).customer
    weeks = list(risk_by_week(state, noon(35), GROCERY, POPULATION))
    first = day_of(midnight(0), GROCERY.timezone)
    assert [each.day - first for each in weeks] == [7, 14, 21, 28, 35]
    assert [each.silence_days for each in weeks] == [3, 5, 12, 19, 5]
    lifecycles = [then(state, midnight(day)).standing.lifecycle for day in (7, 14, 21, 28)]
    assert [each.lifecycle for each in weeks][:4] == lifecycles
    assert all(each.risk is not None and 0 <= each.risk <= 1 for each in weeks)
    rising = [each.own_risk or 0.0 for each in weeks]
    assert rising[1] < rising[2] < rising[3]
    assert rising[4] < rising[3]


def test_weeks_before_what_is_kept_or_before_the_first_purchase_are_left_out() -> None:
    state = tell(profile("p1", noon(0), a=1), purchase("e1", noon(20)), tick(noon(30))).customer
    weeks = list(risk_by_week(state, noon(30), GROCERY, None))
    assert [(each.silence_days, each.risk, each.own_risk) for each in weeks] == [
        (3, None, None),
        (10, None, None),
    ]
