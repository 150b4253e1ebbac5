"""What a worker reports: batches by its lanes, each partition's state by its timekeeper.

Enters: reports, one a batch or one a second; never one a record. Leaves: metrics, when they are
asked for, and each partition's `Vitals`. Forbidden here: Kafka, the store, ids of customers.

What the folds tally is not counted a second time: it is read when Prometheus asks, from a thread of
the HTTP server. So what is read there is replaced as a whole, or copied in one step, and a fold
that takes another's place does so under a lock, because a counter must never seem to go down.
"""

from __future__ import annotations

import threading
from collections import Counter as Tally
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from models.population import Population
from streams.health import Health
from streams.metrics_partition import NEAR_END_RECORDS, Owned, Seen, Tallied
from streams.metrics_told import of_folds, of_partitions, of_population
from streams.partition import Batch
from streams.store import Vitals
from streams.topics import INPUTS, LOG
from streams.wall import wall_ms

_RECORDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000)
_BATCH_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_STORE_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
LOOKED_WITHIN_S = 60.0  # as the alert `Held up` of docs/metrics.md
_FRESH_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class WorkerMeter(Collector):
    """All that a worker reports, each lane through a meter of its own.

    Args:
        registry: where it is told; a new one if left out.

    Attributes:
        log: meter of the log's lane, and of its partitions.
        learning: meter of the learner's lane.
        population: the newest that is in force in any partition; None: not known.
        health: of the process.
        joined: whether the group has given it partitions, or none, and they were opened.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.batch_records = Histogram(
            "segmenter_batch_records",
            "Records that one fetch brought for one partition.",
            ["topic"],
            buckets=_RECORDS,
            registry=self.registry,
        )
        self.batch_s = Histogram(
            "segmenter_batch_seconds",
            "Time of handling a batch: reading, loading, folding and applying it.",
            ["topic"],
            buckets=_BATCH_S,
            registry=self.registry,
        )
        self.store_s = Histogram(
            "segmenter_store_seconds",
            "Time of one call of the store while a batch is handled, failed ones included.",
            ["call"],
            buckets=_STORE_S,
            registry=self.registry,
        )
        self.freshness_s = Histogram(
            "segmenter_freshness_seconds",
            "From the broker's append time until the record's batch is in Redis, by two clocks; of "
            f"the oldest record of each batch of at most {NEAR_END_RECORDS}, while the partition "
            "is no further behind its end than that.",
            buckets=_FRESH_S,
            registry=self.registry,
        )
        self.waiting = Gauge(
            "segmenter_waiting",
            "1 while some batch can't be written because Redis, Kafka or the relay is waited for.",
            ["topic"],
            registry=self.registry,
        )
        self.source_silent = Gauge(
            "segmenter_source_silent",
            "1 while time stands still because no partition has seen an event for too long.",
            registry=self.registry,
        )
        self.log, self.learning = LaneMeter(self, LOG), LaneMeter(self, INPUTS)
        self.population: Population | None = None
        self.health, self.joined = Health(), False
        self.registry.register(self)

    def pulse(self) -> None:
        """The loop goes round; whether the worker does its work is read off what was told here."""
        self.health.beat()
        why = self._why_unready(wall_ms() / 1000)
        if why:
            self.health.waits(why)
        else:
            self.health.works()

    def _why_unready(self, now_s: float) -> str:
        if not self.joined:
            return "no partitions were given to it yet; Kafka or Redis may be away"
        if self.log.waiting or self.learning.waiting:
            return "a batch can't be written: Redis, Kafka or the relay is waited for"
        looks = {each: one.seen for each, one in self.log.owned.items()}
        old = [each for each, look in looks.items() if look is None or _is_old(look, now_s)]
        return f"partition {old[0]} was not looked at lately" if old else ""

    def learned(self, population: Population) -> None:
        """A population is in force somewhere."""
        if self.population is None or population.version > self.population.version:
            self.population = population

    def collect(self) -> Iterator[Metric]:
        """What is derived when it is asked for; called by a thread."""
        yield from of_folds({LOG: self.log.tally(), INPUTS: self.learning.tally()})
        yield from of_partitions(self.log.owned)
        yield from of_population(self.population)


def _is_old(look: Seen, now_s: float) -> bool:
    return now_s - look.looked_timestamp_seconds > LOOKED_WITHIN_S


class LaneMeter:
    """What a lane, and the timekeeper of its partitions, report; `WorkerMeter` has two."""

    def __init__(self, worker: WorkerMeter, topic: str) -> None:
        self._worker = worker
        self._batch_records = worker.batch_records.labels(topic)
        self._batch_s = worker.batch_s.labels(topic)
        self._is_waiting = worker.waiting.labels(topic)
        self._waiting: set[int] = set()
        self._owned: dict[int, Owned] = {}
        self._tally_of_closed: Tally[str] = Tally()
        self._changing = threading.Lock()

    def opened(self, partition: int, fold: Tallied) -> None:
        """Reading of a partition begins."""
        self._worker.population = None  # the store may have been rolled back
        with self._changing:
            self._owned[partition] = Owned(fold)

    def closed(self, partition: int) -> None:
        """A partition is let go of; nothing more is told of it."""
        with self._changing:
            owned = self._owned.pop(partition, None)
            if owned is not None:
                self._tally_of_closed.update(owned.fold.tally)
        self._goes_on(partition)

    def waits(self, partition: int) -> None:
        """A batch could not be written; it will be tried again."""
        self._waiting.add(partition)
        self._is_waiting.set(1)

    def handled(self, partition: int, batch: Batch, took_s: float) -> None:
        """A batch is in the store; `took_s` is of the attempt that succeeded."""
        self._goes_on(partition)
        self._batch_records.observe(len(batch.records))
        self._batch_s.observe(took_s)
        owned, few = self._owned.get(partition), len(batch.records) <= NEAR_END_RECORDS
        if owned is not None and owned.near_end and few:
            now_ms, oldest, newest = wall_ms(), batch.records[0], batch.records[-1]
            self._worker.freshness_s.observe(max(0, now_ms - oldest.timestamp_ms) / 1000)
            owned.freshness_ms = max(0, now_ms - newest.timestamp_ms)

    def _goes_on(self, partition: int) -> None:
        if partition in self._waiting:
            self._waiting.discard(partition)
            self._is_waiting.set(bool(self._waiting))

    def behind(self, partition: int, lag_records: int | None) -> None:
        """How many records are not in the store; None: not known."""
        owned = self._owned.get(partition)
        if owned is not None:
            owned.lag_records = lag_records
            if not owned.near_end:
                owned.freshness_ms = -1

    def saw(self, partition: int, look: Seen, now_s: float) -> Vitals | None:
        """What a look brought, monotonic clock; answers the partition's vitals, if known."""
        owned = self._owned.get(partition)
        if owned is None:  # taken away meanwhile
            return None
        owned.seen = look
        return owned.vitals(now_s)

    @property
    def waiting(self) -> bool:
        """Whether some batch can't be written now."""
        return bool(self._waiting)

    @property
    def owned(self) -> dict[int, Owned]:
        """The partitions that are open, by number. May be asked by any thread."""
        return dict(self._owned)

    def tally(self) -> Tally[str]:
        """What all folds together have folded. May be asked by any thread."""
        with self._changing:
            total = Tally(self._tally_of_closed)
            for each in self._owned.values():
                total.update(dict(each.fold.tally))
            return total
