"""Rule segments as time passes: every midnight they are what the events themselves say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from models.alerts import changes_in
from models.calendar import day_of, start_of_day_ms
from models.customer import CustomerState
from models.effects import PublishChange
from models.events import Read
from models.policy import Policy
from models.step import advance, step
from tests.models.by_hand import (
    POLICIES,
    RULES,
    SETTLES_SOON,
    ZONES,
    Seen,
    Story,
    alone,
    by_hand,
    segments_by_hand,
)
from tests.models.shoppers import moves_of, replayed, share_of_examples, shoppers
from tests.support.histories import WINDOW_HOURS
from tests.support.story import CUSTOMER, DAY_MS, tell

DAYS_ON = 450
policies = st.sampled_from(POLICIES)
in_order_policies = st.sampled_from((*POLICIES, SETTLES_SOON))


def live_a_year(events: list[Read], policy: Policy) -> None:
    """After the last event, by deadlines alone: compared with the events themselves each midnight."""
    told = tell(*events, policy=policy)
    state, whole = told.customer, list[PublishChange]()
    story, now_ms = Story(events, policy), events[-1].at_ms
    today = day_of(now_ms, policy.timezone)
    for day in range(today, today + DAYS_ON):
        now_ms = max(now_ms, start_of_day_ms(day, policy.timezone))
        before = state.rules
        state, fired = advance(CUSTOMER, state, now_ms, policy, None)
        whole += changes_in(fired)
        now = segments_by_hand(Seen(story, day, state.standing), policy.rulebook.names)
        assert set(state.rules) ^ set(now) == set(), day - today
        expected = [(now_ms, "segment.exited", name) for name in before if name not in now]
        expected += [(now_ms, "segment.entered", name) for name in now if name not in before]
        assert moves_of(changes_in(fired)) == expected
        assert state.rules == policy.rulebook.places(state, day, policy).segments
    assert replayed([*told.effects, *whole]) == state.rules
    at_once = advance(CUSTOMER, told.customer, now_ms, policy, None)
    assert at_once == (state, tuple(whole))


@share_of_examples(20)
@given(shoppers(), in_order_policies)
def test_every_midnight_of_the_following_year_segments_are_what_the_events_say(
    events: list[Read], policy: Policy
) -> None:
    live_a_year(events, policy)


# Among many rules the deadline of one is a chance for all the others: here none helps it.
@share_of_examples(1)
@given(shoppers(at_least=2), st.sampled_from(sorted(RULES)), st.sampled_from(ZONES))
def test_a_rule_that_stands_alone_keeps_its_own_time(
    events: list[Read], name: str, zone: str
) -> None:
    live_a_year(events, alone(name, zone))


@share_of_examples(3)
@given(shoppers(), in_order_policies)
def test_after_every_event_segments_are_what_the_events_so_far_say(
    events: list[Read], policy: Policy
) -> None:
    state: CustomerState | None = None
    effects: list[PublishChange] = []
    for number, read in enumerate(events):
        outcome = step(CUSTOMER, state, read, read.at_ms, policy, None)
        state = outcome.state
        assert state is not None
        effects += changes_in(outcome.effects)
        day = day_of(read.at_ms, policy.timezone)
        now = by_hand(events[: number + 1], state, day, policy)
        assert set(state.rules) ^ set(now) == set(), number
        assert replayed(effects) == state.rules
    moments = [at_ms for at_ms, _, _ in moves_of(effects)]
    assert moments == sorted(moments)


@share_of_examples(3)
@given(st.data(), shoppers(within_hours=WINDOW_HOURS), policies)
def test_the_clock_may_have_run_ahead_of_events_without_telling_anybody(
    data: st.DataObject, events: list[Read], policy: Policy
) -> None:
    state: CustomerState | None = None
    effects: list[PublishChange] = []
    clock_ms = day = 0
    for read in data.draw(st.permutations(events)):
        ahead_ms = data.draw(st.sampled_from((0, 0, 5, 31, 100))) * DAY_MS
        clock_ms = max(clock_ms, read.at_ms + ahead_ms)
        outcome = step(CUSTOMER, state, read, clock_ms, policy, None)
        state = outcome.state
        assert state is not None
        effects += changes_in(outcome.effects)
        day = day_of(clock_ms, policy.timezone)
        assert state.rules == policy.rulebook.places(state, day, policy).segments
    moments = [at_ms for at_ms, _, _ in moves_of(effects)]
    assert moments == sorted(moments)
    assert state is not None
    assert replayed(effects) == state.rules
    assert set(by_hand(events, state, day, policy)) ^ set(state.rules) == set()
