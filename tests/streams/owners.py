"""A worker's timekeeper with its lanes and its store; Kafka is given by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import NamedTuple, cast

import faust
from faust.types import TP

from models.barrier import Barrier, encode_barrier
from models.events import LogRecord
from models.policy import Policy
from models.sketch import Contribution, Sketch
from streams.chunk import LogIdentity
from streams.lane import Lane
from streams.learning import LearnerFold
from streams.memory_store import MemoryStore
from streams.metrics_worker import WorkerMeter
from streams.timekeeper import Timekeeper
from streams.topics import INPUTS, LOG
from streams.wall import wall_ms
from tests.streams.lanes import FakeFetch, Watched, until
from tests.streams.logbook import CUSTOMERS, PARTITION, POLICY, Logbook, memory, new_nonce

HERE, LEARNING = TP(LOG, PARTITION), TP(INPUTS, 0)
MONDAY = 736_330  # the end of an epoch


class Sent(NamedTuple):
    """A record as the producer was given it."""

    tp: TP
    value: bytes
    headers: dict[str, bytes]


class Kafka:
    """The consumer and the producer of a Faust app, without one."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.unread: set[TP] = set()  # more of them stands in the log
        self.asked: list[tuple[TP, int]] = []
        self.failure: Exception | None = None
        self.lag_records: int | None = 0

    async def lag(self, tp: TP, folded_to: int) -> int | None:
        return self.lag_records

    async def has_read_to_end(self, tp: TP, folded_to: int) -> bool:
        self.asked.append((tp, folded_to))
        return tp not in self.unread

    async def send_and_wait(
        self,
        topic: str,
        key: bytes | None,
        value: bytes,
        partition: int,
        timestamp: float | None,
        headers: dict[str, bytes],
    ) -> None:
        assert (key, timestamp) == (None, None)
        if self.failure is not None:
            raise self.failure
        self.sent.append(Sent(TP(topic, partition), value, headers))


class Owner:
    """A worker with its lanes, its store and its timekeeper; Kafka is given by hand."""

    def __init__(self, store: MemoryStore | None = None, policy: Policy = POLICY) -> None:
        self.meter = WorkerMeter()
        self.store = store or memory()
        self.policy = policy
        self.kafka, self.watched, self.log = Kafka(), Watched(self.meter), Logbook()
        self.learning: Lane[LearnerFold] = Lane(self.watched._read_again, self.watched._crash)
        self.inputs: list[LogRecord] = []
        self.keeper = Timekeeper(
            cast(faust.App, SimpleNamespace(consumer=self.kafka, producer=self.kafka)),
            self.store,
            policy,
            "main",
            self.watched.lane,
            self.learning,
            self.watched._read_again,
            self.watched._crash,
            meter=self.meter,
        )

    def told(self, name: str) -> float | None:
        """A metric of the partition, as Prometheus would be told."""
        labels = {"partition": str(PARTITION)}
        return self.meter.registry.get_sample_value(f"segmenter_{name}", labels)

    async def fold(self) -> None:
        """Open the partition and fold what stands in its log."""
        if PARTITION not in self.watched.lane.partitions:
            self.watched.open(self.log, self.store)
        if self.log.records:
            await self.watched.lane.put(FakeFetch(self.log.records))
        await self.watched.done()

    async def read_back(self) -> None:
        """Whatever was written to the partition stands in its log and is folded."""
        for each in self.kafka.sent:
            assert each.tp == HERE
            self.log.append(each.value, wall_ms(), each.headers["kind"].decode())
        self.kafka.sent.clear()
        await self.fold()

    async def learn(self, *barriers: tuple[int, int, int]) -> None:
        """Barriers come: each of a partition, on a day, at a moment of the wall clock."""
        if not self.learning.partitions:
            identity = LogIdentity("main", "topic-2", 2, 0)
            fold = LearnerFold(identity, self.policy, self.store, nothing_between, new_nonce)
            self.learning.open(0, fold)
        for partition, day, at_ms in barriers:
            value = encode_barrier(Barrier(partition, 2, day, sketched(partition)))
            self._input(value, {"kind": b"barrier", "source.namespace": b"main"}, at_ms)
        await self._learn()

    async def learn_back(self) -> None:
        """Whatever was written to the learner's topic is folded."""
        for each in self.kafka.sent:
            assert each.tp == LEARNING
            self._input(each.value, each.headers, wall_ms())
        self.kafka.sent.clear()
        await self._learn()

    def _input(self, value: bytes, headers: dict[str, bytes], at_ms: int) -> None:
        self.inputs.append(LogRecord(0, len(self.inputs), at_ms, None, value, headers))

    async def _learn(self) -> None:
        await self.learning.put(FakeFetch(self.inputs, 0))
        await until(lambda: self.learning.idle(0))


def sketched(partition: int) -> dict[str, bytes]:
    """The sketch of a partition with one customer."""
    sketch = Sketch()
    once = Contribution(MONDAY - 3, MONDAY - 9, MONDAY - 5, 2, 5_000)
    sketch.renew(CUSTOMERS[partition], None, once)
    return sketch.slots()


async def nothing_between(_partition: int, _start: int, _end: int) -> bool:
    return False
