"""The log of one partition, written by hand or drawn by Hypothesis, and what must come of it.

`Logbook` appends records as a broker would; `reference` folds a log in a plain loop, without
batches, fences or stores; `contents` asks a store for everything it holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, NamedTuple

from models.alerts import AlertEffect, Effect, RaiseAlert, alerts_in, changes_in
from models.barrier import decode_barrier
from models.calendar import day_of
from models.codec import decode_held, decode_state, encode_held
from models.customer import Alias, CustomerState
from models.effects import Cause, EffectType, Why, effect_id
from models.erasure import Mark
from models.events import (
    LogRecord,
    PopulationLearned,
    Read,
    Rejected,
    Tick,
    encode_population_learned,
    read_record,
)
from models.identity import meet
from models.lifecycle import State
from models.policy import Policy, policy_from_preset
from models.population import Population, digest_of, encode_population, epoch_end
from models.sample import sampled
from models.sketch import Contribution, Sketch
from models.step import advance, populate
from streams.chunk import LogIdentity
from streams.memory_store import MemoryStore
from streams.partition import Batch, PartitionFold
from streams.partitioner import partition_of
from streams.store import MAX_CUSTOMERS, Meta, OutboxRow, Store, Whole
from streams.topics import CHANGES, ERASURES, INPUTS, LOG

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
PARTITION, PARTITIONS = 1, 4
IDENTITY = LogIdentity("test", "topic-1", PARTITIONS, PARTITION)
START_MS = 1_483_228_800_000  # 2017-01-01T00:00:00Z
FOREVER_MS = 2**52
# A first-time buyer is overdue after 12 days, dormant after 25, churned after 63; a short memory.
POLICY = policy_from_preset("grocery", time={"remembered_days": 20, "remembered_events": 6})


def customers_in(partition: int, how_many: int, pattern: str = "c{}") -> list[str]:
    """Ids that belong to a partition."""
    ids = (pattern.format(n) for n in count())
    mine = (id_ for id_ in ids if partition_of(id_, PARTITIONS) == partition)
    return [id_ for id_, _ in zip(mine, range(how_many), strict=False)]


CUSTOMERS = (
    *customers_in(PARTITION, 3),
    *customers_in(PARTITION, 1, "nul\x00crlf\r\n{{{}}}"),
    *customers_in(PARTITION, 1, "🛍️ Zo\u00eb {}"),
)
(ASTRAY,) = customers_in(2, 1)


def rfc3339(at_ms: int) -> str:
    """A moment as producers write it."""
    return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at_ms)).isoformat()


class Logbook:
    """Appends records; offsets count on, with holes where `skip` was called."""

    def __init__(self) -> None:
        self.records: list[LogRecord] = []
        self.end = 0
        self.bodies: dict[str, Population] = {}

    def append(
        self, value: bytes | None, at_ms: int, kind: str | None = "purchase", key: str | None = None
    ) -> LogRecord:
        """Any bytes, written at a moment of the broker's clock."""
        headers = {} if kind is None else {"kind": kind.encode()}
        encoded = None if key is None else key.encode("utf-8", "surrogatepass")
        record = LogRecord(PARTITION, self.end, at_ms, encoded, value, headers)
        return self.again(record)

    def again(self, record: LogRecord) -> LogRecord:
        """The same record once more, at the end."""
        record = record._replace(offset=self.end)
        self.records.append(record)
        self.end += 1
        return record

    def event(
        self,
        kind: str,
        customer_id: str,
        at_ms: int,
        appended_ms: int | None = None,
        **fields: Any,
    ) -> LogRecord:
        """An event as a producer would send it."""
        body = {"customer_id": customer_id, "occurred_at": rfc3339(at_ms), **fields}
        value = json.dumps({k: v for k, v in body.items() if v is not None}).encode()
        return self.append(value, at_ms if appended_ms is None else appended_ms, kind, customer_id)

    def purchase(
        self, customer_id: str, at_ms: int, appended_ms: int | None = None, **fields: Any
    ) -> LogRecord:
        """A purchase of ten dollars."""
        money = {"amount_minor": 1_000, "currency": "USD", **fields}
        return self.event("purchase", customer_id, at_ms, appended_ms, **money)

    def tick(self, at_ms: int, appended_ms: int | None = None) -> LogRecord:
        """Time passed."""
        value = json.dumps({"at_ms": at_ms}).encode()
        return self.append(value, at_ms if appended_ms is None else appended_ms, "tick")

    def population(self, population: Population) -> LogRecord:
        """A new population, whose body can be had."""
        digest = digest_of(encode_population(population))
        self.bodies[digest] = population
        value = encode_population_learned(population.version, digest)
        return self.append(value, self.records[-1].timestamp_ms, "population")

    async def body(self, digest: str) -> Population:
        """What `populations.v1` holds."""
        return self.bodies[digest]

    def skip(self) -> None:
        """An offset without a record: a transaction's marker, or compacted away."""
        self.end += 1

    def batch(self, start: int = 0, end: int | None = None) -> Batch:
        """What a reader gets between two offsets."""
        end = self.end if end is None else end
        return Batch(start, end, [r for r in self.records if start <= r.offset < end])

    async def records_exist(self, partition: int, start: int, end: int) -> bool:
        """The probe of a gap."""
        assert partition == PARTITION
        return any(start <= record.offset < end for record in self.records)


_numbers = count()


def new_nonce() -> bytes:
    """A value never used before."""
    return b"n%d" % next(_numbers)


def fold_of(log: Logbook, store: Store, policy: Policy = POLICY) -> PartitionFold:
    """The partition's fold, as production builds it."""
    return PartitionFold(IDENTITY, policy, store, log.records_exist, log.body, new_nonce)


def memory() -> MemoryStore:
    """An empty store."""
    return MemoryStore(wall_ms=lambda: 0)


async def folded(log: Logbook, policy: Policy = POLICY) -> MemoryStore:
    """A store that has been given the log in one batch."""
    store = memory()
    assert await fold_of(log, store, policy).handle(log.batch()) is None
    return store


class Contents(NamedTuple):
    """Everything a store holds of the partition, but nonces and row ids."""

    meta: Meta
    states: dict[str, bytes]
    due: list[list[str]]
    sizes: list[int]
    history: dict[str, list[bytes]]
    rows: list[OutboxRow]
    whole: Whole

    def state(self, customer_id: str) -> CustomerState:
        """One customer, decoded."""
        return decode_state(self.states[customer_id])

    @property
    def changes(self) -> list[OutboxRow]:
        """The effects among the rows."""
        return [row for row in self.rows if row.topic == CHANGES]

    @property
    def lifecycles(self) -> dict[str, str]:
        """Who stands where."""
        return {id_: self.state(id_).standing.lifecycle.value for id_ in self.states}


async def contents(store: Store, ids: Sequence[str] = (*CUSTOMERS, ASTRAY)) -> Contents:
    """Ask for everything; deadlines are asked for at each of them, and a moment before.

    Who comes first of more than are asked for is each store's own.
    """
    loaded = await store.load(PARTITION, ids, b"another nonce")
    assert loaded.whole is not None
    held = [decode_held(packed) for packed in loaded.states.values()]
    deadlines = {each.next_deadline_ms for each in held if isinstance(each, CustomerState)}
    moments = sorted({at - early for at in deadlines if at is not None for early in (0, 1)})
    rows = await store.outbox(PARTITION, 1_000_000)
    return Contents(
        loaded.meta._replace(nonce=b""),
        dict(loaded.states),
        [sorted((await store.due(PARTITION, at, 2 * MAX_CUSTOMERS)).states) for at in moments],
        await store.sizes(PARTITION, [f"lifecycle/{each.value}" for each in State]),
        {id_: sorted(await store.history(PARTITION, id_)) for id_ in ids},
        [
            row._replace(headers=tuple((name, value) for name, value in row.headers))
            for _, row in rows
        ],
        loaded.whole,
    )


def header(row: OutboxRow, name: str) -> str | None:
    """One header of a row, as text."""
    return next((value.decode() for found, value in row.headers if found == name), None)


def told(row: OutboxRow) -> str:
    """What a row says, in a word: the effect's id, the reason, the event's id, or a sketch."""
    if row.topic == ERASURES:
        return f"erased through {json.loads(row.value or b'')['through_ms']}"
    if row.topic == INPUTS:
        return f"sketch of {len(decode_barrier(row.value or b'').slots)} slots"
    return header(row, "ce_id") or header(row, "error.reason") or header(row, "event-id") or "?"


class Reference:
    """What a single-threaded replay gives.

    Attributes:
        states: encoded, by customer.
        told: what left, in a word each.
        clock_ms: of the partition.
        sketch: what everybody adds up to.
        population: the last one that came into force.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._held: dict[str, CustomerState | Alias] = {}
        self._marks: dict[str, Mark] = {}
        self._closed_day = 0
        self.told: list[str] = []
        self.clock_ms = 0
        self.sketch = Sketch()
        self.population: Population | None = None

    @property
    def states(self) -> dict[str, bytes]:
        return {id_: encode_held(held) for id_, held in self._held.items()}

    @property
    def _states(self) -> dict[str, CustomerState]:
        held = self._held.items()
        return {id_: each for id_, each in held if isinstance(each, CustomerState)}

    def fold(self, record: LogRecord, bodies: dict[str, Population]) -> None:
        """One record."""
        match read_record(record, LOG):
            case Tick() as tick:
                self._tick(tick)
            case PopulationLearned() as learned:
                self._population(bodies[learned.digest])
            case Rejected() as rejected:
                self.told.append(rejected.reason)
            case Read() as read if read.event.customer_id == ASTRAY:
                self.told.append(read.event_id)
            case Read() as read:
                self._event(read, record)

    def _event(self, read: Read, record: LogRecord) -> None:
        id_ = read.event.customer_id
        self.clock_ms = max(self.clock_ms, min(read.at_ms, record.timestamp_ms))
        self._closed_day = self._closed_day or self._epoch_end()
        mark = self._marks.get(id_)
        through_ms = -1 if mark is None else mark.through_ms
        known = self._held.get(id_) is not None
        met = meet(
            id_,
            self._held.get(id_),
            read,
            through_ms,
            self.clock_ms,
            self._policy,
            self.population,
        )
        self._now(id_, met.held, met.effects)
        self.told += [each.event_id for each in met.sent]
        if met.mark is not None:
            through_ms = max(met.mark.through_ms, through_ms)
            self._marks[id_] = met.mark._replace(through_ms=through_ms)
            cause = Cause.of_event(read.event_id, read.at_ms, Why.ERASURE)
            forgotten = effect_id(id_, EffectType.CUSTOMER_ERASED, cause, "alerts")
            self.told += [f"erased through {through_ms}", *([forgotten] if known else [])]
        self.told += [met.rejected.reason] if met.rejected else []

    def _tick(self, tick: Tick) -> None:
        self.clock_ms = max(self.clock_ms, tick.at_ms)
        while due := _due(self._states, self.clock_ms):
            for id_ in due:
                state = self._states[id_]
                self._now(id_, *advance(id_, state, self.clock_ms, self._policy, self.population))
        self._closed_day = self._closed_day or self._epoch_end()
        if self._epoch_end() > self._closed_day:
            self._closed_day = self._epoch_end()
            self.told.append(f"sketch of {len(self.sketch.slots())} slots")

    def _population(self, population: Population) -> None:
        known_day = self.population.as_of_day if self.population else 0
        stale_before = self._closed_day - 7
        if known_day < population.as_of_day and population.as_of_day >= stale_before:
            before, self.population = self.population, population
            for id_ in sorted(self._states):
                state = self._states[id_]
                self._now(id_, *advance(id_, state, self.clock_ms, self._policy, before))
                state = self._states[id_]
                self._now(id_, *populate(id_, state, self.clock_ms, self._policy, population))

    def _now(
        self, id_: str, held: CustomerState | Alias | None, effects: tuple[Effect, ...]
    ) -> None:
        before = self._held.pop(id_, None)
        old, new = _contribution(before), _contribution(held)
        if held is not None:
            self._held[id_] = held
        if new is not old:
            self._renew(id_, old, new)
        self.told += [each.effect_id for each in changes_in(effects)]
        self.told += [_name_of(each) for each in alerts_in(effects)]

    def _renew(self, id_: str, old: Contribution | None, new: Contribution | None) -> None:
        if new is None:
            self.sketch.renew(id_, old, None)
            return
        state = self._states[id_]
        row = sampled(state.current, new.first_day, new.behaviour)
        placed = self.sketch.renew(id_, old, new, row)
        self._held[id_] = state._replace(contribution=placed)

    def _epoch_end(self) -> int:
        return epoch_end(day_of(self.clock_ms, self._policy.timezone), self._policy)


def reference(log: Logbook, policy: Policy = POLICY) -> Reference:
    """Fold the log in a plain loop."""
    found = Reference(policy)
    for record in log.records:
        found.fold(record, log.bodies)
    return found


def _name_of(told: AlertEffect) -> str:
    return told.alert_id if isinstance(told, RaiseAlert) else told.effect_id


def _contribution(held: CustomerState | Alias | None) -> Contribution | None:
    return held.contribution if isinstance(held, CustomerState) else None


def _due(states: dict[str, CustomerState], until_ms: int) -> list[str]:
    deadlines = ((state.next_deadline_ms, id_) for id_, state in states.items())
    due = [(at_ms, id_.encode()) for at_ms, id_ in deadlines if at_ms is not None]
    return [id_.decode() for at_ms, id_ in sorted(due) if at_ms <= until_ms]


def cut(log: Logbook, lengths: Sequence[tuple[int, int]]) -> Iterator[Batch]:
    """Cut a log into batches: each (length, step back into what was delivered before)."""
    position = 0
    for length, back in lengths:
        end = min(log.end, position + length)
        yield log.batch(max(0, position - back), end)
        position = end
    yield log.batch(position)
