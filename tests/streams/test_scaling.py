"""The plan past one machine: where partitions and events fall, and the arithmetic; and that a partition is in one slot."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from redis.crc import key_slot

from bench.scaling import as_markdown
from bench.scaling_placement import (
    added,
    by_node,
    by_worker,
    dealt_out,
    drawn_hashes,
    event_shares,
    hashed_counts,
    nodes_of,
    skew,
    slot_of,
    tags,
)
from bench.scaling_plan import Inputs, planned, power_of_two
from bench.scaling_sketches import AS_OF_DAY, barriers, filled_sketch
from bench.science_tables import Cell, Table
from models.barrier import decode_barrier
from models.sketch import from_slots, merged
from streams.keys import Keys
from streams.redis_shelf import ShelfKeys
from streams.store import LEARNER

PLAIN = Inputs(
    worker_us=100.0,
    redis_us=30.0,
    effects=2.0,
    relay_us=50.0,
    event_bytes=500.0,
    effect_bytes=100.0,
    customer_bytes=2**30 / 1_000_000,
    walk_us=60.0,
    survey_us=720.0,
    learner_s=1.0,
    learner_partition_ms=50.0,
    takeover_partition_ms=25.0,
    busy_share=0.5,
    node_gb=10.0,
    walk_s=600.0,
    session_s=10.0,
    survey_hours=1.0,
    largest_share=0.01,
)


def texts(value: object) -> Iterator[str]:
    """All texts in an object's fields, lists included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)


@pytest.mark.parametrize("partition", [0, 1_023, LEARNER])
@pytest.mark.parametrize("namespace", ["segmenter", "é"])
def test_all_keys_of_a_partition_are_in_one_slot_of_a_cluster(
    namespace: str, partition: int
) -> None:
    keys = [each for field in vars(Keys(namespace, partition)).values() for each in texts(field)]
    assert len(keys) > 10
    assert {key_slot(each.encode()) for each in keys} == {slot_of(namespace, partition)}


def test_all_keys_of_the_delivery_of_alerts_are_in_one_slot() -> None:
    keys = ShelfKeys("segmenter")
    names = [keys.stand, keys.named("queue:crm"), keys.named("sending:{other}")]
    assert len({key_slot(each.encode()) for each in names}) == 1


def test_slots_are_cut_into_contiguous_ranges_as_redis_cli_cuts_them() -> None:
    assert nodes_of([0, 5_460, 5_461, 10_922, 10_923, 16_383], 3).tolist() == [0, 0, 1, 1, 2, 2]
    sizes = np.bincount(nodes_of(range(16_384), 48))
    assert (sizes.min(), sizes.max(), sizes.sum()) == (341, 342, 16_384)


def test_loads_of_partitions_add_up_on_the_node_of_their_slot() -> None:
    assert by_node([1.0, 2.0, 4.0], [0, 16_383, 10], 2).tolist() == [5.0, 2.0]


def test_slots_in_use_are_dealt_out_heaviest_first_and_what_shares_a_slot_stays_together() -> None:
    assert sorted(dealt_out([3.0, 3.0, 2.0, 2.0, 2.0], [1, 2, 3, 4, 5], 2)) == [5.0, 7.0]
    assert sorted(dealt_out([3.0, 3.0, 1.0], [1, 1, 2], 2)) == [1.0, 6.0]


def test_dealing_slots_out_is_at_least_as_even_as_contiguous_ranges() -> None:
    slots = [[slot_of(name, each) for each in range(64)] for name in ("segmenter", "shop")]
    found = tags(slots, 64, 12)
    assert 1.0 <= found.dealt <= found.one
    assert found.best <= found.median <= found.worst


def test_a_customer_with_a_hundredth_of_all_events_makes_one_partition_hotter() -> None:
    hashes = drawn_hashes(10_000, np.random.default_rng(7))
    even, busiest = event_shares(hashes, 0.0, 10)
    hot, largest = event_shares(hashes, 0.0, 10, 0.01)
    assert even.sum() == pytest.approx(1)
    assert hot.sum() == pytest.approx(1)
    assert (busiest, largest) == pytest.approx((0.0001, 0.01))
    assert hot[0] == pytest.approx(0.99 * even[0] + 0.01)


def test_the_busiest_customer_of_zipf_has_their_share() -> None:
    shares, busiest = event_shares(np.array([0, 1, 1]), 1.0, 2)
    assert busiest == pytest.approx(6 / 11)  # of 1 + 1/2 + 1/3
    assert shares.tolist() == pytest.approx([6 / 11, 5 / 11])


def test_workers_have_even_ranges_of_partitions() -> None:
    assert by_worker(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), 2).tolist() == [6.0, 9.0]
    assert skew([6.0, 9.0]) == pytest.approx(1.2)


def test_draws_stand_in_for_murmur2() -> None:
    hashed = hashed_counts(5_000, 8)
    hashes = drawn_hashes(5_000, np.random.default_rng(7))
    drawn = added(hashes % 8, np.ones(5_000), 8)
    assert hashed.sum() == drawn.sum() == 5_000
    assert max(skew(hashed), skew(drawn)) < 1.15


def test_the_plan_multiplies_what_one_event_and_one_customer_cost() -> None:
    plan = planned(10_000_000, 100_000, PLAIN)
    assert (plan.workers, plan.for_walks, plan.partitions) == (20, False, 128)
    assert (plan.nodes_memory, plan.nodes_cpu) == (1, 6)
    assert plan.kafka_in_mb_s == pytest.approx(70)
    assert plan.log_tb_day == pytest.approx(4.32)
    assert plan.learner_s == pytest.approx(7.4)
    assert plan.walk_s == pytest.approx(30)
    assert [(name, round(times, 6)) for name, times in plan.over] == [
        ("relay", 10),
        ("surveyor", 2),
    ]


def test_walks_ask_for_workers_where_there_are_many_customers_and_few_events() -> None:
    plan = planned(100_000_000, 100, PLAIN)
    assert (plan.workers, plan.for_walks) == (10, True)
    assert plan.walk_s == pytest.approx(600)


def test_a_small_shop_has_nothing_over_its_limit() -> None:
    plan = planned(1_000_000, 100, PLAIN)
    assert (plan.workers, plan.partitions, plan.over) == (1, 16, ())


def test_partitions_are_powers_of_two() -> None:
    assert [power_of_two(each) for each in (0.1, 1, 5, 64, 65)] == [1, 1, 8, 64, 128]


def test_made_barriers_are_such_as_the_learner_takes_each_with_customers_of_its_own() -> None:
    sketch = filled_sketch(40, np.random.default_rng(7))
    made = [decode_barrier(packed) for _, packed in barriers([sketch.sums()], 3, AS_OF_DAY, 7)]
    total = merged(from_slots(each.slots) for each in made)
    assert [each.partition for each in made] == [0, 1, 2]
    assert (total.counts["n"], len(total.sample)) == (120, 120)


def test_the_same_seed_makes_the_same_barriers() -> None:
    first, second = (filled_sketch(10, np.random.default_rng(7)).sums() for _ in range(2))
    assert first == second
    assert list(barriers([first], 2, AS_OF_DAY, 7)) == list(barriers([second], 2, AS_OF_DAY, 7))


def test_a_table_in_markdown() -> None:
    rows: list[dict[str, Cell]] = [{"who": "we", "skew": 1.5, "n": 1_000}, {"who": "they"}]
    assert as_markdown(Table("t", rows)).splitlines() == [
        "| who | skew | n |",
        "| --- | ---: | ---: |",
        "| we | 1.50 | 1,000 |",
        "| they |  |  |",
    ]
