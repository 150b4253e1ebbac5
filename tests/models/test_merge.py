"""Two identities turn out to be one person."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from models.customer import CustomerState
from models.events import Read
from models.merge import merged_states
from models.policy import Policy
from tests.support.histories import (
    crowded_histories,
    in_order,
    long_histories,
    policies,
    thoroughly,
    told_until,
)
from tests.support.story import (
    GROCERY,
    HOUR_MS,
    apart_from_arrival,
    noon,
    profile,
    purchase,
    refund,
    tell,
    tick,
    without_sequence,
)

some_hours = st.integers(0, 20_000)
some_years = long_histories(at_most=14)


def merged(*stories: list[Read], until_ms: int, policy: Policy) -> CustomerState:
    one, other = (told_until(events, until_ms, policy).customer for events in stories)
    return merged_states(one, other, until_ms, policy.lifecycle.prior_gap_days, policy)


@thoroughly
@given(st.data(), crowded_histories(at_least=2), policies, some_hours)
def test_merging_equals_one_identity_from_the_start(
    data: st.DataObject, events: list[Read], policy: Policy, more_hours: int
) -> None:
    cut = data.draw(st.integers(1, len(events) - 1))
    until_ms = max(e.at_ms for e in events) + more_hours * HOUR_MS
    state = merged(in_order(events[:cut]), in_order(events[cut:]), until_ms=until_ms, policy=policy)
    told = told_until(in_order(events), until_ms, policy)
    assert apart_from_arrival(state) == without_sequence(told)


@thoroughly
@given(some_years, some_years, policies, some_hours)
def test_merging_is_commutative(
    one: list[Read], other: list[Read], policy: Policy, more_hours: int
) -> None:
    renamed = [e._replace(event_id=f"other-{e.event_id}") for e in other]
    until_ms = max(one[-1].at_ms, other[-1].at_ms) + more_hours * HOUR_MS
    there = merged(one, renamed, until_ms=until_ms, policy=policy)
    back = merged(renamed, one, until_ms=until_ms, policy=policy)
    assert there == back


@thoroughly
@given(long_histories(), policies, some_hours)
def test_merging_with_an_empty_prospect_changes_nothing(
    events: list[Read], policy: Policy, more_hours: int
) -> None:
    until_ms = events[-1].at_ms + more_hours * HOUR_MS
    state = told_until(events, until_ms, policy).customer
    nobody = CustomerState(known_since_ms=until_ms)
    merged_with_nobody = merged_states(
        state, nobody, until_ms, policy.lifecycle.prior_gap_days, policy
    )
    assert merged_with_nobody == apart_from_arrival(state)._replace(sequence=state.sequence)


@thoroughly
@given(some_years, some_years, policies)
def test_money_adds_up_whatever_has_been_settled(
    one: list[Read], other: list[Read], policy: Policy
) -> None:
    renamed = [e._replace(event_id=f"other-{e.event_id}") for e in other]
    until_ms = max(one[-1].at_ms, other[-1].at_ms)
    both = merged(one, renamed, until_ms=until_ms, policy=policy).current
    a, b = (told_until(events, until_ms, policy).customer.current for events in (one, renamed))
    assert both.net_spend_minor == a.net_spend_minor + b.net_spend_minor


def test_an_event_that_both_know_counts_once() -> None:
    one = tell(purchase("p1", noon(0)), purchase("p2", noon(3))).customer
    other = tell(purchase("p2", noon(3)), purchase("p3", noon(9))).customer
    assert merged_states(one, other, noon(9), 6.3, GROCERY).current.purchases == 3


def test_an_event_that_both_know_counts_once_even_if_one_saw_it_returned() -> None:
    kept = tell(purchase("p1", noon(0), order="o1")).customer
    returned = tell(
        purchase("p1", noon(0), order="o1"), refund("r1", noon(2), 400, order="o1")
    ).customer
    both = merged_states(kept, returned, noon(2), 6.3, GROCERY).current
    assert (both.purchases, both.net_spend_minor) == (1, 600)


def test_refund_known_to_one_undoes_the_purchase_known_to_the_other() -> None:
    buyer = tell(purchase("p1", noon(0), order="o1")).customer
    returner = tell(refund("r1", noon(2), order="o1")).customer
    both = merged_states(buyer, returner, noon(2), 6.3, GROCERY)
    assert both.standing.lifecycle == "prospect"
    assert both.current.net_spend_minor == 0


def test_settled_years_are_added_and_the_later_buyer_sets_the_standing() -> None:
    old = tell(*(purchase(f"a{n}", noon(10 * n)) for n in range(10)), tick(noon(900))).customer
    new = tell(*(purchase(f"b{n}", noon(800 + 5 * n)) for n in range(20))).customer
    both = merged_states(old, new, noon(900), 6.3, GROCERY)
    assert both.current.purchases == 30
    assert both.current.purchase_days == 30
    assert both.current.first_purchase_ms == noon(0)
    assert both.current.last_purchase_ms == noon(895)
    assert both.standing.lifecycle == "active"


def test_attributes_are_merged_by_the_newest_write() -> None:
    one = tell(profile("x1", noon(1), tier="gold", city="Rome")).customer
    other = tell(profile("x2", noon(2), tier="silver")).customer
    both = merged_states(one, other, noon(2), 6.3, GROCERY)
    assert {name: a.value for name, a in both.attributes.items()} == {
        "city": "Rome",
        "tier": "silver",
    }
    assert both.known_since_ms == noon(1)
