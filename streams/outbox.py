"""The relay: effects leave Redis for Kafka, in order, at least once.

Rows are sent oldest first and deleted up to the first that was not acknowledged. A relay that
dies between the two sends some rows again: readers drop effect ids they have seen.
Idempotent; one relay a namespace is enough, two do no harm but duplicates.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, Protocol

from kafka import KafkaProducer
from kafka.errors import KafkaError

from models.events import MAX_VALUE_BYTES
from streams.brokers import Brokers
from streams.connections import made
from streams.metrics import RelayMeter
from streams.origin import origin
from streams.patience import rest
from streams.store import OutboxRow, Store, StoreUnavailable
from streams.topics import LOG, POPULATIONS

RELAY_BATCH = 1_000
IDLE_PAUSE_S = 0.05
TROUBLE_PAUSE_S = 1.0
SEND_TIMEOUT_S = 30.0
MOST_FAILURES = 2  # in a row, of one producer
logger = logging.getLogger(__name__)

Outbox = tuple[Store, int]  # a place in a store: a partition of the log, or the learner


class Sender(Protocol):
    """Sends rows to Kafka."""

    def send(self, rows: Sequence[OutboxRow]) -> int:
        """Send in order; answers how many, from the first on, were acknowledged. Blocks."""


class Moved(NamedTuple):
    """What one look at an outbox brought.

    Attributes:
        waiting: how many rows were found.
        sent: how many of them went to each topic.
    """

    waiting: int
    sent: Counter[str]


class KafkaSender:
    """Sends with kafka-python's idempotent producer: acknowledged by all, order kept.

    Kafka keeps order within a partition. Rows that name a population must not be seen before it,
    so a population is acknowledged before any row after it is sent.

    A producer that a broker has once not let in never tries again, so another one takes the place of
    one that fails twice in a row.

    Args:
        brokers: of the cluster.

    Raises:
        KafkaError: nobody lets us in.
    """

    _failures = 0  # in a row

    def __init__(self, brokers: Brokers) -> None:
        self._brokers = brokers
        self._producer = self._opened()

    def _opened(self) -> Any:
        return made(
            KafkaProducer,
            self._brokers,
            acks="all",
            linger_ms=5,
            compression_type="gzip",
            max_request_size=2 * MAX_VALUE_BYTES,  # before compression; a record and its headers
        )

    def send(self, rows: Sequence[OutboxRow]) -> int:
        """See `Sender.send`."""
        try:
            if self._failures >= MOST_FAILURES:
                self.close()
                self._producer = self._opened()
        except KafkaError as error:
            logger.warning("relay: %s", error)
            return 0
        sent = self._sent(rows)
        self._failures = 0 if sent == len(rows) else self._failures + 1
        return sent

    def _sent(self, rows: Sequence[OutboxRow]) -> int:
        futures: list[Any] = []
        try:
            for row in rows:
                futures.append(self._send(row))
                if row.topic == POPULATIONS:
                    futures[-1].get(timeout=SEND_TIMEOUT_S)
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
        return self._producer.send(
            row.topic,
            value=row.value,
            key=row.key,
            headers=list(row.headers),
            partition=self._partition(row),
        )

    def _partition(self, row: OutboxRow) -> int | None:
        """Effects of one partition of the log stay in one partition, whatever their key.

        So their order holds, and the newest one published tells what was published before it.
        """
        source = origin(row)
        if row.partition is not None or source is None:
            return row.partition
        return source.partition % len(self._producer.partitions_for(row.topic) or {0})

    def close(self) -> None:
        """Close the connection; what is not acknowledged by then stays in the outbox."""
        try:
            self._producer.close(timeout=5)
        except KafkaError as error:
            logger.warning("relay: %s", error)


async def relay_once(store: Store, place: int, sender: Sender) -> Moved:
    """Move the oldest rows of one outbox."""
    waiting = await store.outbox(place, RELAY_BATCH)
    if not waiting:
        return Moved(0, Counter())
    sent = await asyncio.to_thread(sender.send, [row for _, row in waiting])
    await store.outbox_delete(place, [row_id for row_id, _ in waiting[:sent]])
    return Moved(len(waiting), Counter(row.topic for _, row in waiting[:sent]))


async def relay(
    store: Store, places: Sequence[int], sender: Sender, stop: asyncio.Event
) -> Counter[str]:
    """Relay these outboxes of one store; see `relay_all`."""
    outboxes = [(store, place) for place in places]

    async def always_these() -> Sequence[Outbox]:
        return outboxes

    return await relay_all(always_these, sender, stop)


async def relay_all(
    outboxes: Callable[[], Awaitable[Sequence[Outbox]]],
    sender: Sender,
    stop: asyncio.Event,
    meter: RelayMeter | None = None,
) -> Counter[str]:
    """Relay outboxes until `stop` is set; answers what was sent where.

    Args:
        outboxes: async: which ones, asked before each round, in the order of their turns.
        sender: to Kafka.
        stop: looked at after each round.
        meter: told of each round; one of its own if left out.
    """
    meter = meter or RelayMeter()
    total: Counter[str] = Counter()
    while not stop.is_set():
        began_s = time.monotonic()
        try:
            moved = [await relay_once(*each, sender) for each in await outboxes()]
            total += sum((each.sent for each in moved), Counter())
            found, gone = sum(m.waiting for m in moved), sum(m.sent.total() for m in moved)
            meter.round(found, gone, time.monotonic() - began_s)
            pause_s = _pause_s(moved)
        except StoreUnavailable as error:
            logger.warning("relay: waiting: %s", error)
            meter.redis_is_away()
            pause_s = TROUBLE_PAUSE_S
        await rest(stop, pause_s)
    logger.info("relay: sent %d, of these back into the log %d", total.total(), total[LOG])
    return total


def _pause_s(moved: Sequence[Moved]) -> float:
    """None while rows move; a long one if they wait and none of them could be sent."""
    if any(each.sent for each in moved):
        return 0.0
    return TROUBLE_PAUSE_S if any(each.waiting for each in moved) else IDLE_PAUSE_S
