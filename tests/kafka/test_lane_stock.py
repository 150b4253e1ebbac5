"""The fast lane beside the stock one, over the same log of Apache Kafka: the same bytes."""

from __future__ import annotations

import asyncio
from contextlib import closing
from itertools import islice
from typing import Any, NamedTuple

import pytest
from kafka import KafkaProducer

from models.population import Population
from streams.chunk import LogIdentity
from streams.datasets import DATASETS
from streams.memory_store import MemoryStore
from streams.partition import PartitionFold
from streams.sources import SourceRecord
from streams.store import OutboxRow, new_nonce
from tests.kafka.conftest import Install
from tests.kafka.lane_app import LaneApp, running
from tests.streams.lanes import until
from tests.support.installation import LOG, Installation
from tests.support.oracle import folded, messages, of_a_whole

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
PARTITIONS = 2
EVERYTHING = 10**9


class Left(NamedTuple):
    """What a lane leaves of a partition.

    Attributes:
        states: by customer.
        whole: sketch and movement.
        rows: what is to leave, in order.
    """

    states: dict[bytes, bytes]
    whole: dict[bytes, bytes]
    rows: list[OutboxRow]


def write(here: Installation, records: list[SourceRecord]) -> None:
    """Purchases with their ticks; poison; a transaction, one that is aborted, and one more."""
    here.publish(records[:200])
    producer: Any = KafkaProducer(
        bootstrap_servers=here.settings.bootstrap_servers, transactional_id=here.settings.namespace
    )
    with closing(producer):
        producer.init_transactions()
        ends = (
            producer.commit_transaction,
            producer.abort_transaction,
            producer.commit_transaction,
        )
        for number, end in enumerate(ends, start=2):
            producer.begin_transaction()
            producer.send(LOG, b"\xff{", b"poison", [("kind", b"purchase")])
            for each in records[100 * number : 100 * (number + 1)]:
                headers = [("kind", each.kind.encode())]
                producer.send(LOG, each.value, each.customer_id.encode(), headers)
            end()


async def left_by(lane: str, here: Installation, ends: dict[int, int]) -> list[Left]:
    """Fold the log up to its end, in this process and into memory."""
    store, folds = MemoryStore(lambda: 0), dict[int, PartitionFold]()
    facts = here.inspector.facts(LOG)

    async def exist(partition: int, start: int, end: int) -> bool:
        return await asyncio.to_thread(here.inspector.records_exist, LOG, partition, start, end)

    def fold(number: int) -> PartitionFold:
        log = LogIdentity(here.settings.namespace, facts.topic_id, facts.partitions, number)
        folds[number] = PartitionFold(log, here.policy, store, exist, no_bodies, new_nonce)
        return folds[number]

    update = {"lane": lane, "group": f"{here.settings.group}-{lane}"}
    app = LaneApp(here.settings.model_copy(update=update), fold)
    async with running(app):
        await until(lambda: {each: folds[each].store_offset for each in folds} == ends)
    assert app.crashes == []
    return [await left(store, each) for each in range(PARTITIONS)]


async def no_bodies(digest: str) -> Population:
    raise LookupError(digest)


async def left(store: MemoryStore, partition: int) -> Left:
    everybody = await store.walk(partition, 0, EVERYTHING)
    loaded = await store.load(partition, (), b"another nonce")
    assert loaded.whole is not None
    rows = [row for _, row in await store.outbox(partition, EVERYTHING)]
    states = {name.encode(): packed for name, packed in everybody.states.items()}
    return Left(states, of_a_whole(loaded.whole.sketch, loaded.whole.movement), rows)


async def test_both_lanes_leave_the_same_bytes_which_are_those_of_the_log(install: Install) -> None:
    here = install(PARTITIONS)
    await asyncio.to_thread(write, here, list(islice(DATASETS["cdnow"].read(), 500)))
    ends = {
        each.partition: each.offset + 1 for each in messages(here.settings.bootstrap_servers, LOG)
    }
    fast = await left_by("fast", here, ends)
    stock = await left_by("stock", here, ends)
    assert fast == stock
    expected = [await asyncio.to_thread(folded, here.log, each) for each in range(PARTITIONS)]
    assert [each.states for each in fast] == [each.states for each in expected]
    assert [each.whole for each in fast] == [each.sketch for each in expected]
    assert [ids(each.rows) for each in fast] == [ids(each.rows) for each in expected]


def ids(rows: list[OutboxRow]) -> list[bytes | None]:
    """Of the effects, in order."""
    return [dict(row.headers).get("ce_id") for row in rows]
