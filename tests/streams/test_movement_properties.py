"""Whatever a log says: members are those whose states say so, and movement adds up to them.

The fold is production's, over a store in memory; `tests/models/test_movement.py` has one customer.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from models.calendar import day_of
from models.codec import decode_held
from models.customer import CustomerState
from models.lifecycle import State
from models.movement import KEPT_DAYS, Movement, from_days
from models.segments import segments_of
from streams.store import Store, all_members
from tests.streams.drawn import cuts, finished, logs, populations
from tests.streams.logbook import (
    CUSTOMERS,
    DAY_MS,
    PARTITION,
    POLICY,
    START_MS,
    Logbook,
    contents,
    cut,
    fold_of,
    folded,
    memory,
)

thoroughly = settings(max_examples=400, deadline=None)
briefly = settings(max_examples=100, deadline=None)
EVERYBODY = 1_000


def within_what_is_kept(log: Logbook) -> bool:
    """Whether no day of it is forgotten; what happens first may lie some weeks back."""
    return log.records[-1].timestamp_ms < START_MS + (KEPT_DAYS - 60) * DAY_MS


short_logs = logs.filter(lambda log: bool(log.records) and within_what_is_kept(log))


class Town(NamedTuple):
    """What a store says of segments.

    Attributes:
        in_states: who is in which, as their states say.
        listed: who is listed by which; of those that anybody is in, or that anybody has moved in.
        movement: day by day.
    """

    in_states: dict[str, list[str]]
    listed: dict[str, list[str]]
    movement: Movement

    @property
    def sizes(self) -> Counter[str]:
        return Counter({name: len(ids) for name, ids in self.in_states.items()})


async def seen(store: Store) -> Town:
    held = (await store.load(PARTITION, CUSTOMERS)).states
    in_states: dict[str, list[str]] = {}
    for customer_id in sorted(held, key=str.encode):
        one = decode_held(held[customer_id])
        for name in segments_of(one) if isinstance(one, CustomerState) else ():
            in_states.setdefault(name, []).append(customer_id)
    movement = from_days(await store.movement(PARTITION))
    names = {name for day in movement.days.values() for name in (*day.entered, *day.left)}
    listed = {
        name: sorted(ids, key=str.encode)
        for name in names | in_states.keys()
        if (ids := await all_members(store, PARTITION, name))
    }
    return Town(in_states, listed, movement)


def remaining(movement: Movement) -> Counter[str]:
    """Entered less left over all days; all positive, or it is nobody's count."""
    total: Counter[str] = Counter()
    for day in movement.days.values():
        total.update(day.entered)
        total.subtract(day.left)
    return Counter({name: count for name, count in total.items() if count})


def flown(movement: Movement) -> dict[str, int]:
    """Into each lifecycle state less out of it."""
    total: Counter[str] = Counter()
    for day in movement.days.values():
        for flow, count in day.flows.items():
            total[flow.after] += count
            total[flow.before] -= count
    return {each.value: total[each.value] for each in State}


@thoroughly
@given(log=logs)
def test_members_are_those_whose_states_say_so(log: Logbook) -> None:
    town = finished(seen(finished(folded(log))))
    assert town.listed == town.in_states


@thoroughly
@given(log=short_logs)
def test_of_every_segment_what_entered_less_what_left_is_its_members_now(log: Logbook) -> None:
    town = finished(seen(finished(folded(log))))
    assert remaining(town.movement) == town.sizes


@thoroughly
@given(log=short_logs)
def test_flows_into_a_state_less_those_out_of_it_are_its_size(log: Logbook) -> None:
    town = finished(seen(finished(folded(log))))
    sizes = {each.value: town.sizes[f"lifecycle/{each.value}"] for each in State}
    assert flown(town.movement) == sizes


@thoroughly
@given(log=logs, lengths=cuts)
def test_however_a_log_is_cut_the_movement_has_the_same_bytes(
    log: Logbook, lengths: list[tuple[int, int]]
) -> None:
    async def in_batches() -> Store:
        store = memory()
        fold = fold_of(log, store)
        for batch in cut(log, lengths):
            assert await fold.handle(batch) is None
        return store

    found = finished(finished(in_batches()).movement(PARTITION))
    assert found == finished(finished(folded(log)).movement(PARTITION))


@briefly
@given(log=logs)
def test_no_more_days_are_held_than_are_kept(log: Logbook) -> None:
    days = [int(day) for day in finished(finished(folded(log)).movement(PARTITION))]
    assert len(days) <= KEPT_DAYS
    assert max(days, default=0) - min(days, default=0) < KEPT_DAYS


# Day by day, in order: nobody is late, and a population finds no deadline that has been passed.
_happenings = st.lists(
    st.tuples(
        st.sampled_from(("purchase",) * 6 + ("profile", "erasure", "merge", "population")),
        st.integers(0, len(CUSTOMERS) - 1),
        st.sampled_from((0, 0, 1, 5, 13, 26)),
        st.integers(0, 7),
    ),
    min_size=1,
    max_size=14,
)


def in_order(happenings: list[tuple[str, int, int, int]]) -> Logbook:
    """A log in which each day that anything happens on begins with a tick."""
    log, now_ms = Logbook(), START_MS
    for kind, who, days, choice in happenings:
        if days or not log.records:
            now_ms += days * DAY_MS
            log.tick(now_ms)
        match kind:
            case "purchase":
                log.purchase(CUSTOMERS[who], now_ms, amount_minor=500 * (choice + 1))
            case "population":
                log.population(populations(choice))
            case "merge":
                log.event(kind, CUSTOMERS[who], now_ms, into=CUSTOMERS[choice % len(CUSTOMERS)])
            case "profile":
                log.event(kind, CUSTOMERS[who], now_ms, attributes={"a": choice})
            case _:
                log.event(kind, CUSTOMERS[who], now_ms)
    return log


def until(log: Logbook, day: int) -> Logbook:
    """The log as it stood at the end of a day, the last tick included."""
    past = Logbook()
    past.bodies = log.bodies
    past.records = [each for each in log.records if _day(each.timestamp_ms) <= day]
    past.end = len(past.records)
    past.tick(START_MS + (day - _day(START_MS) + 1) * DAY_MS - 1)
    return past


def _day(at_ms: int) -> int:
    return day_of(at_ms, POLICY.timezone)


@briefly
@given(log=_happenings.map(in_order), back=st.integers(0, 60))
def test_told_in_order_sizes_of_a_past_day_are_those_of_a_log_that_ends_with_it(
    log: Logbook, back: int
) -> None:
    last = _day(log.records[-1].timestamp_ms)
    day = max(_day(START_MS), last - back)
    now, then = (finished(seen(finished(folded(each)))) for each in (log, until(log, day)))
    sizes = now.sizes
    for number, moved in now.movement.days.items():
        if number > day:
            sizes.subtract(moved.entered)
            sizes.update(moved.left)
    assert {name: size for name, size in sizes.items() if size} == then.sizes


def test_an_erasure_and_a_merge_take_all_they_name_out_of_every_segment() -> None:
    log = Logbook()
    gone, merged, stays, *_ = CUSTOMERS
    log.purchase(gone, START_MS)
    log.purchase(merged, START_MS)
    log.purchase(stays, START_MS)
    log.population(populations(3))
    log.event("erasure", gone, START_MS + DAY_MS)
    log.event("merge", merged, START_MS + DAY_MS, into=stays)
    town = finished(seen(finished(folded(log))))
    assert set(town.listed) >= {"lifecycle/new", "tier/medium", "cluster/3"}
    assert all(ids == [stays] for ids in town.listed.values())
    left = town.movement.days[_day(START_MS + DAY_MS)].left
    assert left["lifecycle/new"] == 2
    assert finished(contents(finished(folded(log)))).sizes == [0, 1, 0, 0, 0]
