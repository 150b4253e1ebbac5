"""One partition of the log: load, fold, apply. The only path to the store.

`PartitionFold.handle` takes a batch of consecutive records and brings the store to the batch's
end, or says where reading must resume. It is driven by Faust in production, by replays over
files, and by tests over lists; nothing here knows which.

The fence: `load` returns offset, nonce and states together; `apply` writes only if both are
unchanged. If they have moved, somebody else has been at work: load again, drop what is done, and
go on. A batch that does not begin at the stored offset leaves a gap: if records really exist in
it, reading must resume at the stored offset.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import NamedTuple

from models.events import Erasure, LogRecord, Read, Tick, read_record
from models.policy import Policy
from streams.chunk import Folding, LogIdentity, Understood
from streams.store import MAX_BYTES, MAX_CUSTOMERS, Loaded, Meta, Newest, Store
from streams.topics import LOG

MAX_OUTBOX_ROWS = 100_000  # a relay that far behind makes the worker wait

GapProbe = Callable[[int, int, int], Awaitable[bool]]


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
        policy: the rules in force.
        store: where states are kept.
        records_exist: async (partition, from, to) → whether the log has records in [from, to).
        new_nonce: a value never used before, for each write.

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
        new_nonce: Callable[[], bytes],
    ) -> None:
        self._log = log
        self._policy = policy
        self._store = store
        self._records_exist = records_exist
        self._new_nonce = new_nonce
        self.tally: Counter[str] = Counter()
        self.newest: Newest | None = None
        self.store_offset = 0

    async def handle(self, batch: Batch) -> Seek | None:
        """Fold a batch; idempotent.

        Returns:
            None when the store stands at or beyond the batch's end, else where to resume.

        Raises:
            StoreUnavailable: nothing, or only whole chunks, were written; call again.
            OutboxFull: likewise.
        """
        position = batch.from_offset
        for end, chunk in _chunks(batch):
            seek = await self._bring_to(position, end, chunk)
            if seek is not None:
                return seek
            position = end
        return None

    async def _bring_to(self, start: int, end: int, chunk: Sequence[Understood]) -> Seek | None:
        """Apply one chunk, however often others interfere."""
        while True:
            loaded = await self._store.load(self._log.partition, _customers(chunk))
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
            todo = [each for each in chunk if each.record.offset >= meta.offset]
            if todo and isinstance(todo[0].read, Tick):
                if not await self._walk(meta, todo[0].read, todo[0].record.offset):
                    continue
                loaded = await self._store.load(self._log.partition, ())
                if loaded.meta.offset != meta.offset:
                    continue
            folding = Folding(self._log, self._policy, loaded)
            folding.records(todo)
            if await self._apply(loaded.meta, folding, end):
                return None

    async def _walk(self, meta: Meta, tick: Tick, offset: int) -> bool:
        """Advance everyone whose deadline the tick has passed, some at a time.

        The offset stays; a walk cut short is begun again and finds less to do.
        """
        until_ms = max(meta.clock_ms, tick.at_ms)
        while True:
            loaded = await self._store.due(self._log.partition, until_ms, MAX_CUSTOMERS)
            if loaded.meta.offset != meta.offset:
                return False
            if not loaded.states:
                return True
            _leave_the_relay_time(loaded)
            folding = Folding(self._log, self._policy, loaded)
            folding.deadlines(until_ms, offset)
            if not await self._apply(loaded.meta, folding, meta.offset):
                return False

    async def _apply(self, expected: Meta, folding: Folding, next_offset: int) -> bool:
        change = folding.change(next_offset, self._new_nonce())
        applied = await self._store.apply(self._log.partition, expected, change)
        self.tally.update(folding.tally if applied else {"fenced": 1})
        if applied:
            self.newest = folding.newest or self.newest
            self.store_offset = next_offset
        return applied


def _leave_the_relay_time(loaded: Loaded) -> None:
    if loaded.outbox_rows > MAX_OUTBOX_ROWS:
        raise OutboxFull(f"{loaded.outbox_rows} effects wait to be relayed")


def _chunks(batch: Batch) -> Iterator[tuple[int, Sequence[Understood]]]:
    """Cut a batch into what one script may write: (end offset, records).

    A tick stands alone, because its walk takes scripts of its own; an erasure ends its chunk,
    because nothing of the person may be written after it in the same script.
    """
    chunk: list[Understood] = []
    customers: set[str] = set()
    size = 0
    for record in batch.records:
        read = read_record(record, LOG)
        size += len(record.value or b"")
        if isinstance(read, Read):
            customers.add(read.event.customer_id)
        full = len(customers) > MAX_CUSTOMERS or size > MAX_BYTES or len(chunk) >= 2 * MAX_CUSTOMERS
        if chunk and (full or isinstance(read, Tick) or _stands_last(chunk[-1])):
            yield record.offset, chunk
            chunk, size = [], len(record.value or b"")
            customers = {read.event.customer_id} if isinstance(read, Read) else set()
        chunk.append(Understood(record, read))
    yield batch.next_offset, chunk


def _stands_last(understood: Understood) -> bool:
    read = understood.read
    return isinstance(read, Tick) or (isinstance(read, Read) and isinstance(read.event, Erasure))


def _customers(chunk: Sequence[Understood]) -> list[str]:
    ids = (u.read.event.customer_id for u in chunk if isinstance(u.read, Read))
    return list(dict.fromkeys(ids))
