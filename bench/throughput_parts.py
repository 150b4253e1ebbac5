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
from typing import Any, NamedTuple

from bench.throughput_log import Lived
from models.codec import decode_state, encode_state
from models.customer import CustomerState
from models.events import Kind, LogRecord, Read, read_record
from models.policy import Policy
from models.population import Population, digest_of, encode_population
from models.step import populate, step
from streams.chunk import LogIdentity
from streams.memory_store import MemoryStore
from streams.partition import Batch, PartitionFold
from streams.store import Change, Loaded, Meta
from streams.topics import LOG
from tests.support.loop import no_records

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
    """Counts the states that pass: each is decoded, or encoded, once."""

    loaded = walked = written = 0

    async def load(
        self, partition: int, customer_ids: Sequence[str], known: bytes | None = None
    ) -> Loaded:
        loaded = await super().load(partition, customer_ids, known)
        self.loaded += len(loaded.states)
        return loaded

    async def due(self, partition: int, until_ms: int, limit: int) -> Loaded:
        loaded = await super().due(partition, until_ms, limit)
        self.loaded += len(loaded.states)
        return loaded

    async def walk(self, partition: int, cursor: int, count: int) -> Loaded:
        loaded = await super().walk(partition, cursor, count)
        self.loaded += len(loaded.states)
        self.walked += len(loaded.states)
        return loaded

    async def apply(self, partition: int, expected: Meta, change: Change) -> bool:
        self.written += len(change.customers)
        return await super().apply(partition, expected, change)


def measure_parts(log: Lived, policy: Policy, rounds: int) -> list[Part]:
    """Time each part on the same purchases; then the whole of `handle`."""
    records = [each for partition in log.records for each in partition if _is_purchase(each)]
    reads = [read for each in records if isinstance(read := read_record(each, LOG), Read)]
    before, newest = log.populations[-2:]
    known = [read.event.customer_id for read in reads]
    states = list(folded(reads, policy, before))
    packed = [encode_state(each) for each in states]
    passed, purchases = _Counting(_never), len(records)
    handle_all(log, log.records, policy, passed)

    def measure(each: tuple[CustomerState, str, Read]) -> object:
        return populate(each[1], each[0], each[2].at_ms, policy, newest)

    triples = list(zip(states, known, reads, strict=True))
    alone = [[each for each in partition if _is_purchase(each)] for partition in log.records]
    whole: list[tuple[str, float, Callable[[], object]]] = [
        ("read_record", 1, lambda: _each(lambda record: read_record(record, LOG), records)),
        ("decode_state", passed.loaded / purchases, lambda: _each(decode_state, packed)),
        ("step", 1, lambda: _each(id, folded(reads, policy, newest))),
        ("populate", passed.walked / purchases, lambda: _each(measure, triples)),
        ("encode_state", passed.written / purchases, lambda: _each(encode_state, states)),
        ("handle", 1, lambda: handle_all(log, log.records, policy, MemoryStore(_never))),
        ("handle, purchases alone", 1, lambda: handle_all(log, alone, policy, MemoryStore(_never))),
    ]
    return [
        Part(name, _median_s(run, rounds) / purchases * 1e6, calls) for name, calls, run in whole
    ]


def _is_purchase(record: LogRecord) -> bool:
    return record.headers["kind"] == Kind.PURCHASE.encode()


def folded(
    reads: Iterable[Read], policy: Policy, population: Population
) -> Iterator[CustomerState]:
    """The state of its customer after each event; the clock is the event's own time."""
    states: dict[str, CustomerState | None] = {}
    for read in reads:
        customer_id = read.event.customer_id
        state = states.get(customer_id)
        outcome = step(customer_id, state, read, read.at_ms, policy, population)
        states[customer_id] = outcome.state
        assert outcome.state is not None
        yield outcome.state


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


def _each(call: Callable[[Any], object], arguments: Iterable[Any]) -> None:
    for each in arguments:
        call(each)


def _median_s(run: Callable[[], object], rounds: int) -> float:
    gc.collect()
    gc.freeze()  # the collector does not look through what the bench itself holds
    took_s = []
    for _ in range(rounds):
        began_s = time.process_time()
        run()
        took_s.append(time.process_time() - began_s)
    gc.unfreeze()
    return median(took_s)
