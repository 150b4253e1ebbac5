"""Movement: who entered and left which segment on which customer-day, and how it adds up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.alerts import Effect, changes_in
from models.calendar import day_of
from models.customer import CustomerState
from models.effects import Cause, EffectType, PublishChange, Why
from models.events import Read, Tick
from models.ledger import Standing
from models.lifecycle import State
from models.movement import KEPT_DAYS, Day, Flow, Movement, added_up, from_days
from models.policy import Policy
from models.population import Distribution, Population
from models.segments import places_of
from models.step import advance, populate, step
from tests.support.histories import (
    crowded_histories,
    long_histories,
    policies,
    thoroughly,
    with_ticks,
)
from tests.support.story import (
    CUSTOMER,
    DAY_MS,
    GROCERY,
    erasure,
    midnight,
    noon,
    profile,
    purchase,
    refund,
    tick,
)

Arrival = Read | Tick | Population
DAY_0 = day_of(noon(0), GROCERY.timezone)


class Moved(NamedTuple):
    """The movement of one customer's life, and where it has led."""

    movement: Movement
    places: Mapping[str, str]

    def day(self, number: int) -> Day:
        """Day 0 is 1 January 2024."""
        return self.movement.days[DAY_0 + number]

    def entered(self) -> dict[int, list[str]]:
        """Day → the segments that were entered on it."""
        days = sorted(self.movement.days.items())
        return {number - DAY_0: sorted(day.entered.elements()) for number, day in days}


def moved(
    arrivals: Iterable[Arrival], policy: Policy = GROCERY, movement: Movement | None = None
) -> Moved:
    """One customer's life, each arrival followed."""
    movement = Movement() if movement is None else movement
    state: CustomerState | None = None
    clock_ms, known = 0, None
    for arrival in arrivals:
        before, effects = state, tuple[Effect, ...]()
        if isinstance(arrival, Population):
            known = arrival
            if state is not None:
                state, effects = populate(CUSTOMER, state, clock_ms, policy, known)
        elif isinstance(arrival, Read):
            clock_ms = max(clock_ms, arrival.at_ms)
            state, effects, *_ = step(CUSTOMER, state, arrival, clock_ms, policy, known)
        else:
            clock_ms = max(clock_ms, arrival.at_ms)
            if state is not None:
                state, effects = advance(CUSTOMER, state, clock_ms, policy, known)
        movement.follow(
            where(before),
            changes_in(effects),
            where(state),
            day_of(clock_ms, policy.timezone),
            lambda at_ms: day_of(at_ms, policy.timezone),
        )
    return Moved(movement, where(state))


def where(state: CustomerState | None) -> Mapping[str, str]:
    return {} if state is None else places_of(state.standing, state.groups)


def population(version: int) -> Population:
    """The versions of a population that changes its mind."""
    days, often, much = 1 + 3 * (version % 5), 1 + version % 3, 700 * (version % 4)
    return Population(
        version,
        as_of_day=730_000 + 7 * version,
        customers=5,
        since_day=720_000,
        closed_gaps=10_000,
        gap_days=60_000,
        recency=Distribution(days * 2.5, (days, 9), (days, 2 * days, 90), (days, 15, 40, 40)),
        frequency=Distribution(1.5, (1, 2), (1, often, often), (1, 1, often, 4)),
        monetary=Distribution(1_200.0, (much, 4_000), (500, 500, 2_000), (1, 1_000, 4_000, 9_000)),
    )


def within_what_is_kept(life: Sequence[Read]) -> bool:
    """Whether no day of it is forgotten."""
    moments = [each.at_ms for each in life]
    return max(moments) - min(moments) < (KEPT_DAYS - 1) * DAY_MS


def remaining(days: Iterable[Day]) -> Counter[str]:
    """Entered less left, of each segment that anybody is left in."""
    total: Counter[str] = Counter()
    for day in days:
        total.update(day.entered)
        total.subtract(day.left)
    return Counter({name: count for name, count in total.items() if count})


def flown(days: Iterable[Day]) -> Counter[str]:
    """Into each lifecycle state less out of it."""
    total: Counter[str] = Counter()
    for day in days:
        for flow, count in day.flows.items():
            total[f"lifecycle/{flow.after}"] += count
            total[f"lifecycle/{flow.before}"] -= count
    del total["lifecycle/"]
    return Counter({name: count for name, count in total.items() if count})


def test_a_first_purchase_enters_new_from_nowhere() -> None:
    told = moved([purchase("p1", noon(0))])
    assert told.movement.days == {
        DAY_0: Day(Counter({"lifecycle/new": 1}), Counter(), Counter({Flow("", "new"): 1}))
    }
    assert told.places == {"lifecycle": "lifecycle/new"}


def test_deadlines_count_on_their_own_days_however_late_a_tick_finds_them() -> None:
    told = moved([purchase("p1", noon(0)), tick(noon(200))])
    assert told.entered() == {
        0: ["lifecycle/new"],
        13: ["flag/overdue"],
        26: ["lifecycle/dormant"],
        64: ["lifecycle/churned"],
    }
    assert told.day(26).left == {"lifecycle/new": 1, "flag/overdue": 1}
    assert told.day(64).flows == {Flow("dormant", "churned"): 1}


def test_a_first_purchase_that_the_clock_has_overtaken_counts_on_its_own_day() -> None:
    told = moved([tick(noon(40)), purchase("p1", noon(0))])
    assert told.entered()[0] == ["lifecycle/new"]
    assert told.entered()[26] == ["lifecycle/dormant"]


def test_a_late_purchase_that_disproves_a_silence_counts_on_the_day_by_the_clock() -> None:
    told = moved([purchase("p1", noon(0)), tick(noon(30)), purchase("late", noon(20))])
    assert told.entered() == {
        0: ["lifecycle/new"],
        13: ["flag/overdue"],
        26: ["lifecycle/dormant"],
        30: ["lifecycle/active"],
    }
    assert told.day(30).flows == {Flow("dormant", "active"): 1}


def test_groups_that_a_late_purchase_leads_to_count_on_the_day_by_the_clock() -> None:
    bought, late = purchase("p", noon(0)), purchase("late", noon(3))
    told = moved([population(1), bought, tick(noon(30)), late])
    entered = [(number, each) for number, names in told.entered().items() for each in names]
    assert [(number, each) for number, each in entered if each.startswith("rfm.")] == [
        (0, "rfm.quintile/new"),
        (5, "rfm.quintile/promising"),
        (30, "rfm.quintile/needs_attention"),
    ]


def test_a_return_and_a_profile_count_on_the_day_by_the_clock() -> None:
    told = moved([tick(noon(9)), profile("x", noon(2), city="Rome")])
    assert told.entered() == {9: ["lifecycle/prospect"]}
    returned = refund("r", noon(2), order="o")
    told = moved([purchase("p", noon(0), order="o"), tick(noon(9)), returned])
    assert told.day(9).flows == {Flow("new", "prospect"): 1}


def test_who_is_erased_leaves_every_segment_and_is_in_none() -> None:
    bought, erased = purchase("p1", noon(0)), erasure("e", noon(14))
    told = moved([population(1), bought, tick(midnight(13)), erased])
    assert told.places == {}
    assert told.day(14).left == {
        "lifecycle/new": 1,
        "flag/overdue": 1,
        "rfm.quintile/promising": 1,
    }
    assert told.day(14).flows == {Flow("new", ""): 1}
    assert remaining(told.movement.days.values()) == {}


def test_who_becomes_another_name_of_somebody_leaves_and_no_effect_needs_to_say_so() -> None:
    movement = Movement()
    merged = PublishChange(
        EffectType.CUSTOMER_MERGED,
        CUSTOMER,
        Cause.of_event("m", noon(3), Why.MERGED),
        before=Standing(State.ACTIVE, overdue=True),
        after=None,
        since_ms=noon(3),
        sequence=2,
        into="c2",
    )
    before = {"lifecycle": "lifecycle/active", "overdue": "flag/overdue", "risk": "risk/high"}
    movement.follow(before, [merged], {}, 5, lambda _: 3)
    assert movement.days == {
        5: Day(
            Counter(),
            Counter({"lifecycle/active": 1, "flag/overdue": 1, "risk/high": 1}),
            Counter({Flow("active", ""): 1}),
        )
    }


def test_who_comes_from_another_id_enters_what_no_effect_told_of() -> None:
    movement = Movement()
    movement.follow({}, [], {"lifecycle": "lifecycle/active", "tier": "tier/low"}, 5, lambda _: 3)
    assert movement.days[5].entered == {"lifecycle/active": 1, "tier/low": 1}


def test_a_group_that_is_left_for_none_is_left() -> None:
    movement = Movement()
    gone = PublishChange(
        EffectType.VALUE_TIER_CHANGED,
        CUSTOMER,
        Cause.of_crossing(noon(3)),
        before="high",
        after=None,
        since_ms=noon(3),
        sequence=2,
    )
    movement.follow({"tier": "tier/high"}, [gone], {}, 9, lambda _: 3)
    assert movement.days == {3: Day(Counter(), Counter({"tier/high": 1}), Counter())}


def test_a_win_back_counts_with_its_change_of_state_and_not_twice() -> None:
    told = moved([purchase("p1", noon(0)), tick(noon(30)), purchase("p2", noon(31))])
    assert told.day(31).entered == {"lifecycle/active": 1, "flag/won_back": 1}
    assert told.day(31).left == {"lifecycle/dormant": 1}


def test_nothing_that_happens_is_no_movement() -> None:
    movement = Movement()
    movement.follow({"lifecycle": "x/y"}, [], {"lifecycle": "x/y"}, 5, lambda _: 5)
    assert movement.days == {}
    assert movement.take_changes() == {}


@thoroughly
@given(
    life=(crowded_histories(at_most=10) | long_histories(at_most=6)).filter(within_what_is_kept),
    policy=policies,
    versions=st.lists(st.integers(1, 9), max_size=4),
)
def test_whatever_happens_what_entered_less_what_left_is_where_the_customer_is(
    life: list[Read], policy: Policy, versions: list[int]
) -> None:
    arrivals: list[Arrival] = []
    for number, event in enumerate(life):
        arrivals.append(event)
        arrivals += [population(each) for each in versions[number : number + 1]]
    told = moved(arrivals, policy)
    days = told.movement.days.values()
    assert remaining(days) == Counter(told.places.values())
    lifecycle = [each for each in told.places.values() if each.startswith("lifecycle/")]
    assert flown(days) == Counter(lifecycle)


@thoroughly
@given(data=st.data(), life=long_histories(returns=False, at_most=6), policy=policies)
def test_told_in_order_a_customer_is_in_a_segment_once_or_not_at_all_at_the_end_of_any_day(
    data: st.DataObject, life: list[Read], policy: Policy
) -> None:
    told = moved([population(3), *data.draw(with_ticks(life))], policy)
    sizes = Counter(told.places.values())
    for _, day in sorted(told.movement.days.items(), reverse=True):
        assert set(sizes.values()) <= {0, 1}
        sizes.subtract(day.entered)
        sizes.update(day.left)


def test_days_older_than_those_kept_are_forgotten_and_the_store_is_told() -> None:
    movement = Movement()
    moved([purchase("p1", noon(0))], movement=movement)
    assert list(movement.take_changes()) == [str(DAY_0)]
    moved([purchase("p1", noon(KEPT_DAYS - 1))], movement=movement)
    assert list(movement.take_changes()) == [str(DAY_0 + KEPT_DAYS - 1)]
    moved([purchase("p1", noon(KEPT_DAYS))], movement=movement)
    changes = movement.take_changes()
    assert changes[str(DAY_0)] is None
    assert sorted(movement.days) == [DAY_0 + KEPT_DAYS - 1, DAY_0 + KEPT_DAYS]


def test_what_happened_before_the_oldest_day_that_is_kept_counts_on_that_day() -> None:
    movement = Movement()
    moved([purchase("p1", noon(1_000))], movement=movement)
    moved([purchase("p1", noon(3))], movement=movement)
    assert set(movement.days) == {DAY_0 + 1_000, DAY_0 + 1_000 - KEPT_DAYS + 1}
    assert movement.days[DAY_0 + 1_000 - KEPT_DAYS + 1].entered == {"lifecycle/new": 1}


@thoroughly
@given(st.lists(st.integers(0, 3 * KEPT_DAYS), max_size=40))
def test_however_days_come_no_more_are_held_than_are_kept_and_the_bytes_say_the_same(
    days: Sequence[int],
) -> None:
    movement, written = Movement(), dict[str, bytes]()
    for day in days:
        movement.follow({}, [], {"tier": "tier/low"}, day, lambda _: 0)
        for name, packed in movement.take_changes().items():
            if packed is None:
                written.pop(name, None)
            else:
                written[name] = packed
    assert len(movement.days) <= KEPT_DAYS
    assert max(movement.days, default=0) - min(movement.days, default=0) < KEPT_DAYS
    assert from_days(written).days == movement.days
    if not any(day < max(days) - KEPT_DAYS for day in days):
        assert remaining(movement.days.values()) == Counter({"tier/low": len(days)} if days else {})


@pytest.mark.parametrize("kept_days", [1, 30, 400])
def test_changes_are_told_once_and_only_of_days_that_changed(kept_days: int) -> None:
    movement = from_days({str(day): EMPTY_DAY for day in range(kept_days)})
    assert movement.take_changes() == {}
    movement.follow({}, [], {"risk": "risk/low"}, 0, lambda _: 0)
    assert list(movement.take_changes()) == ["0"]
    assert movement.take_changes() == {}


EMPTY_DAY = b"\x93\x80\x80\x90"


def test_a_day_is_a_map_of_those_who_entered_one_of_those_who_left_and_its_flows() -> None:
    told = moved([purchase("p1", noon(0)), tick(midnight(64))])
    changes = told.movement.take_changes()
    assert changes[str(DAY_0 + 64)] == (
        b"\x93\x81\xb1lifecycle/churned\x01\x81\xb1lifecycle/dormant\x01\x91\x93\xa7dormant\xa7churned\x01"
    )
    assert from_days({day: packed for day, packed in changes.items() if packed}).days == (
        told.movement.days
    )


def test_the_same_moves_give_the_same_bytes_in_whatever_order_customers_come() -> None:
    lives: list[list[Arrival]] = [
        [purchase("p1", noon(0)), tick(noon(70))],
        [profile("x", noon(1), city="Rome"), purchase("p1", noon(5))],
        [population(1), purchase("p1", noon(3)), tick(noon(40))],
    ]
    one, other = Movement(), Movement()
    for life in lives:
        moved(life, movement=one)
    for life in reversed(lives):
        moved(life, movement=other)
    assert one.take_changes() == other.take_changes()


def test_the_days_of_several_partitions_add_up_and_theirs_stay_as_they_are() -> None:
    one, other = Movement(), Movement()
    moved([purchase("p1", noon(0))], movement=one)
    moved([purchase("p1", noon(0)), tick(midnight(13))], movement=other)
    total = added_up([one, other])
    assert total[DAY_0] == Day(
        Counter({"lifecycle/new": 2}), Counter(), Counter({Flow("", "new"): 2})
    )
    assert total[DAY_0 + 13].entered == {"flag/overdue": 1}
    assert one.days[DAY_0].entered == {"lifecycle/new": 1}
    assert added_up([]) == {}
