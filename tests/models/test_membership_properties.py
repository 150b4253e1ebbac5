"""Whatever happens, and whichever populations come: ids, groups, contributions, frozen limits."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from models.alerts import Effect, changes_in
from models.behaviour import behaviour_of
from models.calendar import day_of, start_of_day_ms
from models.customer import CustomerState, told
from models.effects import EffectType, PublishChange, ids_of
from models.events import Read, Tick
from models.ledger import Ledger
from models.membership import rfm_of
from models.policy import Policy, policy_from_preset
from models.population import Distribution, Population
from models.rfm import scored
from models.step import advance, populate, step
from models.value_tiers import GRID, MEASURES, Spread
from tests.support.histories import (
    ZONES,
    crowded_histories,
    in_order,
    long_histories,
    purchases_of,
    thoroughly,
)
from tests.support.story import CUSTOMER, HOUR_MS, tell, tick

Arrival = Read | Tick | Population

SCHEMES = (["quintile"], ["quintile", "klaviyo", "braze", "china8"])
policies = st.sampled_from(
    [
        policy_from_preset(preset, business={"timezone": zone}, rfm={"published": schemes})
        for preset in ("grocery", "general")
        for zone in ZONES
        for schemes in SCHEMES
    ]
)
CUTS = [{"name": "some", "from": 0.01}, {"name": "none"}]
with_value_schemes = st.sampled_from(
    [
        policy_from_preset(
            "grocery",
            business={"timezone": zone},
            value={
                "all": {},
                "month": {"window_days": 30},
                "cuts": {"window_days": 90, "tiers": CUTS},
            },
        )
        for zone in ZONES
    ]
)


def population(version: int) -> Population:
    """The versions of a population that changes its mind, about the typical gap, too."""
    days, often, much = 1 + 3 * (version % 5), 1 + version % 3, 700 * (version % 4)
    return Population(
        version,
        as_of_day=730_000 + 7 * version,
        customers=5,
        since_day=720_000,
        closed_gaps=10_000,
        gap_days=10_000 * (2 + 11 * version % 37),
        recency=Distribution(days * 2.5, (days, 9), (days, 2 * days, 90), (days, 15, 40, 40)),
        frequency=Distribution(1.5, (1, 2), (1, often, often), (1, 1, often, 4)),
        monetary=Distribution(
            1_200.0, (much, 4_000), (500, 500, 2_000), (500, 1_000, 4_000, 9_000)
        ),
        values=tuple(
            Spread(MEASURES["spend", window], 5, tuple(much + each // 9 for each in GRID))
            for window in (0, 30)
        ),
    )


class Moment(NamedTuple):
    """A customer after an arrival, at the clock, with the population then in force."""

    state: CustomerState | None
    effects: tuple[PublishChange, ...]
    clock_ms: int
    population: Population | None


def lived(arrivals: Sequence[Arrival], policy: Policy) -> list[Moment]:
    """One customer's life; a population is in force from its arrival on."""
    moments: list[Moment] = []
    state, clock_ms, known = None, 0, None
    for arrival in arrivals:
        effects: tuple[Effect, ...] = ()
        if isinstance(arrival, Population):
            known = arrival
            if state is not None:
                state, effects = populate(CUSTOMER, state, clock_ms, policy, known)
        else:
            clock_ms = max(clock_ms, arrival.at_ms)
            if isinstance(arrival, Read):
                state, effects, *_ = step(CUSTOMER, state, arrival, clock_ms, policy, known)
            elif state is not None:
                state, effects = advance(CUSTOMER, state, clock_ms, policy, known)
        moments.append(Moment(state, changes_in(effects), clock_ms, known))
    return moments


@st.composite
def lives(draw: st.DrawFn) -> list[Arrival]:
    """Events in order over years, or in disorder within weeks; ticks, populations in between."""
    events = draw(long_histories(at_most=10) | crowded_histories(at_most=10))
    arrivals: list[Arrival] = [population(1)] if draw(st.booleans()) else []
    version = 1
    for event, what in zip(events, draw(st.binary(min_size=10, max_size=10)), strict=False):
        arrivals.append(event)
        if what % 2:
            arrivals.append(tick(event.at_ms + what // 8 * 60 * HOUR_MS // 4))
        if what % 8 > 4:
            version += 1
            arrivals.append(population(version))
    last_ms = max(each.at_ms for each in arrivals if not isinstance(each, Population))
    return [*arrivals, tick(last_ms + draw(st.sampled_from((0, 300, 5_000))) * HOUR_MS)]


@thoroughly
@given(lives(), policies)
def test_effects_have_ids_of_their_own_are_counted_and_tell_each_schemes_groups_without_a_gap(
    arrivals: list[Arrival], policy: Policy
) -> None:
    moments = lived(arrivals, policy)
    effects = [effect for moment in moments for effect in moment.effects]
    assert len({effect.effect_id for effect in effects}) == len(effects)
    assert [effect.sequence for effect in effects] == list(range(1, len(effects) + 1))
    groups: dict[str, object] = {}
    for effect in effects:
        assert (effect.type == EffectType.RFM_CHANGED) == bool(effect.scheme)
        if effect.scheme:
            assert effect.before != effect.after
            assert groups.get(effect.scheme) == effect.before
            groups[effect.scheme] = effect.after
    state = moments[-1].state
    assert state is not None
    assert {scheme: group for scheme, group in groups.items() if group is not None} == state.groups


@thoroughly
@given(lives(), policies)
def test_groups_are_those_of_the_moment_and_change_when_they_say_and_populations_move_only_them(
    arrivals: list[Arrival], policy: Policy
) -> None:
    moments = lived(arrivals, policy)
    for arrival, (before, now) in zip(arrivals[1:], pairwise(moments), strict=True):
        if isinstance(arrival, Population):
            assert apart_from_groups(now.state) == apart_from_groups(before.state)
    for state, _, clock_ms, known in moments:
        if state is None:
            continue
        assert state.next_deadline_ms is None or state.next_deadline_ms > clock_ms
        assert state.groups == groups_at(clock_ms, state, policy, known)
        if state.regroup_ms is not None:
            assert groups_at(state.regroup_ms - 1, state, policy, known) == state.groups
            assert groups_at(state.regroup_ms, state, policy, known) != state.groups
        elif known is not None and state.groups:
            assert groups_at(clock_ms + 10_000 * HOUR_MS, state, policy, known) == state.groups


def apart_from_groups(state: CustomerState | None) -> CustomerState | None:
    return state and state._replace(groups={}, regroup_ms=None, sequence=0)


def groups_at(
    at_ms: int, state: CustomerState, policy: Policy, known: Population | None
) -> dict[str, str]:
    """What the groups must be."""
    rfm = rfm_of(state.current, at_ms, policy)
    if rfm is None or known is None:
        return {}
    return {scheme: scored(scheme, rfm, known).group for scheme in policy.rfm.published}


@thoroughly
@given(lives(), policies)
def test_a_contribution_is_made_once_a_day_at_most_and_is_right_after_the_next_midnight(
    arrivals: list[Arrival], policy: Policy
) -> None:
    made_days = [0]
    state, today = None, 0
    moments = lived(arrivals, policy)
    for state, _, clock_ms, _ in moments:
        today = day_of(clock_ms, policy.timezone)
        contribution = state and state.contribution
        if contribution is not None and contribution.made_day != made_days[-1]:
            made_days.append(contribution.made_day)
        if contribution is not None:
            assert contribution.made_day <= today
        if state is not None and state.renew_ms is not None:
            assert state.renew_ms == start_of_day_ms(today + 1, policy.timezone)
        elif state is not None:
            assert contribution_of(state.current, policy) == substance_of(state)
    assert made_days == sorted(set(made_days))
    assert state is not None
    midnight_ms = start_of_day_ms(today + 1, policy.timezone)
    state, _ = advance(CUSTOMER, state, midnight_ms, policy, moments[-1].population)
    assert state.renew_ms is None
    assert contribution_of(state.current, policy) == substance_of(state)


def substance_of(state: CustomerState) -> tuple[object, ...] | None:
    return state.contribution and state.contribution.substance


def contribution_of(ledger: Ledger, policy: Policy) -> tuple[object, ...] | None:
    """What the ledger says: first and last day, purchase days, spend, behaviour."""
    if not ledger.purchases:
        return None
    assert ledger.first_purchase_ms is not None
    assert ledger.last_purchase_ms is not None
    first_day, last_day = (
        day_of(at_ms, policy.timezone)
        for at_ms in (ledger.first_purchase_ms, ledger.last_purchase_ms)
    )
    spend_minor = max(0, ledger.net_spend_minor)
    return first_day, last_day, ledger.purchase_days, spend_minor, behaviour_of(ledger)


@thoroughly
@given(
    st.data(),
    long_histories(at_most=10),
    policies | with_value_schemes,
    st.integers(0, 9),
    st.integers(0, 9_000),
)
def test_with_a_population_too_looking_in_between_changes_neither_state_nor_effects(
    data: st.DataObject, events: list[Read], policy: Policy, version: int, hours: int
) -> None:
    known, until_ms = population(version), events[-1].at_ms + hours * HOUR_MS
    looks = data.draw(st.binary(min_size=len(events), max_size=len(events)))
    watched: list[Read | Tick] = []
    for before, event, look in zip(events, events[1:], looks, strict=False):
        watched += [before, tick(max(before.at_ms, event.at_ms - look * HOUR_MS))]
    watched += [events[-1], tick(events[-1].at_ms + hours // 3 * HOUR_MS), tick(until_ms)]
    one = tell(*watched, policy=policy, population=known)
    other = tell(*events, tick(until_ms), policy=policy, population=known)
    assert one.state == other.state
    assert one.effects == other.effects


sprees = crowded_histories(at_least=4, at_most=10).map(purchases_of).filter(lambda e: len(e) > 1)


@thoroughly
@given(sprees, policies, st.integers(0, 2_000))
def test_a_late_purchase_retracts_what_was_published_and_is_false_under_the_limits_of_then(
    purchases: list[Read], policy: Policy, hours: int
) -> None:
    late, *others = purchases
    clock_ms = max(each.at_ms for each in purchases) + hours * HOUR_MS
    before = tell(*in_order(others), tick(clock_ms), policy=policy, population=population(1))
    published = [e.effect_id for e in before.effects if e.type is not EffectType.RFM_CHANGED]
    outcome = step(CUSTOMER, before.state, late, clock_ms, policy, population(3))
    assert outcome.state is not None
    _, true = told(Ledger(), outcome.state.remembered, clock_ms, policy)
    true_ids = {id_ for transition in true for id_ in ids_of(CUSTOMER, transition)}
    retracted = [id_ for effect in changes_in(outcome.effects) for id_ in effect.retracts]
    assert retracted == [id_ for id_ in published if id_ not in true_ids]
