"""The lane: fetches of a partition in order, patience with the store, and what ends in a crash."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from streams.lane import MAX_WAITING
from streams.memory_store import MemoryStore
from streams.partition import Batch, PartitionFold, Seek
from streams.store import StoreUnavailable
from tests.streams.lanes import (
    Crowded,
    Failing,
    FakeFetch,
    Gated,
    Store,
    Watched,
    down,
    fetches_of,
    until,
)
from tests.streams.logbook import (
    CUSTOMERS,
    DAY_MS,
    IDENTITY,
    PARTITION,
    POLICY,
    START_MS,
    Logbook,
    contents,
    customers_in,
    folded,
    new_nonce,
)

OTHER = 2


def a_week() -> Logbook:
    """Seven purchases, one a day, of the same customer."""
    log = Logbook()
    for number in range(7):
        log.purchase(CUSTOMERS[0], START_MS + number * DAY_MS, event_id=f"e{number}")
    return log


async def nothing_between(_partition: int, _start: int, _end: int) -> bool:
    return False


@pytest.fixture
def watched() -> Watched:
    return Watched()


async def test_fetches_are_folded_in_order_and_each_is_acknowledged_once(watched: Watched) -> None:
    log, store = a_week(), Store()
    watched.open(log, store)
    fetches = fetches_of(log, 2, 1, 4)
    for fetch in fetches:
        await watched.lane.put(fetch)
    await watched.done()
    assert store.offsets == [2, 3, 7]
    assert [fetch.acks for fetch in fetches] == [1, 1, 1]
    assert await contents(store) == await contents(await folded(log))
    assert watched.crashes == []


async def test_partitions_are_folded_beside_each_other_each_in_its_own_order(
    watched: Watched,
) -> None:
    mine, theirs, store = a_week(), Logbook(), MemoryStore(lambda: 0)
    (customer,) = customers_in(OTHER, 1)
    for number in range(3):
        theirs.purchase(customer, START_MS + number * DAY_MS)
    elsewhere = [record._replace(partition=OTHER) for record in theirs.records]
    identity = IDENTITY._replace(partition=OTHER)
    other = PartitionFold(identity, POLICY, store, nothing_between, mine.body, new_nonce)
    watched.open(mine, store)
    watched.lane.open(OTHER, other)
    assert watched.lane.partitions == [PARTITION, OTHER]
    await watched.lane.put(FakeFetch(elsewhere[:2], OTHER))
    await watched.lane.put(FakeFetch(mine.records))
    await watched.lane.put(FakeFetch(elsewhere[2:], OTHER))
    await watched.done(OTHER)
    await watched.done()
    assert (await store.load(OTHER, ())).meta.offset == 3
    assert (await store.load(PARTITION, ())).meta.offset == 7


async def test_a_fetch_is_acknowledged_only_after_the_store_has_answered(watched: Watched) -> None:
    log, store = a_week(), Gated(written=True)
    watched.open(log, store)
    (fetch,) = fetches_of(log, 7)
    await watched.lane.put(fetch)
    await until(lambda: store.waiting)
    assert (store.offset, fetch.acks) == (7, 0)
    assert not watched.lane.idle(PARTITION)
    store.gate.set()
    await until(lambda: fetch.acks == 1)
    assert watched.lane.idle(PARTITION)


async def test_while_the_store_is_away_the_lane_waits_and_then_goes_on_by_itself(
    watched: Watched,
) -> None:
    log, store = a_week(), Failing(down(), down())
    watched.open(log, store)
    (fetch,) = fetches_of(log, 7)
    await watched.lane.put(fetch)
    await until(lambda: len(store.errors) == 1)
    assert watched.waiting_for() == "Redis: connection refused"
    assert (watched.lane.idle(PARTITION), fetch.acks) == (False, 0)
    await until(lambda: fetch.acks == 1 and watched.waiting_for() is None)
    assert await contents(store) == await contents(await folded(log))
    assert watched.crashes == []


async def test_while_the_relay_is_far_behind_the_lane_waits(watched: Watched) -> None:
    log, store = a_week(), Crowded(looks=2)
    watched.open(log, store)
    (fetch,) = fetches_of(log, 7)
    await watched.lane.put(fetch)
    await until(lambda: watched.waiting_for() is not None)
    assert watched.waiting_for() == "1000000000 effects wait to be relayed"
    assert fetch.acks == 0
    await until(lambda: fetch.acks == 1)
    assert (watched.waiting_for(), store.offset) == (None, 7)


async def test_who_puts_more_than_may_wait_is_made_to_wait_until_there_is_room(
    watched: Watched,
) -> None:
    log, store = a_week(), Gated(written=False)
    watched.open(log, store)
    fetches = fetches_of(log, *[1] * (MAX_WAITING + 1))
    await watched.lane.put(fetches[0])
    await until(lambda: store.waiting)
    for fetch in fetches[1:-1]:
        await watched.lane.put(fetch)
    last = asyncio.create_task(watched.lane.put(fetches[-1]))
    done, _ = await asyncio.wait([last], timeout=0.05)
    assert not done
    store.gate.set()
    await last
    await watched.done()
    assert store.offset == MAX_WAITING + 1
    assert [fetch.acks for fetch in fetches] == [1] * len(fetches)


async def test_who_waits_for_room_in_a_partition_that_is_taken_away_is_let_go(
    watched: Watched,
) -> None:
    log, store = a_week(), Gated(written=False)
    watched.open(log, store)
    fetches = fetches_of(log, *[1] * (MAX_WAITING + 1))
    await watched.lane.put(fetches[0])
    await until(lambda: store.waiting)
    for fetch in fetches[1:-1]:
        await watched.lane.put(fetch)
    last = asyncio.create_task(watched.lane.put(fetches[-1]))
    await asyncio.wait([last], timeout=0.01)
    watched.lane.close(PARTITION)
    await last
    await until(lambda: [fetch.acks for fetch in fetches] == [1] * len(fetches))


async def test_a_gap_makes_faust_read_again_and_does_not_pass_for_read_to_the_end(
    watched: Watched,
) -> None:
    log, store = a_week(), Store()
    watched.open(log, store)
    fetch = FakeFetch(log.records[2:])
    await watched.lane.put(fetch)
    await until(lambda: watched.read_again == 1)
    assert (store.offset, fetch.acks, watched.crashes) == (0, 1, [])
    assert not watched.lane.idle(PARTITION)


async def test_a_hole_without_records_is_no_gap(watched: Watched) -> None:
    log, store = Logbook(), Store()
    log.skip()
    log.purchase(CUSTOMERS[0], START_MS)
    watched.open(log, store)
    await watched.lane.put(FakeFetch(log.records))
    await watched.done()
    assert (watched.read_again, store.offset) == (0, 2)


async def test_reading_again_begins_anew_in_a_partition_that_is_opened_again(
    watched: Watched,
) -> None:
    log, store = a_week(), Store()
    watched.open(log, store)
    await watched.lane.put(FakeFetch(log.records[2:]))
    await until(lambda: watched.read_again == 1)
    watched.open(log, store)
    await watched.lane.put(FakeFetch(log.records))
    await watched.done()
    assert await contents(store) == await contents(await folded(log))


async def test_an_error_that_waiting_cannot_mend_ends_the_worker(watched: Watched) -> None:
    log, broken = a_week(), ValueError("a state of another planet")
    watched.open(log, Failing(broken))
    (fetch,) = fetches_of(log, 7)
    await watched.lane.put(fetch)
    await until(lambda: watched.crashes == [broken])
    assert fetch.acks == 1
    assert not watched.lane.idle(PARTITION)


async def test_a_partition_taken_away_acknowledges_what_waited_and_folds_none_of_it(
    watched: Watched,
) -> None:
    log, store = a_week(), Gated(written=False)
    watched.open(log, store)
    fetches = fetches_of(log, 3, 4)
    await watched.lane.put(fetches[0])
    await until(lambda: store.waiting)
    await watched.lane.put(fetches[1])
    watched.lane.close(PARTITION)
    await until(lambda: [fetch.acks for fetch in fetches] == [1, 1])
    store.gate.set()
    assert (store.offsets, watched.lane.partitions, watched.crashes) == ([], [], [])
    assert not watched.lane.idle(PARTITION)
    assert watched.lane.fold(PARTITION) is None


@pytest.mark.parametrize("written", [False, True], ids=["before it is written", "after it"])
async def test_a_batch_given_up_half_way_harms_nothing(watched: Watched, written: bool) -> None:
    log, store = a_week(), Gated(written=written)
    watched.open(log, store)
    await watched.lane.put(FakeFetch(log.records[:5]))
    await until(lambda: store.waiting)
    watched.lane.close(PARTITION)
    store.gate.set()
    watched.open(log, store)
    await watched.lane.put(FakeFetch(log.records[store.offset :]))
    await watched.done()
    assert await contents(store) == await contents(await folded(log))
    assert watched.crashes == []


async def test_a_fetch_of_a_partition_that_is_not_ours_is_acknowledged_and_left_alone(
    watched: Watched,
) -> None:
    log, store = a_week(), Store()
    fetch = FakeFetch(log.records)
    await watched.lane.put(fetch)
    assert (fetch.acks, store.offsets) == (1, [])


async def test_a_partition_just_opened_is_idle_and_one_that_is_not_ours_never_is(
    watched: Watched,
) -> None:
    fold = watched.open(a_week(), Store())
    assert watched.lane.idle(PARTITION)
    assert watched.lane.fold(PARTITION) is fold
    assert not watched.lane.idle(OTHER)


class Deaf(PartitionFold):
    """A fold whose first batch swallows its cancellation, as redis-py may on Python 3.11."""

    def __init__(self, ending: Seek | StoreUnavailable | None) -> None:
        self.ending = ending
        self.handled = 0
        self.tally = Counter()

    async def handle(self, batch: Batch) -> Seek | None:
        self.handled += 1
        if self.handled > 1:
            raise RuntimeError("handled again")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if isinstance(self.ending, StoreUnavailable):
                raise self.ending from None
        assert not isinstance(self.ending, StoreUnavailable)
        return self.ending


@pytest.mark.parametrize("ending", [None, Seek(0), down()], ids=["done", "gap", "store away"])
async def test_a_batch_that_swallows_its_cancellation_is_the_last_one_of_its_pump(
    watched: Watched, ending: Seek | StoreUnavailable | None
) -> None:
    fold = Deaf(ending)
    others = asyncio.all_tasks()
    watched.lane.open(PARTITION, fold)
    (pump,) = asyncio.all_tasks() - others
    (fetch,) = fetches_of(a_week(), 7)
    await watched.lane.put(fetch)
    await until(lambda: fold.handled == 1)
    watched.lane.close(PARTITION)
    await until(pump.done)
    assert (fetch.acks, fold.handled) == (1, 1)
    assert (watched.read_again, watched.crashes) == (0, [])
