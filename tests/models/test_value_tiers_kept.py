"""What value schemes leave in states, barriers and populations: bytes and back, and what is refused."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import msgpack
import pytest

from models.barrier import Barrier, CorruptBarrier, decode_barrier, encode_barrier
from models.codec import CorruptState, decode_held, decode_state, encode_state
from models.customer import CustomerState
from models.outlook import outlook
from models.policy import Policy, policy_from_preset
from models.population import (
    CorruptPopulation,
    Population,
    decode_population,
    encode_population,
    learned,
)
from models.sketch import Sketch, last_of_bin
from models.step import populate
from models.value_tiers import GRID, MEASURES, slot_of, spreads_of
from tests.support.shop import half_a_year
from tests.support.story import CUSTOMER, GROCERY, noon, purchase, tell, tick

DAY_0 = 738_886
BY_SHARE = policy_from_preset("grocery", value={"spend": {}, "month": {"window_days": 30}})
LIFETIME = MEASURES["lifetime_value", 0]
OF_LIFETIME = policy_from_preset(
    "grocery",
    value={
        "shares": {"measure": "lifetime_value"},
        "cuts": {
            "measure": "lifetime_value",
            "tiers": [{"name": "some", "from": 0.01}, {"name": "none"}],
        },
    },
)
WEEKLY = [purchase(f"p{week}", noon(7 * week), 2_500) for week in range(12)]


def bought(policy: Policy = BY_SHARE) -> CustomerState:
    return tell(purchase("p", noon(0), 12_345), policy=policy).customer


def counted(state: CustomerState) -> Sketch:
    sketch = Sketch()
    sketch.renew("c", None, state.contribution)
    return sketch


@cache
def population() -> Population:
    return learned(counted(bought()), 1, DAY_0 + 7)


@cache
def able_to_tell() -> Population:
    """One that can tell lifetime values; nobody was measured by them yet."""
    _, lesson = half_a_year()[-1]
    return learned(counted(bought(GROCERY)), 20, DAY_0)._replace(**lesson._asdict())


def test_a_state_comes_back_with_the_slots_it_counts_in() -> None:
    state = bought()
    assert decode_state(encode_state(state)) == state
    assert state.contribution is not None
    assert len(state.contribution.values) == 2


def with_contribution(state: CustomerState, change: Any) -> bytes:
    fields = msgpack.unpackb(encode_state(state), strict_map_key=False)
    assert isinstance(fields[10], list)
    fields[10] = change(fields[10])
    packed: bytes = msgpack.packb(fields)
    return packed


def test_a_contribution_from_before_there_were_value_schemes_is_read() -> None:
    packed = with_contribution(bought(GROCERY), lambda fields: fields[:7])
    assert decode_state(packed) == bought(GROCERY)
    assert decode_held(packed) == bought(GROCERY)


@pytest.mark.parametrize(
    "slots",
    [
        ["n"],
        ["v0a1b2c3d"],
        ["v0a1b2c3d:"],
        ["v0a1b2c3d:-1"],
        ["v0a1b2c3d:01"],
        ["v0a1b2c3d:99999"],
        ["v0A1B2C3D:1"],
        ["v0a1b2c3d:1", "v0a1b2c3d:2"],
        [f"v{n:08x}:1" for n in range(17)],
        ["v0a1b2c3d:1" + "0" * 99],
        [7],
        "v0a1b2c3d:1",
    ],
)
def test_slots_that_are_not_ours_are_refused_where_states_arrive(slots: object) -> None:
    packed = with_contribution(bought(), lambda fields: [*fields[:7], slots])
    with pytest.raises(CorruptState):
        decode_state(packed)


def test_a_barrier_brings_what_was_counted_and_one_that_can_not_be_is_refused() -> None:
    slots = counted(bought()).slots()
    barrier = Barrier(0, 1, DAY_0 + 7, slots)
    assert decode_barrier(encode_barrier(barrier)) == barrier
    measure = MEASURES["spend", 0]
    for slot, count in (
        (f"v{measure}:x", b"1"),
        (f"v{measure}:9999", b"1"),
        (f"v{measure}:1", b"-3"),
    ):
        wrong = barrier._replace(slots={**slots, slot: count})
        with pytest.raises(CorruptBarrier):
            decode_barrier(encode_barrier(wrong))


def test_a_measure_of_another_version_is_passed_over() -> None:
    assert spreads_of({"v0a1b2c3d:1": 5, "n": 5}) == ()


def test_a_population_comes_back_and_one_without_spreads_has_the_bytes_it_always_had() -> None:
    assert decode_population(encode_population(population())) == population()
    assert len(population().values) == 2
    plain = able_to_tell()
    assert b'"values"' not in encode_population(plain)
    assert decode_population(encode_population(plain)).values == ()


def test_a_population_with_every_measure_of_a_large_shop_is_small() -> None:
    counts = {
        slot_of(measure, 7 * worth**3): 1 for measure in MEASURES.values() for worth in range(400)
    }
    spreads = spreads_of(counts)
    assert len(spreads) == 9
    assert len(encode_population(population()._replace(values=spreads[:8]))) < 20_000


def _edges(edges: Any) -> Any:
    return [{"measure": "0a1b2c3d", "customers": 1, "edges": edges}]


@pytest.mark.parametrize(
    "values",
    [
        _edges([]),
        _edges([1] * (len(GRID) - 1)),
        _edges([*range(1, len(GRID)), 0]),
        _edges([-1] * len(GRID)),
        _edges([10**99] * len(GRID)),
        [*_edges([1] * len(GRID)), *_edges([1] * len(GRID))],
        [{"measure": f"{n}", "customers": 1, "edges": [1] * len(GRID)} for n in range(17)],
        [{"measure": "0a1b2c3d", "customers": -1, "edges": [1] * len(GRID)}],
        [{"measure": "0a1b2c3d", "customers": 1}],
    ],
)
def test_spreads_that_nothing_can_be_cut_by_are_refused(values: object) -> None:
    fields = json.loads(encode_population(population()))
    with pytest.raises(CorruptPopulation):
        decode_population(json.dumps({**fields, "values": values}).encode())


def test_lifetime_value_is_counted_once_a_population_can_tell_it_and_then_cut() -> None:
    early = tell(*WEEKLY, policy=OF_LIFETIME).customer
    assert early.contribution is not None
    assert (early.contribution.values, dict(early.groups)) == ((), {})
    told = tell(*WEEKLY, policy=OF_LIFETIME, population=able_to_tell()).customer
    found = outlook(told.current, DAY_0 + 77, OF_LIFETIME, able_to_tell())
    assert found is not None
    worth = int(found.stake.lifetime_value_minor)
    assert told.contribution is not None
    assert told.contribution.values == (slot_of(LIFETIME, worth),)
    assert "value.shares" not in told.groups
    assert told.groups["value.cuts"] == "some"
    next_one = able_to_tell()._replace(version=21, values=spreads_of(counted(told).counts))
    assert {*next_one.values[0].edges} == {last_of_bin(int(told.contribution.values[0][10:]))}
    measured, _ = populate(CUSTOMER, told, noon(77), OF_LIFETIME, next_one)
    assert measured.groups["value.shares"] == "worse"  # nobody is worth more than the only one


def test_lifetime_value_is_looked_at_when_the_value_tier_is() -> None:
    told = tell(*WEEKLY, policy=OF_LIFETIME, population=able_to_tell())
    plain = tell(*WEEKLY, population=able_to_tell())
    assert told.customer.regroup_ms == plain.customer.regroup_ms is not None
    assert {*told.customer.groups} - {*plain.customer.groups} == {"value.cuts"}
    later = tell(
        tick(noon(700)), policy=OF_LIFETIME, state=told.state, population=able_to_tell()
    ).customer
    assert later.regroup_ms is None


def test_without_value_schemes_nothing_is_counted_learned_or_looked_at() -> None:
    state = bought(GROCERY)
    assert state.contribution is not None
    assert state.contribution.values == ()
    assert not any(slot.startswith("v") for slot in counted(state).slots())
    assert learned(counted(state), 1, DAY_0 + 7).values == ()
