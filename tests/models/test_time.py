"""Time passing: deadlines fire once, in order, stamped with themselves, whenever one looks."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from models.alerts import changes_in
from models.calendar import day_of, start_of_day_ms
from models.customer import CustomerState, matched
from models.effects import PublishChange, Why
from models.events import Profile, Purchase, Read
from models.ledger import Standing
from models.lifecycle import SILENT, TRANSITIONS, State, Trigger
from models.policy import Policy
from models.step import advance
from tests.support.histories import (
    crowded_histories,
    in_order,
    long_histories,
    policies,
    thoroughly,
    told_until,
    with_ticks,
)
from tests.support.story import CUSTOMER, HOUR_MS, tell

some_hours = st.integers(0, 20_000)


@thoroughly
@given(crowded_histories(), policies, some_hours, some_hours)
def test_advancing_in_two_steps_is_advancing_in_one(
    events: list[Read], policy: Policy, first_hours: int, more_hours: int
) -> None:
    told = tell(*in_order(events), policy=policy)
    first_ms = max(e.at_ms for e in events) + first_hours * HOUR_MS
    last_ms = first_ms + more_hours * HOUR_MS
    half_way, early = advance(CUSTOMER, told.customer, first_ms, policy, None)
    in_two, late = advance(CUSTOMER, half_way, last_ms, policy, None)
    in_one, all_at_once = advance(CUSTOMER, told.customer, last_ms, policy, None)
    assert (in_two, (*early, *late)) == (in_one, all_at_once)
    assert advance(CUSTOMER, in_one, last_ms, policy, None) == (in_one, ())
    assert advance(CUSTOMER, in_one, first_ms, policy, None) == (in_one, ())
    _fired_in_order(changes_in(all_at_once), in_one, last_ms, policy)


def _fired_in_order(
    fired: Sequence[PublishChange], state: CustomerState, clock_ms: int, policy: Policy
) -> None:
    """Each effect of a deadline stands on a midnight of the shop; the next one is in the future."""
    times = [effect.cause.at_ms for effect in fired]
    assert times == sorted(times)
    assert all(at_ms <= clock_ms for at_ms in times)
    for at_ms in times:
        assert start_of_day_ms(day_of(at_ms, policy.timezone), policy.timezone) == at_ms
    assert all(effect.cause.why in (Why.SILENCE, Why.TENURE) for effect in fired)
    assert state.next_deadline_ms is None or state.next_deadline_ms > clock_ms


@thoroughly
@given(st.data(), long_histories(), policies, some_hours)
def test_looking_in_between_changes_neither_the_state_nor_the_effects(
    data: st.DataObject, events: list[Read], policy: Policy, more_hours: int
) -> None:
    until_ms = events[-1].at_ms + more_hours * HOUR_MS
    watched = told_until(data.draw(with_ticks(events)), until_ms, policy)
    unwatched = told_until(events, until_ms, policy)
    assert watched.state == unwatched.state
    assert watched.effects == unwatched.effects


@thoroughly
@given(crowded_histories(), policies, some_hours)
def test_silence_beyond_the_frozen_limits_is_what_dormant_and_churned_mean(
    events: list[Read], policy: Policy, more_hours: int
) -> None:
    clock_ms = max(e.at_ms for e in events) + more_hours * HOUR_MS
    ledger = told_until(in_order(events), clock_ms, policy).customer.current
    lifecycle = ledger.standing.lifecycle
    if ledger.limits is None:
        assert lifecycle is State.PROSPECT
        assert ledger.purchase_days == 0
        return
    today = day_of(clock_ms, policy.timezone)
    silence_days = today - ledger.recent_days[-1]
    assert (lifecycle in SILENT) == (silence_days > ledger.limits.dormant_days)
    assert (lifecycle is State.CHURNED) == (silence_days > ledger.limits.churned_days)
    if lifecycle not in SILENT:
        assert ledger.standing.overdue == (silence_days > ledger.limits.overdue_days)
    if lifecycle is State.NEW:
        assert today <= ledger.new_until_day


@thoroughly
@given(long_histories(), policies, some_hours)
def test_states_change_only_along_the_table_and_are_counted_from_one(
    events: list[Read], policy: Policy, more_hours: int
) -> None:
    told = told_until(events, events[-1].at_ms + more_hours * HOUR_MS, policy)
    assert [e.sequence for e in told.effects] == list(range(1, len(told.effects) + 1))
    assert told.customer.sequence == len(told.effects)
    standing: Standing | str | None = None
    for effect in (e for e in told.effects if e.type == "lifecycle.changed"):
        assert effect.before == standing
        standing = effect.after
        before, after = effect.before, effect.after
        if isinstance(before, Standing) and isinstance(after, Standing):
            refunded = effect.cause.why is Why.REFUND
            assert refunded or _is_in_the_table(before.lifecycle, after.lifecycle)
    assert standing == told.customer.standing


def _is_in_the_table(before: State, after: State) -> bool:
    return any(TRANSITIONS.get((before, trigger)) is after for trigger in Trigger)


@thoroughly
@given(long_histories(returns=False), policies, some_hours)
def test_lifecycle_since_never_decreases_while_events_come_in_order(
    events: list[Read], policy: Policy, more_hours: int
) -> None:
    told = told_until(events, events[-1].at_ms + more_hours * HOUR_MS, policy)
    since = [e.since_ms for e in told.effects]
    assert since == sorted(since)
    assert told.customer.lifecycle_since_ms == since[-1]


@thoroughly
@given(long_histories(), policies, some_hours)
def test_effect_ids_are_unique_and_the_same_in_a_replay(
    events: list[Read], policy: Policy, more_hours: int
) -> None:
    until_ms = events[-1].at_ms + more_hours * HOUR_MS
    told = told_until(events, until_ms, policy)
    assert len(set(told.ids)) == len(told.ids)
    assert told_until(events, until_ms, policy).ids == told.ids


@thoroughly
@given(crowded_histories(), policies)
def test_sums_are_those_of_the_purchases_that_were_not_undone(
    events: list[Read], policy: Policy
) -> None:
    state = tell(*in_order(events), policy=policy).customer
    paid = sum(e.event.amount_minor for e in events if isinstance(e.event, Purchase))
    money = [e for e in events if not isinstance(e.event, Profile)]
    back = sum(getattr(e.event, "amount_minor", 0) for e in money) - paid
    assert state.current.net_spend_minor == paid - back
    kept = [e for e in matched(state.remembered, policy) if e.is_purchase and not e.undone]
    assert state.current.purchases == len(kept)
    assert list(state.current.recent_days) == sorted(
        {day_of(e.at_ms, policy.timezone) for e in kept}
    )
