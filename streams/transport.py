"""Faust's Kafka transport with three changes: where reading begins, what is read, in what pieces.

On every assignment, and whenever Faust seeks to its committed offsets, reading begins at the
offset that stands in the store beside the states. Only committed records are read: those of an
aborted transaction never were. And an agent is handed what one fetch brought for one partition,
as a `Fetched`, instead of one message a record, because Faust's work for a message
costs several times what a record costs here.

Theory of operation. Faust calls `getmany` for (partition, message) pairs, drops messages below
its read offset, delivers the rest to the agent's queue, and commits what was acknowledged. Here a
message stands for a fetch and carries the offset of its *last* record, so that dropping,
delivering and committing keep their meaning. It also carries where the fetch began; so a fetch that
Faust drops on its way leaves a gap that `PartitionFold` sees, while offsets that the broker itself
passes over (transaction markers, compacted records) leave none.
The commit is a hint to Kafka's tools; nothing reads it back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, ClassVar, NamedTuple, cast

import aiokafka
import faust
from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, AppT, ConsumerMessage
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from yarl import URL

from models.events import LogRecord
from streams.connections import opened
from streams.log import TIMEOUT_MS, KafkaUnavailable

THREAD_PATIENCE_S = 10.0  # for Faust's consumer thread to say where reading stands
LAG_PATIENCE_S = 1.0  # likewise, where nothing depends on the answer


class Fetched(NamedTuple):
    """What one fetch brought for one partition.

    Attributes:
        from_offset: where the fetch began: the end of the one before, or where reading was begun.
        records: at least one, offsets ascending; holes only where the broker has no record.
    """

    from_offset: int
    records: Sequence[LogRecord]


#: async (partitions assigned) → where each one's reading begins; raises to refuse the assignment
ResumeAt = Callable[[list[TP]], Awaitable[dict[TP, int]]]


class FetchSchema(faust.Schema[Any, Any]):
    """Hands a message's value to the agent as it is: it was read by `Consumer` already."""

    def loads_key(self, app: AppT, message: Any, **_: Any) -> Any:  # noqa: ARG002 - Faust's
        """Fetches have no key."""
        return None

    def loads_value(self, app: AppT, message: Any, **_: Any) -> Any:  # noqa: ARG002 - Faust's
        """The fetch."""
        return message.value


_NOT_OURS = (IllegalStateError, AssertionError)  # aiokafka's words for: not yours any more


class _Thread(driver.AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        if not hasattr(consumer, "_isolation_level"):
            raise RuntimeError("this aiokafka has no isolation level to set; pin a tested version")
        consumer._isolation_level = "read_committed"
        return consumer


class Consumer(driver.Consumer):
    """Begins where the store stands; delivers whole fetches."""

    transport: Transport
    _fetched_to: dict[TP, int]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._fetched_to = {}
        self._seeking = asyncio.Lock()
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    async def perform_seek(self) -> None:
        """Seek to the store's offsets; called by Faust before it lets records flow.

        And called by `getmany` while flow is stopped, so that two may come at once, and partitions
        may be taken away or given under way: the last word is had with those that are held.
        """
        async with self._seeking:
            while not await self._seek_all():
                pass

    async def _seek_all(self) -> bool:
        """Answers whether the same partitions were held all along."""
        mine = self._mine()
        try:
            offsets = await self.transport.resume_at(sorted(mine))
        except Exception as error:  # noqa: BLE001 - whatever it is, reading must not begin
            await self.transport.refused(error)
            return True
        try:
            for tp, offset in offsets.items():
                await self.seek(tp, offset)
                self._fetched_to[tp] = offset
        except IllegalStateError:  # taken away under way
            return False
        return self._mine() == mine

    async def wait_empty(self) -> None:
        """Faust waits, before partitions change hands, for all that it has handed over.

        That may take longer than the session: so it is let go of first. Whoever owns a partition
        next, perhaps the same worker, reads again from the store's offset.
        """
        if not self.app.should_stop:  # then the batch in hand is finished
            self.transport.let_go()
        await super().wait_empty()

    def _mine(self) -> set[TP]:
        return {tp for tp in self.assignment() if tp.topic in self.transport.topics}

    async def has_read_to_end(self, tp: TP, folded_to: int) -> bool:
        """Whether nothing is left to read, and all that was fetched has been folded.

        By the position of reading: a transaction marker at the end is no record to wait for. A
        fetch may still be on its way through Faust, so its end must not lie beyond `folded_to`.
        """
        if self._fetched_to.get(tp, folded_to + 1) > folded_to:
            return False
        try:
            end = cast(int | None, self.highwater(tp))
            async with asyncio.timeout(THREAD_PATIENCE_S):
                return end is not None and await self.position(tp) == end
        except _NOT_OURS:
            return False

    async def lag(self, tp: TP, folded_to: int) -> int | None:
        """How many records are not in the store, which stands at `folded_to`; waits for a second.

        From where the log ended when it was last fetched from; None: that is not known. A marker at
        its end is no record, unless the consumer thread does not say where reading stands.
        """
        try:
            end = cast(int | None, self.highwater(tp))
        except _NOT_OURS:
            return None
        stands = folded_to
        if self._fetched_to.get(tp, folded_to) <= folded_to:
            with suppress(TimeoutError, *_NOT_OURS):
                async with asyncio.timeout(LAG_PATIENCE_S):
                    stands = await self.position(tp) or folded_to
        return None if end is None else max(0, end - stands)

    async def ends(self, tps: Sequence[TP]) -> dict[TP, int]:
        """Where the log ends, by the broker's word, had over a connection of its own.

        Raises:
            KafkaUnavailable.
        """
        servers = [url.authority for url in self.transport.url]
        return await asyncio.to_thread(stable_ends, servers, tps)

    async def has_unread(self, tp: TP, folded_to: int, end: int) -> bool:
        """Whether records before `end` are not in the store, which stands at `folded_to`.

        What was fetched counts as unread until it is folded; markers that were passed over do not.
        A consumer thread that does not say where it stands is taken to stand where the store does.
        """
        if self._fetched_to.get(tp, folded_to) > folded_to:
            return True
        try:
            async with asyncio.timeout(THREAD_PATIENCE_S):
                return (await self.position(tp) or 0) < end
        except TimeoutError:
            return folded_to < end
        except _NOT_OURS:
            return False

    async def getmany(
        self,
        timeout: float,  # noqa: ASYNC109 - Faust's signature
    ) -> AsyncIterator[tuple[TP, Any]]:
        """One message for each partition that a fetch brought records of."""
        records, active = await self._wait_next_records(timeout)
        if not self.flow_active:
            await self.perform_seek()
            return
        for tp, fetched in (records or {}).items():
            if fetched:
                message = self._to_message(tp, fetched)
                wanted = active is None or tp in active or tp in self._buffered_partitions
                if wanted and self.flow_active:
                    yield tp, message

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        fetched: Sequence[Any] = record
        first, last = fetched[0], fetched[-1]
        from_offset = self._fetched_to.get(tp, first.offset)
        self._fetched_to[tp] = last.offset + 1
        return ConsumerMessage(
            last.topic,
            last.partition,
            last.offset,
            last.timestamp / 1000.0,
            last.timestamp_type,
            [],
            None,
            cast(Any, Fetched(from_offset, tuple(_log_record(each) for each in fetched))),
            None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Between the last offsets of two fetches there always is one."""

    def _new_offset(self, tp: TP) -> int | None:
        """After the newest fetch that was acknowledged; a partition's are, in order."""
        acked = self._acked[tp]
        if not acked:
            return None
        newest = max(acked)
        acked.clear()
        self._acked_index[tp].clear()
        return newest + 1


def _log_record(record: Any) -> LogRecord:
    return LogRecord(
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value,
        dict(record.headers),
    )


def stable_ends(servers: Sequence[str], tps: Sequence[TP]) -> dict[TP, int]:
    """Where each partition ends for who reads committed records only; blocks for some 20 ms.

    An open transaction's records lie beyond it. (The embedded broker says too little.)

    Raises:
        KafkaUnavailable.
    """
    settings = {
        "enable_auto_commit": False,
        "isolation_level": "read_committed",
        "request_timeout_ms": TIMEOUT_MS,
    }
    try:
        with opened(KafkaConsumer, servers, **settings) as consumer:
            found = consumer.end_offsets([TopicPartition(*tp) for tp in tps])
    except KafkaError as error:
        raise KafkaUnavailable(f"Kafka at {','.join(servers)}: {error}") from error
    return {tp: found[TopicPartition(*tp)] for tp in tps}


class Transport(driver.Transport):
    """Made by `transport_for`."""

    Consumer: ClassVar[Any] = Consumer
    topics: frozenset[str]
    resume_at: ResumeAt
    refused: Callable[[BaseException], Awaitable[None]]
    let_go: Callable[[], None]


def transport_for(
    app: AppT,
    url: list[URL],
    topics: frozenset[str],
    resume_at: ResumeAt,
    refused: Callable[[BaseException], Awaitable[None]],
    let_go: Callable[[], None],
) -> Transport:
    """A transport for `app.transport`.

    Args:
        app: the Faust app.
        url: of the brokers.
        topics: those whose offsets the store keeps.
        resume_at: where reading begins.
        refused: told why reading must not begin; ends the worker.
        let_go: gives up what was handed over and is not folded, before partitions change hands.
    """
    transport = Transport(url, app)
    transport.topics, transport.resume_at = topics, resume_at
    transport.refused, transport.let_go = refused, let_go
    return transport
