"""The whole loop in one process: log, folds, learner and relay, in memory, single-threaded.

Purchases and ticks go into the partitions of a log; effects come out; sketches go to the learner,
and its populations back into the log. It is what an installation does when nothing is ever late,
so it serves as a reference, and as the bench's path over real data.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator

import msgpack

from models.calendar import day_of, start_of_day_ms
from models.erasure import Pseudonyms
from models.events import MAX_FUTURE_MS, Kind, LogRecord, Reading, encode_tick, read_record
from models.learner import arrived
from models.policy import Policy
from models.population import Population, decode_population, digest_of, encode_population
from models.sketch import UNKEYED, Sketch, from_slots
from streams.aside import aside, inner
from streams.chunk import LogIdentity
from streams.learning import Arrival, LearnerFold
from streams.memory_store import MemoryStore
from streams.partition import NO_NONCE, Batch, PartitionFold
from streams.partitioner import partition_of
from streams.sources import SourceRecord
from streams.store import LEARNER, OutboxRow, Store, all_states
from streams.topics import INPUTS, LOG, POPULATIONS

BATCH = 500
APPENDED_MS = 250_000_000_000_000  # in 9892: every record is written long after it happened


class Loop:
    """An installation in memory.

    Args:
        policy: the rules in force.
        partitions: of the log.
        store: None: one of its own.
        read: how records are read.
        arrive: what a barrier does to the learner.
        pseudonyms: with the installation's hash key.
        topic_id: that the store is told.
        appended_ms: when every record is written: what claims to have happened later is a dead letter.
        keeps_log: whether records stay when they have been read; else memory does not grow with the log.

    Attributes:
        populations: all bodies published, oldest first.
        effects: all other rows that left, in order; whoever looks at them clears them.
        log: its partitions, one list of records each: those not read yet, or all.
        inputs: the learner's topic, likewise.
    """

    def __init__(
        self,
        policy: Policy,
        partitions: int,
        store: Store | None = None,
        *,
        read: Reading = read_record,
        arrive: Arrival = arrived,
        pseudonyms: Pseudonyms = UNKEYED,
        topic_id: str = "",
        appended_ms: int = APPENDED_MS,
        keeps_log: bool = False,
    ) -> None:
        self.policy, self.partitions, self._keeps_log = policy, partitions, keeps_log
        self._reading, self.pseudonyms, self._topic_id = read, pseudonyms, topic_id
        self._appended_ms = appended_ms
        self.store = store or aside(MemoryStore(lambda: 0))
        self.populations: list[Population] = []
        self.effects: list[OutboxRow] = []
        self.log: list[list[LogRecord]] = [[] for _ in range(partitions)]
        self.inputs: list[LogRecord] = []
        self._bodies: dict[str, Population] = {}
        self._nonces = 0
        self._read_to = [0] * (partitions + 1)  # the last one is the learner's
        self._begins = [0] * (partitions + 1)  # the offset of what is kept; likewise
        self.folds = [self._fold(each) for each in range(partitions)]
        identity = LogIdentity("loop", topic_id, partitions, 0)
        given = (policy, self.store, no_records, self._new_nonce)
        self.learner = LearnerFold(identity, *given, arrive=arrive)

    def _fold(self, partition: int) -> PartitionFold:
        identity = LogIdentity("loop", self._topic_id, self.partitions, partition, self.pseudonyms)
        given = (self.policy, self.store, no_records, self._body, self._new_nonce)
        return PartitionFold(identity, *given, read=self._reading)

    async def _body(self, digest: str) -> Population:
        return self._bodies[digest]

    def _new_nonce(self) -> bytes:
        self._nonces += 1
        return b"%d" % self._nonces

    async def write(self, record: SourceRecord) -> None:
        """One event into its partition; read when many wait."""
        partition = partition_of(record.customer_id, self.partitions)
        self.append(partition, record.value, record.kind)
        if self._end(partition) - self._read_to[partition] >= BATCH:
            await self.read(partition)

    async def tick(self, at_ms: int) -> None:
        """One tick into every partition; everything is read, and what follows from it."""
        for partition in range(self.partitions):
            self.append(partition, encode_tick(at_ms), Kind.TICK)
        await self.settle()

    async def replay(
        self,
        records: Iterable[SourceRecord],
        new_day: Callable[[int], Awaitable[None]],
        today: int | None = None,
    ) -> int | None:
        """Write recorded events in their order, day by day; answers the last customer-day, ordinal.

        Args:
            records: by event time; None is answered if there are none.
            new_day: called with each customer-day after the first, before its events: the place for
                ticks.
            today: the customer-day that the loop has come to; None at its beginning.
        """
        zone = self.policy.timezone
        for record in records:
            if (
                record.occurred_at_ms <= self._appended_ms + MAX_FUTURE_MS
            ):  # or else it moves nothing
                day = day_of(record.occurred_at_ms, zone)
                today = day if today is None else today
                while today < day:
                    today += 1
                    await new_day(today)
            await self.write(record)
        return today

    def append(self, partition: int, value: bytes | None, kind: str) -> None:
        """One record into the log."""
        self._log(partition, None, value, {"kind": kind.encode()})

    def _log(
        self,
        place: int,
        key: bytes | None,
        value: bytes | None,
        headers: dict[str, bytes],
    ) -> None:
        partition = max(place, 0)
        offset = self._end(place)
        record = LogRecord(partition, offset, self._appended_ms, key, value, headers)
        self._records(place).append(record)

    def _records(self, place: int) -> list[LogRecord]:
        return self.inputs if place == LEARNER else self.log[place]

    def _end(self, place: int) -> int:
        """The offset behind the newest record."""
        return self._begins[place] + len(self._records(place))

    def _unread(self, place: int) -> Iterator[Batch]:
        """What waits in a partition, or for the learner; taken to be read."""
        records, first = self._records(place), self._begins[place]
        begin, end = self._read_to[place], self._end(place)
        self._read_to[place] = end
        for start in range(begin, end, BATCH):
            some = records[start - first : start - first + BATCH]
            yield Batch(start, start + len(some), some)
        if not self._keeps_log:
            self._begins[place] = end
            records.clear()

    async def settle(self) -> None:
        """Read and relay until nothing moves any more."""
        moved = True
        while moved:
            for partition in range(self.partitions):
                await self.read(partition)
            await self._learn()
            moved = any(self._end(each) > self._read_to[each] for each in range(self.partitions))

    async def read(self, partition: int) -> None:
        """Fold what waits in a partition, and relay what comes of it."""
        for batch in self._unread(partition):
            assert await self.folds[partition].handle(batch) is None
        await self._relay(partition)

    async def _learn(self) -> None:
        for batch in self._unread(LEARNER):
            assert await self.learner.handle(batch) is None
        await self._relay(LEARNER)

    async def _relay(self, place: int) -> None:
        waiting = await self.store.outbox(place, 10**9)
        for _, row in waiting:
            headers = dict(row.headers)
            if row.topic == INPUTS:
                self._log(LEARNER, row.key, row.value, headers)
            elif row.topic == POPULATIONS:
                assert row.key is not None
                assert row.value is not None
                self._bodies[row.key.decode()] = decode_population(row.value)
                self.populations.append(self._bodies[row.key.decode()])
            elif row.topic == LOG:
                to = row.partition
                if to is None:  # sent on, to whoever it is for
                    to = partition_of((row.key or b"").decode(), self.partitions)
                self._log(to, row.key, row.value, headers)
            else:
                self.effects.append(row)
        await self.store.outbox_delete(place, [row_id for row_id, _ in waiting])

    def packed(self) -> bytes:
        """All that it has come to, once it has settled, in a memory of its own; `take` reads it."""
        store = inner(self.store)
        assert isinstance(store, MemoryStore)
        places = [store.packed(each) for each in (*range(self.partitions), LEARNER)]
        bodies = [encode_population(each) for each in self.populations]
        return bytes(msgpack.packb((places, self._read_to, bodies)))

    def take(self, packed: bytes) -> None:
        """Go on from there, with nothing else folded before."""
        store = inner(self.store)
        assert isinstance(store, MemoryStore)
        places, self._read_to, bodies = msgpack.unpackb(packed)
        self._begins = list(self._read_to)
        for place, each in zip((*range(self.partitions), LEARNER), places, strict=True):
            store.take(place, each)
        self.populations = [decode_population(each) for each in bodies]
        named = zip(bodies, self.populations, strict=True)
        self._bodies = {digest_of(each): population for each, population in named}

    def forget_populations(self) -> None:
        """Keep the newest alone: once everything is settled, no record asks for an older one."""
        del self.populations[:-1]
        kept = set(map(id, self.populations))
        self._bodies = {name: each for name, each in self._bodies.items() if id(each) in kept}

    async def sketches(self) -> list[Sketch]:
        """Each partition's sketch, as it stands in the store."""
        found = []
        for partition in range(self.partitions):
            whole = (await self.store.load(partition, (), NO_NONCE)).whole
            assert whole is not None
            found.append(from_slots(whole.sketch))
        return found

    async def states(self) -> dict[str, bytes]:
        """Every customer's state, encoded."""
        found: dict[str, bytes] = {}
        for partition in range(self.partitions):
            found.update(await all_states(self.store, partition))
        return found


async def replay(loop: Loop, records: Iterable[SourceRecord], until_day: int | None = None) -> None:
    """Write events with a tick at the start of each customer-day, as a replay does."""
    zone, today = loop.policy.timezone, 0
    for record in records:
        day = day_of(record.occurred_at_ms, zone)
        if until_day is not None and day > until_day:
            break
        if today and day > today:
            await loop.tick(start_of_day_ms(day, zone))
        today = max(day, today)
        await loop.write(record)
    if until_day is not None:
        await loop.tick(start_of_day_ms(until_day + 1, zone))
    await loop.settle()


async def no_records(_partition: int, _start: int, _end: int) -> bool:
    """The probe of a gap in a log that has none."""
    return False


def replayed(
    policy: Policy,
    partitions: int,
    records: Iterable[SourceRecord],
    until_day: int | None = None,
) -> Loop:
    """A loop that these events went through, with its log."""
    loop = Loop(policy, partitions, keeps_log=True)
    asyncio.run(replay(loop, records, until_day))
    return loop
