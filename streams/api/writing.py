"""Writing into the log: one event, checked as a worker would check it.

What a worker would make a dead letter is refused here, with the same reason. The producer is opened at
the first event, so an API that only reads needs no Kafka.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from models.events import Kind, LogRecord, Read, Reason, Rejected, read_record
from streams.api.problems import BAD_VALUE, UNUSABLE_EVENT, Problem
from streams.brokers import Brokers
from streams.log import KafkaUnavailable
from streams.store import OutboxRow
from streams.topics import LOG

WRITABLE = (Kind.PURCHASE, Kind.REFUND, Kind.PROFILE, Kind.ENGAGEMENT, Kind.MERGE)
SEND_TIMEOUT_S = 10.0


class Written(NamedTuple):
    """Where an event stands.

    Attributes:
        event_id: its own, or the one it was given.
        partition: of the log.
        offset: in it.
    """

    event_id: str
    partition: int
    offset: int


class Writer:
    """Writes events into `customer-events.v1`.

    Args:
        brokers: of the cluster.
    """

    def __init__(self, brokers: Brokers) -> None:
        self._brokers = brokers
        self._producer: AIOKafkaProducer | None = None
        self._opening = asyncio.Lock()

    async def write(self, body: bytes, now_ms: int) -> Written:
        """Write one event; safe to repeat under the same event id.

        Args:
            body: JSON: the event and its `kind`.
            now_ms: wall clock.

        Raises:
            Problem: it can't be used; says why.
            KafkaUnavailable.
        """
        kind, value = _split(body)
        headers = {"kind": kind.encode()}
        read = read_record(LogRecord(0, 0, now_ms, b"", value, headers), LOG)
        if isinstance(read, Rejected):
            raise Problem(UNUSABLE_EVENT, read.detail, _remedy(read), reason=str(read.reason))
        assert isinstance(read, Read)  # the other kinds are not writable
        key = read.event.customer_id.encode()
        row = OutboxRow(LOG, key, value, [("kind", headers["kind"])])
        (sent,) = await self.send_rows([row])
        return Written(read.event_id, sent.partition, sent.offset)

    async def send_rows(self, rows: Sequence[OutboxRow]) -> list[Any]:
        """Write rows in their order; answers where each stands. Safe to repeat.

        Raises:
            KafkaUnavailable: some of them may have been written.
        """
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                producer = await self._opened() if rows else None
                sent = [
                    await producer.send(each.topic, each.value, each.key, headers=each.headers)
                    for each in rows
                    if producer is not None
                ]
                return await asyncio.gather(*sent)
        except (KafkaError, TimeoutError, OSError) as error:
            raise KafkaUnavailable(
                f"Kafka does not take events ({type(error).__name__}); they may or may not stand "
                "in the log: send them again under the same event ids"
            ) from error

    async def _opened(self) -> AIOKafkaProducer:
        async with self._opening:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    **self._brokers.client_settings(), acks="all", linger_ms=2
                )
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    async def close(self) -> None:
        """Let what is on its way arrive."""
        if self._producer is not None:
            await self._producer.stop()


def _split(body: bytes) -> tuple[str, bytes]:
    """The kind, and the event as it stands in the log; with an id, so that it can be sent again."""
    try:
        event = orjson.loads(body)
    except ValueError as error:
        raise Problem(UNUSABLE_EVENT, f"not JSON: {error}", reason=str(Reason.NOT_JSON)) from None
    if not isinstance(event, dict):
        raise Problem(UNUSABLE_EVENT, "an event is a JSON object", reason=str(Reason.INVALID))
    kind = event.pop("kind", None)
    if kind not in [each.value for each in WRITABLE]:
        known = ", ".join(each.value for each in WRITABLE)
        raise Problem(BAD_VALUE, f"kind: must be one of {known}", "name what happened in 'kind'")
    if event.get("event_id") is None:
        event["event_id"] = f"api-{uuid.uuid4().hex}"
    try:
        return str(kind), orjson.dumps(event)
    except TypeError as error:  # lists in lists in lists, deeper than anybody reads
        raise Problem(UNUSABLE_EVENT, str(error), reason=str(Reason.INVALID)) from None


def _remedy(rejected: Rejected) -> str | None:
    return "docs/events.md lists the fields" if rejected.reason is Reason.INVALID else None
