"""Purchases into Kafka, whole record batches at a time: 20,000 a second leave a core most of its time.

`write` puts a list of events into the log as fast as the broker takes them. As a process of its own it writes new
purchases at a rate, so that the producer's work is not done by whoever watches:

    python -m bench.load SERVERS TOPIC PARTITIONS CUSTOMERS RATE SECONDS [SHIFT_MS]

SHIFT_MS is added to the wall clock and gives the event time. At the end it prints how many were written in how many
seconds, as JSON; SIGTERM ends it early.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer

from bench.purchases import purchase
from streams.partitioner import partition_of
from streams.sources import SourceRecord
from streams.topics import LOG

BATCH_BYTES = 131_072
PAUSE_S = 0.01  # so long a purchase waits for others before it is sent, at most
AMOUNT_MINOR = 4_990
HEADERS = [("kind", b"purchase")]


class Load(NamedTuple):
    """What is to be written.

    Attributes:
        topic: where to.
        partitions: that it has.
        customers: who buy, in turns.
        rate: purchases a second.
        seconds: for how long.
        shift_ms: from the wall clock to event time.
    """

    topic: str
    partitions: int
    customers: int
    rate: float
    seconds: float
    shift_ms: int = 0


def write(servers: str, records: Iterable[SourceRecord], partitions: int, topic: str = LOG) -> None:
    """Write events in their order; blocks until the broker has them all."""
    asyncio.run(_write(servers, topic, records, partitions))


async def _write(
    servers: str, topic: str, records: Iterable[SourceRecord], partitions: int
) -> None:
    async with _producer(servers) as producer:
        batches = _Batches(producer, topic, partitions)
        for record in records:
            if not batches.add(record):
                await batches.send()
                assert batches.add(record)
        await batches.finish()


def _producer(servers: str) -> AIOKafkaProducer:
    return AIOKafkaProducer(
        bootstrap_servers=servers.split(","), acks="all", max_batch_size=BATCH_BYTES
    )


class _Batches:
    """One open batch a partition."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, partitions: int) -> None:
        self._producer, self._topic, self._partitions = producer, topic, partitions
        self._open: dict[int, Any] = {}
        self._sent: list[Any] = []

    def add(self, record: SourceRecord) -> bool:
        """Put it into its partition's batch; False: that is full."""
        partition = partition_of(record.customer_id, self._partitions)
        batch = self._open.get(partition)
        if batch is None:
            batch = self._open[partition] = self._producer.create_batch()
        key = record.customer_id.encode()
        taken = batch.append(timestamp=None, key=key, value=record.value, headers=HEADERS)
        return taken is not None

    async def send(self) -> None:
        """Send what has come together, and wait until what was sent before is acknowledged."""
        sent = [
            await self._producer.send_batch(batch, self._topic, partition=partition)
            for partition, batch in self._open.items()
        ]
        self._open.clear()
        waiting, self._sent = self._sent, sent
        await asyncio.gather(*waiting)

    async def finish(self) -> None:
        """Wait for all."""
        await self.send()
        await self.send()


async def paced(
    servers: str, load: Load, stopped: Callable[[], bool] = lambda: False
) -> tuple[int, float]:
    """Write at a rate; answers how many purchases in how many seconds."""
    async with _producer(servers) as producer:
        batches, written = _Batches(producer, load.topic, load.partitions), 0
        began_s = now_s = time.perf_counter()
        while now_s < began_s + load.seconds and not stopped():
            due = min(int((now_s - began_s) * load.rate), written + int(load.rate / 4) + 1)
            moment = datetime.fromtimestamp(time.time() + load.shift_ms / 1000, UTC)
            for number in range(written, due):
                buyer = f"c{number % load.customers}"
                record = purchase(buyer, moment, f"{time.time_ns()}-{number}", AMOUNT_MINOR)
                if not batches.add(record):
                    await batches.send()
                    batches.add(record)
            written = max(written, due)
            await batches.send()
            await asyncio.sleep(max(0.0, PAUSE_S - (time.perf_counter() - now_s)))
            now_s = time.perf_counter()
        took_s = now_s - began_s
        await batches.finish()
    return written, took_s


def main(servers: str, topic: str, *given: str) -> None:
    """Write, and tell."""
    partitions, customers, rate, seconds, *shift_ms = given
    load = Load(topic, int(partitions), int(customers), float(rate), float(seconds))
    load = load._replace(shift_ms=int(shift_ms[0])) if shift_ms else load
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    written, took_s = asyncio.run(paced(servers, load, lambda: bool(ended)))
    print(json.dumps({"written": written, "seconds": took_s}))


if __name__ == "__main__":
    main(*sys.argv[1:])
