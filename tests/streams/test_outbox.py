"""The relay: effects leave in order, nothing is lost, and what was not acknowledged goes again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from models.events import MAX_VALUE_BYTES
from streams.log import LogInspector
from streams.memory_store import MemoryStore
from streams.outbox import KafkaSender, relay, relay_once
from streams.store import Change, OutboxRow, StoreUnavailable
from streams.topics import CHANGES, DEAD_LETTERS, LOG, Topic
from tests.streams.lanes import until
from tests.streams.logbook import ASTRAY, CUSTOMERS, PARTITION, START_MS, Logbook, fold_of

PARTITIONS = 2


def row(name: str, topic: str = CHANGES) -> OutboxRow:
    return OutboxRow(topic, b"c1", name.encode(), [("ce_id", name.encode())])


ABCDE = [row(name) for name in "abcde"]


class FakeSender:
    """Notes what it is given; each answer says how many of them were acknowledged.

    Args:
        answers: for the first calls; after them all is acknowledged.
    """

    def __init__(self, *answers: int) -> None:
        self.calls: list[list[OutboxRow]] = []
        self._answers = list(answers)

    def send(self, rows: Sequence[OutboxRow]) -> int:
        self.calls.append(list(rows))
        return self._answers.pop(0) if self._answers else len(rows)


class Outbox(MemoryStore):
    """A store that is unavailable at first, and says stop when nothing waits any more."""

    def __init__(self, *errors: StoreUnavailable) -> None:
        super().__init__(wall_ms=lambda: 0)
        self.errors = list(errors)
        self.stop = asyncio.Event()

    async def fill(self, partition: int, rows: Sequence[OutboxRow]) -> None:
        meta = (await self.load(partition, ())).meta
        written = meta._replace(offset=meta.offset + 1, nonce=b"n%d" % meta.offset)
        assert await self.apply(partition, meta, Change(written, {}, rows))

    async def outbox(self, partition: int, count: int) -> list[tuple[bytes, OutboxRow]]:
        if self.errors:
            raise self.errors.pop(0)
        found = await super().outbox(partition, count)
        waiting = [await super(Outbox, self).outbox(each, 1) for each in range(PARTITIONS)]
        if not any(waiting):
            self.stop.set()
        return found

    async def waiting(self, partition: int = 0) -> list[OutboxRow]:
        return [each for _, each in await super().outbox(partition, 1_000)]


@pytest.fixture
def store() -> Outbox:
    return Outbox()


async def test_rows_leave_oldest_first_and_are_gone_from_the_store(store: Outbox) -> None:
    await store.fill(0, ABCDE)
    sender = FakeSender()
    assert await relay_once(store, 0, sender) == {CHANGES: 5}
    assert sender.calls == [ABCDE]
    assert await store.waiting() == []


async def test_an_empty_outbox_is_not_sent(store: Outbox) -> None:
    sender = FakeSender()
    assert await relay_once(store, 0, sender) == {}
    assert sender.calls == []


async def test_of_rows_sent_half_way_the_first_not_acknowledged_and_all_behind_it_stay(
    store: Outbox,
) -> None:
    await store.fill(0, ABCDE)
    sender = FakeSender(2)
    assert await relay_once(store, 0, sender) == {CHANGES: 2}
    assert await store.waiting() == ABCDE[2:]
    assert await relay_once(store, 0, sender) == {CHANGES: 3}
    assert sender.calls == [ABCDE, ABCDE[2:]]
    assert await store.waiting() == []


async def test_rows_of_which_none_was_acknowledged_all_stay(store: Outbox) -> None:
    await store.fill(0, ABCDE)
    assert await relay_once(store, 0, FakeSender(0)) == {}
    assert await store.waiting() == ABCDE


async def test_rows_written_while_others_are_sent_wait_for_their_turn(store: Outbox) -> None:
    await store.fill(0, ABCDE[:2])
    late = ABCDE[2:]

    class Meanwhile(FakeSender):
        def send(self, rows: Sequence[OutboxRow]) -> int:
            asyncio.run_coroutine_threadsafe(store.fill(0, late), loop).result(10)
            return super().send(rows)

    loop = asyncio.get_running_loop()
    assert await relay_once(store, 0, Meanwhile()) == {CHANGES: 2}
    assert await store.waiting() == late


async def test_a_relay_that_dies_before_it_deletes_sends_again_and_loses_nothing() -> None:
    class DiesOnce(Outbox):
        dead = False

        async def outbox_delete(self, partition: int, row_ids: Sequence[bytes]) -> None:
            if self.dead:
                await super().outbox_delete(partition, row_ids)
                return
            self.dead = True
            raise StoreUnavailable("gone between sending and deleting")

    store, sender = DiesOnce(), FakeSender()
    await store.fill(0, ABCDE)
    with pytest.raises(StoreUnavailable):
        await relay_once(store, 0, sender)
    assert await store.waiting() == ABCDE
    await relay_once(store, 0, sender)
    assert sender.calls == [ABCDE, ABCDE]
    assert await store.waiting() == []


async def test_every_partition_is_relayed_until_the_relay_is_stopped(store: Outbox) -> None:
    await store.fill(0, ABCDE[:3])
    await store.fill(1, ABCDE[3:])
    sender = FakeSender()
    assert await relay(store, PARTITIONS, sender, store.stop) == {CHANGES: 5}
    assert sender.calls == [ABCDE[:3], ABCDE[3:]]


async def test_a_relay_told_to_stop_before_it_began_sends_nothing(store: Outbox) -> None:
    await store.fill(0, ABCDE)
    store.stop.set()
    sender = FakeSender()
    assert await relay(store, PARTITIONS, sender, store.stop) == {}
    assert (sender.calls, await store.waiting()) == ([], ABCDE)


async def test_the_relay_outlives_a_store_that_is_away() -> None:
    store = Outbox(StoreUnavailable("Redis: connection refused"))
    await store.fill(0, ABCDE)
    sender = FakeSender()
    assert await relay(store, PARTITIONS, sender, store.stop) == {CHANGES: 5}
    assert sender.calls == [ABCDE]


async def test_a_relay_that_waits_for_the_store_stops_when_it_is_told() -> None:
    store = Outbox(*[StoreUnavailable("down for good")] * 100)
    stop = asyncio.Event()
    task = asyncio.create_task(relay(store, PARTITIONS, FakeSender(), stop))
    await until(lambda: len(store.errors) < 100)
    stop.set()
    async with asyncio.timeout(5):
        assert await task == {}


async def test_a_sender_that_keeps_failing_half_way_sends_each_row_at_last_and_in_order(
    store: Outbox,
) -> None:
    await store.fill(0, ABCDE)
    sender = FakeSender(1, 0, 2, 0, 0, 1)
    assert await relay(store, PARTITIONS, sender, store.stop) == {CHANGES: 5}
    assert [call[0] for call in sender.calls] == [ABCDE[n] for n in (0, 1, 1, 3, 3, 3, 4)]


async def test_what_became_of_a_log_leaves_for_three_topics() -> None:
    log, store = Logbook(), Outbox()
    log.purchase(CUSTOMERS[0], START_MS)
    log.append(b"\xff", START_MS, key="c1")
    log.purchase(ASTRAY, START_MS)
    assert await fold_of(log, store).handle(log.batch()) is None
    sender = FakeSender()
    counted = await relay_once(store, PARTITION, sender)
    assert counted == {CHANGES: 1, DEAD_LETTERS: 1, LOG: 1}
    (sent,) = sender.calls
    assert [(each.topic, each.key) for each in sent] == [
        (CHANGES, CUSTOMERS[0].encode()),
        (DEAD_LETTERS, b"c1"),
        (LOG, ASTRAY.encode()),
    ]


@pytest.fixture
def sender(bootstrap_servers: str) -> Iterator[KafkaSender]:
    LogInspector(bootstrap_servers).create([Topic("relayed", {})], 1, 1)
    with closing(KafkaSender(bootstrap_servers)) as one:
        yield one


def relayed(bootstrap_servers: str) -> list[tuple[bytes | None, bytes | None, list[object]]]:
    """Every message of the topic: key, value, headers."""
    tp = TopicPartition("relayed", 0)
    end = LogInspector(bootstrap_servers).extents("relayed", [0])[0].end
    consumer = KafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False)
    with closing(consumer):
        consumer.assign([tp])
        consumer.seek_to_beginning(tp)
        found: list[Any] = []
        while len(found) < end:
            found += consumer.poll(timeout_ms=200).get(tp, ())
    return [(each.key, each.value, list(each.headers)) for each in found]


def test_kafka_is_sent_rows_in_order_with_keys_and_headers(
    sender: KafkaSender, bootstrap_servers: str
) -> None:
    before = len(relayed(bootstrap_servers))
    rows = [row(f"{number}", "relayed") for number in range(500)]
    rows.append(OutboxRow("relayed", None, b"nobody's", []))
    assert sender.send(rows) == 501
    sent = relayed(bootstrap_servers)[before:]
    assert sent[:-1] == [(b"c1", b"%d" % n, [("ce_id", b"%d" % n)]) for n in range(500)]
    assert sent[-1] == (None, b"nobody's", [])


def test_rows_before_one_that_kafka_refuses_are_sent_and_count(
    sender: KafkaSender, bootstrap_servers: str
) -> None:
    before = len(relayed(bootstrap_servers))
    huge = OutboxRow("relayed", b"c1", bytes(5_000_000), [])
    assert sender.send([row("a", "relayed"), row("b", "relayed"), huge, row("c", "relayed")]) == 2
    assert [value for _, value, _ in relayed(bootstrap_servers)[before:]] == [b"a", b"b"]


def test_a_record_as_large_as_is_read_can_be_sent_on(
    sender: KafkaSender, bootstrap_servers: str
) -> None:
    largest = OutboxRow("relayed", b"c1", b"x" * MAX_VALUE_BYTES, [("event-id", b"e" * 256)])
    assert sender.send([largest]) == 1
