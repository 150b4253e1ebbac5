"""The simulated Kafka: a log of few partitions, the output topics, and a clock that the run moves.

Enters: what producers write and what relays send. Leaves: fetches, and the tails of topics.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from random import Random

from models.erasure import Mark
from models.events import LogRecord
from models.policy_record import PublishedPolicy
from models.population import Population, decode_population, digest_of, encode_population
from streams.chunk import LogIdentity
from streams.erasures import born_marks
from streams.log import Record, TopicFacts
from streams.partition import Batch
from streams.partitioner import partition_of
from streams.store import LEARNER, OutboxRow
from streams.topics import ERASURES, INPUTS, LOG, POPULATIONS
from tests.simulation.policies import published
from tests.streams.logbook import START_MS

NAMESPACE = "sim"
HOLE_EVERY = 15  # offsets: a transaction's marker, or a record compacted away


class Partition:
    """Records of one partition, in order; offsets may have holes."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.records: list[LogRecord] = []
        self.end = 0

    def append(
        self, at_ms: int, key: bytes | None, value: bytes | None, headers: dict[str, bytes]
    ) -> None:
        """Write a record as a broker does."""
        self.records.append(LogRecord(self._number, self.end, at_ms, key, value, headers))
        self.end += 1

    def hole(self) -> None:
        """An offset that no record has."""
        self.end += 1

    def fetch(self, position: int, at_most: int) -> Batch | None:
        """What a reader gets; None at the end."""
        first = self._index(position)
        records = self.records[first : first + at_most]
        return Batch(position, records[-1].offset + 1, records) if records else None

    def all(self) -> Batch | None:
        """The whole log in one fetch."""
        return self.fetch(0, len(self.records))

    def has_records(self, start: int, end: int) -> bool:
        """The probe of a gap."""
        return self._index(start) < self._index(end)

    def _index(self, offset: int) -> int:
        return bisect_left(self.records, offset, key=lambda record: record.offset)


class World:
    """Everything outside the store and the processes.

    Args:
        rng: the run's.
        partitions: of the log.
        tells_of_erased: whether `erasures.v1` is read before a log is folded from its beginning.

    Attributes:
        now_ms: the broker's clock, epoch milliseconds.
        logs: what is read: the log's partitions, and the learner's inputs.
        wire: all rows that were stored, by topic.
        bodies: populations by digest.
        policies: likewise.
        births: with which marks a partition's store may have been born; first, with none.
        unacknowledged: rows stored and not known to be.
    """

    def __init__(self, rng: Random, partitions: int, *, tells_of_erased: bool) -> None:
        self._rng = rng
        self._tells_of_erased = tells_of_erased
        self.partitions = partitions
        self.now_ms = START_MS
        self.logs = {place: Partition(place) for place in range(partitions)}
        self.logs[LEARNER] = Partition(0)
        self.wire: list[OutboxRow] = []
        self.bodies: dict[str, Population] = {}
        self.policies: dict[str, PublishedPolicy] = {}
        self.unacknowledged = 0
        self.births: defaultdict[int, list[Mapping[str, Mark]]] = defaultdict(lambda: [{}])
        self.losing_answers = False

    def write(self, partition: int, key: bytes | None, value: bytes | None, kind: str) -> None:
        """A record of a producer or an owner."""
        log = self.logs[partition]
        log.append(self.now_ms, key, value, {"kind": kind.encode()})
        if self._rng.randrange(HOLE_EVERY) == 0:
            log.hole()

    def publish(self, population: Population) -> str:
        """Put a population's body where it can be had; answers its digest."""
        digest = digest_of(packed := encode_population(population))
        self.bodies[digest] = decode_population(packed)
        return digest

    def publish_policy(self, number: int, choice: int, *, silent: bool) -> PublishedPolicy:
        """Put a policy's body where it can be had."""
        _, new = published(number, choice, silent=silent)
        self.policies[new.digest] = new
        return new

    def send(self, rows: Sequence[OutboxRow]) -> int:
        """See `Sender.send`. One topic may fail half way, or what was stored stay unsaid."""
        stored, acknowledged = rows, len(rows)
        if self.losing_answers and rows:
            cut = self._rng.randrange(len(rows))
            failing = rows[cut].topic
            others = [row for row in rows[cut:] if row.topic != failing]
            stored = [*rows[:cut], *(others if failing != POPULATIONS else ())]
            acknowledged = self._rng.randint(0, cut)
            self.unacknowledged += len(stored) - acknowledged
        for row in stored:
            self._store(row._replace(headers=tuple(row.headers)))
        return acknowledged

    def _store(self, row: OutboxRow) -> None:
        self.wire.append(row)
        headers = dict(row.headers)
        if row.topic == LOG:
            place = row.partition
            if place is None:
                place = partition_of((row.key or b"").decode(), self.partitions)
            self.logs[place].append(self.now_ms, row.key, row.value, headers)
        elif row.topic == INPUTS:
            self.logs[LEARNER].append(self.now_ms, row.key, row.value, headers)
        elif row.topic == POPULATIONS:
            self.bodies[(row.key or b"").decode()] = decode_population(row.value or b"")

    def erased(self, log: LogIdentity) -> Mapping[str, Mark]:
        """The marks that a partition is born with, as a worker reads them."""
        if not self._tells_of_erased:
            return {}
        marks = born_marks((each for _, each in self.iter_tail(ERASURES, (), 0)), log)
        births = self.births[log.partition]
        if marks not in births:
            births.append(marks)
        return marks

    def facts(self, topic: str) -> TopicFacts:
        """See `LogInspector.facts`."""
        return TopicFacts(topic, 1)

    def iter_tail(
        self, topic: str, _partitions: Sequence[int], _count: int
    ) -> Iterator[tuple[int, Record]]:
        """See `LogInspector.iter_tail`; a run writes less than a tail."""
        for row in self.wire:
            if row.topic == topic:
                yield 0, Record(0, self.now_ms, row.key, row.value, row.headers)
