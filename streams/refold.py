"""One partition of a recording, folded again: the same states and effects, byte for byte.

The records go through the very `PartitionFold.handle` that workers use; populations and policies come
from the recording, so nothing is learned anew. Partitions do not touch each other, and each may be
folded in a process of its own.

    Recording.records ──► batches ──► PartitionFold.handle ──► store
                                            └► outbox ──► Told (digest), tally; and no further

Nothing leaves: the outbox stands in this process (`streams/aside.py`).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count
from typing import NamedTuple

import msgpack

from models.erasure import Mark, Pseudonyms
from models.events import LogRecord, Read, read_record
from models.policy import Policy
from models.policy_record import PublishedPolicy, decode_published, digest_of_policy
from models.population import Population, decode_population
from models.population import digest_of as digest_of_population
from streams.aside import aside
from streams.chunk import LogIdentity
from streams.digest import Digest, Told, digest_of
from streams.erasures import born_marks
from streams.log import Record
from streams.loop import no_records
from streams.partition import Batch, PartitionFold
from streams.recording import Head, NotARecording, Recording
from streams.snapshot import NotThisReplay
from streams.span import Span
from streams.store import OutboxRow, Store
from streams.topics import ERASURES, LOG, POLICIES, POPULATIONS

SLICE = 1_000  # records folded at once
_ALL = 10**9


class Chosen(NamedTuple):
    """Which records of a recording are folded.

    Attributes:
        span: of the log.
        customers: whose events; None: everybody's. Control records always are.
    """

    span: Span = Span()
    customers: frozenset[str] | None = None

    def of(self, records: Iterable[LogRecord]) -> Iterator[LogRecord]:
        """Those of these."""
        within = self.span.of(records)
        if self.customers is None:
            return within
        return (each for each in within if self._concerns(each))

    def _concerns(self, record: LogRecord) -> bool:
        read = read_record(record, LOG)
        if not isinstance(read, Read):
            return True
        assert self.customers is not None
        return read.event.customer_id in self.customers


EVERYTHING = Chosen()


class Asked(NamedTuple):
    """What is to be folded, and how; goes to other processes.

    Attributes:
        recording: to be read.
        policy: in force until the log names another.
        pseudonyms: with the installation's hash key.
        chosen: which records.
        snapshots: a folder; "": none are kept.
        topic_id: that the store is told; None: the recording's own.
        forgets: whether who is erased in it is forgotten from its beginning.
    """

    recording: Recording
    policy: Policy
    pseudonyms: Pseudonyms
    chosen: Chosen = EVERYTHING
    snapshots: str = ""
    topic_id: str | None = None
    forgets: bool = False


class Last(NamedTuple):
    """The record that was folded last: its offset, and a hash of it."""

    offset: int
    digest: bytes


def last_of(record: LogRecord) -> Last:
    """Of a record."""
    packed = msgpack.packb((record.timestamp_ms, record.key, record.value))
    return Last(record.offset, hashlib.blake2b(packed, digest_size=16).digest())


class Refolded(NamedTuple):
    """What a partition came to.

    Attributes:
        partition: which.
        next_offset: where reading would go on.
        tally: what was folded, by kind; see `Folding.tally`.
        digest: of states, effects and sketch.
        clock_ms: the partition's clock, event time.
    """

    partition: int
    next_offset: int
    tally: Mapping[str, int]
    digest: Digest
    clock_ms: int


class Refold:
    """Folds one partition of a recording into a store.

    Args:
        asked: which recording, and how.
        partition: of it.
        store: where states are kept; if it holds some of this partition, folding goes on there.
        told: what was told before, if folding goes on.
        last: the record that was folded last, likewise.

    Raises:
        NotARecording: it was recorded with another hash key.
    """

    def __init__(
        self,
        asked: Asked,
        partition: int,
        store: Store,
        told: Told | None = None,
        last: Last | None = None,
    ) -> None:
        self._recording, self._chosen = asked.recording, asked.chosen
        self._head = head = asked.recording.head
        _require_key(asked.recording, asked.pseudonyms)
        store = aside(store)
        self._partition, self._store, self.told = partition, store, told or Told()
        self._forgets, self.last = asked.forgets, last
        self._begins: int | None = None  # the offset of the first record that is folded
        topic_id = head.topic_id if asked.topic_id is None else asked.topic_id
        self._log = LogIdentity(
            head.namespace, topic_id, head.partitions, partition, asked.pseudonyms
        )
        self._populations, self._policies = dict[str, bytes](), dict[str, bytes]()
        nonces = (b"%d" % each for each in count())
        self._fold = PartitionFold(
            *(self._log, asked.policy, store, no_records, self._population, nonces.__next__),
            *(self._born_with, self._policy),
        )

    @property
    def tally(self) -> Counter[str]:
        """What was folded from here, by kind."""
        return self._fold.tally

    async def run(self, progress: Callable[[int], None]) -> Refolded:
        """Fold to the end of what was chosen.

        Args:
            progress: called now and then with the number of records read.

        Raises:
            NotARecording: a body is missing, or the file is damaged.
        """
        stands = (await self._store.load(self._partition, ())).meta.offset
        for batch in self.batches(stands):
            await self.take(batch)
            progress(len(batch.records))
        return await self.result()

    def batches(self, stands: int = 0) -> Iterator[Batch]:
        """What is to be folded.

        Args:
            stands: the offset that the store has come to; 0: it is empty.

        Raises:
            NotThisReplay: it has not come to where this begins, or has come further than this goes.
        """
        begin, end = self._bounds()
        if stands:
            self._require_in_order(stands, begin)
            self._begins = begin = stands
        records: list[LogRecord] = []
        for each in self._chosen.of(self._recording.records(self._partition, begin)):
            if self._begins is None:
                self._begins = begin = each.offset
            records.append(each)
            if len(records) == SLICE:
                yield Batch(begin, each.offset + 1, records)
                begin, records = each.offset + 1, []
        reached = records[-1].offset + 1 if records else begin
        yield Batch(begin, reached if end is None else max(reached, end), records)

    def _bounds(self) -> tuple[int, int | None]:
        """Where folding begins, and the offset that it comes to; None: behind the last record chosen."""
        start, end = self._head.extents[self._partition]
        since, until = self._chosen.span
        first = start if since is None or since.offset is None else max(start, since.offset)
        whole = until is None and self._chosen.customers is None
        return first, end if whole else None

    def _require_in_order(self, stands: int, begin: int) -> None:
        until, name = self._chosen.span.until, f"partition {self._partition} of the snapshot"
        if stands < begin:
            raise NotThisReplay(
                f"{name} has come to offset {stands}, what is asked for begins at {begin}: what lies "
                "between would be missing; give what goes on there, or another folder"
            )
        if until is not None and until.offset is not None and stands > until.offset:
            raise NotThisReplay(
                f"{name} has come to offset {stands}, further than --to {until.offset}; give another "
                "folder"
            )
        last = self.last
        if last is not None and last.offset >= self._head.extents[self._partition][0]:
            found = next(self._recording.records(self._partition, last.offset), None)
            if found is None or last_of(found) != last:
                raise NotThisReplay(
                    f"{name} is of another log: offset {last.offset} is another record there; give "
                    "the recording that it was made of, or what goes on behind it, or another folder"
                )

    async def take(self, batch: Batch) -> list[OutboxRow]:
        """Fold one batch; answers what was told of it."""
        if batch.next_offset == batch.from_offset:
            return []
        if batch.records:
            self.last = last_of(batch.records[-1])
        seek = await self._fold.handle(batch)
        assert seek is None  # a recording has no gap that could be read
        waiting = await self._store.outbox(self._partition, _ALL)
        await self._store.outbox_delete(self._partition, [row_id for row_id, _ in waiting])
        rows = [row for _, row in waiting]
        for row in rows:
            self.told.add(row)
        return rows

    async def result(self) -> Refolded:
        """As it stands now."""
        digest = await digest_of(self._store, [self._partition], self.told)
        meta = (await self._store.load(self._partition, ())).meta
        return Refolded(self._partition, meta.offset, dict(self._fold.tally), digest, meta.clock_ms)

    async def _population(self, digest: str) -> Population:
        return decode_population(
            self._body(self._populations, POPULATIONS, digest, digest_of_population)
        )

    async def _policy(self, digest: str) -> PublishedPolicy:
        return decode_published(self._body(self._policies, POLICIES, digest, digest_of_policy))

    def _body(
        self, known: dict[str, bytes], topic: str, digest: str, name: Callable[[bytes], str]
    ) -> bytes:
        if not known:
            known.update(
                {
                    name(each.value): each.value
                    for each in self._recording.bodies(topic)
                    if each.value
                }
            )
        if digest not in known:
            raise NotARecording(
                f"{self._recording.name}: the log names {digest}, but what was recorded of {topic} "
                "does not hold it; record again where that topic is whole"
            )
        return known[digest]

    async def _born_with(self) -> Mapping[str, Mark]:
        """Who was erased before what is folded begins; later erasures are folded themselves."""
        erasures = self._recording.bodies(ERASURES)
        born = erasures if self._forgets else filter(self._is_older, erasures)
        return born_marks(born, self._log)

    def _is_older(self, erasure: Record) -> bool:
        """By its place in the log; of another installation by when it was written."""
        headers = dict(erasure.headers)
        if headers.get("source.namespace") != self._head.namespace.encode():
            first = next(self._recording.records(self._partition, self._begins or 0), None)
            return first is None or erasure.timestamp_ms < first.timestamp_ms
        partition = int(headers.get("source.partition", b"-1"))
        offset = int(headers.get("source.offset", b"0"))
        return partition == self._partition and offset < (self._begins or 0)


def _require_key(recording: Recording, pseudonyms: Pseudonyms) -> None:
    head: Head = recording.head
    if head.key_id != pseudonyms.key_id:
        raise NotARecording(
            f"{recording.name} was recorded with hash key {head.key_id or '(none)'}, this is "
            f"{pseudonyms.key_id or '(none)'}: samples and erasures would differ; set "
            "SEGMENTER_HASH_KEY to the key it was recorded with"
        )
