"""The learner: the same populations in whatever order and however often the barriers come."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.barrier import SCHEMA_VERSION, Barrier, CorruptBarrier, decode_barrier, encode_barrier
from models.experience import Epoch, Experience, Lesson, studied
from models.learner import Learner, arrived, gave_up
from models.macro import Groups
from models.policy import policy_from_preset
from models.population import Population, learned, prior_gap_days
from models.sample import SampledCustomer
from models.sketch import UNKEYED, Contribution, Sketch, from_slots, grouped, merged
from tests.support.histories import thoroughly

MONDAY = 738_886  # 2024-01-01
POLICY = policy_from_preset(
    "general", outlook={"horizon_days": 14, "own_horizon": {"min_days": 7, "max_days": 21}}
)
WEEKS = [MONDAY + 7 * week for week in range(6)]


def sketch_of(partition: int, day: int) -> Sketch:
    """What a partition adds up to on a day: partition 0 has no customers in the first two weeks."""
    sketch = Sketch()
    if partition or day > WEEKS[1]:
        spend_minor = 100 * day + partition
        last_day, purchase_days = day - 1 - partition, 2 + partition
        behaviour = (700 * purchase_days, 3_000 - partition, 5_000, 0, 0, 0)
        one = Contribution(day, MONDAY - 40, last_day, purchase_days, spend_minor, behaviour)
        sketch.renew(str(partition), None, one)
    return sketch


def barrier(partition: int, day: int, partitions: int = 2) -> Barrier:
    return Barrier(partition, partitions, day, sketch_of(partition, day).slots())


def with_sample(barrier: Barrier) -> Barrier:
    """The same with its customer in the sample: models are fitted, and that takes its time."""
    partition, day = barrier.partition, barrier.as_of_day
    if not barrier.slots:
        return barrier
    last_day, spend_minor = day - 1 - partition, 100 * day + partition
    row = SampledCustomer(
        *(MONDAY - 40, 2 + partition, spend_minor, 1_500, spend_minor // 2, 2_000),
        recent_days=(MONDAY - 40, *range(last_day - partition, last_day + 1)),
        behaviour=(700 * (2 + partition), 3_000 - partition, 5_000, 0, 0, 0),
    )
    slot = f"h{UNKEYED.sampled(str(partition)):016x}"
    return barrier._replace(slots={**barrier.slots, slot: msgpack.packb(row)})


def told(
    barriers: Sequence[Barrier], learner: Learner | None = None
) -> tuple[Learner, list[Population]]:
    """Barriers in the order given, and every population that came of them."""
    learner = learner or Learner()
    populations: list[Population] = []
    for each in barriers:
        learner, found = arrived(learner, each, POLICY)
        populations += found
    return learner, populations


def expected(version: int, day: int, partitions: int = 2) -> Population:
    """What is counted of an epoch that every partition reached."""
    sketch = merged(sketch_of(partition, day) for partition in range(partitions))
    return learned(sketch, version, day)


def counted(populations: Sequence[Population]) -> list[Population]:
    """What was counted, without what experience taught."""
    nothing = {name: Population._field_defaults[name] for name in Lesson._fields}
    return [each._replace(**nothing) for each in populations]


def taught(epochs: Sequence[Sequence[Barrier]]) -> tuple[Experience, list[Population]]:
    """Experience and populations of epochs that every partition reached, one after another."""
    known, found = Experience(), []
    for version, barriers in enumerate(epochs, start=1):
        day, sketches = barriers[0].as_of_day, [from_slots(each.slots) for each in barriers]
        population = expected(version, day, len(barriers))
        groups, prior_days = (
            Groups(*grouped(sketches)),
            prior_gap_days(POLICY.lifecycle, population),
        )
        epoch = Epoch(
            version,
            day,
            merged(sketches).sample,
            groups,
            prior_days,
            population.since_day,
            complete=True,
        )
        known, lesson = studied(known, epoch, POLICY)
        found.append(population._replace(**lesson._asdict()))
    return known, found


def test_a_population_is_learned_when_the_last_partition_reaches_the_epochs_end() -> None:
    learner, populations = told([barrier(0, WEEKS[2], 3), barrier(2, WEEKS[2], 3)])
    assert populations == []
    assert (learner.version, learner.as_of_day, learner.awaited_day) == (0, 0, None)
    learner, populations = told([barrier(1, WEEKS[2], 3)], learner)
    assert counted(populations) == [expected(1, WEEKS[2], 3)]
    assert (learner.version, learner.as_of_day, learner.awaited_day) == (1, WEEKS[2], None)
    assert populations[0].customers == 3


def test_a_partition_that_is_ahead_waits_for_the_others_epoch_by_epoch() -> None:
    ahead = [barrier(0, day) for day in WEEKS]
    learner, populations = told(ahead)
    assert populations == []
    learner, populations = told([barrier(1, day) for day in WEEKS], learner)
    assert populations == taught([[barrier(0, day), barrier(1, day)] for day in WEEKS])[1]
    assert counted(populations) == [expected(1 + week, day) for week, day in enumerate(WEEKS)]
    assert sorted(learner.barriers) == [(0, WEEKS[-1]), (1, WEEKS[-1])]


Arrivals = tuple[int, list[set[int]], list[Barrier]]  # partitions, what each reached, barriers


@st.composite
def arrivals(draw: st.DrawFn) -> Arrivals:
    """Partitions that each reach some epochs; their barriers, mixed, with duplicates behind.

    Each partition's come in the order of their days, as its owner wrote them.
    """
    partitions = draw(st.integers(1, 3))
    reached = [
        {day for week, day in enumerate(WEEKS) if bits >> week & 1}
        for bits in draw(st.lists(st.integers(1, 63), min_size=partitions, max_size=partitions))
    ]
    waiting = [sorted(days) for days in reached]
    order: list[Barrier] = []
    for turn in draw(st.binary(min_size=40, max_size=40)):
        left = [partition for partition, days in enumerate(waiting) if days]
        if order and turn % 4 == 3:
            order.append(order[turn // 4 % len(order)])
        elif left:
            partition = left[turn // 4 % len(left)]
            order.append(barrier(partition, waiting[partition].pop(0), partitions))
    for partition, days in enumerate(waiting):
        order += [barrier(partition, day, partitions) for day in days]
    return partitions, reached, order


@thoroughly
@given(arrivals())
def test_every_epoch_that_all_have_reached_is_learned_once_in_any_order_of_arrival(
    drawn: Arrivals,
) -> None:
    partitions, reached, barriers = drawn
    learner, populations = told(barriers)
    days = [day for day in sorted(set.intersection(*reached)) if partitions > 1 or day > WEEKS[1]]
    epochs = [
        [barrier(partition, day, partitions) for partition in range(partitions)] for day in days
    ]
    assert (learner.experience, populations) == taught(epochs)
    assert learner.version == len(days)
    in_turn = [
        barrier(p, day, partitions) for p, all_days in enumerate(reached) for day in all_days
    ]
    assert learner == told(sorted(in_turn, key=lambda each: each.as_of_day))[0]
    assert told(barriers[::-1], learner) == (learner, [])  # all of them once more


@settings(thoroughly, max_examples=40)
@given(arrivals())
def test_what_is_learned_of_a_sample_is_the_same_in_any_order_of_arrival(drawn: Arrivals) -> None:
    partitions, reached, barriers = drawn
    learner, populations = told([with_sample(each) for each in barriers])
    days = [day for day in sorted(set.intersection(*reached)) if partitions > 1 or day > WEEKS[1]]
    epochs = [
        [with_sample(barrier(partition, day, partitions)) for partition in range(partitions)]
        for day in days
    ]
    assert (learner.experience, populations) == taught(epochs)


def test_a_sample_teaches_how_customers_buy_and_waits_to_be_told_who_comes_back() -> None:
    weeks = [with_sample(barrier(partition, day)) for day in WEEKS for partition in (0, 1)]
    learner, populations = told(weeks)
    assert populations[-1].value.purchases is not None
    assert populations[-1].risk.bands
    taken_days = {each.taken_day for each in learner.experience.waiting}
    assert taken_days == {*WEEKS[3:]}  # earlier ones are told: the longest horizon is 21 days
    assert {each.resolved_day for each in populations[-1].measured.risks} == {*WEEKS[4:]}


def test_an_epoch_that_a_partition_passed_over_is_learned_by_nobody() -> None:
    learner, populations = told(
        [
            *(barrier(0, WEEKS[2]), barrier(0, WEEKS[3])),
            *(barrier(1, WEEKS[3]), barrier(0, WEEKS[4]), barrier(1, WEEKS[4])),
        ]
    )
    assert counted(populations) == [expected(1, WEEKS[3]), expected(2, WEEKS[4])]
    assert told([barrier(1, WEEKS[2])], learner) == (learner, [])


def test_of_two_barriers_of_one_partition_and_epoch_the_first_one_counts() -> None:
    other = barrier(1, WEEKS[3])._replace(as_of_day=WEEKS[2], partition=0)
    learner, _ = told([barrier(0, WEEKS[2]), other])
    assert counted(told([barrier(1, WEEKS[2])], learner)[1]) == [expected(1, WEEKS[2])]


def test_a_barrier_of_an_epoch_that_is_done_waits_no_longer() -> None:
    learner, _ = told([barrier(0, WEEKS[2]), barrier(0, WEEKS[3]), barrier(1, WEEKS[3])])
    assert sorted(learner.barriers) == [(0, WEEKS[3]), (1, WEEKS[3])]


def test_while_nobody_ever_bought_nothing_is_learned_and_no_version_used() -> None:
    nobody = [Barrier(partition, 2, WEEKS[0], {}) for partition in (0, 1)]
    learner, populations = told(nobody)
    assert populations == []
    assert (learner.version, learner.as_of_day) == (0, WEEKS[0])
    learner, populations = told([barrier(0, WEEKS[1]), barrier(1, WEEKS[1])], learner)
    assert counted(populations) == [expected(1, WEEKS[1])]
    assert populations[0].customers == 1


def test_when_everybody_has_gone_nothing_is_learned_either() -> None:
    sketch = sketch_of(1, WEEKS[2])
    ((customers, behaviour),) = sketch.micro.groups
    one = Contribution(0, MONDAY - 40, WEEKS[2] - 2, 3, 100 * WEEKS[2] + 1, behaviour, slot=1)
    sketch.renew("1", one, None)
    gone = decode_barrier(encode_barrier(Barrier(0, 1, WEEKS[2], sketch.slots())))
    assert (customers, set(gone.slots)) == (1, {"q"})
    assert not any(sketch.micro.total.sums)
    assert told([gone]) == (Learner(0, WEEKS[2], {(0, WEEKS[2]): gone}), [])


def test_giving_up_takes_the_last_sketch_of_whoever_did_not_come_and_names_them() -> None:
    barriers = [barrier(partition, WEEKS[2], 3) for partition in range(3)]
    learner, _ = told([*barriers, barrier(0, WEEKS[3], 3)])
    assert learner.awaited_day == WEEKS[3]
    learner, populations = gave_up(learner, WEEKS[3], POLICY)
    last = merged([sketch_of(0, WEEKS[3]), sketch_of(1, WEEKS[2]), sketch_of(2, WEEKS[2])])
    assert counted(populations) == [learned(last, 2, WEEKS[3], (1, 2))]
    assert (learner.version, learner.as_of_day, learner.awaited_day) == (2, WEEKS[3], None)


def test_giving_up_takes_the_first_sketch_of_whoever_came_only_later() -> None:
    learner, _ = told([barrier(0, WEEKS[2]), barrier(1, WEEKS[3])])
    learner, populations = gave_up(learner, WEEKS[2], POLICY)
    mixed = merged([sketch_of(0, WEEKS[2]), sketch_of(1, WEEKS[3])])
    assert counted(populations) == [learned(mixed, 1, WEEKS[2], (1,))]
    learner, populations_after = told([barrier(0, WEEKS[3])], learner)
    assert counted(populations_after) == [expected(2, WEEKS[3])]


def test_nobody_gives_up_on_a_partition_that_has_never_come() -> None:
    learner, _ = told([barrier(0, WEEKS[2], 3), barrier(1, WEEKS[2], 3), barrier(0, WEEKS[3], 3)])
    assert learner.awaited_day is None
    assert gave_up(learner, WEEKS[2], POLICY) == (learner, ())
    learner, _ = told([barrier(2, WEEKS[1], 3)], learner)
    assert learner.awaited_day == WEEKS[3]
    assert gave_up(learner, WEEKS[3], POLICY)[1][0].stale_partitions == (1, 2)


@pytest.mark.parametrize("day", [0, WEEKS[1], WEEKS[2], WEEKS[4]])
def test_giving_up_on_an_epoch_that_is_done_or_unheard_of_changes_nothing(day: int) -> None:
    learner, _ = told([barrier(0, WEEKS[2]), barrier(1, WEEKS[2]), barrier(0, WEEKS[3])])
    assert gave_up(learner, day, POLICY) == (learner, ())


def test_giving_up_twice_is_giving_up_once() -> None:
    learner, _ = told([barrier(0, WEEKS[2]), barrier(1, WEEKS[2]), barrier(0, WEEKS[3])])
    learner, _ = gave_up(learner, WEEKS[3], POLICY)
    assert gave_up(learner, WEEKS[3], POLICY) == (learner, ())
    assert gave_up(Learner(), WEEKS[3], POLICY) == (Learner(), ())


def test_a_barrier_that_comes_after_its_epoch_is_done_is_the_partitions_last_one() -> None:
    learner, _ = told([barrier(0, WEEKS[2]), barrier(1, WEEKS[2]), barrier(0, WEEKS[3])])
    learner, _ = gave_up(learner, WEEKS[3], POLICY)
    learner, populations = told([barrier(1, WEEKS[3])], learner)
    assert populations == []
    assert sorted(learner.barriers) == [(0, WEEKS[3]), (1, WEEKS[3])]
    learner, _ = told([barrier(0, WEEKS[4])], learner)
    _, (population,) = gave_up(learner, WEEKS[4], POLICY)
    last = merged([sketch_of(0, WEEKS[4]), sketch_of(1, WEEKS[3])])
    assert counted([population]) == [learned(last, 3, WEEKS[4], (1,))]


def test_epochs_passed_over_by_giving_up_are_done_with() -> None:
    ahead = [barrier(0, day) for day in WEEKS[2:5]]
    learner, _ = told([barrier(1, WEEKS[1]), *ahead])
    assert learner.awaited_day == WEEKS[4]
    learner, populations = gave_up(learner, WEEKS[4], POLICY)
    assert [(each.version, each.stale_partitions) for each in populations] == [(1, (1,))]
    assert told([barrier(1, WEEKS[2]), barrier(1, WEEKS[3])], learner)[1] == []


@pytest.mark.parametrize("one", [barrier(0, WEEKS[0]), with_sample(barrier(1, WEEKS[4], 64))])
def test_a_barrier_comes_back_as_it_was(one: Barrier) -> None:
    packed = encode_barrier(one)
    assert decode_barrier(packed) == one
    shuffled = dict(reversed(list(one.slots.items())))
    assert encode_barrier(one._replace(slots=shuffled)) == packed


@pytest.mark.parametrize("schema", [0, SCHEMA_VERSION + 1, "1", None])
def test_another_schema_is_refused(schema: object) -> None:
    with pytest.raises(CorruptBarrier, match="a barrier has schema"):
        decode_barrier(msgpack.packb((schema, 0, 2, MONDAY, {})))


SLOTS = with_sample(barrier(1, WEEKS[2])).slots
(SAMPLED,) = (slot for slot in SLOTS if slot[0] == "h")
ROW = msgpack.unpackb(SLOTS[SAMPLED])


@pytest.mark.parametrize(
    "fields",
    [
        None,
        [],
        {},
        (SCHEMA_VERSION, 0, 2, MONDAY),
        (SCHEMA_VERSION, 0, 2, MONDAY, {}, None),
        (SCHEMA_VERSION, "0", 2, MONDAY, {}),
        (SCHEMA_VERSION, 0, None, MONDAY, {}),
        (SCHEMA_VERSION, 0, 2, 738_886.5, {}),
        (SCHEMA_VERSION, 0, 2, "2024-01-01", {}),
        (SCHEMA_VERSION, 0, 2, MONDAY, None),
        (SCHEMA_VERSION, 0, 2, MONDAY, [b"n"]),
        (SCHEMA_VERSION, 0, 2, MONDAY, {b"n": b"1"}),
        (SCHEMA_VERSION, 0, 2, MONDAY, {"n": b""}),
        (SCHEMA_VERSION, 0, 2, MONDAY, {"n": b"1.5"}),
        (SCHEMA_VERSION, 0, 2, MONDAY, {"n": None}),
        (SCHEMA_VERSION, 0, 2, MONDAY, {"n": float("inf")}),
        (SCHEMA_VERSION, 0, 2, MONDAY, {"hxyz": b"\x90"}),
        (SCHEMA_VERSION, 0, 2, MONDAY, {"h12": b"\xc1"}),
        (SCHEMA_VERSION, 0, 2, MONDAY, {"n": b"1"}),
        (SCHEMA_VERSION, 0, 2, MONDAY, {"f": b"1"}),
        (SCHEMA_VERSION, 0, 2, MONDAY, {k: v for k, v in SLOTS.items() if k != "n"}),
        (SCHEMA_VERSION, 0, 2, MONDAY, {k: v for k, v in SLOTS.items() if k[0] != "b"}),
        (SCHEMA_VERSION, 0, 2, MONDAY, {**SLOTS, "n": b"2"}),
        (SCHEMA_VERSION, 0, 2, MONDAY, {**SLOTS, "rx": b"1"}),
        (SCHEMA_VERSION, 0, 2, MONDAY, {**SLOTS, "f9999999": b"1"}),
        (SCHEMA_VERSION, 0, 2, MONDAY, {**SLOTS, SAMPLED: b"\x90"}),
        (SCHEMA_VERSION, 0, 2, MONDAY, {**SLOTS, SAMPLED: msgpack.packb((1, 2, 3, 4, 5, 6, 7))}),
        (SCHEMA_VERSION, 0, 2, MONDAY, {**SLOTS, SAMPLED: msgpack.packb(((), *ROW[1:]))}),
        (SCHEMA_VERSION, 0, 2, MONDAY, {**SLOTS, SAMPLED: msgpack.packb((*ROW[:6], (), ROW[7]))}),
        (SCHEMA_VERSION, 0, 2, MONDAY, {**SLOTS, SAMPLED: msgpack.packb((ROW[0], 0, *ROW[2:]))}),
        (SCHEMA_VERSION, 0, 2, MONDAY, {**SLOTS, "k1": b"\xc1"}),
        (SCHEMA_VERSION, 0, 2, MONDAY, {**SLOTS, "k1": msgpack.packb((0, 1, *[0] * 6))}),
        (SCHEMA_VERSION, 0, 2, MONDAY, {**SLOTS, "k1": msgpack.packb(("1", 1, *[0] * 6))}),
        (SCHEMA_VERSION, 0, 2, MONDAY, {**SLOTS, "q": msgpack.packb((2, 1, 0))}),
        (SCHEMA_VERSION, 0, 2, MONDAY, {k: v for k, v in SLOTS.items() if k != "q"}),
    ],
)
def test_what_would_fail_when_it_is_learned_from_is_no_barrier(fields: object) -> None:
    with pytest.raises(CorruptBarrier, match="bytes are not a barrier"):
        decode_barrier(msgpack.packb(fields))


def test_truncated_bytes_are_corrupt_and_changed_ones_are_read_or_refused_by_name() -> None:
    packed = encode_barrier(with_sample(barrier(1, WEEKS[2])))
    for place in range(len(packed)):
        with pytest.raises(CorruptBarrier):
            decode_barrier(packed[:place])
        for byte in range(256):
            with suppress(CorruptBarrier):
                read = decode_barrier(packed[:place] + bytes([byte]) + packed[place + 1 :])
                if byte in (packed[place] ^ 1, 0xC0):  # to learn takes time
                    told([read, barrier(0, WEEKS[2])])
