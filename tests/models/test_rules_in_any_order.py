"""Rule segments do not depend on how events arrived, under which id, or how a state was kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from models.alerts import changes_in
from models.calendar import day_of
from models.codec import decode_state, encode_state
from models.customer import CustomerState
from models.events import Merge, Read, Refund, Transfer
from models.identity import meet
from models.policy import Policy
from models.rulebook import Seen
from models.step import advance
from tests.models.by_hand import POLICIES, SETTLES_SOON, by_hand
from tests.models.shoppers import moves_of, replayed, share_of_examples, shoppers
from tests.support.histories import WINDOW_HOURS, told_until, with_ticks
from tests.support.story import CUSTOMER, DAY_MS, EPOCH, HOUR_MS, Told, apart_from_arrival

CARD = "card"
policies = st.sampled_from(POLICIES)


def without_looking_ahead(state: CustomerState) -> CustomerState:
    """A deadline that changes nothing may be set or not, by when rules were last asked, and how."""
    return apart_from_arrival(state)._replace(rules_ms=None, rules_seen=Seen())


def is_by_hand(state: CustomerState, events: Sequence[Read], at_ms: int, policy: Policy) -> None:
    now = by_hand(events, state, day_of(at_ms, policy.timezone), policy)
    assert set(state.rules) ^ set(now) == set()


@share_of_examples(4)
@given(st.data(), shoppers(within_hours=WINDOW_HOURS), policies, st.integers(0, 400))
def test_the_order_of_arrival_does_not_matter_for_who_is_where(
    data: st.DataObject, events: list[Read], policy: Policy, days_later: int
) -> None:
    until_ms = events[-1].at_ms + days_later * DAY_MS
    shuffled = data.draw(with_ticks(data.draw(st.permutations(events))))
    told = told_until(shuffled, until_ms, policy)
    ordered = told_until(events, until_ms, policy)
    assert without_looking_ahead(told.customer) == without_looking_ahead(ordered.customer)
    assert replayed(told.effects) == told.customer.rules
    moments = [at_ms for at_ms, _, _ in moves_of(told.effects)]
    assert moments == sorted(moments)
    is_by_hand(told.customer, events, until_ms, policy)


def merged(
    mine: Sequence[Read], others: Sequence[Read], at_ms: int, policy: Policy
) -> tuple[CustomerState, Told]:
    """The one who stays after the other id has become a name of theirs; and what they were before."""
    before = told_until(mine, at_ms, policy) if mine else Told(None, (), ())
    left = told_until(others, at_ms, policy).customer
    moment = EPOCH + timedelta(milliseconds=at_ms)
    asked = Read(Merge(customer_id=CARD, occurred_at=moment, into=CUSTOMER), "m", at_ms)
    gone = meet(CARD, left, asked, -1, at_ms, policy, None)
    assert replayed(changes_in(gone.effects), left.rules) == left.rules
    sent = gone.sent[0]
    assert sent.value is not None
    brought = Read(Transfer.model_validate_json(sent.value), sent.event_id, at_ms)
    met = meet(CUSTOMER, before.state, brought, -1, at_ms, policy, None)
    assert isinstance(met.held, CustomerState)
    assert replayed([*before.effects, *changes_in(met.effects)]) == met.held.rules
    return met.held, before


def dealt(data: st.DataObject, events: list[Read]) -> tuple[list[Read], list[Read]]:
    """Events dealt to two ids; the second has at least one."""
    sides = data.draw(st.integers(0, 2 ** len(events) - 2))
    mine = [each for place, each in enumerate(events) if sides >> place & 1]
    return mine, [each for place, each in enumerate(events) if not sides >> place & 1]


@share_of_examples(4)
@given(st.data(), shoppers(within_hours=WINDOW_HOURS), policies, st.integers(0, 400))
def test_two_ids_that_become_one_are_where_one_id_from_the_start_would_be(
    data: st.DataObject, events: list[Read], policy: Policy, days_later: int
) -> None:
    at_ms = events[-1].at_ms + HOUR_MS
    until_ms = at_ms + days_later * DAY_MS
    state, _ = merged(*dealt(data, events), at_ms, policy)
    is_by_hand(state, events, at_ms, policy)
    later, _ = advance(CUSTOMER, state, until_ms, policy, None)
    from_the_start = told_until(events, until_ms, policy).customer
    united = without_looking_ahead(later)._replace(names={})
    assert united == without_looking_ahead(from_the_start)


@share_of_examples(4)
@given(st.data(), shoppers(), st.integers(0, 400))
def test_what_was_settled_of_two_ids_adds_up_day_by_day_as_well(
    data: st.DataObject, events: list[Read], days_later: int
) -> None:
    kept = [each for each in events if not isinstance(each.event, Refund)] or events
    at_ms = kept[-1].at_ms + HOUR_MS
    until_ms = at_ms + days_later * DAY_MS
    state, _ = merged(*dealt(data, kept), at_ms, SETTLES_SOON)
    later, _ = advance(CUSTOMER, state, until_ms, SETTLES_SOON, None)
    is_by_hand(later, kept, until_ms, SETTLES_SOON)


@share_of_examples(3)
@given(st.data(), shoppers(), st.sampled_from((*POLICIES, SETTLES_SOON)), st.booleans())
def test_a_state_comes_back_from_bytes_as_it_was(
    data: st.DataObject, events: list[Read], policy: Policy, is_merged: bool
) -> None:
    at_ms = events[-1].at_ms + 20 * DAY_MS
    if is_merged:
        state, _ = merged(*dealt(data, events), at_ms, policy)
    else:
        state = told_until(events, at_ms, policy).customer
    packed = encode_state(state)
    again = decode_state(packed)
    assert again == state
    assert encode_state(again) == packed
    assert policy.rulebook.places(again, day_of(at_ms, policy.timezone), policy) == (
        policy.rulebook.places(state, day_of(at_ms, policy.timezone), policy)
    )
