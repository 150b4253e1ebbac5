"""The reference: the log that stands on the broker, folded single-threaded into memory.

Partitions don't touch each other, so each may be folded in a process of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count
from typing import Any, Generic, NamedTuple, TypeVar

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from models.events import LogRecord
from models.policy import Policy
from models.policy_record import PublishedPolicy, decode_published, digest_of_policy
from models.population import Population, decode_population, digest_of
from streams.brokers import Brokers
from streams.chunk import LogIdentity
from streams.connections import opened
from streams.learning import LearnerFold
from streams.log import KafkaUnavailable, LogInspector, TopicFacts
from streams.memory_store import MemoryStore
from streams.partition import Batch, PartitionFold
from streams.store import LEARNER, OutboxRow
from streams.topics import INPUTS, LOG, POLICIES, POPULATIONS

SLICE = 2_000  # records folded at once
LOOK_EVERY_S = 3.0  # at a log that grows
TRIES = 20  # in a row; the broker may be frozen, or the machine busy
_EVERYTHING = 10**9
T = TypeVar("T")


class Log(NamedTuple):
    """Which log, and the rules to fold it by.

    Attributes:
        servers: of the broker.
        namespace: of the installation.
        policy: the rules in force until the log names others.
    """

    servers: str
    namespace: str
    policy: Policy


class Folded(NamedTuple):
    """What comes of one partition.

    Attributes:
        states: by customer.
        sketch: slot by slot, and the movement day by day.
        rows: everything that leaves; only inputs of the learner have their bodies.
        policy: the published one in force at the end, encoded; None: none was published.
        tally: what was folded, by kind.
    """

    states: dict[bytes, bytes]
    sketch: dict[bytes, bytes]
    rows: list[OutboxRow]
    policy: bytes | None
    tally: Counter[str]


def messages(servers: str, topic: str, starts: Mapping[int, int] | None = None) -> Iterator[Any]:
    """What stands in a topic now, in the order of each partition.

    Args:
        servers: of the broker.
        topic: which.
        starts: the partitions wanted, and the offset to begin at; None: all, from their beginning.
    """
    inspector = LogInspector(Brokers(servers))
    if starts is None:
        starts = dict.fromkeys(range(inspector.facts(topic).partitions), 0)
    extents = inspector.extents(topic, list(starts))
    settings = {"enable_auto_commit": False, "isolation_level": "read_committed"}
    with opened(KafkaConsumer, Brokers(servers), **settings) as consumer:
        wanted = [TopicPartition(topic, each) for each in starts]
        consumer.assign(wanted)
        for tp in wanted:
            consumer.seek(tp, max(starts[tp.partition], extents[tp.partition].start))
        while any(consumer.position(tp) < extents[tp.partition].end for tp in wanted):
            for records in consumer.poll(timeout_ms=200).values():
                yield from records


class Bodies(Generic[T]):
    """Whatever stands in a compacted topic, by its digest; read again when one is not known yet.

    Args:
        servers: of the broker.
        topic: which.
        digest_of: names a body by its content.
        decode: what a body says.
    """

    def __init__(
        self,
        servers: str,
        topic: str,
        digest_of: Callable[[bytes], str],
        decode: Callable[[bytes], T],
    ) -> None:
        self._servers, self._topic = servers, topic
        self._digest_of, self._decode = digest_of, decode
        self._known: dict[str, T] = {}

    async def __call__(self, digest: str) -> T:
        """What the body of that digest says; KeyError: there is none."""
        if digest not in self._known:
            for each in messages(self._servers, self._topic):
                self._known[self._digest_of(each.value)] = self._decode(each.value)
        return self._known[digest]


def population_bodies(servers: str) -> Bodies[Population]:
    """Those of `populations.v1`."""
    return Bodies(servers, POPULATIONS, digest_of, decode_population)


def policy_bodies(servers: str) -> Bodies[PublishedPolicy]:
    """Those of `policies.v1`."""
    return Bodies(servers, POLICIES, digest_of_policy, decode_published)


def at_rest() -> bool:
    """The log grows no more."""
    return True


def folded(log: Log, partition: int, rests: Callable[[], bool] = at_rest) -> Folded:
    """Fold one partition from its beginning to its end.

    Args:
        log: which log.
        partition: of it.
        rests: whether the log grows no more; until it does, the end is waited for.
    """
    return asyncio.run(_Partition(log, partition).fold(rests))


class _Partition:
    """One partition of the log, and the memory it is folded into."""

    def __init__(self, log: Log, partition: int) -> None:
        self._log, self._partition = log, partition
        self._inspector, self._store = LogInspector(Brokers(log.servers)), MemoryStore(lambda: 0)
        self._folded_to = self._failures = 0
        self._rows: list[OutboxRow] = []

    async def fold(self, rests: Callable[[], bool]) -> Folded:
        facts = self._facts()
        identity = LogIdentity(
            self._log.namespace, facts.topic_id, facts.partitions, self._partition
        )
        nonces = (b"%d" % each for each in count())
        servers = self._log.servers
        fold = PartitionFold(
            *(identity, self._log.policy, self._store, _no_records, population_bodies(servers)),
            nonces.__next__,
            policies=policy_bodies(servers),
        )
        while not await self._fold_what_is_there(fold, rests()):
            time.sleep(LOOK_EVERY_S)  # noqa: ASYNC251 - nobody else is in this loop
        return await self._result(fold.tally)

    def _facts(self) -> TopicFacts:
        for _ in range(TRIES):
            try:
                return self._inspector.facts(LOG)
            except KafkaUnavailable:
                time.sleep(LOOK_EVERY_S)
        return self._inspector.facts(LOG)

    async def _fold_what_is_there(self, fold: PartitionFold, last: bool) -> bool:
        """Answers whether that was the last look."""
        try:
            for batch in self._batches():
                assert await fold.handle(batch) is None
                self._folded_to = batch.next_offset
                self._rows += map(_without_body, await _taken(self._store, self._partition))
        except (KafkaError, KafkaUnavailable):
            self._failures += 1
            if self._failures > TRIES:
                raise
            return False
        self._failures = 0
        return last

    def _batches(self) -> Iterator[Batch]:
        start, records = self._folded_to, list[LogRecord]()
        end = self._inspector.extents(LOG, [self._partition])[self._partition].end
        for each in messages(self._log.servers, LOG, {self._partition: start}):
            if each.offset >= end:
                break
            records.append(_log_record(each))
            if len(records) == SLICE:
                yield Batch(start, each.offset + 1, records)
                start, records = each.offset + 1, []
        yield Batch(start, end, records)

    async def _result(self, tally: Counter[str]) -> Folded:
        everybody = await self._store.walk(self._partition, 0, _EVERYTHING)
        loaded = await self._store.load(self._partition, (), b"another nonce")
        assert loaded.whole is not None
        return Folded(
            {id_.encode(): each for id_, each in everybody.states.items()},
            of_a_whole(loaded.whole.sketch, loaded.whole.movement),
            self._rows,
            loaded.whole.policy,
            tally,
        )


def of_a_whole(sketch: Mapping[str, bytes], movement: Mapping[str, bytes]) -> dict[bytes, bytes]:
    """What belongs to a partition as a whole, by slot and by day."""
    days = {f"movement of {day}".encode(): packed for day, packed in movement.items()}
    return {**{slot.encode(): packed for slot, packed in sketch.items()}, **days}


def _log_record(found: Any) -> LogRecord:
    return LogRecord(
        found.partition,
        found.offset,
        found.timestamp,
        found.key,
        found.value,
        dict(found.headers),
    )


def _without_body(row: OutboxRow) -> OutboxRow:
    """Of effects the headers tell enough, and there are many."""
    return row if row.topic == INPUTS else row._replace(value=None)


async def _taken(store: MemoryStore, place: int) -> list[OutboxRow]:
    """What waits in an outbox, which is empty then."""
    waiting = await store.outbox(place, _EVERYTHING)
    await store.outbox_delete(place, [row_id for row_id, _ in waiting])
    return [row for _, row in waiting]


def learned(log: Log, partitions: int, rows: Iterable[OutboxRow]) -> list[bytes]:
    """The populations, encoded and oldest first, that the learner makes of what left."""
    return asyncio.run(_learned(log, partitions, rows))


async def _learned(log: Log, partitions: int, rows: Iterable[OutboxRow]) -> list[bytes]:
    store = MemoryStore(lambda: 0)
    identity = LogIdentity(log.namespace, "", partitions, 0)
    nonces = (b"%d" % each for each in count())
    fold = LearnerFold(
        *(identity, log.policy, store, _no_records, nonces.__next__),
        policies=policy_bodies(log.servers),
    )
    inputs = [
        LogRecord(0, offset, 0, row.key, row.value, dict(row.headers))
        for offset, row in enumerate(row for row in rows if row.topic == INPUTS)
    ]
    assert await fold.handle(Batch(0, len(inputs), inputs)) is None
    left = await _taken(store, LEARNER)
    return [row.value or b"" for row in left if row.topic == POPULATIONS]


async def _no_records(_partition: int, _start: int, _end: int) -> bool:
    return False
