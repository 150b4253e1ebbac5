"""The relay: effects leave Redis for Kafka, in order, at least once.

Rows are sent oldest first and deleted up to the first that was not acknowledged. A relay that
dies between the two sends some rows again: readers drop effect ids they have seen.
Idempotent; one relay a namespace is enough, two do no harm but duplicates.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

from kafka import KafkaProducer
from kafka.errors import KafkaError

from models.events import MAX_VALUE_BYTES
from streams.store import OutboxRow, Store, StoreUnavailable
from streams.topics import LOG

RELAY_BATCH = 1_000
IDLE_PAUSE_S = 0.05
TROUBLE_PAUSE_S = 1.0
SEND_TIMEOUT_S = 30.0
logger = logging.getLogger(__name__)


class Sender(Protocol):
    """Sends rows to Kafka."""

    def send(self, rows: Sequence[OutboxRow]) -> int:
        """Send in order; answers how many, from the first on, were acknowledged. Blocks."""


class KafkaSender:
    """Sends with kafka-python's idempotent producer: acknowledged by all, order kept.

    Args:
        bootstrap_servers: host:port, comma-separated.
    """

    def __init__(self, bootstrap_servers: str) -> None:
        self._producer: Any = KafkaProducer(
            bootstrap_servers=bootstrap_servers.split(","),
            acks="all",
            linger_ms=5,
            compression_type="gzip",
            max_request_size=2 * MAX_VALUE_BYTES,  # before compression; a record and its headers
        )

    def send(self, rows: Sequence[OutboxRow]) -> int:
        """See `Sender.send`."""
        futures: list[Any] = []
        try:
            for row in rows:
                futures.append(self._send(row))  # noqa: PERF401 - those before an error count
        except KafkaError as error:  # those before it are on their way all the same
            logger.warning("relay: %s", error)
        for count, future in enumerate(futures):
            try:
                future.get(timeout=SEND_TIMEOUT_S)
            except KafkaError as error:
                logger.warning("relay: %s", error)
                return count
        return len(futures)

    def _send(self, row: OutboxRow) -> Any:
        """Effects of one partition of the log stay in one partition, whatever their key.

        So their order holds, and the newest one published tells what was published before it.
        """
        source = dict(row.headers).get("source.partition")
        partition = None
        if source is not None and row.topic != LOG:  # there the headers are the producer's own
            partition = int(source) % len(self._producer.partitions_for(row.topic) or {0})
        return self._producer.send(
            row.topic,
            value=row.value,
            key=row.key,
            headers=list(row.headers),
            partition=partition,
        )

    def close(self) -> None:
        """Close the connection; what is not acknowledged by then stays in the outbox."""
        try:
            self._producer.close(timeout=5)
        except KafkaError as error:
            logger.warning("relay: %s", error)


async def relay_once(store: Store, partition: int, sender: Sender) -> Counter[str]:
    """Move the oldest rows of one partition; answers how many went to each topic."""
    waiting = await store.outbox(partition, RELAY_BATCH)
    if not waiting:
        return Counter()
    sent = await asyncio.to_thread(sender.send, [row for _, row in waiting])
    await store.outbox_delete(partition, [row_id for row_id, _ in waiting[:sent]])
    return Counter(row.topic for _, row in waiting[:sent])


async def _anything_waits(store: Store, partitions: int) -> bool:
    return any([await store.outbox(partition, 1) for partition in range(partitions)])


async def relay(store: Store, partitions: int, sender: Sender, stop: asyncio.Event) -> Counter[str]:
    """Relay every partition's outbox until `stop` is set; answers what was sent where."""
    total: Counter[str] = Counter()
    while not stop.is_set():
        try:
            moved: Counter[str] = Counter()
            for partition in range(partitions):
                moved += await relay_once(store, partition, sender)
            total += moved
            stuck = not moved and await _anything_waits(store, partitions)
            pause_s = TROUBLE_PAUSE_S if stuck else 0.0 if moved else IDLE_PAUSE_S
        except StoreUnavailable as error:
            logger.warning("relay: waiting: %s", error)
            pause_s = TROUBLE_PAUSE_S
        try:
            await asyncio.wait_for(stop.wait(), pause_s)
        except TimeoutError:
            continue
    logger.info("relay: sent %d, of these back into the log %d", total.total(), total[LOG])
    return total
