"""How records come from Kafka: the transport of whole fetches, and what time and watchdog ask of it.

`streams/batch_transport.py` delivers; here its records become `LogRecord`s, and a partition's lag
and end are told. `LANES` has it in two ways: "fast", as it is, and "stock", where Faust delivers a
message a record, as it always does. Both begin at the store's offset, and both hand over `Fetched`;
of the stock lane each holds one record. docs/lane.md tells what that costs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, ClassVar, cast

from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, AppT, ConsumerMessage
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from yarl import URL

from models.events import LogRecord
from streams import batch_transport
from streams.brokers import Brokers
from streams.connections import opened
from streams.log import TIMEOUT_MS, KafkaUnavailable
from streams.settings import Settings

THREAD_PATIENCE_S = 10.0  # for Faust's consumer thread to say where reading stands
LAG_PATIENCE_S = 1.0  # likewise, where nothing depends on the answer
_NOT_OURS = (IllegalStateError, AssertionError)  # aiokafka's words for: not yours any more


class Consumer(batch_transport.Consumer):
    """Delivers `LogRecord`s; knows how far reading has come."""

    def _records(self, fetched: Sequence[Any]) -> Sequence[LogRecord]:
        return tuple(
            [
                LogRecord(r.partition, r.offset, r.timestamp, r.key, r.value, dict(r.headers))
                for r in fetched
            ]
        )

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
        return await asyncio.to_thread(stable_ends, cast(Transport, self.transport).brokers, tps)

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


class StockConsumer(Consumer):
    """Delivers as Faust does: a message a record, partition by partition in turn."""

    getmany = driver.Consumer.getmany

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        return super()._to_message(tp, [record])


class Transport(batch_transport.Transport):
    """Whole fetches. Made by `transport_of`."""

    Consumer: ClassVar[Any] = Consumer
    brokers: Brokers


class StockTransport(Transport):
    """A message a record."""

    Consumer: ClassVar[Any] = StockConsumer


LANES: dict[str, type[Transport]] = {"fast": Transport, "stock": StockTransport}


def transport_of(settings: Settings, app: AppT, topics: frozenset[str], *given: Any) -> Transport:
    """The lane that is wanted, to the brokers that are meant; see `batch_transport.Transport.for_store`."""
    brokers = settings.brokers
    urls = [URL(f"kafka://{server}") for server in brokers.addresses]
    transport = LANES[settings.lane].for_store(app, urls, topics, *given)
    transport.brokers = brokers
    return transport


def stable_ends(brokers: Brokers, tps: Sequence[TP]) -> dict[TP, int]:
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
        with opened(KafkaConsumer, brokers, **settings) as consumer:
            found = consumer.end_offsets([TopicPartition(*tp) for tp in tps])
    except KafkaError as error:
        raise KafkaUnavailable(f"Kafka at {brokers}: {error}") from error
    return {tp: found[TopicPartition(*tp)] for tp in tps}
