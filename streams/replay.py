"""Recorded events into the log, with ticks between the days.

A backlog is read faster than it happened, and its owner writes no tick before it has read to the
end. So a replay brings its own: at the start of each customer-day one tick into every partition,
behind all that happened before. Silence is then seen where it lay in history. All that it writes says
that it is of a replay: nobody is messaged of what follows from it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from kafka import KafkaProducer
from kafka.errors import KafkaError

from models.calendar import day_of, start_of_day_ms
from models.events import REPLAY, Kind, encode_tick
from streams.brokers import Brokers
from streams.connections import made
from streams.log import KafkaUnavailable
from streams.sources import SourceRecord
from streams.topics import LOG

SEND_TIMEOUT_S = 60.0
PROGRESS_EVERY = 500
OF_A_REPLAY = ((REPLAY, b"true"),)


class Published(NamedTuple):
    """What was written.

    Attributes:
        records: events.
        ticks: control records, over all partitions.
        last_at_ms: event time of the last event; None if there was none.
    """

    records: int
    ticks: int
    last_at_ms: int | None


class BadSpeed(ValueError):
    """Not a speed."""


def parse_speed(text: str) -> float:
    """Times real time; 0 is as fast as possible.

    >>> parse_speed("60x"), parse_speed("0")
    (60.0, 0.0)

    Raises:
        BadSpeed: neither a number nor a number and an x.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)x?", text.strip())
    if match is None:
        raise BadSpeed(f"{text!r} is not a speed; write 0 (as fast as possible), 1 or 60x")
    return float(match[1])


def _goes_on(_day: int) -> None:
    """Nothing happens between two days."""


class Publisher:
    """Writes events of the past into the log, in their order.

    Args:
        brokers: of the cluster.
        partitions: of the log; each gets every tick.
        zone: in which a customer-day begins.
        marked: headers of all that is written, beside `kind`.
    """

    def __init__(
        self,
        brokers: Brokers,
        partitions: int,
        zone: ZoneInfo,
        marked: Sequence[tuple[str, bytes]] = OF_A_REPLAY,
    ) -> None:
        self._partitions, self._zone, self._marked = partitions, zone, marked
        self._failure: BaseException | None = None
        try:
            self._producer: Any = made(
                KafkaProducer,
                brokers,
                acks="all",
                linger_ms=20,
                batch_size=262_144,
            )
        except KafkaError as error:
            raise KafkaUnavailable(f"Kafka at {brokers}: {error}") from error

    def publish(
        self,
        records: Iterable[SourceRecord],
        speed: float,
        progress: Callable[[int], None],
        new_day: Callable[[int], None] = _goes_on,
    ) -> Published:
        """Write everything and wait until the broker has it; blocks.

        Args:
            records: in the order in which they shall stand in the log.
            speed: times real time; 0 is as fast as possible.
            progress: called now and then with the number of records handed over.
            new_day: called with each new customer-day, ordinal, between its ticks and its events.

        Raises:
            KafkaUnavailable: some were not acknowledged.
        """
        count, ticks, day = 0, 0, 0
        last_at_ms: int | None = None
        pace = _Pace(speed)
        try:
            for record in records:
                record_day = day_of(record.occurred_at_ms, self._zone)
                if record_day > day and last_at_ms is not None:
                    ticks += self._tick(start_of_day_ms(record_day, self._zone))
                    new_day(record_day)
                day, last_at_ms = max(day, record_day), record.occurred_at_ms
                pace.wait_for(record.occurred_at_ms)
                self._send(record)
                count += 1
                if count % PROGRESS_EVERY == 0:
                    progress(count)
        except KafkaError as error:  # too large, or nobody there to take it
            self._failed(error)
        self._finish()
        progress(count)
        return Published(count, ticks, last_at_ms)

    def flush(self) -> None:
        """Wait until the broker has everything; blocks.

        Raises:
            KafkaUnavailable: some was not acknowledged.
        """
        self._finish()

    def close(self) -> None:
        """Close the connection."""
        self._producer.close(timeout=5)

    def _send(self, record: SourceRecord) -> None:
        self._producer.send(
            LOG,
            key=record.customer_id.encode(),
            value=record.value,
            headers=[("kind", record.kind.encode()), *self._marked],
        ).add_errback(self._failed)

    def _tick(self, at_ms: int) -> int:
        for partition in range(self._partitions):
            self._producer.send(
                LOG,
                value=encode_tick(at_ms),
                partition=partition,
                headers=[("kind", Kind.TICK.value.encode()), *self._marked],
            ).add_errback(self._failed)
        return self._partitions

    def _failed(self, error: BaseException) -> None:
        self._failure = self._failure or error

    def _finish(self) -> None:
        try:
            self._producer.flush(timeout=SEND_TIMEOUT_S)
        except KafkaError as error:
            self._failed(error)
        if self._failure is not None:
            raise KafkaUnavailable(
                f"not everything was written: {self._failure}; run the replay again: what was "
                "written counts once all the same, if its events have ids; the older part of it "
                "then comes out as dead letters (too_late)"
            )


class _Pace:
    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._began: tuple[float, int] | None = None

    def wait_for(self, at_ms: int) -> None:
        if self._speed <= 0:
            return
        if self._began is None:
            self._began = (time.monotonic(), at_ms)
        began_s, began_ms = self._began
        ahead_s = (at_ms - began_ms) / 1000 / self._speed - (time.monotonic() - began_s)
        if ahead_s > 0:
            time.sleep(ahead_s)
