"""The hop from a source's topic into the log: records come in, events and dead letters go out.

    topic of a source ──► SourceFold.handle ──► normalise ──► customer-events.v1, by customer id
    (any key, any number of partitions)             └───────► dead-letters.v1, as they were

A partition's offset stands in Redis and is written after Kafka has acknowledged all that came of the
records before it. So a crash repeats some of them, and never loses one; ids of events are derived from
the source's own (`models/adapters.py`), so what is repeated changes no state. Two owners at once do no
more harm: whatever offset stands there, all before it has been sent.

Forbidden here: Faust, the clock, what a source's records mean.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import redis.asyncio as aioredis

from models.adapters import RECEIVED_AT, Normalised, Outcome, Source, normalise
from models.events import MAX_FUTURE_MS, LogRecord, Rejected
from streams.in_step import AHEAD_MS, InStep, Span, united
from streams.keys import source_offsets
from streams.log import Extent, KafkaUnavailable, TopicFacts
from streams.messages import rfc3339, source_dead_letter_row
from streams.outbox import Sender
from streams.partition import Batch, Seek
from streams.store import OutboxRow
from streams.topics import LOG
from streams.unavailable import or_unavailable

_LAST_MS = 250_000_000_000_000  # in 9892; a producer may write any number
AT_ONCE = 200  # records between two offsets: as many a crash repeats at most, of a partition

GapProbe = Callable[[int, int, int], Awaitable[bool]]


class Stand(NamedTuple):
    """How far a partition of a source's topic has been read.

    Attributes:
        offset: of the next record; None: nothing was ever read.
        topic_id: of the topic then; "" where the broker gives none.
    """

    offset: int | None = None
    topic_id: str = ""


class Offsets(Protocol):
    """Where reading stands in the topics of sources."""

    async def stand(self, topic: str, partition: int) -> Stand:
        """As it was last written."""

    async def move(self, topic: str, partition: int, stand: Stand) -> None:
        """Write it; idempotent."""


class RedisOffsets:
    """Offsets in Redis, under keys of an installation.

    Each call blocks for at most the client's socket time-out.

    Args:
        client: made by `redis_store.connect`; closed by whoever made it.
        namespace: of the installation.
    """

    def __init__(self, client: aioredis.Redis, namespace: str) -> None:
        self._client, self._namespace = client, namespace

    async def stand(self, topic: str, partition: int) -> Stand:
        """See `Offsets.stand`. Raises StoreUnavailable."""
        asked: Any = self._client.hget(source_offsets(self._namespace, topic), str(partition))
        with or_unavailable():
            packed: bytes | None = await asked
        if packed is None:
            return Stand()
        offset, _, topic_id = packed.decode().partition(" ")
        return Stand(int(offset), topic_id)

    async def move(self, topic: str, partition: int, stand: Stand) -> None:
        """See `Offsets.move`. Raises StoreUnavailable."""
        packed = f"{stand.offset} {stand.topic_id}"
        asked: Any = self._client.hset(
            source_offsets(self._namespace, topic), str(partition), packed
        )
        with or_unavailable():
            await asked

    async def forget(self, topic: str) -> bool:
        """Forget a topic, which is then read from its beginning; answers whether it was known."""
        with or_unavailable():
            return bool(await self._client.unlink(source_offsets(self._namespace, topic)))


class Understood(NamedTuple):
    """A record, and what it means; nothing, if it has no value."""

    record: LogRecord
    outcomes: Sequence[Outcome]


class Part(NamedTuple):
    """Some records of a batch.

    Attributes:
        end: the offset behind them.
        found: what they mean.
        span: of their events; None: there are none.
    """

    end: int
    found: Sequence[Understood]
    span: Span | None


class Place(NamedTuple):
    """One partition of one source's topic.

    Attributes:
        namespace: of the installation.
        name: of the source.
        topic: that it is read from.
        topic_id: "" where the broker gives none.
        partition: of it.
    """

    namespace: str
    name: str
    topic: str
    topic_id: str
    partition: int


def why_refused(stand: Stand, place: Place, facts: TopicFacts, extent: Extent) -> str | None:
    """What speaks against reading on from there; None: nothing."""
    again = f"to read it from its beginning, run: segmenter sources rewind {place.name}"
    if stand.topic_id and facts.topic_id and stand.topic_id != facts.topic_id:
        return (
            f"source {place.name}: {place.topic} was {stand.topic_id} when it was last read, and is "
            f"now {facts.topic_id}: it was deleted and made again; {again}"
        )
    if stand.offset is not None and stand.offset > extent.end:
        return (
            f"source {place.name}: {place.topic}, partition {place.partition}, was read to offset "
            f"{stand.offset} and ends at {extent.end}: it has lost records; {again}"
        )
    return None


class SourceFold:
    """Brings the records of one partition into the log.

    Args:
        place: which partition.
        source: what its records mean.
        offsets: where reading stands.
        sender: to Kafka.
        records_exist: async (partition, from, to) → whether the topic has records in [from, to).
        offset: where reading begins.
        in_step: shared with the other partitions of the topic; one of its own if left out.

    Attributes:
        offset: of the next record: all that came of those before it is in Kafka.
        tally: what became of records, by outcome.
    """

    def __init__(
        self,
        place: Place,
        source: Source,
        offsets: Offsets,
        sender: Sender,
        records_exist: GapProbe,
        offset: int,
        in_step: InStep | None = None,
    ) -> None:
        self._in_step = in_step or InStep()
        self._place, self._source, self._offsets = place, source, offsets
        self._sender, self._records_exist = sender, records_exist
        self.offset, self._sent_to = offset, offset
        self.tally: Counter[str] = Counter()

    async def handle(self, batch: Batch) -> Seek | None:
        """Send what comes of a batch, and note how far that is. See `streams.lane.Fold.handle`."""
        if batch.from_offset > self.offset and await self._records_exist(
            self._place.partition, self.offset, batch.from_offset
        ):
            self.tally["gaps"] += 1
            return Seek(self.offset)
        with self._in_step.reading(self._place.partition):
            for some in self._cut(batch):
                await self._bring_to(some)
        return None

    def _cut(self, batch: Batch) -> Iterator[Part]:
        """The records from where reading stands, so many at a time, of so many days at most."""
        found, span = list[Understood](), None
        for record in batch.records:
            if record.offset < self.offset:
                continue
            one = Understood(record, self._understood(record))
            own = span_of(one.outcomes, record.timestamp_ms)
            both = united(span, own)
            if found and (len(found) == AT_ONCE or (both and both.length_ms > AHEAD_MS)):
                yield Part(found[-1].record.offset + 1, found, span)
                found, both = [], own
            found.append(one)
            span = both
        if self.offset < batch.next_offset:
            yield Part(batch.next_offset, found, span)

    async def _bring_to(self, part: Part) -> None:
        if part.end > self._sent_to:  # else the offset alone could not be written
            if part.span is not None:
                await self._in_step.turn(self._place.partition, part.span)
            await self._send(part.found)
            self._sent_to = part.end
        place = self._place
        await self._offsets.move(place.topic, place.partition, Stand(part.end, place.topic_id))
        self.offset = part.end

    async def _send(self, found: Sequence[Understood]) -> None:
        rows = [row for each in found for row in self._rows(each.record, each.outcomes)]
        sent = await asyncio.to_thread(self._sender.send, rows)
        if sent < len(rows):
            raise KafkaUnavailable(
                f"source {self._place.name}: Kafka took {sent} of {len(rows)} records; "
                "they are sent again"
            )
        for each in found:
            self.tally.update(map(outcome_of, each.outcomes) if each.outcomes else ["unread"])

    def _understood(self, record: LogRecord) -> Sequence[Outcome]:
        """What a record means; nothing, if it has no value."""
        if record.value is None:
            return ()
        headers = {**readable_headers(record.headers), **received_at(record.timestamp_ms)}
        return normalise(self._place.name, self._source, record.value, headers)

    def _rows(self, record: LogRecord, outcomes: Sequence[Outcome]) -> Sequence[OutboxRow]:
        place = self._place
        where = {
            "source.name": place.name,
            "source.topic": place.topic,
            "source.namespace": place.namespace,
            "source.partition": str(place.partition),
            "source.offset": str(record.offset),
        }
        rows = list[OutboxRow]()
        for each in outcomes:
            if isinstance(each, Normalised):
                rows.append(event_row(each))
            elif isinstance(each, Rejected):
                rows.append(source_dead_letter_row(record, each, where))
        return rows


def span_of(outcomes: Sequence[Outcome], written_ms: int = 0) -> Span | None:
    """From when to when events happened; None: there are none.

    Args:
        outcomes: what came of records.
        written_ms: when they were written, if that is known. What claims to be of a later time counts
            as of then: years to come would wait until nobody else has anything in hand.
    """
    latest_ms = written_ms + MAX_FUTURE_MS if written_ms > 0 else _LAST_MS
    moments = [min(each.at_ms, latest_ms) for each in outcomes if isinstance(each, Normalised)]
    return Span(min(moments), max(moments)) if moments else None


def event_row(event: Normalised) -> OutboxRow:
    """An event for the log, keyed by its customer."""
    kind = ("kind", event.kind.value.encode())
    return OutboxRow(LOG, event.customer_id.encode(), event.value, [kind])


def outcome_of(each: Outcome) -> str:
    """A word for what became of a record.

    >>> outcome_of(Ignored("a visit"))
    'ignored'
    """
    if isinstance(each, Normalised):
        return "written"
    return "dead_letters" if isinstance(each, Rejected) else "ignored"


def received_at(at_ms: int) -> dict[str, str]:
    """The header that tells an adapter when a body came in; none, if that is no time of ours.

    >>> received_at(1_483_264_800_500), received_at(-1), received_at(2**62)
    ({'x-received-at': '2017-01-01T10:00:00.500Z'}, {}, {})
    """
    return {RECEIVED_AT: rfc3339(at_ms)} if 0 <= at_ms < _LAST_MS else {}


def readable_headers(headers: Mapping[str, bytes]) -> dict[str, str]:
    """Headers as an adapter takes them: names in lower case, values as text.

    >>> readable_headers({"X-Shopify-Topic": b"orders/create"})
    {'x-shopify-topic': 'orders/create'}
    """
    return {
        name.lower(): (value or b"").decode("utf-8", "replace") for name, value in headers.items()
    }
