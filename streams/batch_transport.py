"""A Faust transport that hands an agent whole fetches, and begins to read where a store says.

For apps that keep the offset beside what they make of the records, so that both are written at once:

    app.transport = Transport.for_store(app, urls, {"clicks"}, resume_at, refused, let_go)

    @app.agent(app.topic("clicks", schema=FetchSchema()), concurrency=1)
    async def fold(stream):
        async for event in stream.noack().events():
            await store(event.message.partition, event.value)  # a `Fetched`
            event.ack()

On every assignment, and whenever Faust seeks to its committed offsets, reading begins at the
store's offset. Only committed records are read: those of an aborted transaction never were. And an
agent is handed what one fetch brought for one partition instead of one message a record, because
Faust's work for a message costs many times what a record costs here.

Theory of operation. Faust calls `getmany` for (partition, message) pairs, drops messages below
its read offset, delivers the rest to the agent's queue, and commits what was acknowledged. Here a
message stands for a fetch and carries the offset of its *last* record, so that dropping,
delivering and committing keep their meaning. It also carries where the fetch began; so a fetch that
is lost on its way leaves a gap that the store's offset shows, while offsets that the broker itself
passes over (transaction markers, compacted records) leave none. The commit is a hint to Kafka's
tools; nothing reads it back.

Needs faust-streaming 0.15 and aiokafka, and nothing of this application. docs/lane.md says why each
method is overridden.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, ClassVar, NamedTuple, Self, cast

import aiokafka
import faust
from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, AppT, ConsumerMessage
from yarl import URL


class Fetched(NamedTuple):
    """What one fetch brought for one partition.

    Attributes:
        from_offset: where it began: the end of the one before; of the first one after a seek, its
            first record.
        records: at least one, offsets ascending; with holes only where the broker has no record.
    """

    from_offset: int
    records: Sequence[Any]


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
    _sought: set[TP]  # and nothing of it was delivered since

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._fetched_to, self._sought = {}, set()
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
                self._sought.add(tp)
        except IllegalStateError:  # taken away under way
            return False
        return self._mine() == mine

    async def read_again(self) -> None:
        """Read on from the store's offsets, in mid-stream.

        Seeking alone has no effect: records already fetched must be dropped first.
        """
        flow = self.app.flow_control
        self.stop_flow()
        flow.suspend()
        flow.clear()
        await self.wait_for_stopped_flow()
        await self.perform_seek()
        flow.resume()
        self.resume_flow()

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

    async def getmany(
        self,
        timeout: float,  # noqa: ASYNC109 - Faust's signature
    ) -> AsyncIterator[tuple[TP, Any]]:
        """One message for each partition that a fetch brought records of."""
        fetches, active = await self._wait_next_records(timeout)
        if not self.flow_active:
            await self.perform_seek()
            return
        for tp, fetched in (fetches or {}).items():
            if fetched:
                message = self._to_message(tp, fetched)
                wanted = active is None or tp in active or tp in self._buffered_partitions
                if wanted and self.flow_active:
                    yield tp, message

    def on_buffer_full(self, tp: TP) -> None:
        """Go on asking for the partition: a queue that is full makes the next message wait by itself.

        Faust leaves it out until the queue has drained, but asks for the others, or for none, for up
        to a second, whatever happens meanwhile.
        """

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        fetched: Sequence[Any] = record
        last = fetched[-1]
        from_offset = self._from_offset(tp, fetched[0].offset)
        self._fetched_to[tp] = last.offset + 1
        return ConsumerMessage(
            last.topic,
            last.partition,
            last.offset,
            last.timestamp / 1000.0,
            last.timestamp_type,
            [],
            None,
            cast(Any, Fetched(from_offset, self._records(fetched))),
            None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    def _from_offset(self, tp: TP, first_offset: int) -> int:
        """A seek and a fetch may overtake each other, in the consumer's thread.

        What comes first after a seek may thus be of before; it says nothing of records ahead of it.
        """
        if tp in self._sought:
            self._sought.discard(tp)
            return first_offset
        return min(first_offset, self._fetched_to.get(tp, first_offset))

    def _records(self, fetched: Sequence[Any]) -> Sequence[Any]:
        """What is handed over of a fetch: aiokafka's records, unless a subclass makes less of them."""
        return fetched

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


class Transport(driver.Transport):
    """Made by `for_store`."""

    Consumer: ClassVar[Any] = Consumer
    topics: frozenset[str]
    resume_at: ResumeAt
    refused: Callable[[BaseException], Awaitable[None]]
    let_go: Callable[[], None]

    @classmethod
    def for_store(
        cls,
        app: AppT,
        urls: list[URL],
        topics: frozenset[str],
        resume_at: ResumeAt,
        refused: Callable[[BaseException], Awaitable[None]],
        let_go: Callable[[], None],
    ) -> Self:
        """A transport for `app.transport`.

        Args:
            app: the Faust app.
            urls: of the brokers.
            topics: those whose offsets the store keeps.
            resume_at: where reading begins.
            refused: told why reading must not begin; ends the worker.
            let_go: gives up what was handed over and is not stored, before partitions change hands.
        """
        transport = cls(urls, app)
        transport.topics, transport.resume_at = topics, resume_at
        transport.refused, transport.let_go = refused, let_go
        return transport
