"""One partition of the log: load, fold, apply. The only path to the store.

`PartitionFold.handle` takes a batch of consecutive records and brings the store to the batch's
end, or says where reading must resume. It is driven by Faust in production, by replays over
files, and by tests over lists; nothing here knows which.

The fence: `load` returns offset, nonce and states together; `apply` writes only if both are
unchanged. If they have moved, somebody else has been at work: load again, drop what is done, and
go on. A batch that does not begin at the stored offset leaves a gap: if records really exist in
it, reading must resume at the stored offset.

The sketch and the population are kept in memory beside the nonce they were loaded with. `load`
brings them again whenever that nonce is not the store's any more.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from models.codec import LISTED_SINCE, SCHEMA_VERSION
from models.erasure import Mark, Marks, decode_mark
from models.events import (
    Erasure,
    LogRecord,
    Merge,
    PolicyPublished,
    PopulationLearned,
    Read,
    Reading,
    Tick,
    read_record,
)
from models.movement import Movement, from_days
from models.policy import Policy
from models.policy_record import PublishedPolicy, decode_published, why_not_after, with_memory_of
from models.population import OlderPopulation, Population, decode_population, is_stale
from models.sketch import Sketch, from_slots
from streams.chunk import Folding, LogIdentity, Understood
from streams.decoded import Decoded
from streams.store import MAX_BYTES, MAX_CUSTOMERS, Loaded, Meta, Newest, Store
from streams.topics import LOG

MAX_OUTBOX_ROWS = 100_000  # a relay that far behind makes the worker wait
WALKED_AT_ONCE = MAX_CUSTOMERS // 2  # a scan may give more than it was asked for
_CONTROLS = (Tick, PopulationLearned, PolicyPublished)
_LAST = (Erasure, Merge)  # nothing of that id may be written after them in the same script
NO_NONCE = b"-"  # no write has it

GapProbe = Callable[[int, int, int], Awaitable[bool]]
Bodies = Callable[[str], Awaitable[Population]]
Policies = Callable[[str], Awaitable[PublishedPolicy]]
logger = logging.getLogger(__name__)


async def nobody() -> Mapping[str, Mark]:
    """Who was erased before a log began."""
    return {}


async def no_policies(digest: str) -> PublishedPolicy:
    """Where nobody publishes policies."""
    raise LookupError(f"policy {digest}")


class OutboxFull(RuntimeError):
    """The relay is far behind; waiting is right."""


class Batch(NamedTuple):
    """Consecutive records of one partition, as a lane hands them over.

    Attributes:
        from_offset: where the batch begins: the offset read from, record or not.
        next_offset: where reading goes on after it.
        records: with offsets in [from_offset, next_offset), ascending; may have holes where the
            broker has none.
    """

    from_offset: int
    next_offset: int
    records: Sequence[LogRecord]


class Seek(NamedTuple):
    """Reading must resume at this offset: records were skipped, or the store was rolled back."""

    offset: int


class PartitionFold:
    """Folds one partition into the store.

    Args:
        log: which log and partition.
        policy: the rules in force until the log names others.
        store: where states are kept.
        records_exist: async (partition, from, to) → whether the log has records in [from, to).
        bodies: async (digest) → the population of that digest.
        new_nonce: a value never used before, for each write.
        born_with: async: the marks of all who were erased before, by pseudonym; asked when
            nothing was ever written to the partition.
        policies: async (digest) → the published policy of that digest.
        read: (record, topic) → what it says; several folds of the same records may share one.

    Attributes:
        tally: what was folded, by kind.
        newest: the last event folded here; None before the first.
        store_offset: where the store stood when it was last seen from here.
    """

    def __init__(
        self,
        log: LogIdentity,
        policy: Policy,
        store: Store,
        records_exist: GapProbe,
        bodies: Bodies,
        new_nonce: Callable[[], bytes],
        born_with: Callable[[], Awaitable[Mapping[str, Mark]]] = nobody,
        policies: Policies = no_policies,
        read: Reading = read_record,
    ) -> None:
        self._log, self._read = log, read
        self._given = PublishedPolicy(0, policy)
        self._in_force = self._given
        self._policies, self._store = policies, store
        self._records_exist = records_exist
        self._bodies = bodies
        self._new_nonce = new_nonce
        self._nonce = NO_NONCE
        self._born_with = born_with
        self._sketch = Sketch()
        self._movement = Movement()
        self._marks = Marks(log.pseudonyms)
        self._decoded = Decoded()
        self._population: Population | None = None
        self.tally: Counter[str] = Counter()
        self.newest: Newest | None = None
        self.store_offset = 0

    @property
    def policy(self) -> Policy:
        """In force, as far as was seen from here."""
        return self._in_force.policy

    async def handle(self, batch: Batch) -> Seek | None:
        """Fold a batch; idempotent.

        Returns:
            None when the store stands at or beyond the batch's end, else where to resume.

        Raises:
            StoreUnavailable: nothing, or only whole chunks, were written; call again.
            OutboxFull: likewise.
        """
        position = batch.from_offset
        for end, chunk in _chunks(batch, self._read):
            seek = await self._bring_to(position, end, chunk)
            if seek is not None:
                return seek
            position = end
        return None

    async def _bring_to(self, start: int, end: int, chunk: Sequence[Understood]) -> Seek | None:
        """Apply one chunk, however often others interfere."""
        while True:
            loaded = await self._load(_customers(chunk))
            meta = loaded.meta
            _leave_the_relay_time(loaded)
            if meta.offset >= end:
                self.store_offset = meta.offset
                return None
            if meta.offset < start and await self._records_exist(
                self._log.partition, meta.offset, start
            ):
                self.tally["gaps"] += 1
                return Seek(meta.offset)
            if 0 < meta.schema < LISTED_SINCE:
                await self._list_everyone(meta)
                continue
            todo = [each for each in chunk if each.record.offset >= meta.offset]
            adopted = None
            if todo and _is_control(todo[0]):
                adopted = await self._newer(todo[0], meta)
                if not await self._walk(meta, todo[0], adopted):
                    continue
                walked = self._nonce
                loaded = await self._load(())
                if loaded.meta.nonce != walked:  # perhaps an older copy, at the same offset
                    continue
            folding = self._folding(loaded)
            if adopted is not None:
                folding.adopt(adopted)
            folding.records(todo)
            if await self._apply(loaded.meta, folding, end):
                return None

    async def _load(self, customer_ids: Sequence[str]) -> Loaded:
        """Meta and states; keeps sketch and population as they are in the store."""
        loaded = await self._store.load(self._log.partition, customer_ids, self._nonce)
        if loaded.whole is not None:
            packed = loaded.whole.population
            pseudonyms = self._log.pseudonyms
            self._sketch = from_slots(loaded.whole.sketch, pseudonyms)
            self._movement = from_days(loaded.whole.movement)
            marks = {name: decode_mark(each) for name, each in loaded.whole.erased.items()}
            self._marks = Marks(pseudonyms, marks or None)
            if not loaded.meta.nonce:
                self._marks = Marks.new(pseudonyms, await self._born_with())
            self._population = None if packed is None else decode_population(packed)
            self._take_over(loaded.whole.policy)
            self._nonce = loaded.meta.nonce
        return loaded

    def _take_over(self, packed: bytes | None) -> None:
        """The policy in force is that of the store; what was published is read once."""
        if packed is None:
            self._in_force = self._given
        elif packed != self._in_force.body:
            self._in_force = self._remembering(decode_published(packed))

    def _remembering(self, published: PublishedPolicy) -> PublishedPolicy:
        return published._replace(policy=with_memory_of(published.policy, self._given.policy))

    def _folding(self, loaded: Loaded) -> Folding:
        self._nonce = NO_NONCE  # the sketch runs ahead of the store until that has answered
        return Folding(
            self._log,
            self._in_force,
            loaded,
            self._sketch,
            self._movement,
            self._population,
            self._marks,
            self._decoded,
        )

    async def _newer(
        self, understood: Understood, meta: Meta
    ) -> Population | PublishedPolicy | None:
        """What a control record brings into force; None if nothing."""
        if isinstance(understood.read, PolicyPublished):
            return await self._newer_policy(understood.read)
        return await self._newer_population(understood, meta)

    async def _newer_policy(self, read: PolicyPublished) -> PublishedPolicy | None:
        """The policy of a record; None of one that is not newer, or can't follow in this log."""
        new = self._remembering(await self._policies(read.digest))
        if new.number != read.number or new.number <= self._in_force.number:
            self.tally["policies_passed_over"] += 1
            return None
        why_not = why_not_after(self.policy, new.policy)
        if why_not is not None:
            logger.warning("policy %d is not taken over: %s", new.number, why_not)
            self.tally["policies_passed_over"] += 1
            return None
        return new

    async def _newer_population(self, understood: Understood, meta: Meta) -> Population | None:
        """The population that a control record brings.

        None if it brings none, one that is not newer than what is in force, one that is too old to
        say anything of today, one of an older schema, or another than it says.
        """
        read = understood.read
        if not isinstance(read, PopulationLearned):
            return None
        try:
            new = await self._bodies(read.digest)
        except OlderPopulation:  # learned before an upgrade; the log is folded anew
            self.tally["populations_passed_over"] += 1
            return None
        known_day = self._population.as_of_day if self._population else 0
        stale = is_stale(new, meta.closed_day, self.policy)
        if new.version != read.version or new.as_of_day <= known_day or stale:
            self.tally["populations_passed_over"] += 1
            return None
        return new

    async def _walk(
        self, meta: Meta, control: Understood, adopted: Population | PublishedPolicy | None
    ) -> bool:
        """Everything that a control record does to customers who have no record of their own.

        A tick advances everyone whose deadline it has passed, a new population or policy measures
        everyone anew, some at a time. The offset stays; a walk cut short is begun again and finds less to
        do. Answers whether it came to its end.
        """
        if isinstance(control.read, Tick):
            until_ms = max(meta.clock_ms, control.read.at_ms)
            return await self._walk_due(until_ms, control.record)
        return adopted is None or await self._walk_all(adopted, control.record)

    async def _walk_due(self, until_ms: int, tick: LogRecord) -> bool:
        while True:
            loaded = await self._store.due(self._log.partition, until_ms, MAX_CUSTOMERS)
            if loaded.meta.nonce != self._nonce:
                return False
            if not loaded.states:
                return True
            _leave_the_relay_time(loaded)
            folding = self._folding(loaded)
            folding.deadlines(until_ms, tick)
            if not await self._apply(loaded.meta, folding, loaded.meta.offset):
                return False

    async def _walk_all(self, new: Population | PublishedPolicy, record: LogRecord) -> bool:
        cursor = 0
        while True:
            loaded = await self._store.walk(self._log.partition, cursor, WALKED_AT_ONCE)
            if loaded.meta.nonce != self._nonce:
                return False
            _leave_the_relay_time(loaded)
            folding = self._folding(loaded)
            folding.walked(new, record)
            if folding.touches_nobody:
                self._nonce = loaded.meta.nonce
            elif not await self._apply(loaded.meta, folding, loaded.meta.offset):
                return False
            cursor = loaded.cursor
            if not cursor:
                return True

    async def _list_everyone(self, meta: Meta) -> None:
        """After an upgrade, once. The schema is raised with the last; cut short, it is begun again."""
        cursor = 0
        while True:
            loaded = await self._store.walk(self._log.partition, cursor, WALKED_AT_ONCE)
            cursor, known = loaded.cursor, loaded.meta
            if known.nonce != self._nonce:
                return
            folding = self._folding(loaded)
            folding.listed()
            schema = meta.schema if cursor else SCHEMA_VERSION
            if not await self._apply(known, folding, known.offset, schema) or not cursor:
                return

    async def _apply(
        self, expected: Meta, folding: Folding, next_offset: int, schema: int = SCHEMA_VERSION
    ) -> bool:
        change = folding.change(next_offset, self._new_nonce(), schema)
        applied = await self._store.apply(self._log.partition, expected, change)
        self.tally.update(folding.tally if applied else {"fenced": 1})
        if applied:
            self._nonce, self._population = change.meta.nonce, folding.population
            if folding.instructed is not None:
                self._in_force = folding.instructed
            self.newest = folding.newest or self.newest
            self.store_offset = next_offset
        return applied


def _leave_the_relay_time(loaded: Loaded) -> None:
    if loaded.outbox_rows > MAX_OUTBOX_ROWS:
        raise OutboxFull(f"{loaded.outbox_rows} effects wait to be relayed")


def _chunks(batch: Batch, read_one: Reading) -> Iterator[tuple[int, Sequence[Understood]]]:
    """Cut a batch into what one script may write: (end offset, records).

    A control record stands alone, because its walk takes scripts of its own; an erasure and a merge
    end their chunk, because nothing of that id may be written after them in the same script.
    """
    chunk: list[Understood] = []
    customers: set[str] = set()
    size = 0
    for record in batch.records:
        read = read_one(record, LOG)
        size += len(record.value or b"")
        if isinstance(read, Read):
            customers.add(read.event.customer_id)
        full = len(customers) > MAX_CUSTOMERS or size > MAX_BYTES or len(chunk) >= 2 * MAX_CUSTOMERS
        control = isinstance(read, _CONTROLS)
        if chunk and (full or control or _stands_last(chunk[-1])):
            yield record.offset, chunk
            chunk, size = [], len(record.value or b"")
            customers = {read.event.customer_id} if isinstance(read, Read) else set()
        chunk.append(Understood(record, read))
    yield batch.next_offset, chunk


def _is_control(understood: Understood) -> bool:
    return isinstance(understood.read, _CONTROLS)


def _stands_last(understood: Understood) -> bool:
    read = understood.read
    return _is_control(understood) or (isinstance(read, Read) and isinstance(read.event, _LAST))


def _customers(chunk: Sequence[Understood]) -> list[str]:
    ids = (u.read.event.customer_id for u in chunk if isinstance(u.read, Read))
    return list(dict.fromkeys(ids))
