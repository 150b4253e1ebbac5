"""One chunk of the log on loaded states: records in, a `Change` out. Without I/O.

Enters: what was loaded, records already read, the nonce for the next write.
Leaves: absolute values to write, and a tally; the sketch it was given is changed in place.
Forbidden here: the store, Kafka, the clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple, TypeGuard

from models.barrier import Barrier
from models.calendar import day_of
from models.codec import SCHEMA_VERSION, decode_held, encode_held
from models.customer import Alias, CustomerState
from models.effects import PublishChange
from models.erasure import Mark, Marks, Pseudonyms
from models.events import (
    Erasure,
    LogRecord,
    PopulationLearned,
    Read,
    Rejected,
    Tick,
    Tombstone,
    Transfer,
)
from models.identity import meet
from models.policy import Policy
from models.population import Population, encode_population, epoch_end
from models.sample import sampled
from models.sketch import UNKEYED, Contribution, Sketch
from models.step import advance, populate
from streams.messages import (
    Source,
    barrier_row,
    change_row,
    dead_letter_row,
    erasure_row,
    pack_history,
    reroute_row,
    sent_on_row,
)
from streams.partitioner import partition_of
from streams.store import (
    HISTORY_SLOTS,
    Change,
    CustomerWrite,
    Loaded,
    Meta,
    Newest,
    OutboxRow,
)


class LogIdentity(NamedTuple):
    """Which log, and which part of it.

    Attributes:
        namespace: of the installation.
        topic_id: the broker's id of the topic; "" where the broker has none.
        partitions: of the topic.
        partition: this one.
        pseudonyms: name customers where their id must not stand.
    """

    namespace: str
    topic_id: str
    partitions: int
    partition: int
    pseudonyms: Pseudonyms = UNKEYED


class Understood(NamedTuple):
    """A record of the log and what was read from it."""

    record: LogRecord
    read: Read | Tick | PopulationLearned | Tombstone | Rejected


class _Touched:
    """A customer while the chunk is folded."""

    def __init__(self, packed: bytes | None) -> None:
        self.first = self.held = None if packed is None else decode_held(packed)
        self.history: dict[int, bytes] = {}

    @property
    def state(self) -> CustomerState | None:
        """What is known of them, unless the id is only another name of somebody."""
        return None if isinstance(self.held, Alias) else self.held

    def add(self, held: CustomerState | Alias | None, effects: Iterable[PublishChange]) -> None:
        self.held = held
        for effect in effects:
            self.history[effect.sequence % HISTORY_SLOTS] = pack_history(effect)

    @property
    def changed(self) -> bool:
        return self.held is not self.first

    def write(self) -> CustomerWrite:
        held = self.held
        before = self.first.standing.lifecycle.value if _is_state(self.first) else None
        if held is None:
            return CustomerWrite(None, None, before, None)
        if isinstance(held, Alias):
            return CustomerWrite(encode_held(held), None, before, None, None)
        return CustomerWrite(
            encode_held(held),
            held.next_deadline_ms,
            before,
            held.standing.lifecycle.value,
            tuple(self.history.items()),
        )


def _is_state(held: CustomerState | Alias | None) -> TypeGuard[CustomerState]:
    return isinstance(held, CustomerState)


class Folding:
    """Folds one chunk; make one, call `records`, `deadlines` or `walked`, then `change`.

    Args:
        log: which log and partition.
        policy: the rules in force.
        loaded: meta and states.
        sketch: of the partition; changed here.
        population: the one in force; None before the first.
        marks: of those who were erased; changed here.
    """

    def __init__(
        self,
        log: LogIdentity,
        policy: Policy,
        loaded: Loaded,
        sketch: Sketch,
        population: Population | None,
        marks: Marks,
    ) -> None:
        self._log = log
        self._policy = policy
        self._marks = marks
        self._loaded = loaded
        self._sketch = sketch
        self.population = population
        self._adopted: Population | None = None
        self._closed_day = loaded.meta.closed_day
        self._clock_ms = loaded.meta.clock_ms
        self._customers: dict[str, _Touched] = {}
        self._rows: list[OutboxRow] = []
        self.tally: Counter[str] = Counter()
        self.newest: Newest | None = None

    def records(self, chunk: Iterable[Understood]) -> None:
        """Fold records in the order of the log."""
        for record, read in chunk:
            source = self._source(record.offset)
            match read:
                case Read():
                    self._event(record, read, source)
                case Rejected():
                    self._dead_letter(record, read, source)
                case Tick():
                    self._clock_ms = max(self._clock_ms, read.at_ms)
                    self._close_epoch(source)
                    self.tally["ticks"] += 1
                case PopulationLearned():
                    self.tally["populations"] += 1
                case Tombstone():
                    self.tally["tombstones"] += 1

    def deadlines(self, until_ms: int, offset: int) -> None:
        """Advance every loaded customer to `until_ms`; `offset` is the tick's."""
        source = self._source(offset)
        for customer_id, packed in self._loaded.states.items():
            touched = self._customers[customer_id] = _Touched(packed)
            assert touched.state is not None
            state, effects = advance(
                customer_id, touched.state, until_ms, self._policy, self.population
            )
            self._write(customer_id, touched, state, effects, source)

    def walked(self, population: Population, offset: int) -> None:
        """Measure every loaded customer against a new population; `offset` is its record's."""
        source = self._source(offset)._replace(population=population.version)
        for customer_id, packed in self._loaded.states.items():
            touched = _Touched(packed)
            if touched.state is None:  # another name of somebody
                continue
            self._customers[customer_id] = touched
            state, effects = populate(
                customer_id, touched.state, self._clock_ms, self._policy, population
            )
            self._write(customer_id, touched, state, effects, source)

    def adopt(self, population: Population) -> None:
        """From here on this is the population in force."""
        self.population = self._adopted = population

    @property
    def touches_nobody(self) -> bool:
        """Whether no customer has changed."""
        return not any(each.changed for each in self._customers.values())

    def change(self, next_offset: int, nonce: bytes) -> Change:
        """All that must be written, absolute."""
        meta = Meta(
            next_offset,
            nonce,
            self._clock_ms,
            self._log.topic_id,
            self._log.partitions,
            SCHEMA_VERSION,
            self._policy.version,
            self.population.version if self.population else 0,
            self._closed_day,
            self._log.pseudonyms.key_id,
        )
        written = {id_: t.write() for id_, t in self._customers.items() if t.changed}
        adopted = encode_population(self._adopted) if self._adopted else None
        return Change(
            meta,
            written,
            self._rows,
            self._sketch.take_changes(),
            adopted,
            self._marks.take_changes(),
        )

    def _event(self, record: LogRecord, read: Read, source: Source) -> None:
        customer_id = read.event.customer_id
        if partition_of(customer_id, self._log.partitions) != self._log.partition:
            self._rows.append(reroute_row(record, read))
            self.tally["rerouted"] += 1
            return
        self._clock_ms = max(self._clock_ms, min(read.at_ms, record.timestamp_ms))
        touched = self._customers.get(customer_id)
        if touched is None:
            touched = _Touched(self._loaded.states.get(customer_id))
            self._customers[customer_id] = touched
        self._begin_epochs()
        met = meet(
            customer_id,
            touched.held,
            read,
            self._marks.through_ms(customer_id),
            self._clock_ms,
            self._policy,
            self.population,
        )
        self._write(customer_id, touched, met.held, met.effects, source)
        if met.sent:
            self._rows += [sent_on_row(record, each) for each in met.sent]
            self.tally["sent_on"] += len(met.sent)
        if met.mark is not None:
            self._erased(customer_id, met.mark, source)
        if met.rejected is not None:
            self._dead_letter(record, met.rejected, source)
        elif met.duplicate or met.forgotten:
            self.tally["duplicates" if met.duplicate else "forgotten"] += 1
        else:
            self.tally["events"] += 1
            if not isinstance(read.event, Transfer | Erasure):  # they say nothing of the source
                self.newest = Newest(record.timestamp_ms, read.at_ms)

    def _erased(self, customer_id: str, mark: Mark, source: Source) -> None:
        name = self._marks.add(customer_id, mark)
        key_id, partitions = self._log.pseudonyms.key_id, self._log.partitions
        row = erasure_row(name, self._marks.known(name), key_id, partitions, source)
        self._rows.append(row)
        self.tally["erasures"] += 1

    def _write(
        self,
        customer_id: str,
        touched: _Touched,
        held: CustomerState | Alias | None,
        effects: Iterable[PublishChange],
        source: Source,
    ) -> None:
        """Take over what became of a customer: state, place in the sketch, effects."""
        old = touched.state and touched.state.contribution
        state = None if isinstance(held, Alias) else held
        new = state and state.contribution
        if old is not new:
            state = self._placed(customer_id, old, state)
        touched.add(held if isinstance(held, Alias) else state, effects)
        self._rows += [change_row(effect, source) for effect in effects]

    def _placed(
        self, customer_id: str, old: Contribution | None, state: CustomerState | None
    ) -> CustomerState | None:
        """Give a customer the place in the sketch that they have now."""
        if state is None or state.contribution is None:
            self._sketch.renew(customer_id, old, None)
            return state
        new = state.contribution
        row = sampled(state.current, new.first_day, new.behaviour)
        return state._replace(contribution=self._sketch.renew(customer_id, old, new, row))

    def _begin_epochs(self) -> None:
        """The epoch in which a partition's log begins is the first that it will close."""
        if not self._closed_day:
            self._closed_day = epoch_end(self._today(), self._policy)

    def _close_epoch(self, source: Source) -> None:
        """Send the sketch if the clock has passed the end of an epoch; everyone due was walked."""
        self._begin_epochs()
        end_day = epoch_end(self._today(), self._policy)
        if end_day > self._closed_day:
            log = self._log
            barrier = Barrier(log.partition, log.partitions, end_day, self._sketch.slots())
            self._rows.append(barrier_row(barrier, source))
            self._closed_day = end_day
            self.tally["barriers"] += 1

    def _today(self) -> int:
        return day_of(self._clock_ms, self._policy.timezone)

    def _dead_letter(self, record: LogRecord, rejected: Rejected, source: Source) -> None:
        self._rows.append(dead_letter_row(record, rejected, source))
        self.tally["dead_letters"] += 1

    def _source(self, offset: int) -> Source:
        log, population = self._log, self.population
        return Source(
            log.namespace,
            log.partition,
            offset,
            self._policy.version,
            population.version if population else 0,
        )
