"""Whatever is bought and whenever one looks: alerts are those that a slow, plain reading gives."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from models.alert_memory import MAX_OPEN
from models.alerts import AlertEffect, ClearAlert, Effect, RaiseAlert, alerts_in
from models.codec import decode_state, encode_state
from models.customer import CustomerState
from models.events import Read, Tick
from models.policy import Policy
from models.population import Population
from models.step import advance, instruct, populate, step
from tests.models.alert_reference import ByHand, as_by_hand
from tests.models.alert_shops import POLICIES, POPULATIONS, alerts_of, resolved
from tests.models.by_hand import Story
from tests.models.shoppers import share_of_examples
from tests.support.histories import crowded_histories, long_histories, purchases_of, with_ticks
from tests.support.story import CUSTOMER, DAY_MS, HOUR_MS, tell, tick

policies = st.sampled_from(POLICIES)
populations = st.sampled_from(POPULATIONS)
days_later = st.sampled_from((0, 8, 40, 150))
sprees = long_histories(at_most=8).map(purchases_of)


@share_of_examples(3)
@given(sprees, days_later, policies, populations)
def test_alerts_are_what_asking_every_rule_each_midnight_gives(
    purchases: list[Read], days: int, policy: Policy, population: Population
) -> None:
    until_ms = purchases[-1].at_ms + days * DAY_MS
    told = tell(*purchases, tick(until_ms), policy=policy, population=population)
    by_hand = ByHand(purchases, until_ms, policy, population).told
    assert sorted(as_by_hand(told.alerts), key=repr) == sorted(by_hand, key=repr)


@share_of_examples(3)
@given(st.data(), long_histories(at_most=8), days_later, policies, populations)
def test_it_does_not_matter_how_often_one_looks(
    data: st.DataObject, events: list[Read], days: int, policy: Policy, population: Population
) -> None:
    until_ms = events[-1].at_ms + days * DAY_MS
    every_ms = data.draw(st.sampled_from((DAY_MS, 7 * HOUR_MS, 40 * DAY_MS)))
    begins_ms = events[0].at_ms + data.draw(st.integers(0, 24)) * HOUR_MS
    looks = [tick(at_ms) for at_ms in range(begins_ms, until_ms, every_ms)]
    arrivals: list[Read | Tick] = [*events, *looks]
    arrivals.sort(key=lambda each: each.at_ms)
    watched = tell(*arrivals, tick(until_ms), policy=policy, population=population)
    at_once = tell(*events, tick(until_ms), policy=policy, population=population)
    assert watched.told == at_once.told
    assert watched.state == at_once.state


@share_of_examples(3)
@given(st.data(), crowded_histories(at_most=10), days_later, policies, populations)
def test_what_comes_twice_is_told_once(
    data: st.DataObject, events: list[Read], days: int, policy: Policy, population: Population
) -> None:
    until_ms = max(each.at_ms for each in events) + days * DAY_MS
    arrivals = data.draw(with_ticks(events))
    seen = [each for each in events if data.draw(st.booleans())]
    twice: list[Read | Tick] = []
    for each in arrivals:
        twice += [each, *(again for again in seen if again in twice)]
    told = tell(*twice, tick(until_ms), *seen, policy=policy, population=population)
    once = tell(*arrivals, tick(until_ms), policy=policy, population=population)
    assert told.told == once.told
    assert told.state == once.state


@share_of_examples(3)
@given(st.data(), crowded_histories(at_most=10) | long_histories(at_most=8), policies, populations)
def test_a_state_that_was_kept_as_bytes_in_between_goes_on_the_same(
    data: st.DataObject, events: list[Read], policy: Policy, population: Population
) -> None:
    last_ms = max(each.at_ms for each in events)
    arrivals = [*data.draw(with_ticks(events)), tick(last_ms + 40 * DAY_MS)]
    kept: CustomerState | None = None
    effects: list[Effect] = []
    clock_ms = 0
    for each in arrivals:
        clock_ms = max(clock_ms, each.at_ms)
        if isinstance(each, Read):
            outcome = step(CUSTOMER, kept, each, clock_ms, policy, population)
            kept, more = outcome.state, outcome.effects
        else:
            assert kept is not None
            kept, more = advance(CUSTOMER, kept, clock_ms, policy, population)
        effects += more
        assert kept is not None
        kept = decode_state(encode_state(kept))
    told = tell(*arrivals, policy=policy, population=population)
    assert (kept, tuple(effects)) == (told.state, told.told)


@share_of_examples(2)
@given(long_histories(at_most=12), policies, populations)
def test_an_outcome_is_what_the_events_themselves_add_up_to(
    events: list[Read], policy: Policy, population: Population
) -> None:
    until_ms = events[-1].at_ms + 400 * DAY_MS
    told = tell(*events, tick(until_ms), policy=policy, population=population)
    alerts = {each.alert_id: each for each in alerts_of(told)}
    assert sorted(each.alert_id for each in resolved(told)) == sorted(alerts)
    for end in resolved(told):
        alert = alerts[end.alert_id]
        days = range(alert.first_day, alert.first_day + alert.horizon_days)
        story = Story([each for each in events if each.at_ms <= end.at_ms], policy)
        bought = [each for each in story.sold if each.day in days]
        back_minor = sum(minor for day, minor in story.given_back if day in days)
        spent_minor = sum(each.event.amount_minor for each in bought) - back_minor
        assert end.returned_day == min((each.day for each in bought), default=None)
        assert end.purchase_days == len({each.day for each in bought})
        assert end.spent_minor == spent_minor


class Life:
    """A customer whose shop learns, and changes its rules, now and then; in whatever order it comes."""

    def __init__(self) -> None:
        self.policy, self.population = POLICIES[0], POPULATIONS[0]
        self.state: CustomerState | None = None
        self.told: list[Effect] = []
        self.clock_ms = 0

    def meet(self, arrival: Read | Tick | Policy | Population, number: int) -> None:
        effects: tuple[Effect, ...] = ()
        if isinstance(arrival, Policy):
            self.policy = arrival
        elif isinstance(arrival, Population):
            self.population = arrival._replace(as_of_day=arrival.as_of_day + number)
        else:
            self.clock_ms = max(self.clock_ms, arrival.at_ms)
        if isinstance(arrival, Read):
            outcome = step(
                *(CUSTOMER, self.state, arrival, self.clock_ms, self.policy, self.population)
            )
            self.state, effects = outcome.state, outcome.effects
        elif self.state is not None:
            self.state, effects = self._passed(self.state, arrival, number)
        self.told += effects

    def _passed(
        self, state: CustomerState, arrival: Tick | Policy | Population, number: int
    ) -> tuple[CustomerState, tuple[Effect, ...]]:
        now_ms, rules, known = self.clock_ms, self.policy, self.population
        if isinstance(arrival, Policy):
            return instruct(CUSTOMER, state, number, now_ms, rules, known)
        if isinstance(arrival, Population):
            return populate(CUSTOMER, state, now_ms, rules, known)
        return advance(CUSTOMER, state, now_ms, rules, known)


@st.composite
def lives(draw: st.DrawFn) -> list[Read | Tick | Policy | Population]:
    events = draw(crowded_histories(at_most=10) | long_histories(at_most=8))
    zone = draw(st.sampled_from(sorted({each.business.timezone for each in POLICIES})))
    rules = st.sampled_from([each for each in POLICIES if each.business.timezone == zone])
    arrivals: list[Read | Tick | Policy | Population] = [draw(rules)]
    for each in draw(with_ticks(events)):
        arrivals.append(each)
        arrivals += draw(st.lists(rules | populations, max_size=1))
        if draw(st.booleans()):
            arrivals.append(tick(each.at_ms + draw(st.integers(0, 60)) * DAY_MS))
    return arrivals


@share_of_examples(1)
@given(lives())
def test_whatever_comes_time_goes_on_and_every_alert_has_an_id_and_one_end(
    arrivals: Sequence[Read | Tick | Policy | Population],
) -> None:
    life = Life()
    for number, arrival in enumerate(arrivals):
        life.meet(arrival, number)
        if life.state is not None:
            due_ms = life.state.next_deadline_ms
            assert due_ms is None or due_ms > life.clock_ms
            assert len(life.state.alerts.open) <= MAX_OPEN
    life.meet(tick(life.clock_ms + 400 * DAY_MS), 0)
    assert [each.sequence for each in life.told] == list(range(1, len(life.told) + 1))
    ends_are_right(alerts_in(life.told))


def ends_are_right(alerts: Sequence[AlertEffect]) -> None:
    """Each alert is raised once, made void once at most, and resolved once, in that order."""
    raised: set[str] = set()
    void: set[str] = set()
    ended: set[str] = set()
    for each in alerts:
        if isinstance(each, RaiseAlert):
            assert each.alert_id not in raised
            raised.add(each.alert_id)
        elif isinstance(each, ClearAlert):
            assert each.alert_id in raised - void - ended
            void.add(each.alert_id)
        else:
            assert each.alert_id in raised - ended
            ended.add(each.alert_id)
    assert ended == raised
