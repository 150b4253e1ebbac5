"""Where a worker's time goes, part by part: the core and the fold alone, without Kafka or Redis.

Enters: a log in memory. Leaves: microseconds of CPU time for one purchase. Each part is called by
itself, on the purchases of that log; how often a purchase of the log costs such a call is counted
in a run of the whole fold.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from statistics import median
from typing import NamedTuple

from bench.throughput_log import Lived
from models.alerts import changes_in
from models.codec import decode_held, encode_state
from models.customer import CustomerState
from models.effects import PublishChange
from models.events import Kind, LogRecord, Read, read_record
from models.policy import Policy
from models.population import Population, digest_of, encode_population
from models.step import advance, populate, step
from streams.chunk import LogIdentity
from streams.collecting import COLLECT_EVERY
from streams.loop import no_records
from streams.memory_store import MemoryStore
from streams.messages import Source, change_row, pack_history
from streams.partition import Batch, PartitionFold
from streams.store import Change, Loaded, Meta
from streams.topics import CHANGES, LOG

FETCH_BYTES = 1_048_576  # what a consumer fetches of one partition at once, at most


class Part(NamedTuple):
    """One part, called by itself.

    Attributes:
        name: what is called.
        us_per_call: the median of all rounds, microseconds of CPU time.
        calls: for one event, in the whole fold of the log.
    """

    name: str
    us_per_call: float
    calls: float

    @property
    def us_per_event(self) -> float:
        """What it adds to the fold, microseconds."""
        return self.us_per_call * self.calls


class _Counting(MemoryStore):
    """Counts what passes: a state is decoded, or encoded, once; an effect is rendered once."""

    loaded = due_now = walked = written = effects = 0

    async def load(
        self, partition: int, customer_ids: Sequence[str], known: bytes | None = None
    ) -> Loaded:
        loaded = await super().load(partition, customer_ids, known)
        self.loaded += len(loaded.states)
        return loaded

    async def due(self, partition: int, until_ms: int, limit: int) -> Loaded:
        loaded = await super().due(partition, until_ms, limit)
        self.due_now += len(loaded.states)
        return loaded

    async def walk(self, partition: int, cursor: int, count: int) -> Loaded:
        loaded = await super().walk(partition, cursor, count)
        self.walked += len(loaded.states)
        return loaded

    async def apply(self, partition: int, expected: Meta, change: Change) -> bool:
        self.written += len(change.customers)
        self.effects += sum(row.topic == CHANGES for row in change.outbox)
        return await super().apply(partition, expected, change)


class _Sample(NamedTuple):
    """One purchase, and what came of it under the last population but one."""

    read: Read
    state: CustomerState
    effects: tuple[PublishChange, ...]


class _Parts:
    """Calls each part on every purchase of a log."""

    def __init__(self, log: Lived, policy: Policy) -> None:
        self._policy, self._population = policy, log.populations[-1]
        every = (each for partition in log.records for each in partition)
        self._records = [each for each in every if is_purchase(each)]
        read = (read_record(each, LOG) for each in self._records)
        self._reads = [each for each in read if isinstance(each, Read)]
        self._sample = list(folded(self._reads, policy, log.populations[-2]))
        self._packed = [encode_state(each.state) for each in self._sample]
        self.effects = sum(len(each.effects) for each in self._sample)
        self.purchases = len(self._records)

    def read(self) -> None:
        for record in self._records:
            read_record(record, LOG)

    def decode(self) -> None:
        for packed in self._packed:
            decode_held(packed)

    def step(self) -> None:
        for _ in folded(self._reads, self._policy, self._population):
            pass

    def advance(self) -> None:
        """Each customer to the next moment at which anything is due."""
        for read, state, _ in self._sample:
            due_ms = state.next_deadline_ms or read.at_ms
            advance(read.event.customer_id, state, due_ms, self._policy, self._population)

    def populate(self) -> None:
        for read, state, _ in self._sample:
            populate(read.event.customer_id, state, read.at_ms, self._policy, self._population)

    def encode(self) -> None:
        for each in self._sample:
            encode_state(each.state)

    def render(self) -> None:
        source = Source("bench", 0, 0, self._policy.version, self._population.version)
        for each in self._sample:
            for effect in each.effects:
                change_row(effect, source)
                pack_history(effect)


def measure_parts(log: Lived, policy: Policy, rounds: int) -> list[Part]:
    """Time each part on the same purchases; then the whole of `handle`."""
    parts, passed = _Parts(log, policy), _Counting(_never)
    handle_all(log, log.records, policy, passed)
    alone = [[each for each in partition if is_purchase(each)] for partition in log.records]
    purchases, effects = parts.purchases, parts.effects
    decoded = passed.loaded + passed.due_now + passed.walked
    timed: list[tuple[str, int, int, Callable[[], None]]] = [
        ("read_record", purchases, purchases, parts.read),
        ("decode_held", purchases, decoded, parts.decode),
        ("step", purchases, purchases, parts.step),
        ("advance (a deadline)", purchases, passed.due_now, parts.advance),
        ("populate", purchases, passed.walked, parts.populate),
        ("encode_state", purchases, passed.written, parts.encode),
        ("change_row, pack_history", effects, passed.effects, parts.render),
        ("handle, the whole log", purchases, purchases, _handling(log, log.records, policy)),
        ("handle, purchases alone", purchases, purchases, _handling(log, alone, policy)),
    ]
    return [
        Part(name, _median_s(run, rounds) / calls * 1e6, passed_by / purchases)
        for name, calls, passed_by, run in timed
    ]


def _handling(
    log: Lived, records: Sequence[Sequence[LogRecord]], policy: Policy
) -> Callable[[], None]:
    return lambda: handle_all(log, records, policy, MemoryStore(_never))


def is_purchase(record: LogRecord) -> bool:
    """Not a tick, nor the note of a population."""
    return record.headers["kind"] == Kind.PURCHASE.encode()


def folded(reads: Iterable[Read], policy: Policy, population: Population) -> Iterator[_Sample]:
    """Fold each event into its customer; the clock is the event's own time."""
    states: dict[str, CustomerState | None] = {}
    for read in reads:
        customer_id = read.event.customer_id
        state = states.get(customer_id)
        outcome = step(customer_id, state, read, read.at_ms, policy, population)
        states[customer_id] = outcome.state
        assert outcome.state is not None
        yield _Sample(read, outcome.state, changes_in(outcome.effects))


def handle_all(
    log: Lived, records: Sequence[Sequence[LogRecord]], policy: Policy, store: MemoryStore
) -> None:
    """Fold records of the log into a store, fetch by fetch."""
    asyncio.run(_handle_all(log, records, policy, store))


async def _handle_all(
    log: Lived, records: Sequence[Sequence[LogRecord]], policy: Policy, store: MemoryStore
) -> None:
    nonces = (b"%d" % each for each in count())
    bodies = {digest_of(encode_population(each)): each for each in log.populations}

    async def body(digest: str) -> Population:
        return bodies[digest]

    for partition, mine in enumerate(records):
        identity = LogIdentity("bench", "", len(records), partition)
        fold = PartitionFold(identity, policy, store, no_records, body, nonces.__next__)
        begin = 0
        for fetch in _fetches(mine):
            assert await fold.handle(Batch(begin, fetch[-1].offset + 1, fetch)) is None
            begin = fetch[-1].offset + 1


def _fetches(records: Sequence[LogRecord]) -> Iterator[Sequence[LogRecord]]:
    begin = size = 0
    for end, record in enumerate(records):
        size += len(record.value or b"")
        if size > FETCH_BYTES:
            yield records[begin:end]
            begin, size = end, len(record.value or b"")
    yield records[begin:]


def _never() -> int:
    return 0


def _median_s(run: Callable[[], None], rounds: int) -> float:
    """CPU time of one call; garbage is collected as seldom as in a worker."""
    usual = gc.get_threshold()
    gc.collect()
    gc.freeze()  # the collector does not look through what the bench itself holds
    gc.set_threshold(COLLECT_EVERY, 10, 10)
    took_s = []
    for _ in range(rounds):
        began_s = time.process_time()
        run()
        took_s.append(time.process_time() - began_s)
    gc.set_threshold(*usual)
    gc.unfreeze()
    return median(took_s)
