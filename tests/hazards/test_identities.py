"""Two identities become one, across partitions: the store ends as if there had been one."""

from __future__ import annotations

import json
from typing import Any

from models.codec import decode_held, decode_state
from models.customer import Alias
from models.policy import policy_from_preset
from models.sketch import Sketch, merged
from streams.partition import NO_NONCE
from streams.partitioner import partition_of
from streams.store import Whole
from streams.topics import CHANGES, DEAD_LETTERS
from tests.streams.logbook import (
    CUSTOMERS,
    HOUR_MS,
    PARTITION,
    START_MS,
    Logbook,
    contents,
    fold_of,
    folded,
    header,
    memory,
)
from tests.support.settled_town import TwoPartitions
from tests.support.story import noon

POLICY = policy_from_preset("grocery")
WHO, OTHER, *_ = CUSTOMERS
A, B, C = "abel", "bert", "carl"


def test_the_ids_live_in_different_partitions() -> None:
    assert [partition_of(each, 2) for each in (A, B, C)] == [0, 1, 0]


def changes(town: TwoPartitions) -> list[tuple[str, str, str]]:
    """Who, what and why, of each change that left."""
    bodies = [(row, json.loads(row.value or b"")) for row in town.effects if row.topic == CHANGES]
    return [
        (body["customer_id"], dict(row.headers)["ce_type"].decode(), body["reason"])
        for row, body in bodies
    ]


async def whole(town: TwoPartitions, partition: int) -> Whole:
    found = (await town.store.load(partition, (), NO_NONCE)).whole
    assert found is not None
    return found


async def totals(town: TwoPartitions) -> dict[str, int]:
    """What everybody adds up to, over all partitions."""
    both: Sketch = merged(await town.sketches())
    return {slot: count for slot, count in both.counts.items() if slot[0] in "nsrfmb"}


async def shopping(merge_after: int | None, one_id: bool = False) -> TwoPartitions:
    """Six weeks of one person who uses two ids by turns, and of somebody else."""
    town = TwoPartitions(POLICY)
    for week in range(6):
        who = B if one_id or week % 2 else A
        town.buy(who, noon(7 * week), f"p{week}")
        town.buy(C, noon(7 * week), f"c{week}")
        if week == merge_after:
            town.put("merge", A, noon(7 * week + 1), into=B, event_id="m")
        await town.settle()
    await town.tick(noon(43))
    return town


async def test_sums_sketch_and_state_are_as_if_there_had_been_one_id() -> None:
    one = await shopping(None, one_id=True)
    wanted = decode_state((await one.states())[B])
    for merge_after in range(6):
        town = await shopping(merge_after)
        states = {id_: decode_held(packed) for id_, packed in (await town.states()).items()}
        assert states[A] == Alias(B, noon(7 * merge_after + 1))
        person = decode_state((await town.states())[B])
        assert person.current == wanted.current
        assert person.remembered == wanted.remembered
        assert person.contribution is not None
        assert wanted.contribution is not None
        assert person.contribution.substance == wanted.contribution.substance
        assert await totals(town) == await totals(one)


async def test_who_was_merged_counts_in_no_partitions_sketch_twice() -> None:
    town = TwoPartitions(POLICY)
    town.buy(A, noon(0), "p1")
    town.buy(B, noon(0), "p2")
    await town.settle()
    assert [each.counts.get("n", 0) for each in await town.sketches()] == [1, 1]
    town.put("merge", A, noon(1), into=B)
    await town.settle()
    left, stays = await town.sketches()
    assert (left.counts.get("n", 0), left.sample) == (0, {})
    assert (stays.counts["n"], stays.counts["spend"]) == (1, 2_000)


async def test_both_ids_say_what_has_become_of_them() -> None:
    town = TwoPartitions(POLICY)
    town.buy(A, noon(0), "p1")
    town.put("profile", B, noon(0), attributes={"tier": "gold"})
    town.put("merge", A, noon(1), into=B)
    await town.settle()
    assert changes(town) == [
        (A, "lifecycle.changed", "purchase"),
        (A, "customer.merged", "merged"),
        (B, "lifecycle.changed", "profile"),
        (B, "lifecycle.changed", "merged"),
    ]
    bodies: list[dict[str, Any]] = [json.loads(row.value or b"") for row in town.effects]
    assert (bodies[1]["into"], bodies[1]["after"]) == (B, None)
    assert all("into" not in each for each in (bodies[0], *bodies[2:]))


async def test_a_name_keeps_neither_segment_nor_deadline_nor_history() -> None:
    town = await shopping(merge_after=5)
    assert await town.store.history(partition_of(A, 2), A) == []
    assert await town.store.sizes(0, ["lifecycle/new", "lifecycle/active"]) == [
        0,
        1,
    ]  # the other customer
    assert await town.store.sizes(1, ["lifecycle/new", "lifecycle/active"]) == [0, 1]
    assert A not in (await town.store.due(0, 2**52, 10)).states


async def test_two_merges_that_cross_between_partitions_leave_one_person() -> None:
    town = TwoPartitions(POLICY)
    town.buy(A, noon(0), "p1")
    town.buy(B, noon(1), "p2")
    town.put("merge", A, noon(2), into=B)
    town.put("merge", B, noon(2), into=A)
    await town.read_on(0)
    await town.read_on(1)
    await town.settle()
    states = {id_: decode_held(packed) for id_, packed in (await town.states()).items()}
    assert states[B] == Alias(A, noon(2))
    assert decode_state((await town.states())[A]).current.purchases == 2
    assert sum(each.counts.get("n", 0) for each in await town.sketches()) == 1
    assert sum(map(len, town.log)) < 12  # nothing goes round for ever


async def histories(*ends: int) -> list[bytes]:
    """What is kept of somebody whom a ring made a person again, the log read in these batches."""
    log, store, start = Logbook(), memory(), 0
    log.purchase(WHO, START_MS)
    log.event("merge", WHO, START_MS + HOUR_MS, into=OTHER)
    log.event("transfer", WHO, START_MS + HOUR_MS, merged_id=WHO, via=[OTHER, WHO])
    for end in ends:
        assert await fold_of(log, store).handle(log.batch(start, end)) is None
        start = end
    return sorted(await store.history(PARTITION, WHO))


async def test_a_history_does_not_depend_on_how_the_log_is_cut() -> None:
    assert await histories(3) == await histories(1, 2, 3) == await histories(2, 3)
    assert len(await histories(3)) == 1


async def test_a_transfer_that_cannot_be_read_is_a_dead_letter_and_the_stream_goes_on() -> None:
    log = Logbook()
    log.event("transfer", WHO, START_MS, merged_id=OTHER, state="bm8gc3RhdGU=")
    log.purchase(WHO, START_MS + HOUR_MS)
    found = await contents(await folded(log))
    assert [row.topic for row in found.rows] == [DEAD_LETTERS, CHANGES]
    assert (header(found.rows[0], "error.reason"), found.meta.offset) == ("invalid", 2)


async def test_the_log_folded_anew_gives_the_same_bytes() -> None:
    for merge_after in (0, 3, 5):
        town = await shopping(merge_after)
        other = await town.again()
        assert await other.states() == await town.states()
        for partition in range(2):
            assert await whole(other, partition) == await whole(town, partition)
