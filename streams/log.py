"""Questions about the log, asked with kafka-python beside the workers.

Everything here blocks: call it in a thread. Each call opens and closes its own connection, and
none waits for ever: a broker that falls silent is `KafkaUnavailable`.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic
from kafka.errors import (
    AuthorizationError,
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
)

from streams.brokers import Brokers
from streams.connections import NotLetIn, opened
from streams.topics import Topic

TIMEOUT_MS = 10_000
ALLOW = "docs/kafka-security.md says what Kafka must allow"
POLL_MS = 100
_NO_ID = uuid.UUID(int=0)
_ALL = 2**63  # more offsets than there are


class KafkaUnavailable(RuntimeError):
    """The broker does not answer, or not as it should; the message says what to check."""


class TopicMissing(RuntimeError):
    """The topic does not exist; `segmenter topics create` makes it."""


class TopicFacts(NamedTuple):
    """What the broker says of a topic.

    Attributes:
        topic_id: "" where the broker gives none.
        partitions: how many.
    """

    topic_id: str
    partitions: int


class Extent(NamedTuple):
    """A partition's first offset and the one after its last record."""

    start: int
    end: int


class Record(NamedTuple):
    """A record as it stands in a topic.

    Attributes:
        offset: in its partition.
        timestamp_ms: event time or append time, whichever the topic takes.
        key: None if it has none.
        value: None where a compacted topic's key was removed.
        headers: in order.
    """

    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class LogInspector:
    """Asks one cluster.

    Args:
        brokers: of the cluster.
    """

    def __init__(self, brokers: Brokers) -> None:
        self._brokers = brokers

    def facts(self, topic: str) -> TopicFacts:
        """Id and partition count.

        Raises:
            TopicMissing, KafkaUnavailable.
        """
        with self._admin() as admin:
            found = admin.describe_topics([topic])[0]
        if found["error_code"] == TopicAuthorizationFailedError.errno:
            raise KafkaUnavailable(f"we may not look at topic {topic!r}; {ALLOW}")
        if found["error_code"] or not found["partitions"]:
            raise TopicMissing(f"topic {topic!r} does not exist; run: segmenter topics create")
        topic_id = found.get("topic_id")
        known = topic_id is not None and topic_id != _NO_ID
        return TopicFacts(str(topic_id) if known else "", len(found["partitions"]))

    def create(self, topics: Sequence[Topic], partitions: int, replication: int) -> list[str]:
        """Create what does not exist yet; answers the names created.

        Args:
            topics: which.
            partitions: of each that has no number of its own.
            replication: copies of each.

        Raises:
            KafkaUnavailable.
        """
        made = []
        with self._admin() as admin:
            for topic in topics:
                new = NewTopic(
                    topic.name,
                    topic.partitions or partitions,
                    replication,
                    topic_configs=dict(topic.config),
                )
                try:
                    admin.create_topics([new], timeout_ms=TIMEOUT_MS)
                except TopicAlreadyExistsError:
                    continue
                made.append(topic.name)
        return made

    def config(self, topic: str) -> dict[str, str]:
        """The topic's settings, as far as the broker tells them."""
        with self._admin() as admin:
            answer: Any = admin.describe_configs(
                [ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all"
            )
        found = answer.get("topic", {}).get(topic, {})
        return {name: str(entry["value"]) for name, entry in found.items()}

    def extents(self, topic: str, partitions: Sequence[int]) -> dict[int, Extent]:
        """First and next offset of each partition.

        The end is taken from a fetch's high watermark: not every broker's ListOffsets is right.

        Raises:
            KafkaUnavailable.
        """
        wanted = [TopicPartition(topic, each) for each in partitions]
        with self._consumer() as consumer:
            consumer.assign(wanted)
            starts, ends = consumer.beginning_offsets(wanted), consumer.end_offsets(wanted)
            seen = _fetched_ends(consumer, starts, ends)
        return {tp.partition: Extent(starts[tp], max(ends[tp], seen[tp])) for tp in wanted}

    def tail(self, topic: str, partitions: Sequence[int], count: int) -> dict[int, list[Record]]:
        """The records at the newest `count` offsets of each partition; see `iter_tail`.

        Raises:
            KafkaUnavailable.
        """
        found: dict[int, list[Record]] = {each: [] for each in partitions}
        for partition, record in self.iter_tail(topic, partitions, count):
            found[partition].append(record)
        return found

    def iter_tail(
        self, topic: str, partitions: Sequence[int], count: int
    ) -> Iterator[tuple[int, Record]]:
        """The records at the newest `count` offsets of each partition, one by one.

        Those of transactions that were aborted, or may yet be, are among them: none is waited for.
        Takes as long as records keep coming.

        Raises:
            KafkaUnavailable.
        """
        extents = self.extents(topic, partitions)
        newest = {
            each: Extent(max(extents[each].start, extents[each].end - count), extents[each].end)
            for each in partitions
        }
        yield from self.iter_between(topic, newest, "read_uncommitted")

    def iter_between(
        self, topic: str, extents: Mapping[int, Extent], isolation_level: str = "read_committed"
    ) -> Iterator[tuple[int, Record]]:
        """The records within these offsets, in the order of each partition.

        Raises:
            KafkaUnavailable.
        """
        ends = {TopicPartition(topic, each): extent.end for each, extent in extents.items()}
        # A consumer of its own: one that was paused and sought elsewhere may fetch no more.
        with self._consumer(isolation_level, auto_offset_reset="none") as consumer:
            consumer.assign(list(ends))
            for tp in ends:  # what is deleted meanwhile is an error, and not passed over
                consumer.seek(tp, extents[tp.partition].start)
            yield from read_until(consumer, ends)

    def read_all(self, topic: str) -> list[Record]:
        """All that a small topic of one partition holds, oldest first; see `iter_tail`.

        Raises:
            KafkaUnavailable.
        """
        return self.tail(topic, [0], _ALL)[0]

    def records_exist(self, topic: str, partition: int, start: int, end: int) -> bool:
        """Whether the partition has, or had, a committed record with start ≤ offset < end.

        Raises:
            KafkaUnavailable.
        """
        tp = TopicPartition(topic, partition)
        with self._consumer() as consumer:
            consumer.assign([tp])
            if consumer.beginning_offsets([tp])[tp] > start:
                return True
            consumer.seek(tp, start)
            for _ in range(TIMEOUT_MS // POLL_MS):
                for records in consumer.poll(timeout_ms=POLL_MS, max_records=1).values():
                    return bool(records[0].offset < end)
                if consumer.position(tp) >= end:
                    return False
        raise KafkaUnavailable(f"no answer about {topic}/{partition} in {TIMEOUT_MS // 1000} s")

    @contextmanager
    def _admin(self) -> Iterator[Any]:
        with (
            _as_unavailable(self._brokers),
            opened(KafkaAdminClient, self._brokers, request_timeout_ms=TIMEOUT_MS) as admin,
        ):
            yield admin

    @contextmanager
    def _consumer(self, isolation_level: str = "read_committed", **more: str) -> Iterator[Any]:
        settings = {"enable_auto_commit": False, "request_timeout_ms": TIMEOUT_MS, **more}
        with (
            _as_unavailable(self._brokers),
            opened(
                KafkaConsumer, self._brokers, isolation_level=isolation_level, **settings
            ) as consumer,
        ):
            yield consumer


@contextmanager
def _as_unavailable(brokers: Brokers) -> Iterator[None]:
    try:
        yield
    except NotLetIn as error:
        raise KafkaUnavailable(f"Kafka at {brokers}: {error}") from error
    except AuthorizationError as error:
        raise KafkaUnavailable(f"Kafka at {brokers} does not allow it: {error}; {ALLOW}") from error
    except KafkaError as error:
        raise KafkaUnavailable(
            f"Kafka at {brokers}: {error or type(error).__name__}; "
            "check bootstrap_servers and that the broker runs"
        ) from error


def read_until(
    consumer: Any, ends: Mapping[Any, int], patience_s: float = TIMEOUT_MS / 1000
) -> Iterator[tuple[int, Record]]:
    """What the consumer reads up to these offsets, as (partition, record).

    Args:
        consumer: stands where reading begins.
        ends: where it stops, for each partition assigned.
        patience_s: without progress in any partition.

    Raises:
        KafkaUnavailable: patience has ended.
    """
    stood, since_s = None, time.monotonic()
    while True:
        stands = [min(consumer.position(tp), end) for tp, end in ends.items()]
        if stands == list(ends.values()):
            return
        if stands != stood:
            stood, since_s = stands, time.monotonic()
        elif time.monotonic() - since_s > patience_s:
            topics = ", ".join(sorted({tp.topic for tp in ends}))
            raise KafkaUnavailable(f"nothing of {topics} was read for {patience_s:g} s")
        for tp, records in consumer.poll(timeout_ms=POLL_MS).items():
            for each in records:
                if each.offset < ends[tp]:
                    yield tp.partition, _record(each)


def _record(one: Any) -> Record:
    return Record(one.offset, one.timestamp, one.key, one.value, tuple(one.headers))


def _fetched_ends(consumer: Any, starts: Any, ends: Any) -> dict[Any, int]:
    """The high watermark of each partition that is not empty, from a fetch at its end."""
    waiting = {tp for tp in ends if ends[tp] > starts[tp]}
    for tp in ends:
        consumer.seek(tp, max(starts[tp], ends[tp] - 1))
    seen: dict[Any, int] = {}
    for _ in range(TIMEOUT_MS // POLL_MS):
        if not waiting:
            return {tp: seen.get(tp, 0) for tp in ends}
        consumer.poll(timeout_ms=POLL_MS, max_records=1)
        for tp in [each for each in waiting if consumer.position(each) >= ends[each]]:
            seen[tp] = consumer.highwater(tp) or 0
            consumer.pause(tp)
            waiting.discard(tp)
    raise KafkaUnavailable(f"no answer about {len(waiting)} partitions")
