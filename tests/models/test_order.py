"""The order of arrival does not matter: late events, duplicates, permutations."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from models.alerts import changes_in
from models.effects import EffectType, Why
from models.events import Read
from models.policy import Policy
from tests.support.histories import (
    WINDOW_MS,
    crowded_histories,
    in_order,
    long_histories,
    policies,
    purchases_of,
    thoroughly,
    told_until,
    with_ticks,
)
from tests.support.story import HOUR_MS, tick, without_sequence


@thoroughly
@given(st.data(), crowded_histories(), policies, st.integers(0, 400))
def test_every_order_of_arrival_gives_the_same_state(
    data: st.DataObject, events: list[Read], policy: Policy, days_later: int
) -> None:
    until_ms = max(each.at_ms for each in events) + days_later * 24 * HOUR_MS
    shuffled = data.draw(with_ticks(data.draw(st.permutations(events))))
    as_arrived = told_until(shuffled, until_ms, policy)
    as_happened = told_until(in_order(events), until_ms, policy)
    assert without_sequence(as_arrived) == without_sequence(as_happened)


@thoroughly
@given(st.data(), crowded_histories(), policies)
def test_no_effect_is_published_twice_under_one_id_in_any_order_of_arrival(
    data: st.DataObject, events: list[Read], policy: Policy
) -> None:
    shuffled = data.draw(with_ticks(data.draw(st.permutations(events))))
    ids = told_until(shuffled, max(each.at_ms for each in events), policy).ids
    assert len(set(ids)) == len(ids)


@thoroughly
@given(st.data(), long_histories(), policies)
def test_late_purchase_gives_the_state_that_order_would_have_given(
    data: st.DataObject, events: list[Read], policy: Policy
) -> None:
    before, late, rest = _with_a_late_purchase(data, events)
    arrivals = [*data.draw(with_ticks(before)), late, *rest]
    until_ms = events[-1].at_ms + data.draw(st.integers(0, 5_000)) * HOUR_MS
    as_arrived = told_until(arrivals, until_ms, policy)
    as_happened = told_until(in_order(events), until_ms, policy)
    assert without_sequence(as_arrived) == without_sequence(as_happened)


@thoroughly
@given(st.data(), long_histories(returns=False), policies)
def test_late_purchase_retracts_exactly_what_it_disproves(
    data: st.DataObject, events: list[Read], policy: Policy
) -> None:
    before, late, _ = _with_a_late_purchase(data, events)
    clock_ms = max(before[-1].at_ms, late.at_ms) + data.draw(st.integers(0, 2_000)) * HOUR_MS
    published = told_until(data.draw(with_ticks(before)), clock_ms, policy)
    told = told_until([*before, tick(clock_ms), late], clock_ms, policy)
    true = told_until(in_order([*before, late]), clock_ms, policy)
    false = tuple(each for each in published.ids if each not in true.ids)
    news = changes_in(told.outcomes[-1].effects)
    if not false:
        assert [e.retracts for e in news] == [()] * len(news)
        return
    correction, *others = (e for e in news if e.retracts)
    assert not others
    assert correction.retracts == false
    assert correction.cause.why is Why.LATE_PURCHASE
    assert correction.type is EffectType.LIFECYCLE_CHANGED


@thoroughly
@given(st.data(), long_histories(), policies)
def test_duplicates_change_nothing(data: st.DataObject, events: list[Read], policy: Policy) -> None:
    places = st.integers(0, len(events) - 1)
    again = data.draw(st.lists(st.tuples(places, places).map(sorted), max_size=12))
    arrivals: list[Read] = []
    for index, event in enumerate(events):
        copies = [events[copied] for copied, behind in again if behind == index]
        arrivals += [event, *(e for e in copies if e.at_ms >= event.at_ms - WINDOW_MS)]
    until_ms = events[-1].at_ms
    once, twice = told_until(events, until_ms, policy), told_until(arrivals, until_ms, policy)
    assert twice.state == once.state
    assert twice.effects == once.effects


def _with_a_late_purchase(
    data: st.DataObject, events: list[Read]
) -> tuple[list[Read], Read, list[Read]]:
    """Take one purchase out, and put it back behind events that are up to a window newer."""
    candidates = purchases_of(events[1:])
    assume(candidates)
    late = data.draw(st.sampled_from(candidates))
    index = events.index(late)
    newer = events[index + 1 :]
    near = sum(event.at_ms < late.at_ms + WINDOW_MS for event in newer)
    overtaken_by = data.draw(st.integers(0, near))
    return [*events[:index], *newer[:overtaken_by]], late, newer[overtaken_by:]
