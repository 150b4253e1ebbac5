"""A consumer that is silently stuck: the worker ends by itself, and never without a reason."""

from __future__ import annotations

import asyncio
import json

import pytest
from faust.types import TP
from kafka import KafkaProducer

from streams.brokers import Brokers
from streams.log import LogInspector
from streams.store import Change, Loaded, Meta
from streams.topics import INPUTS, LOG, TOPICS
from streams.transport import Consumer, stable_ends
from streams.watchdog import Stuck
from tests.hazards.keepers import HERE, Keeper
from tests.streams.lanes import Crowded, Failing, FakeFetch, Gated, Store, down, until
from tests.streams.logbook import CUSTOMERS, PARTITION, START_MS, fold_of

MINUTE = 60


async def folded(store: Store) -> Keeper:
    """Everything that was fetched is in the store."""
    here = Keeper(store)
    here.log.purchase(CUSTOMERS[0], START_MS)
    await here.fold()
    return here


async def test_a_consumer_silently_stuck_ends_the_worker_and_says_where() -> None:
    here = await folded(Store())
    await here.watch_for(10 * MINUTE)  # an idle night
    assert here.crashes == []
    here.kafka.end = 5
    await here.watch_for(MINUTE)
    assert here.crashes == []
    await here.watch_for(9)
    (error,) = here.watched.crashes
    assert isinstance(error, Stuck)
    said = str(error)
    assert said.startswith(
        "customer-events.v1, partition 1 is stuck: the store has stood at offset"
    )
    assert " offset 1 for " in said
    assert "the log ends at 5" in said
    assert "its supervisor should start it again" in said


async def test_a_batch_in_hand_that_writes_nothing_for_a_minute_is_stuck() -> None:
    store = Gated(written=False)
    here = Keeper(store)
    here.log.purchase(CUSTOMERS[0], START_MS)
    await here.put()
    await until(lambda: store.waiting)
    await here.watch_for(MINUTE)
    assert here.crashes == []
    await here.watch_for(15)
    assert [" offset 0 for " in each for each in here.crashes] == [True]
    here.watched.lane.close(PARTITION)


async def test_a_long_walk_that_writes_is_not_stuck_though_no_offset_moves() -> None:
    store = Store()
    here = await folded(store)
    here.kafka.end = 5
    for number in range(5 * MINUTE):
        meta = (await store.load(PARTITION, ())).meta
        if not number % 30:
            new = meta._replace(nonce=b"walk %d" % number)
            assert await store.apply(PARTITION, meta, Change(new, {}, ()))
        await here.watch_for(1)
    assert here.crashes == []


@pytest.mark.parametrize("store", [Failing(*[down()] * 99), Crowded(10**6)], ids=["Redis", "relay"])
async def test_nobody_is_stuck_while_redis_or_the_relay_is_waited_for(store: Store) -> None:
    here = Keeper(store)
    here.log.purchase(CUSTOMERS[0], START_MS)
    await here.put()
    await until(lambda: here.watched.waiting_for() is not None)
    here.kafka.end = 5
    await here.watch_for(5 * MINUTE)
    assert (here.crashes, here.kafka.asked) == ([], 0)
    here.watched.lane.close(PARTITION)


async def test_nobody_is_stuck_while_the_store_can_not_be_read() -> None:
    class Away(Store):
        away = False

        async def load(self, *asked: object) -> Loaded:
            if self.away:
                raise down()
            return await super().load(*asked)  # type: ignore[arg-type]

    store = Away()
    here = await folded(store)
    here.kafka.end = 5
    await here.watch_for(MINUTE)
    store.away = True
    await here.watch_for(5 * MINUTE)
    store.away = False
    await here.watch_for(MINUTE)
    assert here.crashes == []


async def test_nobody_is_stuck_while_kafka_does_not_answer() -> None:
    here = await folded(Store())
    here.kafka.end, here.kafka.away = 5, True
    await here.watch_for(5 * MINUTE)
    assert here.crashes == []
    here.kafka.away = False
    await here.watch_for(MINUTE)
    assert here.crashes == []
    await here.watch_for(15)
    assert len(here.crashes) == 1


async def test_a_worker_that_was_frozen_is_not_stuck_when_it_goes_on() -> None:
    here = await folded(Store())
    here.kafka.end = 5
    await here.watch_for(20)
    here.now_s += 3_600
    await here.watch_for(10)
    assert here.crashes == []


class Reads(Consumer):
    """A consumer without Faust and Kafka; it stands where a test says, or never answers."""

    def __init__(self, *, fetched_to: int, position: int | None) -> None:
        self._fetched_to = {HERE: fetched_to}
        self._position = position

    async def position(self, tp: TP) -> int:
        if self._position is None:
            raise TimeoutError
        return self._position


@pytest.mark.parametrize(
    ("fetched_to", "position", "end", "unread"),
    [
        (7, 7, 7, False),
        (7, 9, 9, False),  # two markers behind the last record
        (7, 7, 9, True),
        (8, 8, 8, True),  # fetched, not folded
        (7, None, 8, True),
        (7, None, 7, False),
    ],
    ids=["all", "a trailing marker", "records", "on its way", "no answer", "no answer, all"],
)
async def test_lag_is_measured_from_where_reading_stands_so_a_trailing_marker_is_none(
    fetched_to: int, position: int | None, end: int, unread: bool
) -> None:
    consumer = Reads(fetched_to=fetched_to, position=position)
    assert await consumer.has_unread(HERE, 7, end) is unread


async def test_reading_again_that_hangs_does_not_blind_the_watch() -> None:
    store = Store()
    here = await folded(store)
    here.keeper._read_again = asyncio.Event().wait  # type: ignore[assignment]
    meta = (await store.load(PARTITION, ())).meta
    assert await store.apply(PARTITION, meta, Change(Meta(), {}, ()))  # wiped
    for _ in range(5):  # each look waits a moment for it
        here.now_s += 20
        await here.look()
    assert len(here.crashes) == 1


def test_the_end_of_the_log_is_the_brokers_word(bootstrap_servers: str) -> None:
    LogInspector(Brokers(bootstrap_servers)).create(TOPICS, 2, 1)
    producer = KafkaProducer(bootstrap_servers=bootstrap_servers)
    written = producer.send(LOG, json.dumps({}).encode(), partition=0).get(10)
    producer.close()
    ends = stable_ends(Brokers(bootstrap_servers), [TP(LOG, 0), TP(INPUTS, 0)])
    assert ends == {TP(LOG, 0): written.offset + 1, TP(INPUTS, 0): 0}


async def test_partitions_held_up_by_one_that_waits_are_not_stuck() -> None:
    """Faust hands all fetches over in one queue; and who goes on does not end another's waiting."""
    here = await folded(Store())
    crowded = Keeper(Crowded(10**6))
    crowded.log.purchase(CUSTOMERS[0], START_MS)
    lane = here.watched.lane
    lane.open(PARTITION + 1, fold_of(crowded.log, crowded.store))
    await lane.put(FakeFetch(crowded.log.records, PARTITION + 1))
    await until(lambda: here.watched.waiting_for() is not None)
    await lane.put(FakeFetch([here.log.purchase(CUSTOMERS[1], START_MS + 1)]))
    await until(lambda: lane.idle(PARTITION))
    assert here.watched.waiting_for() == "1000000000 effects wait to be relayed"
    here.kafka.end = 5
    await here.watch_for(5 * MINUTE)
    assert here.crashes == []
    lane.close(PARTITION + 1)
    assert here.watched.waiting_for() is None
    await here.watch_for(MINUTE + 15)
    assert len(here.crashes) == 1
