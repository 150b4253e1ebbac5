"""More comes in than can be written, or than can leave: what waits stays bounded, and goes on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from streams.lane import MAX_WAITING
from streams.outbox import RELAY_BATCH, relay_once
from streams.partition import MAX_OUTBOX_ROWS
from streams.store import Change, Meta, OutboxRow
from streams.topics import CHANGES
from tests.streams.lanes import FakeFetch, Store, Watched, until
from tests.streams.logbook import CUSTOMERS, DAY_MS, PARTITION, START_MS, Logbook

FETCHES = 100
READ_TURNS, WRITTEN_TURNS = 1, 5  # of the loop: Kafka is five times faster than Redis


async def turns(count: int) -> None:
    """Let everybody else go on, so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


class Slow(Store):
    """A store that takes its time."""

    async def apply(self, partition: int, expected: Meta, change: Change) -> bool:
        await turns(WRITTEN_TURNS)
        return await super().apply(partition, expected, change)


def size(fetch: FakeFetch) -> int:
    return sum(len(record.value or b"") for record in fetch.fetched.records)


async def test_kafka_five_times_faster_than_redis_keeps_only_a_few_fetches_in_memory() -> None:
    log, store, watched = Logbook(), Slow(), Watched()
    for number in range(FETCHES):
        log.purchase(CUSTOMERS[0], START_MS + number, store="x" * 10_000)
    fetches = [FakeFetch([record]) for record in log.records]
    watched.open(log, store)
    in_flight: list[int] = []
    for number, fetch in enumerate(fetches, 1):
        await turns(READ_TURNS)
        await watched.lane.put(fetch)
        in_flight.append(sum(size(each) for each in fetches[:number] if not each.acks))
    await watched.done()
    one = max(map(size, fetches))
    assert max(in_flight) <= (MAX_WAITING + 1) * one  # those that wait, and the one in hand
    assert in_flight[-1] >= (MAX_WAITING - 1) * one  # it did come faster than it went
    assert (store.offset, [fetch.acks for fetch in fetches]) == (FETCHES, [1] * FETCHES)


class Kafka:
    """A sender whose Kafka may be down."""

    def __init__(self) -> None:
        self.down = True
        self.sent: Counter[str] = Counter()

    def send(self, rows: Sequence[OutboxRow]) -> int:
        if self.down:
            return 0
        self.sent.update(row.topic for row in rows)
        return len(rows)


async def test_kafka_that_is_down_leaves_the_outbox_bounded_and_the_worker_resumes() -> None:
    log, store, watched, kafka = Logbook(), Store(), Watched(), Kafka()
    for number, customer_id in enumerate(CUSTOMERS):
        log.purchase(customer_id, START_MS + number * DAY_MS)
    row = OutboxRow(CHANGES, b"c", b"{}", ())
    full = Change(Meta(0, b"full"), {}, [row] * MAX_OUTBOX_ROWS)
    assert await store.apply(PARTITION, Meta(), full)
    watched.open(log, store)
    for records in (log.records[:1], log.records[1:]):
        await watched.lane.put(FakeFetch(records))
    await until(lambda: watched.waiting_for() is not None)
    assert watched.waiting_for() == f"{MAX_OUTBOX_ROWS + 1} effects wait to be relayed"
    assert store.offset == 1
    assert (await relay_once(store, PARTITION, kafka)).sent == {}
    kafka.down = False
    assert (await relay_once(store, PARTITION, kafka)).sent == {CHANGES: RELAY_BATCH}
    await watched.done()
    assert (store.offset, watched.waiting_for()) == (len(log.records), None)
    left = (await store.load(PARTITION, ())).outbox_rows
    assert left == MAX_OUTBOX_ROWS + len(log.records) - RELAY_BATCH
