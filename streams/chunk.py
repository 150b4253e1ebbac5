"""One chunk of the log on loaded states: records in, a `Change` out. Without I/O.

Enters: what was loaded, records already read, the nonce for the next write.
Leaves: absolute values to write, and a tally; the sketch it was given is changed in place.
Forbidden here: the store, Kafka, the clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from models.alerts import Effect, RaiseAlert, alerts_in, changes_in
from models.barrier import Barrier
from models.calendar import day_of
from models.codec import LISTED_SINCE, SCHEMA_VERSION
from models.customer import Alias, CustomerState
from models.erasure import Mark, Marks, Pseudonyms
from models.events import (
    REPLAY,
    Erasure,
    LogRecord,
    PolicyPublished,
    PopulationLearned,
    Purchase,
    Read,
    Rejected,
    Tick,
    Tombstone,
    Transfer,
)
from models.identity import meet
from models.movement import Movement
from models.policy_record import PublishedPolicy
from models.population import Population, encode_population, epoch_end
from models.sample import sampled
from models.segments import list_of
from models.sketch import UNKEYED, Contribution, Sketch
from models.step import advance, instruct, populate
from streams.decoded import Decoded
from streams.messages import (
    Source,
    barrier_row,
    change_row,
    dead_letter_row,
    erasure_row,
    reroute_row,
    sent_on_row,
)
from streams.messages_alerts import alert_row, forgotten_row
from streams.partitioner import partition_of
from streams.store import (
    Change,
    Loaded,
    Meta,
    Newest,
    OutboxRow,
)
from streams.touched import Touched


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
    read: Read | Tick | PopulationLearned | PolicyPublished | Tombstone | Rejected


class Folding:
    """Folds one chunk; make one, call `records`, `deadlines` or `walked`, then `change`.

    Args:
        log: which log and partition.
        in_force: the policy.
        loaded: meta and states.
        sketch: of the partition; changed here.
        movement: of the partition; changed here.
        population: the one in force; None before the first.
        marks: of those who were erased; changed here.
        decoded: states that were met before; changed here.
    """

    def __init__(
        self,
        log: LogIdentity,
        in_force: PublishedPolicy,
        loaded: Loaded,
        sketch: Sketch,
        movement: Movement,
        population: Population | None,
        marks: Marks,
        decoded: Decoded,
    ) -> None:
        self._log = log
        self._policy, self._published = in_force.policy, in_force.digest
        self._marks, self._decoded = marks, decoded
        self._loaded = loaded
        self._sketch = sketch
        self._movement = movement
        self._listed = not 0 < loaded.meta.schema < LISTED_SINCE
        self.population = population
        self._adopted: Population | None = None
        self.instructed: PublishedPolicy | None = None
        self._closed_day = loaded.meta.closed_day
        self._clock_ms = loaded.meta.clock_ms
        self._customers: dict[str, Touched] = {}
        self._rows: list[OutboxRow] = []
        self.tally: Counter[str] = Counter()
        self._newest: tuple[LogRecord, Read] | None = None

    @property
    def newest(self) -> Newest | None:
        """The last event that says something of the source; None if there was none."""
        if self._newest is None:
            return None
        record, read = self._newest
        return Newest(record.timestamp_ms, read.at_ms, REPLAY in record.headers)

    def records(self, chunk: Iterable[Understood]) -> None:
        """Fold records in the order of the log."""
        for record, read in chunk:
            match read:
                case Read():
                    self._event(record, read)
                case Rejected():
                    self._dead_letter(record, read)
                case Tick():
                    self._clock_ms = max(self._clock_ms, read.at_ms)
                    self._close_epoch(self._source(record))
                    self.tally["ticks"] += 1
                case PopulationLearned():
                    self.tally["populations"] += 1
                case PolicyPublished():
                    self.tally["policies"] += 1
                case Tombstone():
                    self.tally["tombstones"] += 1

    def deadlines(self, until_ms: int, tick: LogRecord) -> None:
        """Advance every loaded customer to `until_ms`, the time of a tick or earlier."""
        source = self._source(tick)
        for customer_id, packed in self._loaded.states.items():
            touched = self._customers[customer_id] = Touched(customer_id, packed, self._decoded)
            assert touched.state is not None
            state, effects = advance(
                customer_id, touched.state, until_ms, self._policy, self.population
            )
            self._write(customer_id, touched, state, effects)
            self._tell(effects, source)

    def walked(self, new: Population | PublishedPolicy, record: LogRecord) -> None:
        """Measure every loaded customer by what has come into force with a record.

        What had come due until then happens first, as it would have without it.
        """
        source = self._source(record)
        for customer_id, packed in self._loaded.states.items():
            touched = Touched(customer_id, packed, self._decoded)
            if touched.state is None:  # another name of somebody
                continue
            self._customers[customer_id] = touched
            state, due = advance(
                customer_id, touched.state, self._clock_ms, self._policy, self.population
            )
            self._write(customer_id, touched, state, due)
            self._tell(due, source)
            self._measure(customer_id, touched, new, source)

    def _measure(
        self,
        customer_id: str,
        touched: Touched,
        new: Population | PublishedPolicy,
        source: Source,
    ) -> None:
        """Whoever has been advanced, by what has come into force."""
        state, now = touched.state, self._clock_ms
        assert state is not None
        if isinstance(new, Population):
            state, effects = populate(customer_id, state, now, self._policy, new)
            source = source._replace(population=new.version)
        else:
            state, effects = instruct(
                customer_id, state, new.number, now, new.policy, self.population
            )
            source = source._replace(policy=new.policy.version)
        self._write(customer_id, touched, state, effects)
        if isinstance(new, PublishedPolicy) and new.silent:  # kept in the history, but not sent out
            self.tally["untold"] += len(effects)
        else:
            self._tell(effects, source)

    def adopt(self, new: Population | PublishedPolicy) -> None:
        """From here on this is in force."""
        if isinstance(new, Population):
            self.population = self._adopted = new
        else:
            self._policy, self._published, self.instructed = new.policy, new.digest, new

    @property
    def touches_nobody(self) -> bool:
        """Whether no customer has changed."""
        return not any(each.changed for each in self._customers.values())

    def listed(self) -> None:
        """Have every loaded customer listed by the segments they are in."""
        for customer_id, packed in self._loaded.states.items():
            touched = Touched(customer_id, packed, self._decoded)
            if touched.state is not None:
                self._customers[customer_id] = touched

    def change(self, next_offset: int, nonce: bytes, schema: int = SCHEMA_VERSION) -> Change:
        """All that must be written, absolute."""
        meta = Meta(
            next_offset,
            nonce,
            self._clock_ms,
            self._log.topic_id,
            self._log.partitions,
            schema,
            self._policy.version,
            self.population.version if self.population else 0,
            self._closed_day,
            self._log.pseudonyms.key_id,
        )
        written = {
            id_: touched.write(listed=self._listed)
            for id_, touched in self._customers.items()
            if touched.changed or not self._listed
        }
        adopted = encode_population(self._adopted) if self._adopted else None
        return Change(
            meta,
            written,
            self._rows,
            self._sketch.take_changes(),
            adopted,
            self._marks.take_changes(),
            self._movement.take_changes(),
            self.instructed.body if self.instructed else None,
        )

    def _event(self, record: LogRecord, read: Read) -> None:
        customer_id = read.event.customer_id
        touched = self._customers.get(customer_id)
        if touched is None:
            packed = self._loaded.states.get(customer_id)
            # Whoever is held here was looked up before: hashing an id costs some microseconds.
            if packed is None and self._is_astray(customer_id):
                self._rows.append(reroute_row(record, read))
                self.tally["rerouted"] += 1
                return
            touched = Touched(customer_id, packed, self._decoded)
            self._customers[customer_id] = touched
        self._clock_ms = max(self._clock_ms, min(read.at_ms, record.timestamp_ms))
        self._begin_epochs()
        known = touched.held is not None
        met = meet(
            customer_id,
            touched.held,
            read,
            self._marks.through_ms(customer_id),
            self._clock_ms,
            self._policy,
            self.population,
        )
        self._write(customer_id, touched, met.held, met.effects)
        if met.effects:
            self._tell(met.effects, self._source(record))
        if met.sent:
            self._rows += [sent_on_row(record, each) for each in met.sent]
            self.tally["sent_on"] += len(met.sent)
        if met.mark is not None:
            source = self._source(record)
            self._erased(customer_id, met.mark, source)
            if known:
                self._rows.append(forgotten_row(customer_id, read, source))
        if met.rejected is not None:
            self._dead_letter(record, met.rejected)
        elif met.duplicate or met.forgotten:
            self.tally["duplicates" if met.duplicate else "forgotten"] += 1
        else:
            self.tally["events"] += 1
            if isinstance(read.event, Purchase) and isinstance(met.held, CustomerState):
                self._sketch.names.learn(read.event, self._policy.behaviour.kept)
            if not isinstance(read.event, (Transfer, Erasure)):  # they say nothing of the source
                self._newest = record, read

    def _is_astray(self, customer_id: str) -> bool:
        """Whether another partition keeps whoever has this id."""
        return partition_of(customer_id, self._log.partitions) != self._log.partition

    def _erased(self, customer_id: str, mark: Mark, source: Source) -> None:
        name = self._marks.add(customer_id, mark)
        key_id, partitions = self._log.pseudonyms.key_id, self._log.partitions
        row = erasure_row(name, self._marks.known(name), key_id, partitions, source)
        self._rows.append(row)
        self.tally["erasures"] += 1

    def _write(
        self,
        customer_id: str,
        touched: Touched,
        held: CustomerState | Alias | None,
        effects: tuple[Effect, ...],
    ) -> None:
        """Take over what became of a customer: state, place in the sketch, history."""
        changes = changes_in(effects) if effects else ()
        before, after = touched.places, touched.places_of(held)
        if held is not touched.held and (changes or before != after):
            prefix = list_of(customer_id)
            self._movement.follow(before, changes, after, self._today(), self._day_of, prefix)
        old = touched.state and touched.state.contribution
        state = None if isinstance(held, Alias) else held
        new = state and state.contribution
        if old is not new:
            state = self._placed(customer_id, old, state)
        touched.add(held if isinstance(held, Alias) else state, changes)

    def _tell(self, effects: tuple[Effect, ...], source: Source) -> None:
        """Send out what happened."""
        policy, pseudonyms = self._policy.alerts, self._log.pseudonyms
        changes, alerts = changes_in(effects), alerts_in(effects)
        self._rows += [change_row(effect, source) for effect in changes]
        for effect in changes:
            self.tally[f"effects:{effect.type}"] += 1
        self._rows += [alert_row(each, source, policy, pseudonyms) for each in alerts]
        for each in alerts:
            self.tally[f"alerts:{each.rule}"] += isinstance(each, RaiseAlert)

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
            barrier = Barrier(log.partition, log.partitions, end_day, self._sketch.sums())
            self._rows.append(barrier_row(barrier, source))
            self._closed_day = end_day
            self.tally["barriers"] += 1

    def _today(self) -> int:
        return self._day_of(self._clock_ms)

    def _day_of(self, at_ms: int) -> int:
        return day_of(at_ms, self._policy.timezone)

    def _dead_letter(self, record: LogRecord, rejected: Rejected) -> None:
        self._rows.append(dead_letter_row(record, rejected, self._source(record)))
        self.tally["dead_letters"] += 1
        self.tally[f"dead_letters:{rejected.reason}"] += 1

    def _source(self, record: LogRecord) -> Source:
        log, population = self._log, self.population
        return Source(
            log.namespace,
            log.partition,
            record.offset,
            self._policy.version,
            population.version if population else 0,
            self._published,
            REPLAY in record.headers,
        )
